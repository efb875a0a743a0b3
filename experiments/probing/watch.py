"""The probes of a run: when they look, what of theirs is recorded and remembered, and what they cost."""

import logging
import math
import time
from typing import Any

import numpy as np
import torch
from torch import nn

from experiments import probes
from experiments.probing.cadence import SHARE, Cadence
from experiments.probing.live import Live, Surroundings
from experiments.record import Record

log = logging.getLogger("normlab")


class Watch:
    """The chosen probes, made for a run.

    Args:
        model: the initialized network.
    """

    def __init__(self, model: nn.Module, surroundings: Surroundings) -> None:
        settings = surroundings.settings
        self._length, self._device, self._batch_size = surroundings.length, surroundings.device, settings.batch_size
        self._run_seed = settings.seed
        self._probes = probes.load(settings.probes, model, surroundings)
        self._cadence = Cadence.of(list(self._probes.values()), settings.probe_every, self._length)
        self.overlays = probes.overlays(settings.probes)
        self.seconds = dict.fromkeys(self._probes, 0.0)  # that each has taken, over all executions of the run
        self.timings: dict[str, float] = {}  # the last that each probe found, by name

    def announce(self) -> None:
        """Say which probes look how often."""
        if self._probes:
            names = ", ".join(f"{name} (about {probe.steps:.3g} steps' worth)" for name, probe in self._probes.items())
            log.info("probes at the start, %s and at the end: %s", self._cadence, names)

    def due(self, step: int) -> bool:
        """Whether the probes look after `step` steps."""
        return bool(self._probes) and self._cadence.due(step, self._length)

    def look(self, live: Live, record: Record) -> None:
        """Let each probe look, and record what it found.

        What a probe draws (dropout, if nothing else) depends on (seed, step) alone, and training does not notice.
        """
        devices = [self._device] if self._device.type == "cuda" else []
        for name, probe in self._probes.items():
            began = time.monotonic()
            with torch.random.fork_rng(devices):
                torch.manual_seed(_seed(self._run_seed, live.step))
                found = probe.measure(live)
            self.seconds[name] += time.monotonic() - began
            record.write(live.step, live.epoch, found.values)
            record.write_histograms(live.step, found.histograms)
            record.write_timing(live.step, found.timings)
            self.timings |= found.timings
        record.write_timing(live.step, {f"time/probes/{name}": seconds for name, seconds in self.seconds.items()})

    def report(self, train_seconds: float) -> None:
        """Say what the probes have cost, and what to do where it was much."""
        if not self._probes:
            return
        total = sum(self.seconds.values())
        each = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
        if self._length.total_steps == 0:
            log.info("probes took %.1f s: %s", total, each)
            return
        share = total / max(train_seconds, 1e-9)
        log.info("probes took %.1f s, %.1f %% of the %.1f s of training: %s", total, 100 * share, train_seconds, each)
        every = self._cadence.steps or self._cadence.epochs * self._length.steps_per_epoch
        looks = 2 + (self._length.total_steps - 1) // every  # the first and the last, whatever the cadence
        if share > SHARE and looks > 2:
            seldom = math.ceil(round(every * share / SHARE, 6))  # rounded, so that 24.000001 is 24
            if seldom < self._length.total_steps:
                log.info("  probe_every=%d would keep them near %.0f %%", seldom, 100 * SHARE)
            else:
                log.info("  at the start and at the end alone they would still be much for so short a training")

    def state(self) -> dict[str, Any]:
        """For the checkpoint: what the probes remember, what they have cost, and what the clock told them."""
        memory = {name: probe.memory() for name, probe in self._probes.items()}
        return {"memory": memory, "seconds": self.seconds, "timings": self.timings}

    def resume(self, state: dict[str, Any] | None) -> None:
        """Take up what `state` gave; None comes from a checkpoint of an earlier version, when probes had no memory."""
        if state is None:
            return
        for name, probe in self._probes.items():
            probe.remember(state["memory"][name])
        self.seconds = dict(state["seconds"])
        self.timings = dict(state.get("timings", {}))  # which checkpoints of earlier versions have not


def _seed(run_seed: int, step: int) -> int:
    """64 bits for (seed, step), apart from those that training uses (experiments/loop.py)."""
    return int(np.random.SeedSequence((run_seed, step, 2**32 - 2)).generate_state(1, np.uint64)[0])
