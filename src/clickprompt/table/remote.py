"""Files elsewhere, such as `s3://bucket/clicks-*.parquet`: found, opened and told apart by fsspec, never copied here.

Passwords and tokens come from where the drivers of fsspec look for them: the environment and their own files.
"""

from __future__ import annotations

import glob
import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fsspec.core import url_to_fs

from clickprompt.settings import ClickPromptError, first_line

_MARKS = ("ETag", "etag", "checksum", "md5Hash", "content_md5", "Content-MD5", "Digest", "crc32c", "sha256")
"""What file systems call a mark of a file's content."""
_TIMES = ("LastModified", "last_modified", "Last-Modified", "mtime", "updated", "created")
"""What they call the time of its last change."""
_DRIVERS = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("http", "https"), "aiohttp requests"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "adlfs"),
}
"""The package with the driver of a protocol."""
_BLOCK_BYTES = 8 << 20


def is_url(path: str) -> bool:
    """Whether a path names a file system of fsspec."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path) is not None


def find_remote(pattern: str) -> list[str]:
    """Addresses that match a pattern, sorted; of an https address there is but one. Nothing where there is none."""
    with remote_error(pattern):
        fs, path = url_to_fs(pattern)
        fs.invalidate_cache()
        if pattern.lower().startswith(("http://", "https://")) or not glob.has_magic(path):
            return [pattern] if fs.exists(path) else []
        return sorted(fs.unstrip_protocol(found) for found in fs.glob(path) if not fs.isdir(found))


def remote_fingerprint(url: str) -> str:
    """Changes when the file does: its size with the checksum, or else the time of change, that the file system tells.

    Where it tells neither, SHA-256 of the content.
    """
    with remote_error(url):
        fs, path = url_to_fs(url)
        fs.invalidate_cache()
        info = fs.info(path)
    for names in (_MARKS, _TIMES):
        told = {name: str(info[name]) for name in names if info.get(name)}
        if told:
            return f"{info.get('size')} {sorted(told.items())}"
    with RemoteFile(url) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


class RemoteFile(io.RawIOBase):
    """A file that is fetched as it is read, blocks ahead; every refusal is one clear line."""

    def __init__(self, url: str) -> None:
        self._name = url
        with remote_error(url):
            fs, path = url_to_fs(url)
            self._file: Any = fs.open(path, "rb", block_size=_BLOCK_BYTES)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Where the server can start in the middle."""
        return bool(self._file.seekable())

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; 0 at the end."""
        with remote_error(self._name):
            content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        with remote_error(self._name):
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """The position."""
        return int(self._file.tell())

    def close(self) -> None:
        """Let go of the connection."""
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        super().close()


@contextmanager
def remote_error(name: str) -> Iterator[None]:
    """Turn whatever a driver raises into one line."""
    try:
        yield
    except ClickPromptError:
        raise
    except FileNotFoundError:
        raise ClickPromptError(f"{name}: no such file") from None
    except PermissionError as error:
        reason = f"{name}: no permission ({first_line(error)}); check the credentials that its driver finds"
        raise ClickPromptError(reason) from None
    except ImportError as error:
        protocol = name.partition("://")[0].lower()
        package = _DRIVERS.get(protocol, first_line(error))
        raise ClickPromptError(f"{name}: to read {protocol} files, pip install {package}") from None
    except Exception as error:  # each driver has errors of its own
        if isinstance(error, ValueError) and "rotocol" in str(error):
            raise ClickPromptError(f"{name}: no such protocol is known; s3, gs, az, https and others are") from None
        raise ClickPromptError(f"{name}: cannot be read ({first_line(error)}); check the address and the net") from None
