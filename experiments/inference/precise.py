"""Precise statistics: those of many training images under the weights as they are, in place of the running ones.

Running statistics are an exponential average over the last batches of training, whose weights were still changing.
The precise ones are the mean and the population variance of each layer's input over all the images shown,

    μ = Σ n_b μ_b / Σ n_b,   σ² = Σ n_b (σ²_b + (μ_b − μ)²) / Σ n_b,   n_b = N·H·W of batch b,

with σ²_b the batch's own population variance. (The mean of the σ²_b alone would leave out how the μ_b vary.) All layers
are measured in one pass, in which every layer normalizes with the statistics of the current batch, as in training.

Source: Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", arXiv 2105.07576, §3 (PreciseBN).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from data.split_images import SplitImages
from data.subsets import balanced_order, shuffled
from data.views import AnyAugmentation
from experiments.evaluate import batch_statistics, even_batches
from experiments.inference.moments import Statistics, statistics
from experiments.step import autocast
from models.norms.normalization import RunningStatistics

IMAGES = 10_000


def running_layers(model: nn.Module) -> dict[str, RunningStatistics]:
    """The layers with running statistics by their path in the network, in its order; empty where there are none."""
    return {name: module for name, module in model.named_modules() if isinstance(module, RunningStatistics)}


def precise_statistics(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], precision: str = "float32"
) -> dict[str, Statistics]:
    """The statistics of the input of each layer with running statistics, by the layer's path.

    Leaves parameters, buffers, modes and random number generators as they were. For the first such layer the result
    does not depend on how the images are cut into batches; further down it does a little, because the layers above
    normalize with each batch's statistics.

    Args:
        batches: images (N, C, H, W) and labels, the latter unused.

    Raises:
        ValueError: without a batch, and for a batch of one image where a layer meets it as a vector.
    """
    found: dict[str, Statistics] = {}
    layers = running_layers(model)
    hooks = [layer.register_forward_pre_hook(_collect(found, name)) for name, layer in layers.items()]
    try:
        with batch_statistics(model), torch.no_grad():
            for x, _ in batches:
                with autocast(x.device, precision):
                    model(x)
    finally:
        for hook in hooks:
            hook.remove()
    if missing := layers.keys() - found.keys():
        raise ValueError(f"no batch has reached the layers {', '.join(sorted(missing))}: give at least one")
    return {name: found[name] for name in layers}


def _collect(found: dict[str, Statistics], name: str) -> Callable[[nn.Module, Any], None]:
    def collect(layer: nn.Module, inputs: Any) -> None:
        seen = statistics(inputs[0])
        found[name] = found[name].combined(seen) if name in found else seen

    return collect


@contextmanager
def using_statistics(model: nn.Module, found: Mapping[str, Statistics]) -> Iterator[None]:
    """`found` in place of the running statistics inside, which are restored bit for bit after.

    Raises:
        ValueError: when `found` has not exactly one entry for each layer with running statistics.
    """
    layers = running_layers(model)
    if layers.keys() != found.keys():
        raise ValueError(f"statistics of {sorted(found)} do not fit a network with {sorted(layers)}")
    before = {name: (layer.running_mean.clone(), layer.running_var.clone()) for name, layer in layers.items()}
    try:
        for name, layer in layers.items():
            _put(layer, found[name].mean, found[name].var)
        yield
    finally:
        for name, layer in layers.items():
            _put(layer, *before[name])


@torch.no_grad()
def _put(layer: RunningStatistics, mean: Tensor, var: Tensor) -> None:
    layer.running_mean.copy_(mean.to(layer.running_mean.dtype))  # before it moves: Apple's GPUs have no float64
    layer.running_var.copy_(var.to(layer.running_var.dtype))


def precise_order(labels: Tensor, count: int) -> Tensor:
    """Which images give the precise statistics: `count` of them (or all, when fewer), int64, always the same.

    The classes are balanced in the whole and mixed within each batch as by chance, as in training.
    """
    chosen = balanced_order(labels.cpu().numpy(), stream=3)[:count]
    return torch.from_numpy(chosen[shuffled(len(chosen), stream=4)])


def precise_batches(
    images: SplitImages, count: int, batch_size: int, augmentation: AnyAugmentation
) -> Iterator[tuple[Tensor, Tensor]]:
    """`count` training images (or all), in even batches of about `batch_size`, the run's own; always the same draws.

    Running statistics are those of the images that training shows, augmented ones where it augments. Others shift the
    layers' inputs: the zeros around a padded crop alone cost ResNet-20 on CIFAR-10 half a point when they are missing.
    """
    draws = augmentation.draw(0, 0, len(images), images.device)
    return even_batches(images, batch_size, precise_order(images.labels, count), draws)
