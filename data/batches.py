"""Order and augmentation of training images, as functions of (seed, epoch), a batch at a time on the device."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from data.augmentation import ORDER, Augmentation, Draws, random_words
from data.dataset import Split

SCALINGS = ("standardized", "unit", "raw")

__all__ = ["SCALINGS", "Augmentation", "DeviceImages", "epoch_order", "evaluation_batches", "training_batches"]


class DeviceImages:
    """One split on one device, as uint8 (N, H, W, C) and int64 (N,), cropped, flipped and scaled a batch at a time.

    scaling: `standardized` is (x / 255 - mean) / std per channel, `unit` is x / 255, `raw` is x in 0..255; mean and
    std (in [0, 1]) matter to the first alone. Raises ValueError for an unknown scaling, for means and deviations that
    do not fit the channels, and for deviations that are not positive.
    """

    def __init__(
        self, split: Split, device: torch.device, *, mean: Sequence[float], std: Sequence[float], scaling: str
    ) -> None:
        _, height, width, channels = split.images.shape
        if scaling not in SCALINGS:
            raise ValueError(f"dataset.scaling={scaling} is unknown: give one of {', '.join(SCALINGS)}")
        for key, values in (("mean", mean), ("std", std)):
            if len(values) != channels:
                raise ValueError(f"dataset.{key}={list(values)} has {len(values)} values for {channels} channels")
        if scaling == "standardized" and not min(std) > 0:
            raise ValueError(f"dataset.std={list(std)} must be positive: give other values, or dataset.scaling=unit")
        self.image_shape = (channels, height, width)
        # Copied, because a memory-mapped array is read-only, and read once here rather than page by page in training.
        self.images = torch.from_numpy(np.array(split.images)).to(device)
        self.labels = torch.from_numpy(np.array(split.labels, dtype=np.int64)).to(device)
        offset = [255.0 * value for value in mean] if scaling == "standardized" else [0.0] * channels
        factor = {
            "standardized": [1 / (255.0 * value) if value else 0.0 for value in std],
            "unit": [1 / 255] * channels,
            "raw": [1.0] * channels,
        }[scaling]
        self.offset = torch.tensor(offset, dtype=torch.float32, device=device)  # (C,)
        self.factor = torch.tensor(factor, dtype=torch.float32, device=device)  # (C,)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: Tensor, draws: Draws | None) -> tuple[Tensor, Tensor]:
        """Images float32 (B, C, H, W), with channels_last strides, and labels int64 (B,), of int64 indices (B,).

        Crops reach into padding that is zero after scaling: the mean colour when standardized (He et al. 2015,
        section 4.2), black otherwise.
        """
        indices = indices.to(self.images.device)
        if draws is None or all(d is None for d in (draws.rows, draws.horizontal, draws.vertical)):
            pixels, inside = self.images[indices], None
        else:
            pixels, inside = self._gather(indices, draws)
        x = pixels.to(torch.float32).sub_(self.offset).mul_(self.factor)  # (B, H, W, C)
        if inside is not None:
            x.mul_(inside)
        x = x.permute(0, 3, 1, 2)  # (B, C, H, W), channels last in memory
        if draws is not None and (draws.rotation is not None or draws.scaling is not None):
            x = rotated_and_scaled(x, _at(draws.rotation, indices), _at(draws.scaling, indices))
        return x, self.labels[indices]

    def _gather(self, indices: Tensor, draws: Draws) -> tuple[Tensor, Tensor | None]:
        """Shifted and flipped uint8 pixels (B, H, W, C), and float32 (B, H, W, 1), 0 where the padding begins."""
        _, height, width = self.image_shape
        rows, rows_inside = _source_positions(height, _at(draws.rows, indices), _at(draws.vertical, indices), indices)
        columns, columns_inside = _source_positions(
            width, _at(draws.columns, indices), _at(draws.horizontal, indices), indices
        )
        flat = (indices[:, None] * height + rows)[:, :, None] * width + columns[:, None, :]  # (B, H, W)
        table = self.images.view(-1, self.images.shape[-1])  # (N * H * W, C)
        pixels = table.index_select(0, flat.reshape(-1)).view(*flat.shape, -1)
        if draws.rows is None:
            return pixels, None
        return pixels, (rows_inside[:, :, None] & columns_inside[:, None, :]).unsqueeze(-1).to(torch.float32)


def _at(values: Tensor | None, indices: Tensor) -> Tensor | None:
    return None if values is None else values[indices]


def _source_positions(size: int, shift: Tensor | None, flip: Tensor | None, indices: Tensor) -> tuple[Tensor, Tensor]:
    """Where each output row (or column) comes from, int64 (B, size), clamped to the image, and whether it lies in it.

    The padded image is cropped first and the crop flipped.
    """
    positions = torch.arange(size, device=indices.device).expand(len(indices), size)
    if flip is not None:
        positions = torch.where(flip[:, None], size - 1 - positions, positions)
    if shift is not None:
        positions = positions + shift[:, None]
    clamped = positions.clamp(0, size - 1)
    return clamped, clamped == positions


def rotated_and_scaled(x: Tensor, angle: Tensor | None, factor: Tensor | None) -> Tensor:
    """Images (B, C, H, W) turned counter-clockwise by angle (B,), radians, and enlarged by factor (B,), bilinearly.

    What comes from outside of the image is zero. Works on angles in pixels, whatever the aspect ratio.
    """
    num_images, _, height, width = x.shape
    angle = torch.zeros(num_images, device=x.device) if angle is None else angle
    factor = torch.ones(num_images, device=x.device) if factor is None else factor
    cosine, sine, zero = torch.cos(angle) / factor, torch.sin(angle) / factor, torch.zeros_like(angle)
    # affine_grid's coordinates run from -1 to 1 on either axis: the off-diagonal terms carry the aspect ratio.
    top = torch.stack([cosine, -sine * (height / width), zero], dim=1)
    bottom = torch.stack([sine * (width / height), cosine, zero], dim=1)
    grid = functional.affine_grid(torch.stack([top, bottom], dim=1), list(x.shape), align_corners=False)
    out = functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return out.contiguous(memory_format=torch.channels_last)


def epoch_order(seed: int, epoch: int, num_images: int) -> Tensor:
    """A permutation, int64 (num_images,) on the CPU, a function of (seed, epoch) alone."""
    return torch.from_numpy(np.argsort(random_words(seed, epoch, ORDER, num_images), kind="stable"))


def training_batches(
    images: DeviceImages, *, batch_size: int, seed: int, epoch: int, augmentation: Augmentation, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """The epoch's full batches (x, y), from batch number `start` on; the last, partial one is left out.

    What is left out changes with the order, each epoch. Raises ValueError where not one batch can be filled.
    """
    if not 1 <= batch_size <= len(images):
        raise ValueError(f"batch_size={batch_size} is not between 1 and {len(images)}, the training images there are")
    # Order and draws go to the device once an epoch, so that no batch waits for a transfer.
    order = epoch_order(seed, epoch, len(images)).to(images.images.device)
    draws = augmentation.draw(seed, epoch, len(images), images.images.device)
    for number in range(start, len(images) // batch_size):
        yield images.batch(order[number * batch_size : (number + 1) * batch_size], draws)


def evaluation_batches(images: DeviceImages, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Every image exactly once, unaugmented and in the official order; the last batch may be smaller."""
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} is not positive: give the images of one evaluation batch")
    for indices in torch.arange(len(images), device=images.images.device).split(batch_size):
        yield images.batch(indices, None)
