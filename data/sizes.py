"""How large published datasets are, known before any of them is on disk."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Size(NamedTuple):
    """Images of the two splits, the shape (C, H, W) of one, and the number of classes."""

    train: int
    test: int
    image_shape: tuple[int, int, int]
    classes: int


PUBLISHED = {
    "cifar10": Size(50_000, 10_000, (3, 32, 32), 10),
    "cifar100": Size(50_000, 10_000, (3, 32, 32), 100),
    "mnist": Size(60_000, 10_000, (1, 28, 28), 10),
    "fashion_mnist": Size(60_000, 10_000, (1, 28, 28), 10),
    "tiny_imagenet": Size(100_000, 10_000, (3, 64, 64), 200),
    "imagenet": Size(1_281_167, 50_000, (3, 224, 224), 1000),
    "imagenet64": Size(1_281_167, 50_000, (3, 64, 64), 1000),
    "imagenet32": Size(1_281_167, 50_000, (3, 32, 32), 1000),
}


def published_size(settings: Mapping[str, Any]) -> Size | None:
    """The size of the dataset with these settings, before its subsets are chosen; None where it is not published.

    Args:
        settings: the configuration's `dataset`.
    """
    size = PUBLISHED.get(settings["name"])
    if size is None:
        return None
    if settings["name"] == "tiny_imagenet":
        share = settings["classes"] / size.classes
        size = size._replace(
            train=round(size.train * share), test=round(size.test * share), classes=settings["classes"]
        )
    if settings["name"] == "imagenet":
        size = size._replace(image_shape=(3, settings["size"], settings["size"]))
    return size


def chosen(size: Size, settings: Mapping[str, Any]) -> Size:
    """Of these the images that a run uses: what `validation`, `train_size` and `test_size` leave (data/subsets.py)."""
    train = size.train - round(size.train * settings["validation"])
    train, test = (
        whole if settings[key] is None else min(whole, settings[key])
        for key, whole in (("train_size", train), ("test_size", size.test))
    )
    return size._replace(train=train, test=test)
