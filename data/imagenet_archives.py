"""What brings ImageNet's official files into folders of classes: its archives and its development kit.

    ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar, ILSVRC2012_devkit_t12.tar.gz

The validation images of the official archive lie flat in one folder; their labels are in the development kit.
"""

import logging
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from data.listing import Listing

TRAIN, VAL, KIT = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz"
KIT_FOLDER = "ILSVRC2012_devkit_t12"
UNPACKING = ".unpacking"

log = logging.getLogger("normlab.data")


def unpack(folder: Path) -> None:
    """Unpack the official archives in `folder` into `train` and `val`, where these are missing.

    torchvision's parser checks the archives' md5. What is interrupted is begun again by the next call.
    Raises ValueError where an archive is missing or another file, and where there is no room for what is in it.
    """
    from torchvision.datasets import imagenet

    missing = [name for name in ("train", "val") if not (folder / name).is_dir()]
    archives = {"train": [TRAIN], "val": [KIT, VAL]}
    needed = [folder / archive for name in missing for archive in archives[name]]
    if absent := [path.name for path in needed if not path.is_file()]:
        raise ValueError(
            f"{folder} has no folder {' and no folder '.join(missing)}, and not {', '.join(absent)} either: put the "
            "images, a folder for each class, or the official archives there, or set paths.data to where they are"
        )
    size, free = sum(path.stat().st_size for path in needed), shutil.disk_usage(folder).free
    if free < size:
        raise ValueError(
            f"{folder}: its archives hold {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free: make room"
        )
    for name in missing:
        under_way = folder / f"{name}{UNPACKING}"
        shutil.rmtree(under_way, ignore_errors=True)
        log.info("unpacking %s into %s, once", folder / archives[name][-1], folder / name)
        try:
            if name == "train":
                imagenet.parse_train_archive(str(folder), folder=under_way.name)
            else:
                imagenet.parse_devkit_archive(str(folder))
                imagenet.parse_val_archive(str(folder), folder=under_way.name)
        except RuntimeError as error:  # torchvision's word for another md5
            raise ValueError(f"{folder}: {' '.join(str(error).split())}") from error
        os.replace(under_way, folder / name)


def flat_validation(folder: Path, classes: list[str]) -> Listing | None:
    """The validation images that lie in `folder/val` itself, labelled by the development kit; None where none do.

    Raises ValueError where the kit is missing, or is of other images.
    """
    with os.scandir(folder / "val") as entries:
        files = sorted(entry.name for entry in entries if entry.name.lower().endswith(".jpeg") and entry.is_file())
    if not files:
        return None
    with _kit(folder) as kit:
        wnids = _wnids(kit)
        truth = [int(line) for line in (kit / "data" / "ILSVRC2012_validation_ground_truth.txt").read_text().split()]
    if len(truth) != len(files):
        raise ValueError(f"{folder / 'val'} has {len(files)} images, and the development kit labels of {len(truth)}")
    if unknown := sorted(set(truth) - set(wnids)):
        raise ValueError(f"{folder}: {unknown[0]} is no class of the development kit, and an image is labelled so")
    number = {name: label for label, name in enumerate(classes)}
    strangers = sorted({wnids[one] for one in truth} - set(number))
    if strangers:
        raise ValueError(
            f"{folder / 'val'} has images of {len(strangers)} classes, such as {strangers[0]}, not in train"
        )
    paths = np.array([b"val/" + os.fsencode(name) for name in files])
    labels = np.array([number[wnids[one]] for one in truth], dtype=np.int64)
    order = np.argsort(labels, kind="stable")  # class by class, as in folders of classes
    return Listing(paths[order], labels[order])


@contextmanager
def _kit(folder: Path) -> Iterator[Path]:
    """The development kit's folder, unpacked for as long as it is needed where only its archive is there."""
    if (folder / KIT_FOLDER / "data").is_dir():
        yield folder / KIT_FOLDER
        return
    if not (folder / KIT).is_file():
        raise ValueError(
            f"the images of {folder / 'val'} lie flat, and their labels are missing: put the development kit "
            f"({KIT_FOLDER}/ or {KIT}) into {folder}, or the images into a folder for each class"
        )
    with tempfile.TemporaryDirectory() as place:
        try:
            with tarfile.open(folder / KIT) as archive:
                archive.extractall(place, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            raise ValueError(f"{folder / KIT} is no whole archive ({error}): fetch it again") from error
        yield Path(place) / KIT_FOLDER


def _wnids(kit: Path) -> dict[int, str]:
    """The name of each class, by its number in the development kit."""
    from scipy.io import loadmat

    synsets = loadmat(str(kit / "data" / "meta.mat"), squeeze_me=True)["synsets"]
    return {int(one["ILSVRC2012_ID"]): str(one["WNID"]) for one in synsets if int(one["num_children"]) == 0}
