"""Decoded datasets on disk: npy files that are memory-mapped, written once, whole or not at all."""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from data.content import content_digest
from data.dataset import Dataset, Split, channel_statistics
from data.plain_arrays import mapped
from data.plain_files import read_json
from data.sealed import seal

SCHEMA = 1  # of meta.json; a cache of another schema is decoded anew
SPLITS = ("train", "test")
Arrays = dict[str, np.ndarray]

log = logging.getLogger("normlab.data")


@dataclass(frozen=True)
class Cached:
    """arrays: memory-mapped, by name ("train_images", ...); meta: digests, classes, mean, std, source, schema."""

    arrays: Arrays
    meta: dict[str, Any]

    def dataset(self, name: str, classes: Sequence[str], labels: str = "labels") -> Dataset:
        """The dataset of these arrays. labels: the suffix of those with the labels, where there are several kinds."""
        train, test = (Split(self.arrays[f"{split}_images"], self.arrays[f"{split}_{labels}"]) for split in SPLITS)
        return Dataset(
            name=name,
            classes=tuple(classes),
            train=train,
            test=test,
            validation=None,
            mean=tuple(self.meta["mean"]),
            std=tuple(self.meta["std"]),
            digests={
                f"{split}_{kind}": self.meta["digests"][f"{split}_{suffix}"]
                for split in SPLITS
                for kind, suffix in (("images", "images"), ("labels", labels))
            },
        )


@dataclass(frozen=True)
class Decoded:
    """Verified arrays, the sha256 of each, where they came from, and names of classes that only the source knows."""

    arrays: Arrays
    digests: dict[str, str]
    source: str
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)


class UnusableCache(Exception):
    """The cache is there, and is not what it should be."""


def cache_folder(root: Path, name: str) -> Path:
    return Path(root) / "cache" / name


def open_cache(folder: Path, expected: Mapping[str, str]) -> Cached | None:
    """What lies in `folder`, or None if there is nothing. Raises UnusableCache where it is not whole.

    expected: the settings' digests; a cache that was verified with others is unusable. Everything is hashed again,
    which takes 0.12 s for CIFAR-10: a disk that loses a bit is found out before anything is computed of it.
    """
    if not folder.exists():
        return None
    try:
        meta = read_json(folder / "meta.json")
        if meta["schema"] != SCHEMA:
            raise UnusableCache(f"its schema is {meta['schema']}, not {SCHEMA}")
        if meta["expected"] != dict(expected):
            raise UnusableCache("it was made with other digests")
        arrays = {}
        for name, described in meta["arrays"].items():
            array = mapped(folder / f"{name}.npy")
            if list(array.shape) != described["shape"] or str(array.dtype) != described["dtype"]:
                raise UnusableCache(f"{name}.npy holds {array.dtype} {array.shape}")
            if content_digest(array) != meta["digests"][name]:
                raise UnusableCache(f"{name}.npy is not what was written")
            arrays[name] = array
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnusableCache(f"{type(error).__name__}: {error}".splitlines()[0]) from error
    return Cached(arrays, meta)


def load_cached(
    root: Path,
    name: str,
    *,
    expected: Mapping[str, str],
    classes: Mapping[str, Sequence[str]],
    decode: Callable[[], Decoded],
) -> Cached:
    """The cache `root/cache/name`, made with `decode` if it is missing or unusable.

    expected: the settings' digests, which `decode` verifies with; decode: returns arrays, among them "train_images".
    Processes that start at once wait for the first of them. Raises ValueError if the folder cannot be written, and
    whatever `decode` raises.
    """
    folder = cache_folder(root, name)
    try:
        found = open_cache(folder, expected)
    except UnusableCache:
        found = None
    if found is not None:
        return found
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder.parent / f"{name}.lock", fallback_to_soft=False)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            log.info("%s: waiting for another process that prepares %s", name, folder)
            lock.acquire()
    except OSError as error:
        raise ValueError(
            f"{folder.parent} cannot be written and locked ({error.strerror}): set paths.data to another folder"
        ) from error
    try:
        try:
            found = open_cache(folder, expected)  # another process may have made it while this one waited
        except UnusableCache as error:
            log.warning("%s: the cache %s is decoded anew: %s", name, folder, error)
        if found is None:
            _write(folder, decode(), expected=expected, classes=classes)
            found = open_cache(folder, expected)
            assert found is not None
        return found
    finally:
        lock.release()


def _write(
    folder: Path, decoded: Decoded, *, expected: Mapping[str, str], classes: Mapping[str, Sequence[str]]
) -> None:
    """Write beside the folder, then rename: whoever sees the folder sees all of it."""
    arrays = decoded.arrays
    assert set(decoded.digests) == set(arrays), (sorted(decoded.digests), sorted(arrays))
    mean, std = channel_statistics(arrays["train_images"])
    meta = {
        "schema": SCHEMA,
        "name": folder.name,
        "source": decoded.source,
        "digests": decoded.digests,
        "expected": dict(expected),
        "classes": {key: list(names) for key, names in {**classes, **decoded.classes}.items()},
        "mean": mean,
        "std": std,
        "arrays": {name: {"shape": list(a.shape), "dtype": str(a.dtype)} for name, a in arrays.items()},
    }
    for abandoned in folder.parent.glob(f"{folder.name}.*.part"):  # by a process that was killed; the lock is ours
        shutil.rmtree(abandoned, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        temporary.chmod(0o755)  # mkdtemp's 0700 would keep other users of a shared folder out
        for name, array in arrays.items():
            _save(temporary / f"{name}.npy", array)
        (temporary / "meta.json").write_text(json.dumps(seal(meta), indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _save(path: Path, array: np.ndarray) -> None:
    """As `np.save`, whose own writing says of a full disk only how many values it took."""
    whole = np.ascontiguousarray(array)
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(whole))
        file.write(whole.data)
