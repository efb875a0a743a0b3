"""Evaluation of a network on a whole split, in evaluation mode or on batch statistics, changing nothing."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.split_images import SplitImages
from experiments.step import autocast
from models.norms.normalization import Normalization, RunningStatistics


@dataclass(frozen=True)
class Evaluation:
    """Predictions on a split, in its official order, and their scores."""

    logits: Tensor  # (N, classes) float32, on the CPU
    labels: Tensor  # (N,) int64, on the CPU

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats, accumulated in float64."""
        return F.cross_entropy(self.logits.double(), self.labels).item()

    @property
    def accuracy(self) -> float:
        """Share of right predictions, in [0, 1]."""
        return (self.logits.argmax(1) == self.labels).double().mean().item()

    def at(self, indices: Tensor) -> "Evaluation":
        """The part of it on some of the images."""
        return Evaluation(self.logits[indices], self.labels[indices])


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, every module's own mode restored after."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """Norm layers in training mode inside, all else (dropout, noise) in evaluation mode; buffers and modes restored.

    The mode M3 of a batch-normalized network: each batch is normalized with its own statistics. Layers without running
    statistics compute the same in both modes.
    """
    with evaluation_mode(model):
        layers = [module for module in model.modules() if isinstance(module, Normalization)]
        buffers = [(buffer, buffer.clone()) for layer in layers for buffer in layer.buffers(recurse=False)]
        running = [layer for layer in layers if isinstance(layer, RunningStatistics)]
        for measured in running:
            measured.held = True
        for layer in layers:
            layer.training = True  # its own flag alone: what a noisy layer holds (noise) stays in evaluation mode
        try:
            yield
        finally:
            for measured in running:
                measured.held = False
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)


def predict(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], precision: str) -> Evaluation:
    """Run the network over `batches` as it stands (its mode is the caller's affair)."""
    logits, labels = [], []
    with torch.no_grad():
        for x, y in batches:
            with autocast(x.device, precision):
                logits.append(model(x).float())
            labels.append(y)
    return Evaluation(torch.cat(logits).cpu(), torch.cat(labels).cpu())


def even_batches(
    images: SplitImages, largest: int, order: Tensor, draws: Any = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Every image of `order` once, in batches of about `largest` whose sizes differ by one at most, none of one image.

    A short last batch would be normalized with noisier statistics than the others, and a single image has none.
    """
    yield from images.batches(even_parts(order, largest), draws)


def even_parts(order: Tensor, largest: int) -> tuple[Tensor, ...]:
    """`order` cut into the parts that `even_batches` shows, the larger ones first."""
    count = min(-(-len(order) // largest), len(order) // 2)
    return torch.tensor_split(order, count)
