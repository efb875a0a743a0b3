"""Order and augmentation of training images, as functions of (seed, epoch), a batch at a time on the device."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from data.augmentation import ORDER, Draws, random_words
from data.dataset import Split

SCALINGS = ("standardized", "unit", "raw")


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
        # Read once here rather than page by page in training. A row of pixels stands before the first image and one
        # after the last: a crop reads a row's bytes from wherever it begins, and masks what is not its own.
        row = width * channels
        stored = np.zeros(split.images.size + 2 * row, dtype=np.uint8)
        stored[row:-row] = split.images.reshape(-1)
        self._stored = torch.from_numpy(stored).to(device)
        self.images = self._stored[row:-row].view(split.images.shape)
        self._rows_from = self._stored.as_strided((stored.size - row + 1, row), (1, 1))  # the row from any byte on
        self.labels = torch.from_numpy(np.array(split.labels, dtype=np.int64)).to(device)
        offset = [255.0 * value for value in mean] if scaling == "standardized" else [0.0] * channels
        factor = {
            "standardized": [1 / (255.0 * value) if value else 0.0 for value in std],
            "unit": [1 / 255] * channels,
            "raw": [1.0] * channels,
        }[scaling]
        # (H, W, C), repeated over the positions: arithmetic on three channels at a time would be several times slower.
        self.offset = torch.tensor(offset, dtype=torch.float32, device=device).repeat(height, width, 1)
        self.factor = torch.tensor(factor, dtype=torch.float32, device=device).repeat(height, width, 1)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: Tensor, draws: Draws | None) -> tuple[Tensor, Tensor]:
        """Images float32 (B, C, H, W), with channels_last strides, and labels int64 (B,), of int64 indices (B,).

        Crops reach into padding that is zero after scaling: the mean colour when standardized (He et al. 2015,
        section 4.2), black otherwise.
        """
        indices = indices.to(self.images.device)
        if draws is None or all(d is None for d in (draws.rows, draws.horizontal, draws.vertical)):
            x = self._scaled(self.images[indices])
        else:
            x = self._cropped_and_flipped(indices, draws)
        x = x.permute(0, 3, 1, 2)  # (B, C, H, W), channels last in memory
        if draws is not None and (draws.rotation is not None or draws.scaling is not None):
            x = rotated_and_scaled(x, _at(draws.rotation, indices), _at(draws.scaling, indices))
        return x, self.labels[indices]

    def scaled(self, pixels: Tensor) -> Tensor:
        """Other images, uint8 (B, H, W, C) of this split's size, as `batch` gives its own: float32 (B, C, H, W)."""
        return self._scaled(pixels).permute(0, 3, 1, 2)

    def _scaled(self, pixels: Tensor) -> Tensor:
        """float32 (B, H, W, C) of uint8."""
        return pixels.to(torch.float32).sub_(self.offset).mul_(self.factor)

    def _cropped_and_flipped(self, indices: Tensor, draws: Draws) -> Tensor:
        """Shifted, flipped and scaled pixels, float32 (B, H, W, C), zero where the padding begins.

        A row of the output is a run of bytes of one row of the image, begun earlier or later by the shift: whole rows
        are fetched, which is several times faster than pixel by pixel, then turned round where flipped.
        """
        channels, height, width = self.image_shape
        shift, flip = _at(draws.columns, indices), _at(draws.horizontal, indices)
        rows, rows_inside = _source_positions(height, _at(draws.rows, indices), _at(draws.vertical, indices), indices)
        first = (indices[:, None] * height + rows) * width  # (B, H), the pixel with which the row begins
        if shift is not None:
            first = first + shift.clamp(-width, width)[:, None]
        # One row further on, because of the row before the first image.
        fetched = self._rows_from.index_select(0, ((first + width) * channels).view(-1))
        pixels = fetched.view(len(indices), height, width, channels)
        if flip is not None:
            pixels = torch.where(flip[:, None, None, None], pixels.flip(2), pixels)
        x = self._scaled(pixels)
        if draws.rows is not None:
            _, columns_inside = _source_positions(width, shift, flip, indices)
            by_row = x.view(len(indices), height, width * channels)
            by_row.mul_(rows_inside.to(torch.float32)[:, :, None])
            values_inside = columns_inside[:, :, None].expand(-1, -1, channels).reshape(len(indices), 1, -1)
            by_row.mul_(values_inside.to(torch.float32))
        return x


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


def training_indices(
    num_images: int, *, batch_size: int, seed: int, epoch: int, device: torch.device, start: int = 0
) -> Iterator[Tensor]:
    """The images of the epoch's full batches, int64 (B,), from batch number `start` on; the partial one is left out.

    What is left out changes with the order, each epoch. Raises ValueError where not one batch can be filled.
    """
    if not 1 <= batch_size <= num_images:
        raise ValueError(f"batch_size={batch_size} is not between 1 and {num_images}, the training images there are")
    # The order goes to the device once an epoch, so that no batch waits for a transfer.
    order = epoch_order(seed, epoch, num_images).to(device)
    for number in range(start, num_images // batch_size):
        yield order[number * batch_size : (number + 1) * batch_size]


def evaluation_batches(images: DeviceImages, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Every image exactly once, unaugmented and in the official order; the last batch may be smaller."""
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} is not positive: give the images of one evaluation batch")
    for indices in torch.arange(len(images), device=images.images.device).split(batch_size):
        yield images.batch(indices, None)
