"""A folder of small JPEG files in two classes, made of noise."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_photographs(root: Path, count: int) -> None:
    """`count` of them for training and a fifth of that for testing, in `root/train/<class>` and `root/val/<class>`."""
    generator = np.random.default_rng(5)
    for split, number in (("train", count), ("val", max(2, count // 5))):
        for place in range(number):
            folder = root / split / ("cat", "dog")[place % 2]
            folder.mkdir(parents=True, exist_ok=True)
            pixels = generator.integers(256, size=(16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{place:05}.JPEG")
