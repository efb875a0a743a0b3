"""Packs: a dataset of photographs made small once and kept as uint8 arrays that are mapped into memory.

    PACK/meta.json           what it is, of which files it was made, mean, standard deviation, digests
    PACK/train_images.npy    uint8 (N, size, size, 3), and train_labels.npy, test_images.npy, test_labels.npy

The pack of ImageNet at 64 pixels has 15.7 GB, at 32 pixels 3.9 GB.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.dataset import Dataset, Split
from data.plain_arrays import mapped
from data.plain_files import read_json
from data.verification import Verification

SCHEMA = 1
SPLITS = ("train", "test")
FOLDER = "packs"


class NoPack(ValueError):
    """There is no pack, or what is there cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Pack:
    """An opened pack: its splits, mapped, its meta.json, and what compares the two while the splits are used."""

    splits: dict[str, Split]
    meta: dict[str, Any]
    verification: Verification


def pack_folder(root: Path, name: str) -> Path:
    """Where the pack of that name is kept, under the folder of the data."""
    return Path(root) / FOLDER / name


def open_pack(folder: Path) -> Pack:
    """Map a pack's arrays; their sizes are checked, and their bytes are not read.

    Raises NoPack where it is missing, damaged or of another version.
    """
    remedy = f"make it anew with `python scripts/pack.py FOLDER name={folder.name} size=PIXELS`"
    if not (folder / "meta.json").is_file():
        raise NoPack(f"there is no pack {folder.absolute()}: {remedy}, or set paths.data to where it is")
    try:
        meta = read_json(folder / "meta.json")
        if meta["schema"] != SCHEMA:
            raise NoPack(f"{folder} has schema {meta['schema']}, this version reads {SCHEMA}: {remedy}")
        splits = {}
        for name in SPLITS:
            images, labels = (mapped(folder / f"{name}_{part}.npy") for part in ("images", "labels"))
            count, size = meta["images"][name], meta["size"]
            if images.shape != (count, size, size, 3) or images.dtype != np.uint8 or labels.shape != (count,):
                raise NoPack(f"{folder / name}_images.npy holds {images.dtype} {images.shape}: {remedy}")
            splits[name] = Split(images, labels)
    except NoPack:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoPack(f"{folder} is damaged ({type(error).__name__}: {error}): {remedy}") from error
    arrays = {f"{name}_{part}": getattr(split, part) for name, split in splits.items() for part in ("images", "labels")}
    return Pack(splits, meta, Verification(folder, arrays, meta["digests"], remedy))


def pack(root: Path, *, pack: str, size: int | None) -> Dataset:
    """The dataset of a pack.

    size: the pixels of a side that it must have, or None for any. Raises ValueError (NoPack) where it is not there, is
    damaged or has other pixels.
    """
    found = open_pack(pack_folder(root, pack))
    meta = found.meta
    if size is not None and meta["size"] != size:
        raise NoPack(f"{pack_folder(root, pack)} has images of {meta['size']} pixels, and dataset.size={size}")
    return Dataset(
        name=pack,
        classes=tuple(meta["classes"]),
        train=found.splits["train"],
        test=found.splits["test"],
        validation=None,
        mean=tuple(meta["mean"]),
        std=tuple(meta["std"]),
        digests=meta["digests"],
        verification=found.verification,
    )
