"""Which part of a decoded image a network sees: a random one in training, the middle in evaluation.

Training, by the recipe of Szegedy et al. 2015 (Inception, arXiv 1409.4842, §6) as torchvision has it: a box whose area
is uniform in a range of shares of the image's and whose aspect ratio is log-uniform from 3/4 to 4/3, tried ten times
until it lies inside, else the largest box of the nearest of these ratios in the middle; turned over left to right with
probability one half.

Evaluation (He et al. 2015, arXiv 1512.03385, §3.4, one crop): the shorter side to `resize` pixels, then the middle
`size` × `size`.

A box is a function of (seed, epoch, image) and of the image's height and width alone: whichever process decodes an
image, and whatever came before it, sees the same.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from data.augmentation import RESIZED_CROP, Augmentation

TRIES = 10
RATIOS = (3 / 4, 4 / 3)  # width over height


class Box(NamedTuple):
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class ViewAugmentation:
    """What may be drawn for a training image that is decoded from a file.

    resized_crop: the range of the box's share of the image's area, or None for the view of evaluation;
    horizontal_flip: with probability one half. Raises ValueError for a range that is none.
    """

    resized_crop: tuple[float, float] | None
    horizontal_flip: bool

    def __post_init__(self) -> None:
        if self.resized_crop is None:
            return
        if len(self.resized_crop) != 2 or not 0 < self.resized_crop[0] <= self.resized_crop[1] <= 1:
            raise ValueError(
                f"resized_crop={list(self.resized_crop)} is no range of shares of the image's area: give two numbers "
                "in (0, 1], the smaller first, such as [0.08, 1], or null for the middle"
            )

    @classmethod
    def none(cls) -> "ViewAugmentation":
        """Nothing is drawn: training sees what evaluation sees."""
        return cls(resized_crop=None, horizontal_flip=False)

    def draw(self, seed: int, epoch: int, num_images: int, device: torch.device) -> "Views | None":
        """What an epoch's images are seen through; None where nothing is drawn."""
        return Views(self, seed, epoch) if self.resized_crop is not None or self.horizontal_flip else None


AnyAugmentation = Augmentation | ViewAugmentation


@dataclass(frozen=True)
class Views:
    """The draws of one epoch, made image by image where it is decoded."""

    augmentation: ViewAugmentation
    seed: int
    epoch: int

    def of(self, index: int, height: int, width: int) -> tuple[Box | None, bool]:
        """The box (None: the view of evaluation) and the flip of the image number `index`, of these pixels."""
        # Words of the bit generator, which NumPy promises to keep: four a try, and one for the flip.
        stream = np.random.SeedSequence((self.seed, self.epoch, RESIZED_CROP, index))
        uniform = (np.random.PCG64(stream).random_raw(4 * TRIES + 1) >> np.uint64(11)) * 2.0**-53  # in [0, 1)
        flip = self.augmentation.horizontal_flip and uniform[-1] < 0.5
        if self.augmentation.resized_crop is None:
            return None, flip
        return random_box(uniform[:-1].reshape(TRIES, 4), height, width, self.augmentation.resized_crop), flip


def random_box(uniform: np.ndarray, height: int, width: int, areas: tuple[float, float]) -> Box:
    """The first of the boxes that `uniform`, float64 (tries, 4) in [0, 1), names (area, ratio, place) and that fits."""
    for area, ratio, down, across in uniform:
        pixels = height * width * (areas[0] + (areas[1] - areas[0]) * area)
        aspect = math.exp(math.log(RATIOS[0]) + math.log(RATIOS[1] / RATIOS[0]) * ratio)
        box_width, box_height = round(math.sqrt(pixels * aspect)), round(math.sqrt(pixels / aspect))
        if 0 < box_width <= width and 0 < box_height <= height:
            top, left = int(down * (height - box_height + 1)), int(across * (width - box_width + 1))
            return Box(top, left, box_height, box_width)
    aspect = min(max(width / height, RATIOS[0]), RATIOS[1])
    return middle(height, width, min(height, round(width / aspect)), min(width, round(height * aspect)))


def middle(height: int, width: int, box_height: int, box_width: int) -> Box:
    """A box of that size around the middle."""
    return Box(round((height - box_height) / 2), round((width - box_width) / 2), box_height, box_width)


def resized(height: int, width: int, shorter: int) -> tuple[int, int]:
    """Height and width once the shorter side has `shorter` pixels, the longer one rounded down."""
    if height < width:
        return shorter, int(shorter * width / height)
    return int(shorter * height / width), shorter
