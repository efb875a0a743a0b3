"""Disks that are full, or may only be read: real ones, held in memory, wherever the right to mount them is given."""

import contextlib
import io
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.crashtest import artefacts
from experiments.storage import faults_told

SIZE = 16 * 2**20  # bytes of the disk
ROOM = (0, 4, 12, 24, 40, 64, 96, 160)  # KiB that are left on it
FILLER = "filler"


@dataclass(frozen=True)
class Writer:
    """Something that writes: what it takes to begin with, and what is read of it once it is done."""

    name: str
    prepare: Callable[[Path], object]
    write: Callable[[Path], str]


def _nothing(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _evaluated(folder: Path) -> str:
    artefacts.evaluate_again(folder)
    return artefacts.read_modes(folder)


def _exported(folder: Path) -> str:
    artefacts.export_again(folder)
    return artefacts.read_export(folder)


def _summarized(folder: Path) -> str:
    artefacts.make_summaries(folder)
    return artefacts.read_summaries(folder)


WRITERS = (
    Writer("a run from its start", _nothing, artefacts.read_interrupted),
    Writer("a run that is resumed", artefacts.make_interrupted, artefacts.read_interrupted),
    Writer("a dataset's cache", _nothing, artefacts.read_cache),
    Writer("a pack", _nothing, artefacts.read_part_of_a_pack),
    Writer("the rest of a pack", artefacts.make_part_of_a_pack, artefacts.read_part_of_a_pack),
    Writer("inference modes", artefacts.make_finished, _evaluated),
    Writer("an export", artefacts.make_finished, _exported),
    Writer("a study and a check", artefacts.make_summaries, _summarized),
)


def full_disks(folder: Path, rooms: Sequence[int] = ROOM, writers: int = len(WRITERS)) -> dict[str, Any]:
    """Each writer on a disk with a little room left, then with enough; and on one that is made read-only.

    Args:
        rooms: what is left, in KiB. writers: how many of them, from the first.
    """
    place = folder / "disk"
    place.mkdir(parents=True)
    faults: list[str] = []
    refused = written = 0
    try:
        with _mounted(place):
            pass
    except (OSError, subprocess.CalledProcessError):
        said = "full and read-only disks: not tested, which takes the right to mount one"
        return {"refused": 0, "written": 0, "table": [said], "faults": []}
    for writer in WRITERS[:writers]:
        whole = folder / writer.name.replace(" ", "_")
        with artefacts.quiet():
            writer.prepare(whole)
            shutil.copytree(whole, folder / "expected", symlinks=True)
            expected = writer.write(folder / "expected")
        shutil.rmtree(folder / "expected")
        for room in (*rooms, None):  # None: there is room, and nobody may write
            with _mounted(place):
                shutil.copytree(whole, place / "outputs", symlinks=True)
                with _hindered(place, room):
                    wrong, done = _try(writer, place / "outputs")
                after, _ = _try(writer, place / "outputs", expected)
            case = "read-only" if room is None else f"{room} KiB left"
            faults += [f"{writer.name}, {case}: {one}" for one in (wrong, after and f"afterwards {after}") if one]
            written, refused = written + done, refused + (not done)
        print(f"{writer.name}: on full and read-only disks", flush=True)
    table = [
        f"full and read-only disks: {refused + written} attempts, {refused} refused in one line, {written} had room; "
        f"{refused + written - len(faults)} as they should be, then and once there was room"
    ]
    return {"refused": refused, "written": written, "table": table, "faults": faults}


def _try(writer: Writer, folder: Path, expected: str | None = None) -> tuple[str, bool]:
    """What is wrong, and whether it was written; with `expected`, it has to be, and like that."""
    said = io.StringIO()
    try:
        with artefacts.quiet(), contextlib.redirect_stderr(said), faults_told():
            found = writer.write(folder)
    except ValueError as error:  # UserError among them
        lines = str(error).splitlines()
        if expected is not None:
            return f"refused: {error}", False
        return ("" if len(lines) == 1 else f"several lines: {error}") or _traces(said), False
    except Exception as error:
        return f"{type(error).__name__}: {error}", False
    if expected is not None and found != expected:
        return "another outcome", True
    return _traces(said), True


def _traces(said: io.StringIO) -> str:
    return f"on the console: {said.getvalue()[:2000]}" if "Traceback" in said.getvalue() else ""


@contextmanager
def _mounted(place: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True, capture_output=True)


@contextmanager
def _hindered(place: Path, room: int | None) -> Iterator[None]:
    """Inside, the disk has `room` KiB left, or (None) may only be read."""
    if room is None:
        _remount(place, "ro")
        try:
            yield
        finally:
            _remount(place, "rw")
        return
    about = os.statvfs(place)
    with open(place / FILLER, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, about.f_bavail * about.f_frsize - room * 1024))
    try:
        yield
    finally:
        (place / FILLER).unlink()


def _remount(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True, capture_output=True)
