"""Images made from a seed, of any size: noise with random labels, or classes that can be learned."""

from pathlib import Path
from typing import Literal

import numpy as np

from data.dataset import Dataset, Split, channel_statistics, split_digests
from data.made_sizes import check_sizes

CENTRE, SPREAD = 127.5, 45.0  # grey levels; beyond 2.8 spreads the values are clipped, 0.5 % of them
TEMPLATE_CELLS = 4  # random values along each side of a class's template, between which it is smooth
CHUNK = 1024  # images made at once, so that memory stays small


def synthetic(
    root: Path,
    *,
    kind: Literal["noise", "classes"],
    num_train: int,
    num_test: int,
    num_classes: int,
    channels: int,
    image_size: int,
    data_seed: int,
) -> Dataset:
    """Made in memory; `root` is not used.

    kind: `noise` is Gaussian pixels with labels drawn independently of them, which only memory can learn; `classes`
    adds to half of that noise a smooth template of the image's class, which generalizes. Same settings, same images
    (under one NumPy version). Raises ValueError for sizes that are not positive.
    """
    if kind not in ("noise", "classes"):
        raise ValueError(f"dataset.kind={kind} is unknown: give noise or classes")
    check_sizes(
        num_train=num_train, num_test=num_test, num_classes=num_classes, channels=channels, image_size=image_size
    )
    if data_seed < 0:
        raise ValueError(f"dataset.data_seed={data_seed} is negative: give 0 or more")
    templates = None
    if kind == "classes":
        generator = np.random.default_rng(np.random.SeedSequence((data_seed, 0)))
        templates = _templates(generator, num_classes, channels, image_size)
    shape = (image_size, image_size, channels)
    train, test = (
        _split(np.random.default_rng(np.random.SeedSequence((data_seed, stream))), size, shape, num_classes, templates)
        for stream, size in ((1, num_train), (2, num_test))
    )
    mean, std = channel_statistics(train.images)
    return Dataset(
        name="synthetic",
        classes=tuple(str(label) for label in range(num_classes)),
        train=train,
        test=test,
        validation=None,
        mean=mean,
        std=std,
        digests=split_digests(train, test),
    )


def _templates(generator: np.random.Generator, num_classes: int, channels: int, image_size: int) -> np.ndarray:
    """float32 (classes, H, W, C): bilinear interpolation between standard normal values on a coarse grid."""
    cells = generator.standard_normal((num_classes, TEMPLATE_CELLS, TEMPLATE_CELLS, channels), dtype=np.float32)
    positions = np.linspace(0, TEMPLATE_CELLS - 1, image_size)
    # Column c holds the weight of cell c at each pixel: (image_size, cells).
    weights = np.maximum(0, 1 - np.abs(positions[:, None] - np.arange(TEMPLATE_CELLS))).astype(np.float32)
    return np.einsum("hi,wj,kijc->khwc", weights, weights, cells)


def _split(
    generator: np.random.Generator,
    size: int,
    shape: tuple[int, int, int],
    num_classes: int,
    templates: np.ndarray | None,
) -> Split:
    labels = generator.integers(num_classes, size=size)  # int64
    images = np.empty((size, *shape), dtype=np.uint8)
    for begin in range(0, size, CHUNK):
        values = generator.standard_normal((min(CHUNK, size - begin), *shape), dtype=np.float32)
        if templates is not None:
            values = 0.5 * values + templates[labels[begin : begin + CHUNK]]
        images[begin : begin + CHUNK] = np.clip(np.rint(CENTRE + SPREAD * values), 0, 255)
    return Split(images, labels)
