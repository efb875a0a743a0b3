"""One run, from built parts to a finished folder: train, record, save; resume where the folder holds a checkpoint."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from data.dataset import Dataset
from data.split_images import SplitImages
from data.views import AnyAugmentation
from experiments import checkpoint, code_versions, compilation
from experiments.errors import UserError
from experiments.loop import Length, train
from experiments.optimizer import begin_momentum, make_optimizer
from experiments.probe_pages.pictures import write_pictures
from experiments.probing.live import Live, Surroundings
from experiments.probing.watch import Watch
from experiments.progress import Progress
from experiments.ranks import ALONE, Ranks, has_batches_of_its_own
from experiments.record import NoRecord, Record, Written, require_records
from experiments.recorded_step import RecordedStep, cuda_recorder
from experiments.schedule import learning_rate
from experiments.scores import Scorer, Scores
from experiments.settings import Settings
from experiments.signals import Stopped, StopRequest, stop_requests
from experiments.step import State, Step
from experiments.step import objective as eager_objective

log = logging.getLogger("normlab")


@dataclass(frozen=True)
class Parts:
    """What a run is made of, built and fitting together."""

    config: dict[str, Any]
    settings: Settings
    dataset: Dataset
    splits: dict[str, SplitImages]  # train, test, and validation where images are held out
    augmentation: AnyAugmentation
    model: nn.Module  # initialized, on the CPU
    device: torch.device
    length: Length
    ranks: Ranks = ALONE


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    scores: Scores
    diverged_at: int | None  # the step whose batch loss was non-finite or exploded
    steps: int
    train_seconds: float  # of optimizer steps alone, over all its executions
    compiled: bool  # whether its last execution compiled the network
    probe_seconds: dict[str, float]  # that each probe took, by its name
    probe_timings: dict[str, float]  # the last of each measurement of the clock, by its name


class Run:
    """A run in its folder."""

    def __init__(self, parts: Parts, folder: Path, group: str):
        self.parts, self.folder, self.group = parts, folder, group
        self.ranks = parts.ranks
        self.scorer = Scorer(parts.splits, parts.settings, parts.ranks)
        device = parts.device
        model = parts.model.to(device)
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        scaler = torch.amp.GradScaler(device.type, enabled=parts.settings.precision == "float16")
        zero = torch.zeros((), device=device)
        optimizer = make_optimizer(model, parts.settings.recipe)
        if scaler.is_enabled():
            begin_momentum(optimizer)
        self.state = State(model, optimizer, scaler, 0, zero, zero)
        # Loss and right predictions of each step since the last point of the running curves. They stay on the device
        # until the next point, so that it is asked for numbers once an interval and not at every step.
        self.interval: list[torch.Tensor] = []
        self.train_seconds = 0.0
        self.surroundings = Surroundings(parts.splits, parts.settings, parts.augmentation, parts.length, device)
        self.watch = Watch(model, self.surroundings)
        self._compiled: bool | None = None  # as the checkpoint that is resumed says
        self._resumed = False
        self.scores: Scores | None = None  # of the last evaluation
        self.diverged_at: int | None = None
        self.code = code_versions.loaded()  # which may have changed on disk by the end

    def execute(self) -> Outcome:
        """Train to the end. Raises Stopped, after saving, when a signal asked for it."""
        with stop_requests(self.ranks.first) as request:
            for _ in self.steps(request):
                pass
            signal = self.ranks.largest(request.signal or 0)
            if signal:  # which came in the last step: all that is left to do takes the next start a moment
                raise self._stopped(signal)
        if self.scores is None:  # the run was killed between its last checkpoint and its result
            self.scores = self.scorer.score(self.state.model, whole=True)
        self.watch.report(self.train_seconds)
        return Outcome(
            self.scores, self.diverged_at, self.state.step, self.train_seconds,
            bool(self._compiled), self.watch.seconds, self.watch.timings,
        )  # fmt: skip

    def steps(self, request: StopRequest | None = None) -> Iterator[State]:
        """Train, yielding after each optimizer step and all that belongs to it: records, evaluation, probes, saving.

        The time that the caller takes after a step counts as training, unless an epoch, a probe or a checkpoint ended.

        Args:
            request: asks for a stop. Raises Stopped after saving then.
        """
        request = request or StopRequest()
        settings, length, state = self.parts.settings, self.parts.length, self.state
        images = self.parts.splits["train"]
        record = self._open()
        self.watch.announce()
        progress = Progress(state.step, length.total_steps, settings.batch_size, shown=self.ranks.first)
        size, rank = self.ranks.size, self.ranks.rank
        try:
            if not self._resumed:
                self._begin(record)
            began, first = time.monotonic(), True
            step, augmentation = self._step(), self.parts.augmentation
            for _ in train(state, step, augmentation, settings, length, rank, size, images.expect):
                self.interval.append(torch.stack((state.loss, state.correct.to(state.loss.dtype))))
                if first:
                    log.info("first step after %.1f s of training", time.monotonic() - began)
                    first = False
                finished = state.step == length.total_steps
                epoch_ends = finished or state.step % length.steps_per_epoch == 0
                if epoch_ends or state.step % settings.log_every == 0:
                    self.diverged_at = self._log_interval(record, progress)
                signal = self.ranks.largest(request.signal or 0)  # one for all stops all, at the same step
                save = epoch_ends or state.step % settings.checkpoint_every == 0 or signal > 0
                probe = self.watch.due(state.step)
                pause = save or probe or self.diverged_at is not None
                if pause:
                    self._count_time(began)
                    own = self.ranks.align(state.model)
                    if epoch_ends or self.diverged_at is not None:
                        scores = self._log_epoch(record, whole=finished or self.diverged_at is not None)
                        if finished and not scores.finite:
                            self.diverged_at = self.diverged_at or state.step  # the last step broke the weights
                    if self.diverged_at is not None:
                        break
                    if probe:
                        self._look(record, self.scores if epoch_ends else None)
                    if save:
                        self._save(record, own)
                    if signal and not finished:
                        raise self._stopped(signal)
                    if not finished:
                        self.ranks.restore(state.model, own)
                yield state
                if pause:
                    began = time.monotonic()
            record.end(self.diverged_at is not None)
            if self.ranks.first:
                write_pictures(record, self.folder, settings.probes, state.step)
        finally:
            progress.close()
            record.close()

    def _step(self) -> Callable[[torch.Tensor, Any, float], None]:
        """How an optimizer step is taken: eager or compiled, launch by launch or replayed as a CUDA graph."""
        parts, settings, device = self.parts, self.parts.settings, self.parts.device
        name = compilation.fingerprint(parts.config, parts.dataset.image_shape, parts.dataset.num_classes, device)
        kept = compilation.Kept(compilation.folder(device), name)
        if self._compiled is None or settings.compile != "auto":
            choice = compilation.choose(
                settings, device, parts.length.total_steps - self.state.step, bool(kept), self.ranks.size
            )
            log.info("%s", choice.reason)
            self._compiled = choice.compiled
        objective = compilation.CompiledObjective(kept) if self._compiled else eager_objective
        images = parts.splits["train"]
        network = self.ranks.wrapped(self.state.model, device)
        step = Step(self.state, images, settings, network, objective)
        # The scaler of float16 decides on the host whether to skip a step: no graph can hold that.
        can_be_recorded = images.lie_on_the_device and settings.precision != "float16" and network is None
        if device.type == "cuda" and settings.cuda_graphs and can_be_recorded:
            return RecordedStep(step, cuda_recorder(device))
        return step

    def _begin(self, record: Record) -> None:
        """What belongs before the first step, and to a run of none: pretrained weights as they are."""
        untrained = self.parts.length.total_steps == 0
        if untrained:
            self._log_epoch(record, whole=True)
        if self.watch.due(0):
            self._look(record, self.scores)
        if untrained:
            self._save(record, self.ranks.align(self.state.model))

    def _open(self) -> Record:
        """The run's records, from the start or from where its newest checkpoint left them."""
        loaded = checkpoint.load(self.folder, partial(require_records, self.folder))
        if not self.ranks.first:
            if loaded is not None:
                self._take_up(loaded)
            return NoRecord()
        if loaded is None:
            record = Record(self.folder, overlays=self.watch.overlays)
            record.begin(self.parts.config, self.group)
            return record
        self._take_up(loaded)
        log.info("resuming at step %d of %d", self.state.step, self.parts.length.total_steps)
        return Record(self.folder, Written.of(loaded["extra"]), self.state.step)

    def _take_up(self, loaded: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        extra = checkpoint.restore(loaded, self.state)
        self._resumed = True
        saved_by = len(extra.get("generators", [None]))
        if saved_by != self.ranks.size and has_batches_of_its_own(self.state.model):
            raise UserError(
                f"{self.folder} was begun by {saved_by} processes and would go on with {self.ranks.size}, whose parts "
                "of a batch are normalized apart and have another size: start as many again, or remove the folder"
            )
        if self.ranks.size == saved_by > 1:
            torch.set_rng_state(extra["generators"][self.ranks.rank])
            self.ranks.restore(self.state.model, extra["statistics"][self.ranks.rank])
        self.interval = list(extra["interval"].to(self.parts.device))
        self.train_seconds = extra["train_seconds"]
        self._compiled = extra.get("compiled")  # the same arithmetic to the end
        self.watch.resume(extra.get("probes"))
        self.code = code_versions.continued(extra.get("code", {}), self.code)

    def _save(self, record: Record, own: list[torch.Tensor]) -> None:
        interval = torch.stack(self.interval).cpu() if self.interval else torch.zeros(0, 2)
        generators, statistics = self.ranks.gathered(torch.get_rng_state()), self.ranks.gathered(own)
        extra = {
            **record.flush().as_extra(),
            "interval": self.ranks.mean(interval),
            "generators": generators,  # and running statistics, of each process
            "statistics": statistics,
            "train_seconds": self.train_seconds,
            "compiled": self._compiled,
            "probes": self.watch.state(),
            "code": self.code,
        }
        if self.ranks.first:
            self.parts.dataset.require_whole()  # nothing is kept that was computed of damaged images
            checkpoint.save(self.folder, self.state, extra)

    def _stopped(self, signal: int) -> Stopped:
        log.info("stopped and saved at step %d of %d", self.state.step, self.parts.length.total_steps)
        return Stopped(signal)

    def _count_time(self, began: float) -> None:
        if self.parts.device.type == "cuda":
            torch.cuda.synchronize(self.parts.device)
        self.train_seconds += time.monotonic() - began

    @property
    def _epoch(self) -> int:
        """Epochs begun: the steps of the first are in epoch 1."""
        return -(-self.state.step // self.parts.length.steps_per_epoch)

    def _log_interval(self, record: Record, progress: Progress) -> int | None:
        """A point of the running curves; returns the step of a divergence in the interval."""
        settings, length, step = self.parts.settings, self.parts.length, self.state.step
        losses, corrects = self.ranks.mean(torch.stack(self.interval).cpu()).unbind(1)
        self.interval.clear()
        loss, accuracy = losses.mean().item(), corrects.mean().item() * self.ranks.size / settings.batch_size
        rate = learning_rate(settings.recipe, step - 1, length.total_steps)
        values = {"running/loss": loss, "running/accuracy": accuracy, "learning_rate": rate}
        record.write(step, self._epoch, values)
        progress.update(step, self._epoch, length.epochs, loss, accuracy)
        bad = (~torch.isfinite(losses) | (losses > settings.divergence_loss)).nonzero()
        return step - len(losses) + 1 + int(bad[0]) if len(bad) else None

    def _look(self, record: Record, scores: Scores | None) -> None:
        """Let the probes look at the live network; the first of several processes looks, on all images."""
        if self.ranks.first:
            self.watch.look(Live(self.state, self._epoch, self.surroundings, scores, self.train_seconds), record)
        self.ranks.wait()

    def _log_epoch(self, record: Record, whole: bool) -> Scores:
        """Evaluate and record."""
        self.scores = scores = self.scorer.score(self.state.model, whole)
        curves = scores.curves
        record.write(self.state.step, self._epoch, curves)
        rate = self.state.step * self.parts.settings.batch_size / max(self.train_seconds, 1e-9)
        record.write_timing(self.state.step, {"time/images_per_second": rate})
        log.info(
            "epoch %d/%d: accuracy train %.2f %%, test %.2f %% (%.2f %% on batch statistics)%s; test loss %.4f nats",
            self._epoch, self.parts.length.epochs, 100 * curves["accuracy/train"], 100 * curves["accuracy/test"],
            100 * curves.get("train_mode/accuracy", math.nan),
            f", validation {100 * curves['accuracy/validation']:.2f} %" if "accuracy/validation" in curves else "",
            curves["loss/test"],
        )  # fmt: skip
        return scores
