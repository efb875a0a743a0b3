"""Images that are decoded from files as they are needed, by worker processes, and go to the device as bytes."""

import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from data.decode import BrokenImage
from data.decoding import Looks, Pixels, Task, Workers
from data.file_split import FileSplit
from data.split_images import SplitImages
from data.views import Views

log = logging.getLogger("normlab.data")


class DecodedImages(SplitImages):
    """One split of files. `workers` may serve several splits.

    A file that cannot be decoded is named in one warning and counted in `broken`; the next file of the split that can
    be takes its place, with its own label, so that every batch stays as large as it is. Where the split is strict,
    BrokenImage is raised instead.
    """

    def __init__(
        self,
        split: FileSplit,
        device: torch.device,
        workers: Workers,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        scaling: str,
    ) -> None:
        super().__init__(split.image_shape, split.labels, device, mean=mean, std=std, scaling=scaling)
        self._split, self._workers = split, workers
        self._coming: deque[tuple[np.ndarray, Views | None]] = deque()  # what has been announced
        self._ahead: Iterator[Pixels] = iter(())

    def expect(self, parts: Iterable[Tensor], draws: Views | None) -> None:
        """Decode these batches ahead."""
        self._coming = deque((part.cpu().numpy(), draws) for part in parts)
        # Their own list, for `_coming` gets shorter as batches are taken.
        self._ahead = self._workers.decoded(self._task(*one) for one in list(self._coming))

    def batch(self, indices: Tensor, draws: Views | None) -> tuple[Tensor, Tensor]:
        """As `SplitImages.batch`. Raises BrokenImage where the split is strict."""
        wanted = indices.cpu().numpy()
        if self._coming and self._coming[0][1] == draws and np.array_equal(self._coming[0][0], wanted):
            self._coming.popleft()
            return self._ready(next(self._ahead), wanted, draws)
        return self._ready(self._decoded_now(wanted, draws), wanted, draws)

    def batches(self, parts: Sequence[Tensor], draws: Views | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """As `SplitImages.batches`, decoded ahead beside what training expects."""
        wanted = [part.cpu().numpy() for part in parts]
        found = self._workers.decoded(self._task(indices, draws) for indices in wanted)
        for indices, pixels in zip(wanted, found, strict=True):
            yield self._ready(pixels, indices, draws)

    def pixels(self, indices: Tensor) -> Tensor:
        """As `SplitImages.pixels`: what evaluation sees."""
        wanted = indices.cpu().numpy()
        return self._moved(self._mended(self._decoded_now(wanted, None), wanted, None)[0])

    def _task(self, indices: np.ndarray, draws: Views | None) -> Task:
        return self._split.task(indices, Looks(self._split.size, self._split.resize, draws))

    def _decoded_now(self, indices: np.ndarray, draws: Views | None) -> Pixels:
        return next(self._workers.decoded([self._task(indices, draws)]))

    def _ready(self, found: Pixels, indices: np.ndarray, draws: Views | None) -> tuple[Tensor, Tensor]:
        """Images and labels on the device."""
        pixels, shown = self._mended(found, indices, draws)
        return self.scaled(self._moved(pixels)), self.labels[torch.from_numpy(shown).to(self.device)]

    def _moved(self, pixels: Tensor) -> Tensor:
        if self.device.type == "cuda":
            return pixels.pin_memory().to(self.device, non_blocking=True)
        return pixels.to(self.device)

    def _mended(self, found: Pixels, indices: np.ndarray, draws: Views | None) -> tuple[Tensor, np.ndarray]:
        """Pixels without a broken image, uint8 (B, size, size, 3), and the images that they are of, int64 (B,)."""
        if not found.broken:
            return found.pixels, indices
        pixels, shown = found.pixels.clone(), indices.copy()
        for place, why in found.broken.items():
            self._note(int(indices[place]), why)
            shown[place], pixels[place] = self._instead(int(indices[place]), draws)
        return pixels, shown

    def _instead(self, index: int, draws: Views | None) -> tuple[int, Tensor]:
        """The next image after a broken one that is whole, and its pixels."""
        for other in range(index + 1, index + len(self)):
            number = other % len(self)
            found = self._decoded_now(np.array([number]), draws)
            if not found.broken:
                return number, found.pixels[0]
            self._note(number, found.broken[0])
        raise BrokenImage(f"not one image of {self._split.root} can be decoded ({list(self.broken.values())[-1]})")

    def _note(self, index: int, why: str) -> None:
        path = os.fsdecode(self._split.paths[index])
        if self._split.strict:
            raise BrokenImage(f"{why}: it is tested on, and cannot be left out; replace it, or remove it")
        if path not in self.broken:
            self.broken[path] = why
            log.warning("%s: left out, the next image takes its place", why)
