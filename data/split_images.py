"""The images of one split, as a network sees them, a batch at a time: what every way of holding them has in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from data.scaling import Scaling


class SplitImages(ABC):
    """Images and labels of a split, on one device once they are asked for.

    Attributes:
        image_shape: (C, H, W) of an image as a network sees it.
        labels: int64 (N,), on the device.
        scaling: from bytes to numbers.
        broken: what is wrong with images that had to be left out so far, by their files.
        lie_on_the_device: whether a batch is computed by the device alone, from indices that are there.
    """

    lie_on_the_device: ClassVar[bool] = False

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        labels: np.ndarray,
        device: torch.device,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        scaling: str,
    ) -> None:
        self.image_shape = image_shape
        self.broken: dict[str, str] = {}
        self.labels = torch.from_numpy(np.array(labels, dtype=np.int64)).to(device)
        self.scaling = Scaling(image_shape, device, mean=mean, std=std, scaling=scaling)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where the batches are."""
        return self.labels.device

    @abstractmethod
    def batch(self, indices: Tensor, draws: Any) -> tuple[Tensor, Tensor]:
        """Images float32 (B, C, H, W), with channels_last strides, and labels int64 (B,), of int64 indices (B,).

        draws: what the augmentation of this kind of images drew for the epoch; None for the images as they are.
        """

    @abstractmethod
    def pixels(self, indices: Tensor) -> Tensor:
        """The images of int64 indices (B,) as they are, uint8 (B, H, W, C), on the device."""

    def scaled(self, pixels: Tensor) -> Tensor:
        """Other images, uint8 (B, H, W, C) of this split's size, as `batch` gives its own: float32 (B, C, H, W)."""
        return self.scaling(pixels).permute(0, 3, 1, 2)

    @abstractmethod
    def expect(self, parts: Iterable[Tensor], draws: Any) -> None:
        """What training will ask `batch` for next, in this order: it may prepare it. To ask for others does no harm."""

    def batches(self, parts: Sequence[Tensor], draws: Any = None) -> Iterator[tuple[Tensor, Tensor]]:
        """The batch of each of the `parts`, int64 (B,) indices, one after the other."""
        for indices in parts:
            yield self.batch(indices, draws)
