"""The images of a split of files, decoded in any order, without those that cannot be."""

import logging
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from data.broken import BrokenImage
from data.decoding import Look, Pixels, Workers
from data.file_split import FileSplit

log = logging.getLogger("normlab.data")


class Whole(NamedTuple):
    """Decoded images. pixels: uint8 (B, size, size, 3); shown: int64 (B,), the images that they are of."""

    pixels: Tensor
    shown: np.ndarray


class Decoder:
    """Decodes the images of a split by `workers`, which may serve several splits.

    A file that cannot be decoded is named in one warning and noted in `broken`, by its path; the next file of the split
    that can be takes its place, with its own label, so that every batch stays as large as it is. Where the split is
    strict, BrokenImage is raised instead.
    """

    def __init__(self, split: FileSplit, workers: Workers) -> None:
        self._split, self._workers = split, workers
        self.broken: dict[str, str] = {}

    def ahead(self, parts: Sequence[np.ndarray], look: Look) -> Iterator[Whole]:
        """The images of each of the `parts`, int64 (B,), decoded before they are asked for.

        The pixels are there until the next part is asked for.
        """
        found = self._workers.decoded(self._split.task(indices, look) for indices in parts)
        for indices, pixels in zip(parts, found, strict=True):
            yield self._mended(pixels, indices, look)

    def now(self, indices: np.ndarray, look: Look) -> Whole:
        """The images of `indices`, int64 (B,)."""
        found = next(self.ahead([indices], look))
        return Whole(found.pixels.clone(), found.shown)

    def _mended(self, found: Pixels, indices: np.ndarray, look: Look) -> Whole:
        if not found.broken:
            return Whole(found.pixels, indices)
        pixels, shown = found.pixels.clone(), indices.copy()
        for place, why in found.broken.items():
            self._note(int(indices[place]), why)
            shown[place], pixels[place] = self._instead(int(indices[place]), look)
        return Whole(pixels, shown)

    def _instead(self, index: int, look: Look) -> tuple[int, Tensor]:
        """The next image after a broken one that is whole, and its pixels."""
        count = len(self._split)
        for number in (other % count for other in range(index + 1, index + count)):
            [found] = self._workers.decoded([self._split.task(np.array([number]), look)])
            if not found.broken:
                return number, found.pixels[0].clone()
            self._note(number, found.broken[0])
        raise BrokenImage(f"not one image of {self._split.root} can be decoded ({list(self.broken.values())[-1]})")

    def _note(self, index: int, why: str) -> None:
        path = os.fsdecode(self._split.paths[index])
        if self._split.strict:
            raise BrokenImage(f"{why}: it is tested on, and cannot be left out; replace it, or remove it")
        if path not in self.broken:
            self.broken[path] = why
            log.warning("%s: left out, the next image takes its place", why)
