"""Tiny ImageNet: 200 classes of ImageNet (Russakovsky et al. 2015, arXiv 1409.0575) at 64x64 pixels, made by Stanford's
course CS231n; 500 training and 50 validation images a class. The official test images have no labels: the validation
images are what is tested on here.
"""

import io
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from data.cache import Arrays, Decoded, load_cached
from data.content import content_digest
from data.dataset import Dataset
from data.image_files import ImageFiles, in_archive, in_folder
from data.sources import Source, acquire, local_source, url_source

FOLDER, ARCHIVE = "tiny-imagenet-200", "tiny-imagenet-200.zip"
ALL_CLASSES = 200
IMAGES = {"train": 500, "val": 50}  # of each class
SIDE = 64  # pixels
ANNOTATIONS = "val/val_annotations.txt"  # file, class, and a box that is not used
NAMES = ("words.txt", "classes.tsv")  # class, and its names


def tiny_imagenet(root: Path, *, classes: int, sources: list[dict[str, str]], digests: dict[str, str]) -> Dataset:
    """Tiny ImageNet, in three channels, grey images too; 100,000 training and 10,000 test images, or of fewer classes.

    In `root` it may lie as the official folder or archive, or with a folder for each class under train/ and val/, as
    tiny-imagenet-200 or any tiny-imagenet-*. Classes are numbered in the order of their WordNet names.

    classes: how many there must be: 200, or fewer where what lies in `root` is a part of it; a part has a cache of its
    own. sources: tried in turn after what is in `root`, each `{url: ARCHIVE}`. digests: sha256 of train_images,
    train_labels, test_images and test_labels (uint8, N x 64 x 64 x 3 and N), each checked where it is given; the
    numbers of images of each class always are. Raises data.sources.DataUnavailable where no source has that content.
    """
    if not 2 <= classes <= ALL_CLASSES:
        raise ValueError(f"dataset.classes={classes} is not between 2 and {ALL_CLASSES}, the classes there are")
    root = Path(root)
    name = "tiny_imagenet" if classes == ALL_CLASSES else f"tiny_imagenet_{classes}"
    cached = load_cached(
        root,
        name,
        expected={"classes": str(classes), **digests},
        classes={},
        decode=lambda: acquire(
            "tiny_imagenet",
            _sources(root, classes, sources, digests),
            remedy=f"Put the official archive {ARCHIVE}, or the folder {FOLDER} from it, into {root.absolute()}; for a "
            f"part of its classes say how many, as in dataset.classes=50",
        ),
    )
    return cached.dataset("tiny_imagenet", cached.meta["classes"]["labels"])


def _sources(root: Path, classes: int, sources: list[dict[str, str]], digests: dict[str, str]) -> list[Source]:
    """What is in root first (folders before the archive), then the settings' list."""
    from_folder = partial(_decode_folder, classes=classes, digests=digests)
    from_archive = partial(_decode_archive, classes=classes, digests=digests)
    places = [root / FOLDER, *sorted(root.glob("tiny-imagenet-*")), root / "tiny_imagenet" / FOLDER, root]
    found = [
        local_source(place, from_folder)
        for place in dict.fromkeys(places)
        if (place / "train").is_dir() and (place / "val").is_dir()
    ]
    if (root / ARCHIVE).is_file():
        found.append(local_source(root / ARCHIVE, from_archive))
    for entry in sources:
        match entry:
            case {"url": url, **rest} if not rest:
                kept = root / ARCHIVE
                decode = partial(_decode_download, kept=kept, source=url, classes=classes, digests=digests)
                found.append(url_source(url, {kept: url}, decode))
            case _:
                raise ValueError(f"dataset.sources has {entry}: give {{url: ARCHIVE}}")
    return found


def _decode_folder(folder: Path, *, classes: int, digests: dict[str, str]) -> Decoded:
    return _decode(in_folder(folder), classes, digests, str(folder))


def _decode_download(
    parts: Mapping[Path, Path], *, kept: Path, source: str, classes: int, digests: dict[str, str]
) -> Decoded:
    return _decode_archive(parts[kept], classes=classes, digests=digests, source=source)


