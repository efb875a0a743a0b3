"""Fetching one file over HTTP: resumed where the server allows, with a progress bar, and quick to give up."""

import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

CONNECT_SECONDS = 5.0  # a host that does not answer by then is given up
READ_SECONDS = 20.0  # and so is one that falls silent for as long
GRACE_SECONDS = 15.0  # before the speed is judged
REPORT_SECONDS = 10.0  # between plain lines, where there is no terminal
CHUNK_BYTES = 2**18

log = logging.getLogger("normlab.data")


class TooSlow(OSError):
    """The source delivers, but another one may well be faster."""


def download(url: str, part: Path, *, minimum_speed: float | None) -> bool:
    """Fetch `url` into the file `part`, going on from what is there; returns whether it went on from something.

    minimum_speed: bytes a second below which TooSlow is raised, after some seconds of grace (None: never). What has
    arrived stays in `part`. Raises OSError (requests' exceptions are such) where the transfer fails.
    """
    have = part.stat().st_size if part.exists() else 0
    # A compressed transfer would make the byte positions meaningless.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as reply:
        if reply.status_code == 416 and have:
            # Nothing lies beyond what is here: it is whole, or it is not this file and must be fetched anew.
            if reply.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
                return True
            part.unlink()
            return download(url, part, minimum_speed=minimum_speed)
        reply.raise_for_status()
        resumed = reply.status_code == 206 and reply.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if reply.status_code == 206 and not resumed:
            raise OSError(f"the server sent {reply.headers.get('Content-Range')}, not what was asked for")
        if not resumed:
            have = 0  # the server sends the whole file
        length = reply.headers.get("Content-Length")
        total = have + int(length) if length is not None else None
        _receive(reply, part, have, total, minimum_speed)
    if total is not None and part.stat().st_size != total:
        raise OSError(f"the transfer ended after {part.stat().st_size} of {total} bytes")
    return resumed


def _receive(reply: requests.Response, part: Path, have: int, total: int | None, minimum_speed: float | None) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr.isatty()
    name = reply.url.partition("?")[0].rpartition("/")[2]
    begun = reported = time.monotonic()
    received = 0
    bar = tqdm(desc=name, initial=have, total=total, unit="B", unit_scale=True, unit_divisor=1024, disable=not terminal)
    with bar, part.open("ab" if have else "wb") as file:
        for chunk in _chunks(reply):
            file.write(chunk)
            received += len(chunk)
            bar.update(len(chunk))
            now = time.monotonic()
            if not terminal and now - reported > REPORT_SECONDS:
                reported = now
                log.info("%s: %.0f of %s MB", name, (have + received) / 1e6, f"{total / 1e6:.0f}" if total else "?")
            speed = received / max(now - begun, 1e-9)
            if minimum_speed is not None and now - begun > GRACE_SECONDS and speed < minimum_speed:
                raise TooSlow(f"only {speed / 1e3:.0f} kB/s")


def _chunks(reply: requests.Response) -> Iterator[bytes]:
    """The bytes as they were sent: some servers call a .gz file a compressed transfer, which must not be undone."""
    try:
        yield from reply.raw.stream(CHUNK_BYTES, decode_content=False)
    except urllib3.exceptions.HTTPError as error:
        raise OSError(f"the transfer broke off ({error})") from error
