"""Fixed, class-balanced, nested subsets and a stratified validation split, the same for every run's seed."""

import dataclasses

import numpy as np

from data.dataset import Dataset, Images

# The subset's own seed: which images a subset holds must not depend on the seed of the run that uses it.
SUBSET_SEED = 20150211


def shuffled(num_images: int, stream: int) -> np.ndarray:
    """A fixed permutation, int64 (num_images,); sorting raw 64-bit words keeps it the same under every NumPy."""
    words = np.random.PCG64(np.random.SeedSequence((SUBSET_SEED, stream))).random_raw(num_images)
    return np.argsort(words, kind="stable")


def balanced_order(labels: np.ndarray, stream: int) -> np.ndarray:
    """All indices, int64 (N,), such that every prefix is class-balanced.

    Each class is shuffled and the classes are dealt in turn; a class that runs out is passed over. The first n of the
    order are thus the first n of every larger prefix (nested), with class counts that differ by at most one for as
    long as no class has run out.
    """
    order = shuffled(len(labels), stream)
    by_class = order[np.argsort(labels[order], kind="stable")]  # class by class, each in the shuffled order
    sizes = np.unique(labels, return_counts=True)[1]
    turn = np.concatenate([np.arange(size) for size in sizes])  # the round in which an index is dealt
    return by_class[np.argsort(turn, kind="stable")]


def hold_out(labels: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Sorted int64 indices (kept, held out): of each class the nearest whole number of images to `fraction`."""
    order = shuffled(len(labels), stream=2)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        held_out[members[: round(fraction * len(members))]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def first_of(split: Images, size: int | None, key: str, stream: int) -> Images:
    """The first `size` images of the split's balanced order; None keeps the split as it is."""
    if size is None:
        return split
    if not 1 <= size <= len(split):
        raise ValueError(
            f"dataset.{key}={size} is not between 1 and {len(split)}, the images there are: give one of these, "
            f"or null for all"
        )
    return split.take(balanced_order(split.labels, stream)[:size])


def select(dataset: Dataset, *, train_size: int | None, test_size: int | None, validation: float) -> Dataset:
    """Hold out `validation` of the official training images, then take subsets of what is left.

    train_size, test_size: the first so many of a fixed, class-balanced, nested order (None: all of them in the
    official order). validation: a fraction in [0, 1), taken per class; the held-out images are the same whatever
    train_size is, and train_size counts from the others. Raises ValueError for sizes and fractions out of range.
    """
    train, held_out = dataset.train, None
    if not 0 <= validation < 1:
        raise ValueError(
            f"dataset.validation={validation} is not in [0, 1): give the fraction of the training images to hold out, "
            f"such as 0.1, or 0 for none"
        )
    if validation > 0:
        kept_indices, held_out_indices = hold_out(train.labels, validation)
        if not len(held_out_indices) or not len(kept_indices):
            raise ValueError(
                f"dataset.validation={validation} of {len(train)} training images in {dataset.num_classes} classes "
                f"leaves one side empty: give a fraction nearer to one half, or 0 for none"
            )
        train, held_out = train.take(kept_indices), train.take(held_out_indices)
    return dataclasses.replace(
        dataset,
        train=first_of(train, train_size, "train_size", stream=0),
        test=first_of(dataset.test, test_size, "test_size", stream=1),
        validation=held_out,
    )
