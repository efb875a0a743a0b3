"""The image files of a dataset whose folders are its classes, found once and remembered.

A listing stays valid for as long as no class's folder changes: to look at the dates of a thousand folders takes
milliseconds, to list a million files on a shared file system minutes.
"""

import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.keeping import keep
from data.plain_arrays import read_npz

IMAGES = (b".jpeg", b".jpg", b".png", b".webp", b".bmp")

log = logging.getLogger("normlab.data")


@dataclass(frozen=True)
class Listing:
    """Files by class. paths: bytes (N,), relative, with slashes, sorted by class and name; labels: int64 (N,)."""

    paths: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def digest(self) -> str:
        """sha256 of the paths in their order: it tells one set of files from another, not one content from another."""
        return hashlib.sha256(b"\n".join(self.paths.tolist())).hexdigest()


def class_names(split: Path) -> list[str]:
    """The folders in a split's folder, sorted; hidden ones are no classes."""
    with os.scandir(split) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def listed(split: Path, classes: Sequence[str], kept: Path) -> Listing:
    """The image files of `split/<class>/`, from `kept` where it is there and nothing has changed since.

    Raises ValueError where a class has no image; files of other kinds are passed over.
    """
    dates = np.array([(split / name).stat().st_mtime_ns for name in classes])
    found = _kept(kept, classes, dates)
    if found is None:
        log.info("listing the images in %s", split)
        found = _files(split, classes)
        _keep(kept, found, classes, dates)
    return found


def _files(split: Path, classes: Sequence[str]) -> Listing:
    paths: list[bytes] = []
    labels = []
    for label, name in enumerate(classes):
        with os.scandir(os.fsencode(split / name)) as entries:
            files = sorted(entry.name for entry in entries if entry.name.lower().endswith(IMAGES) and entry.is_file())
        if not files:
            kinds = ", ".join(kind.decode() for kind in IMAGES)
            raise ValueError(f"{split / name} has no image ({kinds}): fill it, or remove the folder")
        paths += [os.fsencode(split.name) + b"/" + os.fsencode(name) + b"/" + file for file in files]
        labels += [label] * len(files)
    return Listing(np.array(paths), np.array(labels, dtype=np.int64))


def _kept(path: Path, classes: Sequence[str], dates: np.ndarray) -> Listing | None:
    try:
        kept = read_npz(path)
        paths, labels = kept["paths"], kept["labels"]
        same = kept["classes"].tolist() == list(classes) and np.array_equal(kept["dates"], dates)
    except (OSError, ValueError, KeyError):
        return None  # missing, or damaged: it is made anew
    fit = paths.dtype.kind == "S" and labels.dtype == np.int64 and paths.shape == labels.shape == (len(labels),)
    inside = fit and len(labels) > 0 and labels.min() >= 0 and labels.max() < len(classes)
    return Listing(paths, labels) if same and inside else None


def _keep(path: Path, found: Listing, classes: Sequence[str], dates: np.ndarray) -> None:
    arrays = {"paths": found.paths, "labels": found.labels, "classes": np.array(classes), "dates": dates}
    keep(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
