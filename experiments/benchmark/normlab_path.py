"""What `train.py` does in an epoch, driven an epoch at a time: steps, records, evaluation, checkpoint."""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch._dynamo  # noqa: F401 - the first optimizer imports it: seconds that are better spent once
from torch import nn

from experiments import identity
from experiments.benchmark.cases import Case
from experiments.benchmark.clock import synchronize
from experiments.device import configure
from experiments.job import build_parts
from experiments.run import Run
from experiments.scores import Scorer, Scores
from experiments.settings import Settings


class TimedScorer(Scorer):
    """A scorer that counts its seconds."""

    seconds = 0.0

    def score(self, model: nn.Module, whole: bool) -> Scores:
        began = time.perf_counter()
        scores = super().score(model, whole)  # ends with predictions on the CPU: nothing is left to wait for
        self.seconds += time.perf_counter() - began
        return scores


class Normlab:
    """The beginning of a run in a temporary folder, a slice of which is an epoch."""

    def __init__(self, request: dict[str, Any]):
        case = Case.from_json(request["case"])
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=request["folder"]))
        config = case.config(f"paths.outputs={folder}")
        self._parts = build_parts(config, Settings.check(config))
        self._run = Run(self._parts, folder, identity.group(config))
        self._run.scorer = self._scorer = TimedScorer(self._parts.splits, self._parts.settings)
        self._steps = self._run.steps()
        began = time.perf_counter()
        self.measure()
        self._warm_up = time.perf_counter() - began

    def facts(self) -> dict[str, Any]:
        """Sizes of an epoch as the run has them, and the seconds of the first one (compilation included)."""
        settings = self._parts.settings
        return {
            "steps": self._parts.length.steps_per_epoch,
            "batch_size": settings.batch_size,
            "evaluation_batch_size": settings.evaluation_batch_size,
            "warm_up_seconds": self._warm_up,
        }

    def measure(self) -> dict[str, float]:
        """An epoch: `seconds`, and of these `training` (optimizer steps alone) and `evaluation`."""
        settings = self._parts.settings
        configure(self._parts.device, settings.tf32, settings.deterministic)  # another run of this process may differ
        training, evaluation = self._run.train_seconds, self._scorer.seconds
        began = time.perf_counter()
        for _ in range(self._parts.length.steps_per_epoch):
            if next(self._steps, None) is None:
                raise RuntimeError(f"the run ended at step {self._run.state.step}: it has diverged")
        synchronize(self._parts.device)
        found = {
            "seconds": time.perf_counter() - began,
            "training": self._run.train_seconds - training,
            "evaluation": self._scorer.seconds - evaluation,
        }
        # A run that counted the pause between two slices as training would look slow.
        assert found["training"] + found["evaluation"] <= found["seconds"], found
        return found
