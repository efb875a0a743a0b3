"""Images that lie on the device."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from data.augmentation import Draws
from data.dataset import Split
from data.split_images import SplitImages
from data.stored_pixels import StoredPixels


class DeviceImages(SplitImages):
    """One split on one device, as uint8 (N, H, W, C) and int64 (N,), cropped, flipped and scaled a batch at a time.

    mean, std, scaling: of `data.scaling.Scaling`, with its errors.
    """

    lie_on_the_device: ClassVar[bool] = True

    def __init__(
        self, split: Split, device: torch.device, *, mean: Sequence[float], std: Sequence[float], scaling: str
    ) -> None:
        super().__init__(split.image_shape, split.labels, device, mean=mean, std=std, scaling=scaling)
        self._stored = StoredPixels(split.images, device)
        self.images = self._stored.images

    def batch(self, indices: Tensor, draws: Draws | None) -> tuple[Tensor, Tensor]:
        """As `SplitImages.batch`, augmented as `StoredPixels.augmented` says."""
        indices = indices.to(self.device)
        x = self._stored.augmented(indices, None if draws is None else draws.at(indices), self.scaling)
        return x, self.labels[indices]

    def expect(self, parts: Iterable[Tensor], draws: Draws | None) -> None:
        """Nothing to prepare: all of it lies here."""

    def pixels(self, indices: Tensor) -> Tensor:
        """As `SplitImages.pixels`."""
        return self.images[indices.to(self.device)]
