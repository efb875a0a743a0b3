"""Training steps recorded once as a CUDA graph and replayed: one launch a step by the host, not hundreds.

A replay repeats the recorded kernels on the same memory, so that what a step depends on must lie in fixed places: the
indices, the epoch's draws and the learning rate are copied into tensors of their own. Recording computes nothing, and
the run's own first steps are the warm-up: running statistics and weights see every batch once.

Whether a replay computes what the step computes is not taken on trust: the step after the warm-up is taken both ways,
and where they differ, or where the network draws random numbers (dropout), the run goes on without a graph.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from data.augmentation import Draws
from experiments.step import Step

log = logging.getLogger("normlab")
WARM_UP = 3  # steps before recording: libraries choose and set up their kernels, the optimizer its memory


@dataclass(frozen=True)
class Recorder:
    """What a device offers: recording a function unrun, the stream to warm up on, its generator's state."""

    record: Callable[[Callable[[], None]], Callable[[], None]]
    warm_up: Callable[[], AbstractContextManager]
    random_state: Callable[[], Tensor]


def cuda_recorder(device: torch.device) -> Recorder:
    """Recording by CUDA graphs."""

    def record(function: Callable[[], None]) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            function()
        return graph.replay

    @contextmanager
    def warm_up() -> Iterator[None]:
        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            yield
        torch.cuda.current_stream(device).wait_stream(side)

    return Recorder(record, warm_up, lambda: torch.cuda.get_rng_state(device))


class RecordedStep:
    """A `Step` that is recorded after its first calls and replayed from then on.

    Args:
        step: taken as it is at first, and for good where it cannot be recorded.
        recorder: the device's.
    """

    def __init__(self, step: Step, recorder: Recorder) -> None:
        self._step, self._recorder = step, recorder
        self._calls = 0
        self._replay: Callable[[], None] | None = None
        self._refused = False
        self._epoch_draws: Draws | None = None  # whose copies stand in _draws
        self._indices = torch.empty(0)
        self._draws: Draws | None = None
        self._rate = torch.empty(0)

    def __call__(self, indices: Tensor, draws: Draws | None, rate: float) -> None:
        """As `Step`'s."""
        self._fill(indices, draws, rate)
        if self._replay is not None:
            self._replay()
        elif self._refused or self._calls < WARM_UP:
            with nullcontext() if self._refused else self._recorder.warm_up():
                self._take()
        else:
            self._record()
        self._calls += 1

    def _take(self) -> None:
        # A tensor as learning rate from the first step on: the kernels that read a number round it otherwise.
        self._step(self._indices, self._draws, self._rate)

    def _fill(self, indices: Tensor, draws: Draws | None, rate: float) -> None:
        """Put a step's inputs where the recorded kernels look for them."""
        if self._calls == 0:
            self._indices = indices.clone()
            self._draws = None if draws is None else Draws(**{key: _clone(value) for key, value in _items(draws)})
            self._epoch_draws = draws
            self._rate = torch.tensor(rate, dtype=torch.float32, device=indices.device)
        self._indices.copy_(indices)
        self._rate.fill_(rate)
        if draws is not None and draws is not self._epoch_draws:
            for key, value in _items(draws):
                if value is not None:
                    getattr(self._draws, key).copy_(value)
            self._epoch_draws = draws

    def _record(self) -> None:
        """Take the step, record it, take it again from the same state by replay, and compare."""
        state = self._step.state
        before, generator = self._everything(), self._recorder.random_state()
        self._take()
        if not torch.equal(generator, self._recorder.random_state()):
            return self._refuse("it draws random numbers (dropout)")
        after, outputs = self._everything(), (state.loss, state.correct)
        self._put_back(before)
        try:
            state.optimizer.zero_grad(set_to_none=True)  # the recorded backward pass allocates gradients of its own
            replay = self._recorder.record(self._take)
            replay()
            differences = [_difference(one, other) for one, other in zip(after, self._everything(), strict=True)]
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
        else:
            if not any(differences):
                self._replay = replay
                return None
            reason = f"its replay differs from it by up to {max(differences):.2g}"
        self._put_back(after)
        state.loss, state.correct = outputs
        return self._refuse(reason)

    def _refuse(self, reason: str) -> None:
        log.warning("the training step cannot be replayed as a CUDA graph: %s; the run goes on without one", reason)
        self._refused = True

    def _tensors(self) -> list[Tensor]:
        """All that a step changes."""
        state = self._step.state
        found = [*state.model.parameters(), *state.model.buffers()]
        for kept in state.optimizer.state.values():
            found += [value for value in kept.values() if isinstance(value, Tensor)]
        return found

    def _everything(self) -> list[Tensor]:
        return [tensor.detach().clone() for tensor in self._tensors()]

    def _put_back(self, values: list[Tensor]) -> None:
        with torch.no_grad():
            for tensor, value in zip(self._tensors(), values, strict=True):
                tensor.copy_(value)


def _items(draws: Draws) -> list[tuple[str, Tensor | None]]:
    return [(field.name, getattr(draws, field.name)) for field in fields(draws)]


def _clone(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.clone()


def _difference(one: Tensor, other: Tensor) -> float:
    """0 where all bits agree, else the largest difference (infinite where that is no number)."""
    if torch.equal(one, other):
        return 0.0
    return torch.nan_to_num((one.double() - other.double()).abs(), nan=torch.inf).max().item()
