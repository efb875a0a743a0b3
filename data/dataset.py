"""What a dataset is once it is decoded: uint8 images and labels in the official order, with their statistics."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from data.content import content_digest
from data.verification import Verification


class Images(Protocol):
    """The images of one split, in the official order. labels: uint8 or int64 (N,)."""

    @property
    def labels(self) -> np.ndarray: ...

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W), the shape of one image as a network sees it."""

    def __len__(self) -> int: ...

    def image(self, index: int) -> np.ndarray:
        """One image as evaluation sees it, uint8 (H, W, C)."""

    def take(self, indices: np.ndarray) -> Self:
        """The images at `indices` (int64 (M,)), in that order."""


@dataclass(frozen=True)
class Split:
    """Images of one split, usually memory-mapped, in the official order.

    images: uint8 (N, H, W, C); labels: uint8 or int64 (N,).
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        assert self.images.ndim == 4, self.images.shape
        assert self.images.dtype == np.uint8, self.images.dtype
        assert self.labels.shape == self.images.shape[:1], (self.labels.shape, self.images.shape)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """As `Images.image_shape`."""
        _, height, width, channels = self.images.shape
        return channels, height, width

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, index: int) -> np.ndarray:
        """As `Images.image`."""
        return self.images[index]

    def take(self, indices: np.ndarray) -> "Split":
        """The images at `indices` (int64 (M,)), copied, in that order."""
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Dataset:
    """A named dataset: its splits, its classes and the statistics of the whole official training set.

    mean, std: per channel over all pixels of all official training images, scaled to [0, 1] (population standard
    deviation, not an average of per-image ones); they do not change when a subset is selected.
    digests: sha256 of the whole official splits, as "train_images", "train_labels", "test_images", "test_labels".
    codes: whether the values are codes (of characters) rather than intensities: then they must stay as they are.
    verification: of splits that are too large to be compared with their digests before they are used.
    """

    name: str
    classes: tuple[str, ...]
    train: Images
    test: Images
    validation: Images | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    digests: dict[str, str]
    codes: bool = False
    verification: Verification | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W), the shape of one image as a network sees it."""
        return self.train.image_shape

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    def require_whole(self) -> None:
        """Wait until everything has been compared with its digests. Raises DamagedData where it differs."""
        if self.verification is not None:
            self.verification.require()


def split_digests(train: Split, test: Split) -> dict[str, str]:
    """What `Dataset.digests` holds, of the whole official splits."""
    return {
        "train_images": content_digest(train.images),
        "train_labels": content_digest(train.labels),
        "test_images": content_digest(test.images),
        "test_labels": content_digest(test.labels),
    }


def channel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and population standard deviation per channel of uint8 (N, H, W, C) images, scaled to [0, 1]."""
    return statistics_of(value_counts(images))


def value_counts(images: np.ndarray) -> np.ndarray:
    """How often each of the 256 values occurs in each channel of uint8 (N, H, W, C) images: int64 (C, 256)."""
    channels = range(images.shape[-1])
    return np.stack([np.bincount(images[..., channel].ravel(), minlength=256) for channel in channels])


def statistics_of(counts: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """`channel_statistics` of the images whose values are counted so, int64 (C, 256).

    The sums are exact integers, so that no float64 rounding depends on the order of summation.
    """
    values = np.arange(256, dtype=np.int64)
    means, deviations = [], []
    for count in counts:
        total, first, second = int(count.sum()), int(count @ values), int(count @ values**2)
        means.append(first / total / 255)
        # n * sum(x^2) - sum(x)^2 in Python's integers: no cancellation.
        deviations.append((total * second - first * first) ** 0.5 / total / 255)
    return tuple(means), tuple(deviations)
