"""Vectors made from a seed whose scales differ: from one sample to the next, or from one feature to the next.

    x = s · (m_y + d · e) / √(1 + d²),   m_y the class's own vector and e noise, both standard normal, d = `noise`

with s of each sample (`differ: samples`) or of each feature, the same in all samples (`differ: features`), log-uniform
from 1/ratio to 1. Every s carries the same information about the class. A norm over the features of a sample takes the
first kind of scale away and a norm over the batch the second, where they stand on the input (model.input_norm=true).
"""

import math
from pathlib import Path
from typing import Literal

import numpy as np

from data.dataset import Dataset, Split, split_digests
from data.made_sizes import check_sizes

CENTRE, SPREAD = 127.5, 42.5  # grey levels: the largest scale's standard deviation, so that 0.3 % of it are clipped
LARGEST_RATIO = 32.0  # where 8 bits leave the smallest scale 1.3 grey levels to its standard deviation


def heterogeneous(
    root: Path,
    *,
    differ: Literal["samples", "features"],
    ratio: float,
    noise: float,
    num_train: int,
    num_test: int,
    num_classes: int,
    features: int,
    data_seed: int,
) -> Dataset:
    """Made in memory; `root` is not used. Images are (1, 1, features): a feature is a channel, which bn sees apart.

    ratio: the largest scale divided by the smallest, from 1 (no difference) to 32, which 8 bits can hold: the
    rounding then is a fifth of the smallest scale's standard deviation, and less everywhere else. noise: the noise's
    standard deviation in that of the class vectors. Same settings, same images (under one NumPy version).

    The dataset's mean and standard deviation are those of all features together and the same for each, so that
    dataset.scaling=standardized does not take the difference away before a norm can.

    Raises ValueError for sizes that are not positive, for a ratio or a noise out of range.
    """
    if differ not in ("samples", "features"):
        raise ValueError(f"dataset.differ={differ} is unknown: give samples or features")
    if not 1 <= ratio <= LARGEST_RATIO:
        raise ValueError(f"dataset.ratio={ratio} is not between 1 and {LARGEST_RATIO:g}, which 8 bits can hold")
    if not 0 <= noise < 1e150:
        raise ValueError(f"dataset.noise={noise} is no standard deviation: give 0 or more, and less than 1e150")
    check_sizes(num_train=num_train, num_test=num_test, num_classes=num_classes, features=features)
    if data_seed < 0:
        raise ValueError(f"dataset.data_seed={data_seed} is negative: give 0 or more")
    generator = _generator(data_seed, 0)
    vectors = generator.standard_normal((num_classes, features))
    by_feature = _scales(generator, features, ratio) if differ == "features" else None
    splits = {}
    for stream, (name, size) in enumerate((("train", num_train), ("test", num_test)), start=1):
        generator = _generator(data_seed, stream)
        labels = generator.integers(num_classes, size=size)  # int64
        values = (vectors[labels] + noise * generator.standard_normal((size, features))) / math.sqrt(1 + noise**2)
        values *= _scales(generator, size, ratio)[:, None] if by_feature is None else by_feature
        stored = np.clip(np.rint(CENTRE + SPREAD * values), 0, 255).astype(np.uint8)
        splits[name] = Split(stored.reshape(size, 1, 1, features), labels)
    pixels = splits["train"].images
    return Dataset(
        name="heterogeneous",
        classes=tuple(str(label) for label in range(num_classes)),
        train=splits["train"],
        test=splits["test"],
        validation=None,
        mean=(float(pixels.mean(dtype=np.float64)) / 255,) * features,
        std=(float(pixels.std(dtype=np.float64)) / 255,) * features,
        digests=split_digests(splits["train"], splits["test"]),
    )


def _generator(data_seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence((data_seed, stream)))


def _scales(generator: np.random.Generator, count: int, ratio: float) -> np.ndarray:
    """float64 (count,), log-uniform from 1/ratio to 1."""
    return ratio ** -generator.random(count)
