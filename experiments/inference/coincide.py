"""Proof by measurement that the modes of a network without running statistics coincide, and that M1 knows no batch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from data.batches import epoch_order
from data.split_images import SplitImages
from experiments.evaluate import Evaluation, batch_statistics, evaluation_mode, predict
from experiments.inference.modes import batch_order

IMAGES = 1000  # batches of one image, one after another, are slow
ALONE = 100
# Rounding relative to the logits' root mean square. Other batch sizes mean other kernels and orders of summation.
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.2, "float16": 0.03}


def check_modes_coincide(
    model: nn.Module,
    images: SplitImages,
    sizes: tuple[int, ...],
    precision: str,
    told: Callable[[int], object],
) -> dict[str, Any]:
    """Run real batches of each size, shuffled and sorted by class, with the norms in training mode, against M1.

    On up to 1,000 of the images. `largest_difference` is max |Δlogit|, `scale` the logits' root mean square.

    Raises:
        RuntimeError: when they differ by more than rounding, which is a mistake in a norm layer.
    """
    chosen = epoch_order(0, 0, len(images))[:IMAGES].sort().values
    with evaluation_mode(model):
        reference = predict(model, (images.batch(part, None) for part in chosen.split(500)), precision).logits
    largest, orders = 0.0, [batch_order(images.labels[chosen], 0, by_class) for by_class in (False, True)]
    used = [size for size in sizes if size <= len(chosen)]
    for size in used:
        for order in orders[: 1 if size == 1 else 2]:  # an image alone is the same in any order
            with batch_statistics(model):
                parts = (images.batch(part, None) for part in chosen[order].split(size))
                found = predict(model, parts, precision).logits
            largest = max(largest, (found - reference[order]).abs().max().item())
            told(len(chosen))
    return {"images": len(chosen), "batch_sizes": used, **verdict(largest, reference, precision, "the modes")}


def check_batch_of_one(model: nn.Module, images: SplitImages, reference: Evaluation, precision: str) -> dict[str, Any]:
    """M1 on single images against M1 on batches (`reference`, of all `images`), on the first 100 images.

    Raises:
        RuntimeError: when they differ by more than rounding.
    """
    chosen = torch.arange(min(ALONE, len(images)))
    with evaluation_mode(model):
        alone = predict(model, (images.batch(part, None) for part in chosen.split(1)), precision).logits
    together = reference.logits[chosen]
    differing = int((alone.argmax(1) != together.argmax(1)).sum())
    largest = (alone - together).abs().max().item()
    checked = verdict(largest, together, precision, "predictions for one image and for a batch in evaluation mode")
    return {"images": len(chosen), "differing_predictions": differing, **checked}


def verdict(largest: float, logits: Tensor, precision: str, what: str) -> dict[str, Any]:
    """Whether a largest |Δlogit| is none, or rounding at the scale of `logits`.

    Raises:
        RuntimeError: when it is more.
    """
    scale = root_mean_square(logits)
    if not largest <= TOLERANCE[precision] * max(scale, 1e-12):
        raise RuntimeError(
            f"{what} differ by {largest:.3g} at logits of about {scale:.3g}: a layer is not what it says"
        )
    return {"largest_difference": largest, "scale": scale, "equal_bits": largest == 0}


def root_mean_square(logits: Tensor) -> float:
    """The size of logits, beside which differences are seen."""
    return logits.double().square().mean().sqrt().item()
