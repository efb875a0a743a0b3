"""Pixels on a device, and the arithmetic that crops, flips, turns and scales a batch of them there."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from data.augmentation import Draws
from data.scaling import Scaling


class StoredPixels:
    """Images uint8 (N, H, W, C) on one device. `images` is a view of them of that shape."""

    def __init__(self, images: np.ndarray, device: torch.device) -> None:
        _, _, width, channels = images.shape
        # Read once here rather than page by page in training. A row of pixels stands before the first image and one
        # after the last: a crop reads a row's bytes from wherever it begins, and masks what is not its own.
        row = width * channels
        stored = np.zeros(images.size + 2 * row, dtype=np.uint8)
        stored[row:-row] = images.reshape(-1)
        self._stored = torch.from_numpy(stored).to(device)
        self.images = self._stored[row:-row].view(images.shape)
        self._rows_from = self._stored.as_strided((stored.size - row + 1, row), (1, 1))  # the row from any byte on

    def augmented(self, places: Tensor, draws: Draws | None, scaling: Scaling) -> Tensor:
        """The images at `places`, int64 (B,), as a network sees them: float32 (B, C, H, W), channels last in memory.

        Crops reach into padding that is zero after scaling: the mean colour when standardized (He et al. 2015,
        section 4.2), black otherwise.

        Args:
            draws: those of these images, in their order.
        """
        if draws is None or all(d is None for d in (draws.rows, draws.horizontal, draws.vertical)):
            x = scaling(self.images[places])
        else:
            x = self._cropped_and_flipped(places, draws, scaling)
        x = x.permute(0, 3, 1, 2)
        if draws is not None and (draws.rotation is not None or draws.scaling is not None):
            x = rotated_and_scaled(x, draws.rotation, draws.scaling)
        return x

    def _cropped_and_flipped(self, places: Tensor, draws: Draws, scaling: Scaling) -> Tensor:
        """Shifted, flipped and scaled pixels, float32 (B, H, W, C), zero where the padding begins.

        A row of the output is a run of bytes of one row of the image, begun earlier or later by the shift: whole rows
        are fetched, which is several times faster than pixel by pixel, then turned round where flipped.
        """
        _, height, width, channels = self.images.shape
        shift, flip = draws.columns, draws.horizontal
        rows, rows_inside = _source_positions(height, draws.rows, draws.vertical, places)
        first = (places[:, None] * height + rows) * width  # (B, H), the pixel with which the row begins
        if shift is not None:
            first = first + shift.clamp(-width, width)[:, None]
        # One row further on, because of the row before the first image.
        fetched = self._rows_from.index_select(0, ((first + width) * channels).view(-1))
        pixels = fetched.view(len(places), height, width, channels)
        if flip is not None:
            pixels = torch.where(flip[:, None, None, None], pixels.flip(2), pixels)
        x = scaling(pixels)
        if draws.rows is not None:
            _, columns_inside = _source_positions(width, shift, flip, places)
            by_row = x.view(len(places), height, width * channels)
            by_row.mul_(rows_inside.to(torch.float32)[:, :, None])
            values_inside = columns_inside[:, :, None].expand(-1, -1, channels).reshape(len(places), 1, -1)
            by_row.mul_(values_inside.to(torch.float32))
        return x


def _source_positions(size: int, shift: Tensor | None, flip: Tensor | None, places: Tensor) -> tuple[Tensor, Tensor]:
    """Where each output row (or column) comes from, int64 (B, size), clamped to the image, and whether it lies in it.

    The padded image is cropped first and the crop flipped.
    """
    positions = torch.arange(size, device=places.device).expand(len(places), size)
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
