"""One image file as the uint8 pixels that a network sees, decoded and resized by torchvision.

Grey, CMYK and palette images become RGB; an image that is cut off, no image, or said to be larger than any photograph
is refused. JPEG files are decoded by torchvision, all others by Pillow: torchvision 0.29 ends the whole process at a
PNG file with damaged data. Both are imported at the first image and not before: other datasets need none of it.
"""

import io
import os
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from data.broken import BrokenImage
from data.image_size import JPEG, LARGEST, jpeg_size
from data.views import Box, Views, middle, resized

LARGEST_FILE = 2**30  # bytes
OTHERS = ("PNG", "WEBP", "BMP", "GIF")  # Pillow reads these, and no format that runs a program of its own


@cache
def _torchvision() -> tuple[Callable[..., Tensor], Any, Any]:
    # torchvision 0.29 says at each image that TorchCodec will take this over.
    warnings.filterwarnings("ignore", "The image decoding and encoding capabilities", DeprecationWarning)
    from torchvision.io import ImageReadMode, decode_image
    from torchvision.transforms.v2 import functional

    return decode_image, ImageReadMode.RGB, functional


def decoded(path: Path) -> Tensor:
    """The whole image, uint8 (3, H, W).

    Raises BrokenImage for what is no whole image or too large a one, and OSError where the file cannot be read.
    """
    content = _content(path)
    if content[:3].tobytes() != JPEG:
        return _by_pillow(content, path)
    size = jpeg_size(content.data)
    if size is not None and size[0] * size[1] > LARGEST:
        raise BrokenImage(f"{path} is said to have {size[1]} x {size[0]} pixels: more than {LARGEST} are refused")
    decode_image, rgb, _ = _torchvision()
    try:
        return decode_image(torch.from_numpy(content), mode=rgb)
    except RuntimeError as error:
        reason = str(error).split(", ", 2)[-1].splitlines()[0]  # without the place in torchvision's source
        raise BrokenImage(f"{path} cannot be decoded ({reason})") from error


def _content(path: Path) -> np.ndarray:
    """The bytes of a file, uint8 (n,)."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_FILE:
            raise BrokenImage(f"{path} has {size} bytes: more than {LARGEST_FILE} are refused")
        content = np.fromfile(file, dtype=np.uint8)
    if not len(content):
        raise BrokenImage(f"{path} is empty")
    return content


def _by_pillow(content: np.ndarray, path: Path) -> Tensor:
    """The image of a file that is no JPEG; of a moving one, its first picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content.data), formats=OTHERS) as image:  # refuses one of too many pixels
            if image.mode.startswith("I"):  # 16 bits a pixel, of which Pillow would keep the lower half
                grey = (np.asarray(image, dtype=np.uint32) >> 8).astype(np.uint8)
                pixels = np.stack([grey] * 3)
            else:
                pixels = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
        return torch.from_numpy(np.ascontiguousarray(pixels))
    except Exception as error:  # a damaged file can fail in any way
        reason = " ".join(str(error).split()).partition(" <_io")[0] or type(error).__name__
        raise BrokenImage(f"{path} cannot be decoded ({reason})") from error


def training_view(image: Tensor, views: Views, index: int, size: int, resize: int) -> Tensor:
    """What training sees of an image, uint8 (3, H, W), in an epoch: uint8 (3, size, size)."""
    box, flip = views.of(index, image.shape[1], image.shape[2])
    seen = evaluation_view(image, size, resize) if box is None else cut(image, box, size)
    return seen.flip(2) if flip else seen


def evaluation_view(image: Tensor, size: int, resize: int) -> Tensor:
    """What evaluation sees of an image, uint8 (3, H, W): uint8 (3, size, size)."""
    _, _, functional = _torchvision()
    scaled = functional.resize(image, list(resized(image.shape[1], image.shape[2], resize)), antialias=True)
    top, left, height, width = middle(scaled.shape[1], scaled.shape[2], size, size)
    return scaled[:, top : top + height, left : left + width]


def cut(image: Tensor, box: Box, size: int) -> Tensor:
    """A part of an image, resized bilinearly with antialiasing: uint8 (3, size, size)."""
    part = image[None, :, box.top : box.top + box.height, box.left : box.left + box.width]
    # pixel by pixel, as they were decoded: more than twice as fast as plane by plane, and the same bytes
    part = part.contiguous(memory_format=torch.channels_last)
    return F.interpolate(part, (size, size), mode="bilinear", antialias=True, align_corners=False)[0]
