"""Where a network's test error comes from: the three gaps of Wu & Johnson 2021, arXiv 2105.07576.

    inconsistency    err(test, M1) − err(test, M3(B_train))
    generalization   err(test, M3(B_train)) − err(train, M3(B_train))
    training noise   err(train, M3(B_train)) − err(train, M3(B_largest))

Errors are shares in [0, 1]. Training images are unaugmented and a fixed, class-balanced sample.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from data.batches import epoch_order
from data.split_images import SplitImages
from experiments.inference.groups import predict_in_batches
from experiments.inference.precise import IMAGES, precise_order

PARTS = ("inconsistency", "generalization", "training_noise")


def gaps(
    model: nn.Module,
    train: SplitImages,
    test_errors: tuple[float, float],
    train_size: int,
    largest: int,
    precision: str,
    told: Callable[[int], object],
) -> dict[str, Any]:
    """The three gaps of a network with running statistics.

    Args:
        test_errors: err(test, M1) and err(test, M3(B_train)), the latter a mean over shuffles.
        train_size, largest: B_train, the batch size of training, and the largest B that the training sample fills.
    """
    sample = precise_order(train.labels, IMAGES).sort().values
    order = sample[epoch_order(0, 0, len(sample))]
    train_errors = {}
    for size in sorted({train_size, largest}):
        found = predict_in_batches(model, train, size, order, precision, told)
        train_errors[size] = 1 - found.accuracy
    running, batch = test_errors
    return {
        "inconsistency": running - batch,
        "generalization": batch - train_errors[train_size],
        "training_noise": train_errors[train_size] - train_errors[largest],
        "train_errors": {str(size): error for size, error in train_errors.items()},
        "train_images": len(sample),
        "batch_size": train_size,
        "largest_batch_size": largest,
    }
