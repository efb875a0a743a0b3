"""The inference modes of one checkpoint, M1 to M5, and the predictions of a network in each.

M1 running    the running statistics, as in evaluation
M2 precise    exact statistics over many training images (experiments/inference/precise.py)
M3 batch      the statistics of each batch of B test images, shuffled
M4 sorted     the same with the test images sorted by class, shuffled within a class
M5 whole      the statistics of all test images (transductive: each prediction depends on all test images)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from data.batches import epoch_order
from data.split_images import SplitImages
from experiments.evaluate import Evaluation, evaluation_mode, predict
from experiments.inference.groups import PHYSICAL, predict_in_batches
from experiments.inference.whole import Input

Kind = Literal["running", "precise", "batch", "sorted", "whole"]
KINDS: tuple[Kind, ...] = ("running", "precise", "batch", "sorted", "whole")
CODES: dict[Kind, str] = {"running": "M1", "precise": "M2", "batch": "M3", "sorted": "M4", "whole": "M5"}
WORDS: dict[Kind, str] = {
    "running": "running statistics",
    "precise": "precise statistics",
    "batch": "shuffled test batches",
    "sorted": "class-sorted test batches",
    "whole": "all test images (transductive)",
}


def words_of(kind: Kind, size: int | None) -> str:
    """Where a mode's statistics come from: `shuffled test batches of 128`."""
    return WORDS[kind] + (f" of {size}" if kind in ("batch", "sorted") else "")


@dataclass(frozen=True)
class Mode:
    """One of the modes; M3 and M4 with a batch size, M5 with the number of test images."""

    kind: Kind
    size: int | None = None  # images whose statistics are taken together

    @property
    def code(self) -> str:
        """`M3(128)`."""
        return CODES[self.kind] + (f"({self.size})" if self.kind in ("batch", "sorted") else "")


def modes_of(kinds: tuple[Kind, ...], sizes: tuple[int, ...], num_images: int) -> list[Mode]:
    """The modes asked for, M1 always among them, since the others are compared with it."""
    found = [Mode("running")]
    for kind in KINDS[1:]:
        if kind in kinds:
            of_batches = kind in ("batch", "sorted")
            found += [Mode(kind, size) for size in sizes] if of_batches else [Mode(kind, _images(kind, num_images))]
    return found


def _images(kind: Kind, num_images: int) -> int | None:
    return num_images if kind == "whole" else None


def undefined(mode: Mode, inputs: dict[str, Input], num_images: int) -> str | None:
    """Why a mode has no meaning for this network and this test set, or None."""
    if mode.size is not None and mode.size > num_images:
        return f"there are {num_images} test images only"
    if mode.size == 1:
        vectors = [name for name, met in inputs.items() if met.positions == 1]
        if vectors:
            return f"{vectors[0]} normalizes vectors, and one vector has no variance"
    return None


def batch_order(labels: Tensor, shuffle: int, by_class: bool) -> Tensor:
    """The order of the images in shuffle number `shuffle`, int64 (N,); the first is the one of `train_mode/…`.

    by_class: sorted by label, and shuffled within each class.
    """
    order = epoch_order(0, shuffle, len(labels))
    return order[labels.cpu()[order].argsort(stable=True)] if by_class else order


def predict_fixed(
    model: nn.Module,
    images: SplitImages,
    precision: str,
    told: Callable[[int], object],
    size: int = PHYSICAL,
    order: Tensor | None = None,
) -> Evaluation:
    """Predictions in evaluation mode with the running statistics that the network holds.

    Args:
        told: called with the number of images done, now and then.
        size: images at once, which changes rounding at most.
        order: which images, in which order; all in the official one unless given.
    """
    parts = []
    with evaluation_mode(model):
        for indices in (torch.arange(len(images)) if order is None else order).split(size):
            parts.append(predict(model, [images.batch(indices, None)], precision))
            told(len(indices))
    return Evaluation(torch.cat([part.logits for part in parts]), torch.cat([part.labels for part in parts]))


def predict_mode(
    model: nn.Module, images: SplitImages, mode: Mode, shuffle: int, precision: str, told: Callable[[int], object]
) -> Evaluation:
    """Predictions on the statistics of batches (M3, M4), in the official order of the images."""
    assert mode.size is not None
    order = batch_order(images.labels, shuffle, by_class=mode.kind == "sorted")
    return predict_in_batches(model, images, mode.size, order, precision, told)
