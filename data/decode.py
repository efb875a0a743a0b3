"""One image file as the uint8 pixels that a network sees, decoded and resized by torchvision.

Grey, CMYK and palette images become RGB; an image that is cut off or no image is refused. torchvision is imported at
the first image and not before: runs on other datasets need none of it.
"""

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
from data.views import Box, Views, middle, resized


@cache
def _torchvision() -> tuple[Callable[..., Tensor], Any, Any]:
    # torchvision 0.29 says at each image that TorchCodec will take this over.
    warnings.filterwarnings("ignore", "The image decoding and encoding capabilities", DeprecationWarning)
    from torchvision.io import ImageReadMode, decode_image
    from torchvision.transforms.v2 import functional

    return decode_image, ImageReadMode.RGB, functional


def decoded(path: Path) -> Tensor:
    """The whole image, uint8 (3, H, W).

    Raises BrokenImage for what is no whole image, and OSError where the file cannot be read.
    """
    decode_image, rgb, _ = _torchvision()
    content = torch.from_numpy(np.fromfile(path, dtype=np.uint8))
    if not len(content):
        raise BrokenImage(f"{path} is empty")
    try:
        return decode_image(content, mode=rgb)
    except RuntimeError as error:
        reason = str(error).split(", ", 2)[-1].splitlines()[0]  # without the place in torchvision's source
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
