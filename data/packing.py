"""Making a pack: in chunks, in order, going on where it was stopped, and in its place only once it is whole."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import filelock
import numpy as np

from data.content import content_digest
from data.dataset import statistics_of, value_counts
from data.packs import SCHEMA, SPLITS, NoPack, open_pack
from data.plain_files import parse_json
from data.sealed import seal

BLOCK = 4096  # images that are read at once at the end
PART = ".part"  # behind the name of a pack that is not whole yet

log = logging.getLogger("normlab.data")


@dataclass(frozen=True)
class Chunk:
    """Images of a split that follow those before. broken: what is wrong with files whose places others took."""

    pixels: np.ndarray  # uint8 (n, size, size, 3)
    labels: np.ndarray  # int64 (n,)
    broken: dict[str, str]


class PackSource(Protocol):
    """What a pack is made of."""

    @property
    def classes(self) -> list[str]: ...

    @property
    def counts(self) -> dict[str, int]:
        """The images of each split, train and test."""

    @property
    def about(self) -> dict[str, Any]:
        """What tells it from another source: the size, the filter, digests of the files."""

    def chunks(self, split: str, start: int) -> Iterator[Chunk]:
        """The images from number `start` on. Raises ValueError where one cannot be had."""


def make_pack(source: PackSource, size: int, target: Path, told: Callable[[str, int], object]) -> dict[str, Any]:
    """Make the pack `target`, or find it made; returns its meta.json.

    Args:
        told: called with a split and the number of its images that are there, as it grows.

    Raises ValueError where another pack is in its place, where the disk has no room for it, and where it cannot be
    written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(target.with_name(f"{target.name}.lock"), timeout=0, fallback_to_soft=False)
        with lock:
            return _finished(source, target) or _made(source, size, target, told)
    except filelock.Timeout:
        raise NoPack(f"another process is making {target}: wait for it, or stop it first") from None
    except OSError as error:
        raise NoPack(f"{target} cannot be written and locked ({error.strerror or error})") from error


def _finished(source: PackSource, target: Path) -> dict[str, Any] | None:
    """The pack that is there already, if it is of this source."""
    if not target.exists():
        return None
    meta = open_pack(target).meta
    if meta["about"] != source.about:
        raise NoPack(
            f"{target} is a pack of {_words(meta['about'])}, not of {_words(source.about)}: give this one another "
            "name, as in name=NAME, or remove it"
        )
    return meta


def _made(source: PackSource, size: int, target: Path, told: Callable[[str, int], object]) -> dict[str, Any]:
    part = target.with_name(f"{target.name}{PART}")
    done = _begun(part, source)
    shapes = {name: (count, size, size, 3) for name, count in source.counts.items()}
    _require_room(part, shapes)
    fresh = not any(done.images.values())  # a file may have been made and not sized
    arrays = {name: _arrays(part, name, shape, "w+" if fresh else "r+") for name, shape in shapes.items()}
    for name in SPLITS:
        images, labels = arrays[name]
        told(name, done.images[name])
        for chunk in source.chunks(name, done.images[name]):
            first = done.images[name]
            images[first : first + len(chunk.labels)] = chunk.pixels
            labels[first : first + len(chunk.labels)] = chunk.labels
            for array in (images, labels):
                array.flush()
            done.add(name, chunk)
            told(name, done.images[name])
    meta = _described(source, size, arrays, done.broken)
    (part / "meta.json").write_text(json.dumps(seal(meta), indent=1), encoding="utf-8")
    done.path.unlink()
    os.replace(part, target)
    return open_pack(target).meta


class Done:
    """How far a pack has come: a line of JSON for each chunk that is on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.images = dict.fromkeys(SPLITS, 0)
        self.broken: dict[str, str] = {}
        self.whole = 0  # bytes of lines that are whole
        for number, line in enumerate(path.read_bytes().splitlines(keepends=True) if path.exists() else []):
            entry = _entry(line)
            if entry is None:
                break  # one that was being written, or is damaged: what follows is made anew
            self.whole += len(line)
            if number:
                self.images[entry["split"]] += entry["images"]
                self.broken |= entry["broken"]

    def add(self, split: str, chunk: Chunk) -> None:
        """Note a chunk that has been written."""
        self.images[split] += len(chunk.labels)
        self.broken |= chunk.broken
        self._append({"split": split, "images": len(chunk.labels), "broken": chunk.broken})

    def begin(self, about: Mapping[str, Any]) -> None:
        """Write the first line: what the pack is of."""
        self._append(about)

    def _append(self, entry: Mapping[str, Any]) -> None:
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(seal(entry)) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _begun(part: Path, source: PackSource) -> Done:
    """What an earlier start has left of the same pack; what is left of another one is removed."""
    path, first = part / "done.jsonl", None
    with contextlib.suppress(OSError), open(path, "rb") as file:
        first = _entry(file.readline())
    if first != seal(source.about):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        done = Done(path)
        done.begin(source.about)
        return done
    done = Done(path)
    os.truncate(path, done.whole)  # the next line begins on its own
    return done


def _entry(line: bytes) -> dict[str, Any] | None:
    """What a line of done.jsonl says; None where it is not whole."""
    try:
        entry = parse_json(line.decode()) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _require_room(part: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse to begin what the disk cannot hold."""
    needed = sum(int(np.prod(shape)) + 8 * shape[0] for shape in shapes.values())
    have = sum(path.stat().st_blocks * 512 for path in part.glob("*.npy"))
    free = shutil.disk_usage(part).free
    if free < needed - have:
        raise NoPack(
            f"{part.parent} has {free / 1e9:.1f} GB free, and the pack takes {(needed - have) / 1e9:.1f} GB: make "
            "room, choose a smaller size, or another folder by paths.data"
        )


def _arrays(part: Path, name: str, shape: tuple[int, ...], mode: Literal["w+", "r+"]) -> tuple[np.memmap, np.memmap]:
    """Images and labels of a split, mapped for writing: new ones (w+), or those that are there (r+)."""
    found = []
    for kind, dtype, dimensions in (("images", np.uint8, shape), ("labels", np.int64, shape[:1])):
        path = part / f"{name}_{kind}.npy"
        made = np.lib.format.open_memmap(path, mode=mode, dtype=dtype, shape=None if mode == "r+" else dimensions)
        assert made.shape == dimensions, (path, made.shape)
        if mode == "w+":
            _claim(path)
        found.append(made)
    return found[0], found[1]


def _claim(path: Path) -> None:
    """Take the disk's room for a file now: to write to a map of it on a full disk would end the process."""
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _described(
    source: PackSource, size: int, arrays: Mapping[str, tuple[np.ndarray, np.ndarray]], broken: dict[str, str]
) -> dict[str, Any]:
    """The content of meta.json; reads all of the pack once."""
    digests: dict[str, str] = {}
    counts = np.zeros((3, 256), dtype=np.int64)
    for name, (images, labels) in arrays.items():
        digest = hashlib.sha256()
        for start in range(0, len(images), BLOCK):
            block = np.ascontiguousarray(images[start : start + BLOCK])
            digest.update(block.data)
            if name == "train":
                counts += value_counts(block)
        digests |= {f"{name}_images": digest.hexdigest(), f"{name}_labels": content_digest(labels)}
    mean, std = statistics_of(counts)
    return {
        "schema": SCHEMA,
        "size": size,
        "about": source.about,
        "images": source.counts,
        "classes": source.classes,
        "mean": mean,
        "std": std,
        "digests": digests,
        "broken": broken,
    }


def _words(about: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {str(value)[:40]}" for key, value in about.items())