def _decode_archive(path: Path, *, classes: int, digests: dict[str, str], source: str | None = None) -> Decoded:
    try:
        with zipfile.ZipFile(path) as archive:
            return _decode(in_archive(archive, FOLDER), classes, digests, source or str(path))
    # RuntimeError: a member that is encrypted, or compressed in a way that zipfile does not know
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError) as error:
        raise ValueError(f"{path.name} is not a whole zip archive ({error})") from error


def _decode(files: ImageFiles, classes: int, digests: dict[str, str], source: str) -> Decoded:
    """Images (N, 64, 64, 3) and labels (N,), uint8, counted and, where digests are given, verified."""
    by_class = {split: _by_class(files, split) for split in IMAGES}
    wnids = sorted(by_class["train"])
    if len(wnids) != classes or sorted(by_class["val"]) != wnids:
        raise ValueError(
            f"there are {len(wnids)} classes in train and {len(by_class['val'])} in val, and {classes} are asked for"
        )
    arrays: Arrays = {}
    for split, key in (("train", "train"), ("val", "test")):
        for wnid in wnids:
            if (count := len(by_class[split][wnid])) != IMAGES[split]:
                raise ValueError(f"the class {wnid} has {count} images in {split}, not {IMAGES[split]}")
        chosen = [(path, label) for label, wnid in enumerate(wnids) for path in by_class[split][wnid]]
        images = np.empty((len(chosen), SIDE, SIDE, 3), dtype=np.uint8)
        for index, (path, _) in enumerate(chosen):
            images[index] = _pixels(files.read(path), path)
        arrays[f"{key}_images"] = images
        arrays[f"{key}_labels"] = np.array([label for _, label in chosen], dtype=np.uint8)
    found = {key: content_digest(array) for key, array in arrays.items()}
    for key, digest in digests.items():
        if found.get(key) != digest:
            raise ValueError(f"the content of {key} has sha256 {found.get(key)} instead of {digest}")
    return Decoded(arrays, found, source, classes={"labels": _names(files, wnids)})


def _by_class(files: ImageFiles, split: str) -> dict[str, list[str]]:
    """The images of each class of a split, by the numbers in their names."""
    annotated = {}
    if split == "val" and ANNOTATIONS in files.paths:
        lines = files.read(ANNOTATIONS).decode("utf-8").splitlines()
        annotated = dict(line.split("\t")[:2] for line in lines if "\t" in line)
    found: dict[str, list[str]] = {}
    for path in files.paths:
        parts = PurePosixPath(path)
        if parts.parts[0] != split or parts.suffix.lower() not in (".jpeg", ".jpg"):
            continue
        if len(parts.parts) > 2 and parts.parts[1] != "images":
            wnid = parts.parts[1]
        elif parts.name in annotated:
            wnid = annotated[parts.name]
        else:
            raise ValueError(f"nothing says of which class {path} is")
        found.setdefault(wnid, []).append(path)
    return {wnid: sorted(paths, key=_number) for wnid, paths in found.items()}


def _number(path: str) -> tuple[int, str]:
    """`n01443537_12.JPEG` comes after `n01443537_2.JPEG`."""
    digits = re.search(r"(\d+)$", PurePosixPath(path).stem)
    return int(digits[1]) if digits else 0, path


def _pixels(raw: bytes, path: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(raw), formats=("JPEG",)) as image:
            if image.size != (SIDE, SIDE):
                raise ValueError(f"{path} has {image.width}x{image.height} pixels, not {SIDE}x{SIDE}")
            return np.asarray(image.convert("RGB"))
    except (OSError, Image.DecompressionBombError) as error:  # Pillow's others are OSErrors
        raise ValueError(f"{path} is no whole JPEG image ({error})") from error


def _names(files: ImageFiles, wnids: list[str]) -> list[str]:
    """The first name of each class, or its WordNet name where there is none or another class has the same."""
    listed: dict[str, str] = {}
    for path in NAMES:
        if path in files.paths:
            lines = files.read(path).decode("utf-8").splitlines()
            listed |= {wnid: names for wnid, _, names in (line.partition("\t") for line in lines) if names}
    first = {wnid: listed.get(wnid, wnid).split("\t")[0].split(",")[0].strip().replace(" ", "_") for wnid in wnids}
    count = Counter(first.values())
    return [name if count[name] == 1 else wnid for wnid, name in first.items()]
