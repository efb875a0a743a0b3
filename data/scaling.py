"""From bytes to the numbers that a network sees."""

from collections.abc import Sequence

import torch
from torch import Tensor

SCALINGS = ("standardized", "unit", "raw")


class Scaling:
    """uint8 pixels (B, H, W, C) to float32 of the same shape, on one device.

    scaling: `standardized` is (x / 255 - mean) / std per channel, `unit` is x / 255, `raw` is x in 0..255; mean and
    std (in [0, 1]) matter to the first alone. Raises ValueError for an unknown scaling, for means and deviations that
    do not fit the channels, and for deviations that are not positive.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        device: torch.device,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        scaling: str,
    ) -> None:
        channels, height, width = image_shape
        if scaling not in SCALINGS:
            raise ValueError(f"dataset.scaling={scaling} is unknown: give one of {', '.join(SCALINGS)}")
        for key, values in (("mean", mean), ("std", std)):
            if len(values) != channels:
                raise ValueError(f"dataset.{key}={list(values)} has {len(values)} values for {channels} channels")
        if scaling == "standardized" and not min(std) > 0:
            raise ValueError(f"dataset.std={list(std)} must be positive: give other values, or dataset.scaling=unit")
        offset = [255.0 * value for value in mean] if scaling == "standardized" else [0.0] * channels
        factor = {
            "standardized": [1 / (255.0 * value) if value else 0.0 for value in std],
            "unit": [1 / 255] * channels,
            "raw": [1.0] * channels,
        }[scaling]
        # (H, W, C), repeated over the positions: arithmetic on three channels at a time would be several times slower.
        self.offset = torch.tensor(offset, dtype=torch.float32, device=device).repeat(height, width, 1)
        self.factor = torch.tensor(factor, dtype=torch.float32, device=device).repeat(height, width, 1)

    def __call__(self, pixels: Tensor) -> Tensor:
        """float32 (B, H, W, C) of uint8."""
        return pixels.to(torch.float32).sub_(self.offset).mul_(self.factor)
