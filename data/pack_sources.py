"""What packs are made of: a folder of images, or the downsampled ImageNet as it was published.

Both give the pixels of whole images averaged over areas (the box filter), whatever their shape, as Chrabaszcz,
Loshchilov & Hutter 2017 (arXiv 1707.08819, §3) made theirs.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.decode import decoded
from data.decoder import Decoder
from data.decoding import Workers
from data.image_folder import FolderFiles
from data.packing import Chunk
from data.pickles import load_arrays, numbers

LARGEST = 2**33  # bytes of a batch; the published ones have 1.6 GB
MOST_CLASSES = 100_000
CHUNK = 1024  # images of a folder between two points at which a pack can go on


@dataclass(frozen=True)
class Shrunk:
    """All of an image, averaged over areas to size × size pixels."""

    size: int

    def at(self, path: Path, index: int) -> Tensor:
        """As `data.decoding.Look.at`."""
        from PIL import Image

        image = decoded(path).permute(1, 2, 0)
        if image.shape[:2] == (self.size, self.size):
            return image
        whole = Image.fromarray(image.contiguous().numpy())
        return torch.from_numpy(np.array(whole.resize((self.size, self.size), Image.Resampling.BOX)))


class FolderSource:
    """The images of a folder."""

    def __init__(self, files: FolderFiles, size: int, workers: Workers) -> None:
        self._splits = {"train": files.train, "test": files.test}
        self._look, self._workers = Shrunk(size), workers
        self.classes = list(files.classes)
        self.counts = {name: len(split) for name, split in self._splits.items()}
        self.about = {"size": size, "filter": "box", **files.digests}

    def chunks(self, split: str, start: int) -> Iterator[Chunk]:
        """As `data.packing.PackSource.chunks`. Raises BrokenImage for an image that is tested on."""
        images = self._splits[split]
        decoder = Decoder(images, self._workers)
        parts = [np.arange(first, min(first + CHUNK, len(images))) for first in range(start, len(images), CHUNK)]
        for pixels, shown in decoder.ahead(parts, self._look):
            yield Chunk(pixels.numpy(), images.labels[shown], dict(decoder.broken))


class PublishedSource:
    """The downsampled ImageNet of image-net.org: npz files or pickles of batches, 1,281,167 + 50,000 images in all.

        train_data_batch_1 … train_data_batch_10, val_data      (each with or without .npz)

    `data` holds rows of size² red, then green, then blue values; `labels` begin at 1, in an order of classes of their
    own. Raises ValueError where a file is missing or damaged, or has images of another size.
    """

    def __init__(self, folder: Path, size: int) -> None:
        train = sorted(folder.glob("train_data_batch_*"), key=lambda path: int(re.findall(r"\d+", path.stem)[-1]))
        test = sorted(folder.glob("val_data*"))
        if not train or not test:
            raise ValueError(f"{folder} lacks {'val_data' if train else 'train_data_batch_1 and those that follow'}")
        self._size, self._files = size, {"train": train, "test": test}
        self._labels = {name: [self._labels_of(path) for path in paths] for name, paths in self._files.items()}
        self.counts = {name: sum(map(len, labels)) for name, labels in self._labels.items()}
        number = max(int(labels.max()) for found in self._labels.values() for labels in found) + 1
        self.classes = [f"class {label}" for label in range(1, number + 1)]
        self.about = {"size": size, "filter": "box", "published": [path.name for path in (*train, *test)]}

    def chunks(self, split: str, start: int) -> Iterator[Chunk]:
        """As `data.packing.PackSource.chunks`, a file at a time."""
        first = 0
        for path, labels in zip(self._files[split], self._labels[split], strict=True):
            if first + len(labels) > start:
                skipped = max(start - first, 0)
                yield Chunk(self._pixels_of(path, len(labels))[skipped:], labels[skipped:], {})
            first += len(labels)

    def _labels_of(self, path: Path) -> np.ndarray:
        """int64 (n,), from 0 on. The values of an npz file are not read for it."""
        with _batch(path) as content:
            labels = numbers(content["labels"]).astype(np.int64) - 1
        if labels.ndim != 1 or labels.min(initial=0) < 0 or labels.max(initial=0) >= MOST_CLASSES:
            raise ValueError(f"{path} has labels that are no numbers from 1 on, {MOST_CLASSES} at most")
        return labels

    def _pixels_of(self, path: Path, count: int) -> np.ndarray:
        """uint8 (n, size, size, 3)."""
        with _batch(path) as content:
            values = numbers(content["data"])
        if values.dtype != np.uint8 or values.shape != (count, 3 * self._size**2):
            raise ValueError(
                f"{path} holds {values.dtype} {values.shape} for {count} labels: images of {self._size} pixels have "
                f"{3 * self._size**2} values each"
            )
        return values.reshape(-1, 3, self._size, self._size).transpose(0, 2, 3, 1)


@contextmanager
def _batch(path: Path) -> Iterator[Mapping[str, Any]]:
    """The content of a batch's file, of which nothing is executed."""
    try:
        if path.suffix == ".npz":
            # opened here, as NumPy leaves the file of a damaged archive open
            with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as content:
                if sum(one.file_size for one in content.zip.infolist()) > LARGEST:
                    raise ValueError(f"more than {LARGEST} bytes once it is unpacked")
                yield content
        else:
            yield load_arrays(path.read_bytes())
    except Exception as error:  # a damaged archive may fail in any way
        raise ValueError(f"{path} is no batch of the downsampled ImageNet ({error})") from error
