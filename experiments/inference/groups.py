"""Batch statistics of small batches at the cost of large ones: groups of images inside a physical batch.

What a network predicts in training mode on batches of B images needs only each batch's own statistics. Physical batches
of 1, 2 or 4 images would take minutes a pass; here a physical batch holds many groups of B images, and each layer with
running statistics normalizes each group with the group's own moments. From the moments m_i, v_i of the images,

    μ = mean(m_i),   σ² = mean(v_i) + var(m_i)   over the group's images (population variances),

which are the moments over images and positions that training mode takes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from data.split_images import SplitImages
from experiments.evaluate import Evaluation, batch_statistics, evaluation_mode, even_parts, predict
from experiments.inference.moments import image_moments
from experiments.inference.precise import running_layers
from models.norms.normalization import RunningStatistics

PHYSICAL = 64  # images at once: a forward pass of ResNet-20 on CPUs is fastest from 32 to 128


def grouped(layer: RunningStatistics, size: int, x: Tensor) -> Tensor:
    """The layer's output in training mode for each run of `size` images of x, (N, C) or (N, C, H, W), on its own.

    Raises:
        ValueError: where a group holds one value per channel, or N is not a multiple of `size`.
    """
    num_images, num_channels = x.shape[:2]
    if num_images % size:
        raise ValueError(f"{num_images} images cannot be cut into groups of {size}")
    if size * x[0].numel() <= num_channels:
        raise ValueError("one value per channel has no variance: take groups of at least 2 images")
    mean, var = (moment.unflatten(0, (-1, size)) for moment in image_moments(x))  # (groups, size, C)
    var = var.mean(dim=1) + mean.var(dim=1, correction=0)
    mean = mean.mean(dim=1)
    each = [moment.repeat_interleave(size, dim=0) for moment in (mean, var)]  # (N, C)
    return layer.with_statistics(x, *each).to(x.dtype)


@contextmanager
def group_statistics(model: nn.Module, size: int) -> Iterator[None]:
    """Inside, each run of `size` images of a batch is normalized with its own statistics; dropout is off.

    Equal to `batch_statistics` on batches of `size` images, up to rounding. Buffers stay as they are.
    """
    layers = running_layers(model).values()
    with evaluation_mode(model):
        try:
            for layer in layers:
                layer.forward = partial(grouped, layer, size)
            yield
        finally:
            for layer in layers:
                layer.__dict__.pop("forward", None)


def predict_in_batches(
    model: nn.Module, images: SplitImages, size: int, order: Tensor, precision: str, told: Callable[[int], object]
) -> Evaluation:
    """Predictions for the images of `order` on batches of about `size` of them, with each batch's own statistics.

    The batches are cut as `even_batches` cuts them, or single images for a size of 1. The predictions come in the
    official order of the images, not in that of the batches.

    Args:
        told: called with the number of images done, now and then.
    """
    parts = order.split(1) if size == 1 else even_parts(order, size)
    plain = all(layer.plain_in_training for layer in running_layers(model).values())
    found: list[Evaluation] = []
    for count in sorted({len(part) for part in parts}, reverse=True):  # sizes differ by one at most
        same = torch.cat([part for part in parts if len(part) == count])
        physical = count * max(1, PHYSICAL // count) if plain else count
        with group_statistics(model, count) if plain else batch_statistics(model):
            for indices in same.split(physical):
                found.append(predict(model, [images.batch(indices, None)], precision))
                told(len(indices))
    logits = torch.cat([part.logits for part in found])
    labels = torch.cat([part.labels for part in found])
    # The parts were taken size by size, larger ones first, which is the order in which they were cut.
    back = order.argsort()
    return Evaluation(logits[back], labels[back])
