"""The statistics of a whole set of images as one batch: all at once where memory allows it, else layer by layer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from data.split_images import SplitImages
from experiments.evaluate import Evaluation, batch_statistics, evaluation_mode, predict
from experiments.inference.groups import PHYSICAL, group_statistics
from experiments.inference.moments import Statistics, statistics
from experiments.inference.precise import running_layers, using_statistics
from experiments.step import autocast

LARGEST = 4 * 2**30  # bytes
COPIES = 4  # of the largest layer input alive at once: the input, its deviations, the output, a shortcut


@dataclass(frozen=True)
class Input:
    """What a layer with running statistics meets."""

    values: int  # per image
    positions: int  # per image and channel: 1 for vectors


def layer_inputs(model: nn.Module, images: SplitImages) -> dict[str, Input]:
    """The input of each layer with running statistics by its path, in the order in which they are reached."""
    met: dict[str, Input] = {}

    def note(name: str) -> Callable[[nn.Module, Any], None]:
        def hook(layer: nn.Module, inputs: Any) -> None:
            x = inputs[0]
            met[name] = Input(x[0].numel(), x[0].numel() // x.shape[1])

        return hook

    hooks = [layer.register_forward_pre_hook(note(name)) for name, layer in running_layers(model).items()]
    try:
        with evaluation_mode(model), torch.no_grad():
            model(images.batch(torch.zeros(1, dtype=torch.int64), None)[0])
    finally:
        for hook in hooks:
            hook.remove()
    return met


def predict_whole(
    model: nn.Module,
    images: SplitImages,
    precision: str,
    told: Callable[[int], object],
    limit: int = LARGEST,
) -> Evaluation:
    """Predictions, in the official order, with the statistics of all images, each of which has seen all others.

    Args:
        told: called with the number of images done; in all, the images once.
        limit: bytes; images that would need more are measured layer by layer.

    Raises:
        ValueError: where they do, and a layer does more in training than normalize (`plain_in_training` is False).
    """
    plain = all(layer.plain_in_training for layer in running_layers(model).values())
    inputs = layer_inputs(model, images)
    needed = 4 * COPIES * len(images) * max((met.values for met in inputs.values()), default=0)
    everything = torch.arange(len(images))
    if needed <= limit:
        with group_statistics(model, len(images)) if plain else batch_statistics(model):
            found = predict(model, [images.batch(everything, None)], precision)
        told(len(images))
        return found
    if not plain:
        raise ValueError(f"the whole set as one batch needs {needed / 2**30:.1f} GiB, and its layers cannot be split")
    with using_statistics(model, whole_statistics(model, images, precision, list(inputs))), evaluation_mode(model):
        parts = []
        for indices in everything.split(PHYSICAL):
            parts.append(predict(model, [images.batch(indices, None)], precision))
            told(len(indices))
    return Evaluation(torch.cat([part.logits for part in parts]), torch.cat([part.labels for part in parts]))


class _Reached(Exception):
    """A forward pass has come as far as it needs to."""


def whole_statistics(model: nn.Module, images: SplitImages, precision: str, order: list[str]) -> dict[str, Statistics]:
    """The statistics of each layer's input over all images, the layers before it on theirs: a pass for each layer.

    Args:
        order: the layers with running statistics as a forward pass reaches them. Buffers stay as they were.
    """
    layers = running_layers(model)
    found = {
        name: Statistics(layer.running_mean.cpu().double(), layer.running_var.cpu().double(), 0)
        for name, layer in layers.items()
    }
    for name in order:
        measured: list[Statistics] = []

        def collect(layer: nn.Module, inputs: Any, measured: list[Statistics] = measured) -> None:
            measured.append(statistics(inputs[0]))
            raise _Reached

        hook = layers[name].register_forward_pre_hook(collect)
        try:
            with using_statistics(model, found), evaluation_mode(model), torch.no_grad():
                for indices in torch.arange(len(images)).split(PHYSICAL):
                    _until_reached(model, images.batch(indices, None)[0], precision)
        finally:
            hook.remove()
        combined = measured[0]
        for more in measured[1:]:
            combined = combined.combined(more)
        found[name] = combined
    return found


def _until_reached(model: nn.Module, x: Tensor, precision: str) -> None:
    try:
        with autocast(x.device, precision):
            model(x)
    except _Reached:
        return
