"""Images that are decoded from files as they are needed, by worker processes, and go to the device as bytes."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from data.decoder import Decoder, Whole
from data.decoding import Seen, Workers
from data.file_split import FileSplit
from data.split_images import SplitImages
from data.views import Views


class DecodedImages(SplitImages):
    """One split of files; `data.decoder.Decoder` says what becomes of broken ones."""

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
        self._split, self._decoder = split, Decoder(split, workers)
        self._coming: deque[tuple[np.ndarray, Views | None]] = deque()  # what training has announced
        self._ahead: Iterator[Whole] = iter(())
        self.broken = self._decoder.broken

    def expect(self, parts: Iterable[Tensor], draws: Views | None) -> None:
        """Decode these batches ahead."""
        wanted = [part.cpu().numpy() for part in parts]
        self._coming = deque((indices, draws) for indices in wanted)
        self._ahead = self._decoder.ahead(wanted, self._look(draws))

    def batch(self, indices: Tensor, draws: Views | None) -> tuple[Tensor, Tensor]:
        """As `SplitImages.batch`. Raises BrokenImage where the split is strict."""
        wanted = indices.cpu().numpy()
        if self._coming and self._coming[0][1] == draws and np.array_equal(self._coming[0][0], wanted):
            self._coming.popleft()
            return self._ready(next(self._ahead))
        return self._ready(self._decoder.now(wanted, self._look(draws)))

    def batches(self, parts: Sequence[Tensor], draws: Views | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """As `SplitImages.batches`, decoded ahead beside what training expects."""
        wanted = [part.cpu().numpy() for part in parts]
        yield from map(self._ready, self._decoder.ahead(wanted, self._look(draws)))

    def pixels(self, indices: Tensor) -> Tensor:
        """As `SplitImages.pixels`: what evaluation sees."""
        return self._moved(self._decoder.now(indices.cpu().numpy(), self._look(None)).pixels)

    def _look(self, draws: Views | None) -> Seen:
        return Seen(self._split.size, self._split.resize, draws)

    def _ready(self, found: Whole) -> tuple[Tensor, Tensor]:
        """Images and labels on the device."""
        return self.scaled(self._moved(found.pixels)), self.labels[torch.from_numpy(found.shown).to(self.device)]

    def _moved(self, pixels: Tensor) -> Tensor:
        if self.device.type == "cuda":
            return pixels.pin_memory().to(self.device, non_blocking=True)
        return pixels.to(self.device)
