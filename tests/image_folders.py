"""Small folders of image files, of every kind that photographs come in."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = {"cat": 60, "dog": 180}  # grey levels around which each lies


def write_image(path: Path, seed: int, level: int, mode: str = "RGB", size: tuple[int, int] | None = None) -> None:
    """A noisy image of (height, width), odd ones unless given."""
    rng = np.random.default_rng(seed)
    height, width = size or rng.integers(19, 60, 2)
    pixels = np.clip(rng.normal(level, 30, (height, width, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)


def make_folder(root: Path, train: int = 12, val: int = 5) -> Path:
    """`root/train/<class>/<n>.JPEG` and `root/val/...`; number 1 of each class is grey and number 2 CMYK."""
    for split, count in (("train", train), ("val", val)):
        for place, (name, level) in enumerate(CLASSES.items()):
            for number in range(count):
                mode = {1: "L", 2: "CMYK"}.get(number, "RGB")
                seed = 1000 * place + number + (500 if split == "val" else 0)
                write_image(root / split / name / f"{number:02}.JPEG", seed, level, mode)
    return root


def cut_off(path: Path) -> None:
    """Leave the first half of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
