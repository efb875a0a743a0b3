"""Which images make a batch: the order of training, a function of (seed, epoch), and that of evaluation."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from data.augmentation import ORDER, random_words
from data.split_images import SplitImages


def epoch_order(seed: int, epoch: int, num_images: int) -> Tensor:
    """A permutation, int64 (num_images,) on the CPU, a function of (seed, epoch) alone."""
    return torch.from_numpy(np.argsort(random_words(seed, epoch, ORDER, num_images), kind="stable"))


def training_indices(
    num_images: int, *, batch_size: int, seed: int, epoch: int, device: torch.device, start: int = 0
) -> Iterator[Tensor]:
    """The images of the epoch's full batches, int64 (B,), from batch number `start` on; the partial one is left out.

    What is left out changes with the order, each epoch. Raises ValueError where not one batch can be filled.
    """
    if not 1 <= batch_size <= num_images:
        raise ValueError(f"batch_size={batch_size} is not between 1 and {num_images}, the training images there are")
    # The order goes to the device once an epoch, so that no batch waits for a transfer.
    order = epoch_order(seed, epoch, num_images).to(device)
    for number in range(start, num_images // batch_size):
        yield order[number * batch_size : (number + 1) * batch_size]


def evaluation_batches(images: SplitImages, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Every image exactly once, unaugmented and in the official order; the last batch may be smaller."""
    yield from images.batches(evaluation_parts(images, batch_size))


def evaluation_parts(images: SplitImages, batch_size: int) -> tuple[Tensor, ...]:
    """The indices, int64 (B,), of the batches of `evaluation_batches`."""
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} is not positive: give the images of one evaluation batch")
    return torch.arange(len(images), device=images.device).split(batch_size)
