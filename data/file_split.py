"""A split whose images are files, decoded when they are asked for."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.decoding import Look, Seen, Task


@dataclass(frozen=True)
class FileSplit:
    """Image files of one split, in the order of their classes and names.

    root: the dataset's folder; paths: bytes (N,), relative to it, with slashes; labels: int64 (N,); size: pixels of a
    side as a network sees an image; resize: pixels of the shorter side before the middle is cut out in evaluation.
    strict: whether a broken file ends a run (images that are tested on) or another image takes its place.
    """

    root: Path
    paths: np.ndarray
    labels: np.ndarray
    size: int
    resize: int
    strict: bool

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(3, size, size)."""
        return 3, self.size, self.size

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, index: int) -> np.ndarray:
        """One image as evaluation sees it, uint8 (size, size, 3). Raises BrokenImage and OSError."""
        return Seen(self.size, self.resize, None).at(self.root / os.fsdecode(self.paths[index]), index).numpy()

    def task(self, indices: np.ndarray, look: Look) -> Task:
        """What workers need to know to decode the images at `indices`, int64 (B,)."""
        return Task(self.root, [os.fsdecode(path) for path in self.paths[indices]], indices.tolist(), look)

    def take(self, indices: np.ndarray) -> "FileSplit":
        """The files at `indices` (int64 (M,)), in that order."""
        return FileSplit(self.root, self.paths[indices], self.labels[indices], self.size, self.resize, self.strict)
