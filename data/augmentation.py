"""Random crops, flips, rotations and scalings: what is drawn, from (seed, epoch, image index) alone."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

# One stream of random words per kind of draw, so that switching one on leaves the others as they were.
ORDER, ROWS, COLUMNS, HORIZONTAL, VERTICAL, ROTATION, SCALING, RESIZED_CROP = range(8)


def random_words(seed: int, epoch: int, stream: int, num_images: int) -> np.ndarray:
    """uint64 (num_images,), one word an image, a function of the arguments alone.

    Raw words of the bit generator, because NumPy promises that these stay the same between its versions, which it
    does not promise of the distributions made from them.
    """
    return np.random.PCG64(np.random.SeedSequence((seed, epoch, stream))).random_raw(num_images)


def random_uniform(seed: int, epoch: int, stream: int, num_images: int) -> np.ndarray:
    """float64 (num_images,) in [-1, 1), from the upper 53 bits of each word."""
    return (random_words(seed, epoch, stream, num_images) >> np.uint64(11)) * 2.0**-52 - 1.0


@dataclass(frozen=True)
class Draws:
    """The draws of one epoch, one entry an image of the split, or None for what is switched off.

    rows, columns: int64 (N,), the crop's shift in pixels, -padding to padding (a positive shift moves the content up
    or left); horizontal, vertical: bool (N,); rotation: float32 (N,), radians; scaling: float32 (N,), factor.
    """

    rows: Tensor | None
    columns: Tensor | None
    horizontal: Tensor | None
    vertical: Tensor | None
    rotation: Tensor | None
    scaling: Tensor | None

    def at(self, indices: Tensor) -> "Draws":
        """The draws of the images of int64 indices (B,), in their order."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Draws(**{key: None if value is None else value[indices] for key, value in values.items()})


@dataclass(frozen=True)
class Augmentation:
    """What may be drawn for a training image.

    crop_padding: pixels of padding on each side of which a crop of the image's own size is taken (He et al. 2015,
    section 4.2, uses 4 on CIFAR); horizontal_flip, vertical_flip: with probability one half; rotation: degrees,
    uniform in plus or minus; scaling: fraction, the factor is uniform in 1 plus or minus. Raises ValueError for
    values out of range.
    """

    crop_padding: int
    horizontal_flip: bool
    vertical_flip: bool
    rotation: float
    scaling: float

    def __post_init__(self) -> None:
        if self.crop_padding < 0:
            raise ValueError(f"crop_padding={self.crop_padding} is negative: give pixels of padding, or 0 for no crop")
        if not 0 <= self.rotation <= 180:
            raise ValueError(f"rotation={self.rotation} is not in [0, 180] degrees: 0 switches it off")
        if not 0 <= self.scaling < 1:
            raise ValueError(f"scaling={self.scaling} is not a fraction in [0, 1): 0 switches it off")

    @classmethod
    def none(cls) -> "Augmentation":
        """Nothing is drawn: training sees the images as they are."""
        return cls(crop_padding=0, horizontal_flip=False, vertical_flip=False, rotation=0.0, scaling=0.0)

    def draw(self, seed: int, epoch: int, num_images: int, device: torch.device) -> Draws | None:
        """The whole epoch's draws, made on the CPU and moved to `device`; None if everything is switched off."""
        if self == Augmentation.none():
            return None

        def shift(stream: int) -> Tensor | None:
            words = random_words(seed, epoch, stream, num_images) % np.uint64(2 * self.crop_padding + 1)
            return (
                torch.from_numpy(words.astype(np.int64) - self.crop_padding).to(device) if self.crop_padding else None
            )

        def coin(stream: int, wanted: bool) -> Tensor | None:
            words = random_words(seed, epoch, stream, num_images) >> np.uint64(63)
            return torch.from_numpy(words.astype(np.bool_)).to(device) if wanted else None

        def uniform(stream: int, centre: float, width: float) -> Tensor | None:
            values = centre + width * random_uniform(seed, epoch, stream, num_images)
            return torch.from_numpy(values.astype(np.float32)).to(device) if width else None

        return Draws(
            rows=shift(ROWS),
            columns=shift(COLUMNS),
            horizontal=coin(HORIZONTAL, self.horizontal_flip),
            vertical=coin(VERTICAL, self.vertical_flip),
            rotation=uniform(ROTATION, 0.0, float(np.deg2rad(self.rotation))),
            scaling=uniform(SCALING, 1.0, self.scaling),
        )
