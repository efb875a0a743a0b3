"""What a probe looks at, what it brings back, and the base of all probes."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from data.batches import training_indices
from data.split_images import SplitImages
from data.subsets import balanced_order
from data.views import AnyAugmentation
from experiments.loop import Length
from experiments.schedule import learning_rate
from experiments.scores import Scores
from experiments.settings import Settings
from experiments.step import State, Step, objective


@dataclass(frozen=True)
class Surroundings:
    """What stays the same while a run trains: its images and its settings."""

    splits: Mapping[str, SplitImages]  # train, test, and validation where images are held out
    settings: Settings
    augmentation: AnyAugmentation
    length: Length
    device: torch.device

    def coming_batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The training batch of the optimizer step after the first `step` ones, augmented: (B, C, H, W) and (B,)."""
        return self.splits["train"].batch(*self._coming(step))

    def coming_rate(self, step: int) -> float:
        """The learning rate of that step; after the last step, the last one's."""
        last = max(self.length.total_steps - 1, 0)
        return learning_rate(self.settings.recipe, min(step, last), self.length.total_steps)

    def fixed_images(self, split: str, count: int) -> tuple[Tensor, Tensor]:
        """`count` images of a split (or all), always the same, classes balanced, unaugmented."""
        return self.splits[split].batch(self.fixed_indices(split, count), None)

    def fixed_indices(self, split: str, count: int) -> Tensor:
        """Which they are, int64."""
        labels = self.splits[split].labels.cpu().numpy()
        return torch.from_numpy(balanced_order(labels, stream=5)[:count]).to(self.device)

    def steps_worth(self, forward: float = 0, backward: float = 0) -> float:
        """The cost of so many images forward and so many backward, in optimizer steps; backward costs twice forward."""
        return (forward + 2 * backward) / (3 * self.settings.batch_size)

    def _coming(self, step: int) -> tuple[Tensor, Any]:
        settings, count = self.settings, self.length.num_images
        epoch, number = divmod(step, self.length.steps_per_epoch)
        batches, draws = _epoch(self.augmentation, settings.seed, epoch, count, settings.batch_size, self.device)
        return batches[number], draws

    def take_coming_step(self, state: State, rate: float | None = None) -> None:
        """Take the optimizer step that is to come, exactly as training will: for a copy of the state.

        Args:
            rate: the learning rate instead of the schedule's.
        """
        indices, draws = self._coming(state.step)
        Step(state, self.splits["train"], self.settings)(
            indices, draws, self.coming_rate(state.step) if rate is None else rate
        )
        state.step += 1


@lru_cache(maxsize=1)  # for probes that take steps one after the other
def _epoch(
    augmentation: AnyAugmentation, seed: int, epoch: int, count: int, batch_size: int, device: torch.device
) -> tuple[list[Tensor], Any]:
    """The indices of an epoch's batches, and its draws."""
    batches = training_indices(count, batch_size=batch_size, seed=seed, epoch=epoch, device=device)
    return list(batches), augmentation.draw(seed, epoch, count, device)


@dataclass(frozen=True)
class Live:
    """A run between two optimizer steps. Nothing in it may be changed: a probe works on copies."""

    state: State
    epoch: int  # epochs begun, 0 before the first step
    surroundings: Surroundings
    scores: Scores | None = None  # of this very step, where an epoch ends with it
    train_seconds: float = 0.0  # of optimizer steps so far

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.state.step

    def copied_network(self) -> nn.Module:
        """A deep copy of the network in training mode, with gradients of its own, for a probe to do with as it likes.

        The live network's gradients, buffers and hooks stay out of it, and so does the memory that a CUDA graph uses.
        """
        return copy.deepcopy(self.state.model).train()

    def copied_state(self) -> State:
        """The same of the network with its optimizer and scaler: what would be trained further."""
        return copy.deepcopy(self.state)

    def network_after_step(self) -> nn.Module:
        """A copy of the network as the coming optimizer step will leave it."""
        state = self.copied_state()
        state.model.train()
        self.surroundings.take_coming_step(state)
        return state.model

    def loss(self, network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """The loss that is trained on (nats), in the run's precision, of images (B, C, H, W) and labels (B,)."""
        settings = self.surroundings.settings
        return objective(network, x, y, settings.precision, settings.recipe.label_smoothing)[0]

    def gradients(self, loss: Tensor, of: list[Tensor]) -> list[Tensor]:
        """∂loss/∂t of each tensor t, float32; zero where the loss does not depend on it.

        In float16 the loss is scaled as in training, and the gradients back, so that small ones are not lost.
        """
        scaler = self.state.scaler
        found = torch.autograd.grad(scaler.scale(loss), of, allow_unused=True)
        scale = scaler.get_scale()
        pairs = zip(found, of, strict=True)
        return [torch.zeros_like(t) if gradient is None else gradient.float() / scale for gradient, t in pairs]


@dataclass(frozen=True)
class Measured:
    """What a probe found. Names begin with the probe's and a slash."""

    values: dict[str, float] = field(default_factory=dict)  # for metrics.csv and TensorBoard
    histograms: dict[str, Tensor] = field(default_factory=dict)  # any shape, for TensorBoard
    timings: dict[str, float] = field(default_factory=dict)  # for TensorBoard alone: they differ between executions


class Probe(ABC):
    """A measurement on the live state of a run.

    It leaves weights, buffers, gradients, optimizer and modes as they are, and may draw random numbers: the generators
    are put back after it.
    """

    steps: float = 1.0
    """What one measurement costs, in optimizer steps, roughly. How often probes are due by default follows from it."""

    @abstractmethod
    def measure(self, live: Live) -> Measured:
        """Look, and say what was seen."""

    def memory(self) -> dict[str, Any]:
        """What it has to remember from one measurement to the next: tensors and plain values, for the checkpoint."""
        return {}

    def remember(self, memory: dict[str, Any]) -> None:
        """Take up what `memory` gave, in a run that is resumed."""
        del memory  # of a probe that has none
