"""A dataset of image files: `train/<class>/<image>` and `val/<class>/<image>`, as ImageNet's (Deng et al. 2009).

The validation images are what is tested on. The classes are the folders' names, sorted.
"""

import json
import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from data.cache import cache_folder
from data.dataset import Dataset, channel_statistics
from data.decoding import Seen, decode
from data.file_split import FileSplit
from data.imagenet_archives import flat_validation, unpack
from data.keeping import keep
from data.listing import Listing, class_names, listed
from data.plain_files import read_json
from data.sealed import seal
from data.subsets import shuffled

SAMPLE, SAMPLE_STREAM = 2000, 3  # training images whose colours make the mean and the standard deviation

log = logging.getLogger("normlab.data")


@dataclass(frozen=True)
class FolderFiles:
    """What is in a folder of images. kept: where what is found out about it is remembered."""

    classes: tuple[str, ...]
    train: FileSplit
    test: FileSplit
    digests: dict[str, str]
    kept: Path


def image_folder(root: Path, *, folder: str, size: int, resize: int, archives: bool) -> Dataset:
    """The images in `root/folder`, or in `root` itself.

    size: pixels of a side as a network sees an image; resize: pixels of the shorter side before the middle is cut out
    in evaluation; archives: whether ImageNet's official archives are unpacked where the folders are missing.
    Raises ValueError for impossible sizes, folders that are missing or empty, and classes that differ between them.
    """
    found = folder_files(root, folder=folder, size=size, resize=resize, archives=archives)
    mean, std = _statistics(found)
    return Dataset(
        name=folder,
        classes=found.classes,
        train=found.train,
        test=found.test,
        validation=None,
        mean=mean,
        std=std,
        digests=found.digests,
    )


def folder_files(root: Path, *, folder: str, size: int, resize: int, archives: bool) -> FolderFiles:
    """The same without a look at the pixels."""
    if size < 1:
        raise ValueError(f"dataset.size={size} is not positive: give the pixels of a side, such as 224")
    if resize < size:
        raise ValueError(f"dataset.resize={resize} is less than dataset.size={size}, which is cut out of it")
    place = _found(root, folder, archives)
    classes = class_names(place / "train")
    if not classes:
        raise ValueError(f"{place / 'train'} has no folder: it takes one for each class, with its images")
    kept = cache_folder(root, f"{Path(folder).name}-files")
    train = listed(place / "train", classes, kept / "train.npz")
    test = _validation(place, classes, kept)
    split = partial(FileSplit, root=place, size=size, resize=resize)
    return FolderFiles(
        classes=tuple(classes),
        train=split(paths=train.paths, labels=train.labels, strict=False),
        test=split(paths=test.paths, labels=test.labels, strict=True),
        digests={"train_images": train.digest, "test_images": test.digest},
        kept=kept,
    )


def _found(root: Path, folder: str, archives: bool) -> Path:
    """The dataset's own folder, with what is in its archives unpacked."""
    candidates = (Path(root) / folder, Path(root))
    for place in candidates:
        if all((place / split).is_dir() for split in ("train", "val")):
            return place
    if archives:
        for place in candidates:
            if place.is_dir() and any(place.glob("ILSVRC2012_*")):
                unpack(place)
                return place
    for place in candidates:
        for split, other in (("train", "val"), ("val", "train")):
            if (place / split).is_dir():
                raise ValueError(f"{place} has a folder {split} and none named {other}, which it needs too")
    raise ValueError(
        f"{candidates[0].absolute()} is no dataset of image files, nor is {candidates[1].absolute()}: neither has "
        "train/<class>/<image> and val/<class>/<image>. Put them there, or set paths.data to where they are"
    )


def _validation(place: Path, classes: list[str], kept: Path) -> Listing:
    names = class_names(place / "val")
    if not names:
        found = flat_validation(place, classes)
        if found is None:
            raise ValueError(f"{place / 'val'} is empty: it takes a folder for each class of train, with its images")
        return found
    for one, other, without in ((names, classes, "train"), (classes, names, "val")):
        if strangers := sorted(set(one) - set(other)):
            raise ValueError(
                f"{place}: {len(strangers)} classes, such as {strangers[0]}, have no folder in {without}: train and "
                "val need the same classes"
            )
    return listed(place / "val", names, kept / "val.npz")


def _statistics(files: FolderFiles) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over what evaluation sees of a fixed sample; remembered."""
    split, path = files.train, files.kept / "statistics.json"
    about = {"images": files.digests["train_images"], "size": split.size, "resize": split.resize, "sample": SAMPLE}
    try:
        found = read_json(path)
        if found["about"] == about:
            return tuple(found["mean"]), tuple(found["std"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # missing or damaged: made anew
    sample = shuffled(len(split), SAMPLE_STREAM)[:SAMPLE]
    log.info("mean and standard deviation of the colours of %d images in %s, once", len(sample), split.root)
    found = decode(split.task(sample, Seen(split.size, split.resize, None)))
    whole = np.delete(found.pixels.numpy(), list(found.broken), axis=0)
    if not len(whole):
        raise ValueError(f"no image of {split.root} can be decoded: {next(iter(found.broken.values()))}")
    mean, std = channel_statistics(whole)
    content = json.dumps(seal({"about": about, "mean": mean, "std": std}))
    keep(path, lambda file: file.write(content.encode()))
    return mean, std
