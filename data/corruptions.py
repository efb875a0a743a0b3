"""Images that something happened to: six corruptions of five severities each, of our own choice.

    gaussian_noise   noise added to every value: standard deviation 10, 20, 30, 40, 50 grey levels
    blur             Gaussian, σ of 0.4, 0.6, 0.8, 1.1, 1.5 pixels in an image of 32, more in a larger one
    contrast         distances from the image's mean grey level times 0.7, 0.5, 0.35, 0.25, 0.15
    brightness       20, 40, 60, 80, 100 grey levels more
    pixelate         means over as many squares as 0.8, 0.65, 0.5, 0.4, 0.3 of the pixels a side
    jpeg             compressed with quality 60, 40, 25, 15, 8 and decompressed

Kinds as in Hendrycks & Dietterich 2019 (arXiv 1903.12261), whose benchmark has more of them and other severities: no
number here is one of theirs.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage

SEVERITIES = (1, 2, 3, 4, 5)


def corrupted(name: str, images: np.ndarray, severity: int, seed: int = 0) -> np.ndarray:
    """The images, uint8 (N, H, W, C) of any number of channels, corrupted: a new array of the same shape and type.

    Always the same for the same arguments (under one version of NumPy, and of Pillow's JPEG); the noise of an image
    depends on its place in the array. Raises ValueError for an unknown name or severity.
    """
    if name not in CORRUPTIONS:
        raise ValueError(f"the corruption {name} is unknown: choose one of {', '.join(CORRUPTIONS)}")
    if severity not in SEVERITIES:
        raise ValueError(f"severity {severity} is unknown: choose one of 1 to {len(SEVERITIES)}")
    return CORRUPTIONS[name](images, severity - 1, seed)


def gaussian_noise(images: np.ndarray, level: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(np.random.SeedSequence((seed, level)))
    noise = generator.standard_normal(images.shape, dtype=np.float32)
    return _stored(images + (10, 20, 30, 40, 50)[level] * noise)


def blur(images: np.ndarray, level: int, seed: int) -> np.ndarray:
    sigma = (0.4, 0.6, 0.8, 1.1, 1.5)[level] * min(images.shape[1:3]) / 32
    return _stored(ndimage.gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0), mode="nearest"))


def contrast(images: np.ndarray, level: int, seed: int) -> np.ndarray:
    mean = images.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32)
    return _stored(mean + (0.7, 0.5, 0.35, 0.25, 0.15)[level] * (images - mean))


def brightness(images: np.ndarray, level: int, seed: int) -> np.ndarray:
    return _stored(images.astype(np.float32) + (20, 40, 60, 80, 100)[level])


def pixelate(images: np.ndarray, level: int, seed: int) -> np.ndarray:
    share = (0.8, 0.65, 0.5, 0.4, 0.3)[level]
    rows, columns = (_cells(size, share) for size in images.shape[1:3])
    means = np.einsum("ih,nhwc,jw->nijc", _averages(rows), images.astype(np.float32), _averages(columns), optimize=True)
    return _stored(means[:, rows][:, :, columns])


def jpeg(images: np.ndarray, level: int, seed: int) -> np.ndarray:
    quality = (60, 40, 25, 15, 8)[level]
    if images.shape[3] == 3:
        return np.stack([_through_jpeg(image, quality) for image in images])
    channels = images.transpose(0, 3, 1, 2)  # each a grey image
    return np.stack([[_through_jpeg(one, quality) for one in image] for image in channels]).transpose(0, 2, 3, 1)


CORRUPTIONS: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "gaussian_noise": gaussian_noise,
    "blur": blur,
    "contrast": contrast,
    "brightness": brightness,
    "pixelate": pixelate,
    "jpeg": jpeg,
}


def _stored(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _cells(size: int, share: float) -> np.ndarray:
    """The cell that each of `size` pixels falls into, int64 (size,), of so many cells that each has a pixel."""
    cells = max(1, round(share * size))
    return np.arange(size) * cells // size


def _averages(cells: np.ndarray) -> np.ndarray:
    """float32 (cells, pixels): what takes the mean over each cell's pixels."""
    inside = cells == np.arange(cells[-1] + 1)[:, None]
    return (inside / inside.sum(axis=1, keepdims=True)).astype(np.float32)


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """uint8 (H, W, 3) or (H, W)."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))
