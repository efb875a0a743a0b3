"""Images in a memory map on the host, because the device has no room for them: a batch at a time goes there."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from data.augmentation import Draws
from data.dataset import Split
from data.split_images import SplitImages
from data.stored_pixels import StoredPixels


class StreamedImages(SplitImages):
    """One split in a memory map, uint8 (N, H, W, C). The same numbers as `DeviceImages` has, to the bit.

    mean, std, scaling: of `data.scaling.Scaling`, with its errors.
    """

    def __init__(
        self, split: Split, device: torch.device, *, mean: Sequence[float], std: Sequence[float], scaling: str
    ) -> None:
        super().__init__(split.image_shape, split.labels, device, mean=mean, std=std, scaling=scaling)
        self._images = split.images

    def batch(self, indices: Tensor, draws: Draws | None) -> tuple[Tensor, Tensor]:
        """As `SplitImages.batch`, augmented as `StoredPixels.augmented` says."""
        there = indices.to(self.device)
        stored = StoredPixels(self._images[indices.cpu().numpy()], self.device)
        places = torch.arange(len(indices), device=self.device)
        return stored.augmented(places, None if draws is None else draws.at(there), self.scaling), self.labels[there]

    def expect(self, parts: Iterable[Tensor], draws: Draws | None) -> None:
        """Nothing to prepare: the system reads ahead, and keeps what it has room for."""

    def pixels(self, indices: Tensor) -> Tensor:
        """As `SplitImages.pixels`."""
        return torch.from_numpy(self._images[indices.cpu().numpy()]).to(self.device)
