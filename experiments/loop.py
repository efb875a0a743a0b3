"""The training loop: one generator for every device, precision and resumption.

It yields once an optimizer step; the caller logs, evaluates and saves between steps, and may stop at any of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.batches import training_indices
from data.views import AnyAugmentation
from experiments.schedule import learning_rate
from experiments.settings import Settings, budget
from experiments.step import State


@dataclass(frozen=True)
class Length:
    """How long a run trains."""

    num_images: int
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
            return cls(num_images, steps_per_epoch, epochs * steps_per_epoch)
        assert steps is not None
        return cls(num_images, steps_per_epoch, steps)


def train(
    state: State,
    step: Callable[[Tensor, Any, float], None],
    augmentation: AnyAugmentation,
    settings: Settings,
    length: Length,
    rank: int = 0,
    ranks: int = 1,
    expect: Callable[[list[Tensor], Any], None] | None = None,
) -> Iterator[State]:
    """Train from `state.step` to `length.total_steps`, yielding after every optimizer step.

    Order and augmentation are functions of (seed, epoch), dropout's random numbers of (seed, epoch) and the place in
    the epoch (a checkpoint inside an epoch carries the generators' state): a resumed run continues with the same bits.

    Args:
        state: changed in place.
        step: takes an optimizer step on the images of the given indices, with the epoch's draws and a learning rate.
        rank, ranks: this process takes every `ranks`-th image of each batch, from number `rank` on.
        expect: is told the batches of each epoch before its first step.
    """
    device = state.loss.device
    while state.step < length.total_steps:
        epoch, start = divmod(state.step, length.steps_per_epoch)
        if start == 0:
            torch.manual_seed(_dropout_seed(settings.seed, epoch, rank))
        draws = augmentation.draw(settings.seed, epoch, length.num_images, device)
        whole = training_indices(
            length.num_images,
            batch_size=settings.batch_size,
            seed=settings.seed,
            epoch=epoch,
            device=device,
            start=start,
        )
        batches = [indices[rank::ranks] for indices in whole]
        if expect is not None:
            expect(batches, draws)
        state.model.train()
        for indices in batches:
            step(indices, draws, learning_rate(settings.recipe, state.step, length.total_steps))
            state.step += 1
            yield state
            if state.step == length.total_steps:
                return


def _dropout_seed(seed: int, epoch: int, rank: int) -> int:
    """One 64-bit seed for (seed, epoch, rank), apart from those of order (0) and augmentation (1 and up)."""
    sequence = np.random.SeedSequence((seed, epoch, 2**32 - 1, *([rank] if rank else [])))
    return int(sequence.generate_state(1, np.uint64)[0])
