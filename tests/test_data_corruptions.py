"""Corruptions of images: each does what its name says, more of it at a higher severity, to any image."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from data.corruptions import CORRUPTIONS, SEVERITIES, corrupted


def pictures(channels: int = 3, count: int = 6, height: int = 32, width: int = 32) -> np.ndarray:
    """Smooth patterns with some detail, in the middle of the range."""
    generator = np.random.default_rng(4)
    y, x = np.mgrid[:height, :width] / max(height, width)
    phase = generator.uniform(0, 6, size=(count, 1, 1, channels))
    wave = np.sin(9 * x[..., None] + phase) + np.cos(7 * y[..., None] - phase)
    detail = generator.normal(0, 0.2, size=(count, height, width, channels))
    return np.clip(127.5 + 25 * (wave + detail), 0, 255).astype(np.uint8)


def change(name: str, images: np.ndarray, severity: int) -> float:
    """Root mean square, in grey levels."""
    difference = corrupted(name, images, severity).astype(float) - images
    return float(np.sqrt((difference**2).mean()))


@pytest.mark.parametrize("shape", [(2, 8, 8, 1), (3, 17, 23, 3), (2, 1, 1, 5), (1, 32, 32, 2)])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_any_image_keeps_its_shape_and_the_original_stays(name, shape):
    images = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    before = images.copy()
    for severity in SEVERITIES:
        found = corrupted(name, images, severity)
        assert (found.shape, found.dtype) == (shape, np.uint8)
        assert not np.shares_memory(found, images)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_changes_more(name):
    changes = [change(name, pictures(), severity) for severity in SEVERITIES]
    assert all(low < high for low, high in pairwise(changes)), changes
    assert changes[0] > 0.5


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_arguments_give_the_same_images(name):
    first, again, other = (corrupted(name, pictures(), 3, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (name != "gaussian_noise")


def test_noise_has_the_stated_deviation_and_differs_between_images_and_severities():
    images = np.full((40, 32, 32, 3), 128, dtype=np.uint8)
    noise = [corrupted("gaussian_noise", images, severity).astype(float) - 128 for severity in (1, 2)]
    assert [one.std() for one in noise] == pytest.approx([10, 20], rel=0.02)
    assert abs(noise[0].mean()) < 0.2
    assert abs(np.corrcoef(noise[0][0].ravel(), noise[0][1].ravel())[0, 1]) < 0.1
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.1


@pytest.mark.parametrize(("size", "sigma"), [(32, 1.5), (64, 3.0)])
def test_blur_is_a_gaussian_of_that_width(size, sigma):
    """The response to a line, whose profile is the kernel; twice as wide in an image of twice the size."""
    images = np.zeros((1, size, size, 1), dtype=np.uint8)
    images[:, :, size // 2] = 255
    found = corrupted("blur", images, 5)[0, size // 2, :, 0].astype(float)
    expected = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * sigma**2))
    assert found == pytest.approx(255 * expected / expected.sum(), abs=1.0)


def test_blur_mixes_neither_images_nor_channels():
    images = np.zeros((3, 16, 16, 3), dtype=np.uint8)
    images[1, :, :, 2] = np.random.default_rng(0).integers(256, size=(16, 16))
    found = corrupted("blur", images, 5)
    assert found[1, :, :, 2].any()
    found[1, :, :, 2] = 0
    assert not found.any()


def test_contrast_and_brightness_by_hand():
    image = np.array([[[[90], [150]], [[110], [170]]]], dtype=np.uint8)  # mean 130
    assert corrupted("contrast", image, 3).ravel().tolist() == [116, 137, 123, 144]
    assert corrupted("brightness", image, 4).ravel().tolist() == [170, 230, 190, 250]
    assert corrupted("brightness", image, 5).ravel().tolist() == [190, 250, 210, 255]


def test_pixels_are_means_of_squares():
    """Severity 3 halves the side: squares of 2x2, wherever the side is even."""
    image = pictures(count=2, height=6, width=8)
    found = corrupted("pixelate", image, 3)
    means = image.reshape(2, 3, 2, 4, 2, 3).mean(axis=(2, 4))
    np.testing.assert_array_equal(found[:, ::2, ::2], np.rint(means).astype(np.uint8))
    np.testing.assert_array_equal(found[:, 1::2, 1::2], found[:, ::2, ::2])


def test_jpeg_is_pillows_and_channels_other_than_three_are_grey_images():
    images = pictures(channels=5, count=2)
    colour = corrupted("jpeg", images[..., :3], 2)
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(images[1, :, :, :3])).save(stream, "JPEG", quality=40)
    np.testing.assert_array_equal(colour[1], np.asarray(Image.open(stream)))
    np.testing.assert_array_equal(corrupted("jpeg", images, 2)[..., 3:4], corrupted("jpeg", images[..., 3:4], 2))


def test_mistakes_are_refused():
    with pytest.raises(ValueError, match="the corruption fog is unknown: choose one of gaussian_noise, blur"):
        corrupted("fog", pictures(), 1)
    for severity in (0, 6):
        with pytest.raises(ValueError, match=f"severity {severity} is unknown"):
            corrupted("blur", pictures(), severity)
