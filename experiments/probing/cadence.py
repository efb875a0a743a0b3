"""When probes are due: every so many steps, or by default at ends of epochs, as often as a tenth of training allows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.loop import Length
from experiments.probing.live import Probe

SHARE = 0.1  # of the training time that probes may take by default
PLANNED = 0.06  # the same by the probes' own estimates, which small networks exceed by up to two thirds


@dataclass(frozen=True)
class Cadence:
    """At the start, at the end, and in between every `steps` steps, or where that is None at every `epochs`-th end."""

    steps: int | None
    epochs: int

    @classmethod
    def of(cls, probes: Sequence[Probe], probe_every: int | None, length: Length) -> "Cadence":
        """As `probe_every` says; where it is None, as often as keeps their own estimates within PLANNED.

        Where that is not even possible at the start and at the end alone, it is done there all the same.
        """
        cost = sum(probe.steps for probe in probes)
        for epochs in range(1, length.epochs):
            looks = 1 + math.ceil(length.total_steps / (epochs * length.steps_per_epoch))
            if cost * looks <= PLANNED * length.total_steps:
                return cls(probe_every, epochs)
        return cls(probe_every, max(length.epochs, 1))

    def due(self, step: int, length: Length) -> bool:
        """Whether the probes look after `step` steps."""
        if step in (0, length.total_steps):
            return True
        if self.steps is not None:
            return step % self.steps == 0
        return step % (self.epochs * length.steps_per_epoch) == 0

    def __str__(self) -> str:
        if self.steps is not None:
            return f"every {self.steps} steps"
        return "after every epoch" if self.epochs == 1 else f"after every {self.epochs} epochs"
