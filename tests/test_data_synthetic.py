"""Images made from a seed: any size, fixed, learnable where they should be and only there."""

import numpy as np
import pytest

from data.synthetic import synthetic

SETTINGS = {
    "kind": "classes",
    "num_train": 600,
    "num_test": 300,
    "num_classes": 4,
    "channels": 3,
    "image_size": 8,
    "data_seed": 0,
}


def made(tmp_path, **settings):
    return synthetic(tmp_path, **SETTINGS | settings)


@pytest.mark.parametrize(("channels", "image_size", "num_classes"), [(1, 1, 2), (3, 32, 10), (5, 17, 300)])
@pytest.mark.parametrize("kind", ["noise", "classes"])
def test_any_size_is_made(tmp_path, kind, channels, image_size, num_classes):
    dataset = made(tmp_path, kind=kind, channels=channels, image_size=image_size, num_classes=num_classes, num_train=7)
    assert dataset.image_shape == (channels, image_size, image_size)
    assert dataset.num_classes == num_classes
    assert (len(dataset.train), len(dataset.test)) == (7, 300)
    assert dataset.test.labels.max() < num_classes
    if num_classes == 300:
        assert dataset.test.labels.max() > 255  # more classes than a byte holds
    assert not list(tmp_path.iterdir())


def test_same_settings_same_images_and_another_seed_others(tmp_path):
    first, again, other = made(tmp_path), made(tmp_path), made(tmp_path, data_seed=1)
    np.testing.assert_array_equal(first.train.images, again.train.images)
    assert first.digests == again.digests
    assert len({first.digests["train_images"], other.digests["train_images"], first.digests["test_images"]}) == 3


def nearest_mean_accuracy(dataset) -> float:
    """Test accuracy of the classifier that knows each class's mean training image."""
    train, test = (s.images.reshape(len(s), -1).astype(np.float64) for s in (dataset.train, dataset.test))
    means = np.stack([train[dataset.train.labels == label].mean(axis=0) for label in range(dataset.num_classes)])
    distances = ((test[:, None] - means) ** 2).sum(axis=2)
    return float((distances.argmin(axis=1) == dataset.test.labels).mean())


def test_classes_can_be_learned_and_noise_cannot(tmp_path):
    assert nearest_mean_accuracy(made(tmp_path)) > 0.95
    assert abs(nearest_mean_accuracy(made(tmp_path, kind="noise")) - 0.25) < 0.1  # four standard deviations


def test_noise_is_gaussian_about_the_middle(tmp_path):
    images = made(tmp_path, kind="noise").train.images.astype(np.float64)
    assert abs(images.mean() - 127.5) < 0.5
    assert abs(images.std() - 45) < 0.5


@pytest.mark.parametrize("key", ["num_train", "num_test", "num_classes", "channels", "image_size"])
def test_sizes_that_are_not_positive_are_refused(tmp_path, key):
    with pytest.raises(ValueError, match=f"dataset.{key}=0 is not positive"):
        made(tmp_path, **{key: 0})


def test_other_mistakes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"dataset\.kind=stripes"):
        made(tmp_path, kind="stripes")
    with pytest.raises(ValueError, match=r"dataset\.data_seed=-1"):
        made(tmp_path, data_seed=-1)
