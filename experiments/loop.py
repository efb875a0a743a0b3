"""The training loop: one generator for every device, precision and resumption.

It yields once an optimizer step; the caller logs, evaluates and saves between steps, and may stop at any of them.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.batches import Augmentation, DeviceImages, training_batches
from experiments.device import DTYPES
from experiments.schedule import learning_rate
from experiments.settings import Settings, budget


@dataclass
class State:
    """Everything that training changes, live."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    step: int  # optimizer steps done
    loss: Tensor  # of the last step's batch, on the device (nats)
    correct: Tensor  # right predictions in that batch, on the device


@dataclass(frozen=True)
class Length:
    """How long a run trains."""

    steps_per_epoch: int
    total_steps: int

    @property
    def epochs(self) -> int:
        """Epochs begun, the last of which may be partial."""
        return -(-self.total_steps // self.steps_per_epoch)

    @classmethod
    def of(cls, settings: Settings, num_images: int) -> "Length":
        """Full batches only: the images that an epoch leaves out differ from one epoch to the next."""
        steps_per_epoch = num_images // settings.batch_size
        epochs, steps = budget(settings.model_dump())
        if epochs is not None:
            return cls(steps_per_epoch, epochs * steps_per_epoch)
        assert steps is not None
        return cls(steps_per_epoch, steps)


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The one path of all precisions: autocast that does nothing in float32."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "float32")


def train(
    state: State,
    forward: Callable[[Tensor], Tensor],
    images: DeviceImages,
    augmentation: Augmentation,
    settings: Settings,
    length: Length,
) -> Iterator[State]:
    """Train from `state.step` to `length.total_steps`, yielding after every optimizer step.

    Order and augmentation are functions of (seed, epoch), dropout's random numbers of (seed, epoch) and the place in
    the epoch (a checkpoint inside an epoch carries the generators' state): a resumed run continues with the same bits.

    Args:
        state: changed in place.
        forward: the network, or its compiled form; shares its parameters with `state.model`.
    """
    recipe = settings.recipe
    device = state.loss.device
    while state.step < length.total_steps:
        epoch, start = divmod(state.step, length.steps_per_epoch)
        if start == 0:
            torch.manual_seed(_dropout_seed(settings.seed, epoch))
        batches = training_batches(
            images,
            batch_size=settings.batch_size,
            seed=settings.seed,
            epoch=epoch,
            augmentation=augmentation,
            start=start,
        )
        state.model.train()
        for x, y in batches:  # (B, C, H, W), (B,)
            for group in state.optimizer.param_groups:
                group["lr"] = learning_rate(recipe, state.step, length.total_steps)
            with autocast(device, settings.precision):
                logits = forward(x)  # (B, classes)
            loss = F.cross_entropy(logits.float(), y, label_smoothing=recipe.label_smoothing)
            state.optimizer.zero_grad(set_to_none=True)
            state.scaler.scale(loss).backward()
            if recipe.clip_norm is not None:
                state.scaler.unscale_(state.optimizer)
                nn.utils.clip_grad_norm_(state.model.parameters(), recipe.clip_norm)
            state.scaler.step(state.optimizer)
            state.scaler.update()
            state.loss = loss.detach()
            state.correct = (logits.detach().argmax(1) == y).sum()
            state.step += 1
            yield state
            if state.step == length.total_steps:
                return


def _dropout_seed(seed: int, epoch: int) -> int:
    """One 64-bit seed for (seed, epoch), apart from those of order (0) and augmentation (1 and up)."""
    sequence = np.random.SeedSequence((seed, epoch, 2**32 - 1))
    return int(sequence.generate_state(1, np.uint64)[0])
