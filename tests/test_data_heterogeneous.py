"""Vectors whose scales differ between samples or between features: by as much as asked, and found by the right norm."""

import numpy as np
import pytest

from data.content import content_digest
from data.heterogeneous import CENTRE, SPREAD, heterogeneous
from experiments.command_line import plan
from experiments.job import perform

SETTINGS = {
    "differ": "samples",
    "ratio": 16.0,
    "noise": 1.0,
    "num_train": 800,
    "num_test": 300,
    "num_classes": 5,
    "features": 40,
    "data_seed": 0,
}


def vectors(**settings):
    return heterogeneous("unused", **SETTINGS | settings)


def values(split) -> np.ndarray:
    """(N, features), as they were before they were stored."""
    return (split.images[:, 0, 0].astype(np.float64) - CENTRE) / SPREAD


def spans(scales: np.ndarray, ratio: float, error: float) -> None:
    """Measured scales are log-uniform from 1/ratio to 1: their ends, their mean and their spread."""
    logs = np.log(scales)
    assert logs.min() == pytest.approx(-np.log(ratio), abs=error)
    assert logs.max() == pytest.approx(0, abs=error)
    assert logs.mean() == pytest.approx(-np.log(ratio) / 2, abs=error)
    assert logs.std() == pytest.approx(np.log(ratio) / np.sqrt(12), abs=error)


def test_samples_differ_in_scale_and_features_do_not():
    x = values(vectors(features=400).train)
    spans(np.sqrt((x**2).mean(axis=1)), 16, error=0.25)
    features = np.sqrt((x**2).mean(axis=0))
    assert features.max() / features.min() < 3


def test_features_differ_in_scale_and_samples_do_not():
    x = values(vectors(differ="features", features=400, num_classes=100).train)
    spans(np.sqrt((x**2).mean(axis=0)), 16, error=0.35)
    samples = np.sqrt((x**2).mean(axis=1))
    assert samples.max() / samples.min() < 3


def test_a_feature_keeps_its_scale_from_training_to_test():
    dataset = vectors(differ="features")
    train, test = (np.log((values(split) ** 2).mean(axis=0)) for split in (dataset.train, dataset.test))
    assert np.corrcoef(train, test)[0, 1] > 0.98


def test_without_a_ratio_the_two_kinds_are_one():
    samples, features = vectors(ratio=1.0), vectors(ratio=1.0, differ="features")
    assert samples.digests == features.digests
    assert values(samples.train).std() == pytest.approx(1, abs=0.1)


def nearest_mean_accuracy(train: np.ndarray, test: np.ndarray, dataset) -> float:
    means = np.stack([train[dataset.train.labels == label].mean(axis=0) for label in range(dataset.num_classes)])
    distances = ((test[:, None] - means) ** 2).sum(axis=2)
    return float((distances.argmin(axis=1) == dataset.test.labels).mean())


def accuracy_after(dataset, axis: int) -> float:
    """Of the nearest mean, with every sample (axis 1) or every feature (axis 0) brought to one scale."""
    train, test = values(dataset.train), values(dataset.test)
    if axis == 1:
        return nearest_mean_accuracy(*(x / x.std(axis=1, keepdims=True) for x in (train, test)), dataset)
    return nearest_mean_accuracy(train / train.std(axis=0), test / train.std(axis=0), dataset)


@pytest.mark.parametrize(("differ", "own", "other"), [("samples", 1, 0), ("features", 0, 1)])
def test_the_norm_over_the_other_axis_helps_less(differ, own, other):
    dataset = vectors(differ=differ, noise=2.5, num_classes=10)
    assert accuracy_after(dataset, own) > accuracy_after(dataset, other) + 0.05


def test_the_standard_deviation_is_one_for_all_features():
    dataset = vectors(differ="features")
    pixels = dataset.train.images / 255
    assert dataset.image_shape == (40, 1, 1)
    assert dataset.mean == pytest.approx((pixels.mean(),) * 40, rel=1e-9)
    assert dataset.std == pytest.approx((pixels.std(),) * 40, rel=1e-9)


def test_same_settings_same_vectors_and_another_seed_others():
    first, again, other = vectors(), vectors(), vectors(data_seed=1)
    assert first.digests == again.digests
    assert first.digests["test_labels"] == content_digest(first.test.labels)
    assert len({first.digests["train_images"], other.digests["train_images"], first.digests["test_images"]}) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"differ": "both"}, r"dataset\.differ=both is unknown: give samples or features"),
        ({"ratio": 0.5}, r"dataset\.ratio=0\.5 is not between 1 and 32"),
        ({"ratio": 33.0}, r"dataset\.ratio=33\.0"),
        ({"noise": -1.0}, r"dataset\.noise=-1\.0"),
        ({"noise": float("nan")}, r"dataset\.noise=nan"),
        ({"noise": 1e308}, r"dataset\.noise=1e\+308"),
        ({"data_seed": -1}, r"dataset\.data_seed=-1"),
        *(({key: 0}, f"dataset.{key}=0 is not positive") for key in ("num_train", "num_test", "num_classes")),
        ({"features": 0}, r"dataset\.features=0 is not positive"),
    ],
)
def test_mistakes_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        vectors(**settings)


def test_ln_wins_where_samples_differ_and_bn_where_features_do(tmp_path):
    words = ("dataset=heterogeneous", "dataset.num_train=2000", "dataset.num_test=500", "batch_size=32", "epochs=5")
    words += ("model=mlp", "model.input_norm=true", "recipe=documents", "device=cpu", f"paths.outputs={tmp_path}")
    accuracy = {
        (differ, norm): perform(plan((*words, f"dataset.differ={differ}", f"norm={norm}")).jobs[0].config)["final"]
        for differ in ("samples", "features")
        for norm in ("bn", "ln")
    }
    gains = {
        differ: accuracy[differ, "bn"]["test_accuracy"] - accuracy[differ, "ln"]["test_accuracy"]
        for differ in ("samples", "features")
    }
    assert gains["samples"] < -0.02
    assert gains["features"] > 0.05
