"""Subsets are balanced, nested and fixed; the validation split is stratified and disjoint."""

import numpy as np
import pytest

from data.dataset import Dataset, Split
from data.subsets import select


def dataset(sizes: tuple[int, ...] = (30, 30, 30), num_test: int = 12) -> Dataset:
    """Each training image carries its own index in its pixels."""
    mixed = np.argsort(np.arange(sum(sizes)) * 37 % 97)
    labels = np.repeat(np.arange(len(sizes)), sizes)[mixed].astype(np.uint8)
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    test = Split(
        np.arange(num_test, dtype=np.uint8).reshape(-1, 1, 1, 1), (np.arange(num_test) % len(sizes)).astype(np.uint8)
    )
    classes = tuple("abc"[: len(sizes)])
    return Dataset("some", classes, Split(images, labels), test, None, (0.5,), (0.25,), {"train_images": "x"})


def chosen(train_size=None, test_size=None, validation=0.0, of=None) -> Dataset:
    return select(of or dataset(), train_size=train_size, test_size=test_size, validation=validation)


def indices(split: Split) -> list[int]:
    return split.images.ravel().tolist()


def test_nothing_asked_for_changes_nothing():
    whole = dataset()
    assert select(whole, train_size=None, test_size=None, validation=0.0) == whole


@pytest.mark.parametrize("size", [1, 2, 3, 10, 45, 90])
def test_subsets_are_balanced_nested_and_labelled_rightly(size):
    whole = dataset()
    subset = chosen(train_size=size)
    assert len(set(indices(subset.train))) == len(subset.train) == size
    counts = np.bincount(subset.train.labels, minlength=3)
    assert counts.max() - counts.min() <= 1
    assert indices(subset.train) == indices(chosen(train_size=90).train)[:size]
    np.testing.assert_array_equal(subset.train.labels, whole.train.labels[indices(subset.train)])
    assert len(subset.test) == 12
    assert subset.mean == whole.mean  # of the whole training set still
    assert subset.digests == whole.digests


def test_subsets_are_the_same_on_every_machine_and_under_every_seed():
    np.random.seed(1)
    assert indices(chosen(train_size=8).train) == [1, 2, 58, 52, 23, 67, 9, 28]


def test_a_class_that_runs_out_is_passed_over():
    subset = chosen(train_size=40, of=dataset((4, 30, 30)))
    assert np.bincount(subset.train.labels).tolist() == [4, 18, 18]


def test_test_subsets_are_balanced_and_nested_too():
    six, twelve = chosen(test_size=6).test, chosen(test_size=12).test
    assert np.bincount(six.labels).tolist() == [2, 2, 2]
    assert indices(six) == indices(twelve)[:6]
    assert sorted(indices(twelve)) == list(range(12))


def test_validation_is_stratified_disjoint_and_whatever_the_train_size():
    whole = dataset()
    held_out = chosen(validation=0.2)
    assert np.bincount(held_out.validation.labels).tolist() == [6, 6, 6]
    assert sorted(indices(held_out.train) + indices(held_out.validation)) == list(range(90))
    np.testing.assert_array_equal(held_out.validation.labels, whole.train.labels[indices(held_out.validation)])
    assert indices(held_out.validation) == sorted(indices(held_out.validation))  # official order
    smaller = chosen(validation=0.2, train_size=9)
    assert indices(smaller.validation) == indices(held_out.validation)
    assert not set(indices(smaller.train)) & set(indices(smaller.validation))
    assert np.bincount(smaller.train.labels).tolist() == [3, 3, 3]
    assert len(chosen(validation=0.2, train_size=72).train) == 72


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train_size": 0}, "dataset.train_size=0 is not between 1 and 90"),
        ({"train_size": -5}, "dataset.train_size=-5 is not between 1 and 90"),
        ({"train_size": 91}, "dataset.train_size=91 is not between 1 and 90"),
        ({"train_size": 73, "validation": 0.2}, "dataset.train_size=73 is not between 1 and 72"),
        ({"test_size": 13}, "dataset.test_size=13 is not between 1 and 12"),
        ({"validation": 1.0}, "dataset.validation=1.0 is not in"),
        ({"validation": -0.1}, "dataset.validation=-0.1 is not in"),
        ({"validation": float("nan")}, "dataset.validation=nan is not in"),
        ({"validation": 0.001}, "leaves one side empty"),
        ({"validation": 0.999}, "leaves one side empty"),
    ],
)
def test_impossible_sizes_are_refused(settings, message):
    with pytest.raises(ValueError, match=message) as refusal:
        chosen(**settings)
    assert "\n" not in str(refusal.value)
