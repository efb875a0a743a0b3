"""However a step is computed, it is the same step: eager, channels_last, compiled, recorded, or spread over processes.

After 20 steps, parameters and the buffers of the norms agree within rounding.
"""

import copy
import logging
import os
import socket
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from data.device_images import DeviceImages
from experiments import build, compilation
from experiments.benchmark import start_up
from experiments.compilation import CompiledObjective, Kept
from experiments.loop import Length, train
from experiments.optimizer import make_optimizer
from experiments.recorded_step import WARM_UP, RecordedStep, Recorder
from experiments.settings import Settings
from experiments.step import State, Step
from models.norms.normalization import RunningStatistics

STEPS = 20
CPU = torch.device("cpu")
# Rates at which float32's rounding is not yet blown up by training itself.
CALM = ("model=resnet20", "model.depth=8", "epochs=null", f"steps={STEPS}", "recipe.lr=0.02", "dataset.num_train=64")


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run says reaches caplog."""
    monkeypatch.setattr(logging.getLogger("normlab"), "propagate", True)


def begin(config: dict[str, Any], channels_last: bool = True) -> tuple[State, DeviceImages, Settings]:
    settings = Settings.check(config)
    dataset = build.dataset(config)
    model = build.model(config, dataset)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(model, settings.recipe)
    zero = torch.zeros(())
    state = State(model, optimizer, torch.amp.GradScaler("cpu", enabled=False), 0, zero, zero)
    return state, build.splits(config, dataset, CPU)["train"], settings


def trained(
    config: dict[str, Any],
    how: Callable[[Step], Any] = lambda step: step,
    channels_last: bool = True,
    rank: int = 0,
    ranks: int = 1,
    **step_arguments: Any,
) -> State:
    """The state after the run's steps, each taken by `how(step)`."""
    state, images, settings = begin(config, channels_last)
    if ranks > 1:
        step_arguments["network"] = DistributedDataParallel(state.model)
    step = how(Step(state, images, settings, **step_arguments))
    length = Length.of(settings, len(images))
    for _ in train(state, step, build.augmentation(config), settings, length, rank, ranks):
        pass
    assert state.step == STEPS
    return state


def assert_same(found: nn.Module, expected: nn.Module, tolerance: float) -> None:
    there = expected.state_dict()
    assert found.state_dict().keys() == there.keys()
    for name, value in found.state_dict().items():
        torch.testing.assert_close(
            value, there[name], rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )


def assert_trained(state: State, config: dict[str, Any]) -> None:
    """The comparison is of networks that have moved."""
    start = begin(config)[0].model
    moved = [(p - q).abs().max().item() for p, q in zip(state.model.parameters(), start.parameters(), strict=True)]
    assert sum(moved) > 100 * 1e-4


@pytest.mark.parametrize("norm", ["bn", "ln", "none"])
def test_channels_last_is_contiguous(compose, norm):
    config = compose(*CALM, f"norm={norm}")
    expected = trained(config, channels_last=False)
    assert_trained(expected, config)
    assert_same(trained(config).model, expected.model, 1e-4)


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Kept:
    """A place for compiled code that holds none yet."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    return Kept(tmp_path / "kept", "network")


@pytest.mark.filterwarnings("ignore")  # of PyTorch's own compiler
@pytest.mark.parametrize("norm", ["bn", "ln"])
def test_compiled_is_eager(compose, kept, norm, caplog):
    config = compose(*CALM[2:], f"norm={norm}", "model=small_cnn", "model.width=0.25")  # soon compiled
    with caplog.at_level(logging.INFO, "normlab"):
        found = trained(config, objective=CompiledObjective(kept))
    assert "compiled in" in caplog.text
    assert "compilation failed" not in caplog.text
    assert kept
    assert_same(found.model, trained(config).model, 1e-4)
    if norm == "bn":
        layer = next(layer for layer in found.model.modules() if isinstance(layer, RunningStatistics))
        assert layer.num_batches_tracked == STEPS


def broken_compiler(network, x, y, precision, label_smoothing):
    """Fails after the norms have seen the batch."""
    network(x)
    raise RuntimeError("no compiler here\nsecond line")


def test_a_failed_compilation_goes_on_eager_with_the_same_bits(compose, kept, monkeypatch, caplog):
    monkeypatch.setattr(compilation, "_compiled", broken_compiler)
    config = compose(*CALM)
    found = trained(config, objective=CompiledObjective(kept))
    assert caplog.text.count("compilation failed") == 1
    assert "RuntimeError: no compiler here" in caplog.text
    assert "second line" not in caplog.text
    assert start_up.NOT_COMPILED in caplog.text  # by which the benchmark tells
    assert not kept
    assert_same(found.model, trained(config).model, 0.0)


def recorder(record: Callable[[Callable[[], None]], Callable[[], None]]) -> Recorder:
    return Recorder(record, nullcontext, torch.get_rng_state)


def faithful(function: Callable[[], None]) -> Callable[[], None]:
    """A replay on the CPU: the same inputs are read from the same tensors."""
    return function


def test_a_recorded_step_is_the_step(compose, monkeypatch):
    config = compose(*CALM, "dataset.augmentation.crop_padding=2")
    plain = trained(config)
    replays = []

    def counting(function):
        def replay():
            replays.append(1)
            function()

        return replay

    found = trained(config, how=lambda step: RecordedStep(step, recorder(counting)))
    assert len(replays) == STEPS - WARM_UP
    assert_same(found.model, plain.model, 1e-6)  # the learning rate is a float32 tensor
    assert found.model.get_submodule("stem.norm").num_batches_tracked == STEPS
    assert torch.allclose(found.loss, plain.loss, rtol=1e-4)


def unfaithful(function: Callable[[], None]) -> Callable[[], None]:
    """A replay that takes the running statistics for those of the batch."""

    def replay() -> None:
        model = function.__self__._step.state.model  # type: ignore[attr-defined]
        model.eval()
        function()
        model.train()

    return replay


def refusing(function: Callable[[], None]) -> Callable[[], None]:
    function()  # a recorder that computes, then fails: nothing of it may stay
    raise RuntimeError("operation not permitted when stream is capturing\nmore")


@pytest.mark.parametrize(
    ("record", "reason"), [(unfaithful, "its replay differs from it by up to"), (refusing, "operation not permitted")]
)
def test_a_step_that_cannot_be_replayed_is_taken_as_it_is(compose, caplog, record, reason):
    config = compose(*CALM)
    always = trained(config, how=lambda step: RecordedStep(step, recorder(faithful)))
    found = trained(config, how=lambda step: RecordedStep(step, recorder(record)))
    assert caplog.text.count("cannot be replayed") == 1
    assert reason in caplog.text
    # All bits as if it had never been tried.
    assert_same(found.model, always.model, 0.0)
    assert torch.equal(found.loss, always.loss)


def test_dropout_is_not_replayed(compose, caplog):
    config = compose(*CALM, "model.dropout=0.2")
    found = trained(config, how=lambda step: RecordedStep(step, recorder(faithful)))
    assert "it draws random numbers (dropout)" in caplog.text
    assert_same(found.model, trained(config).model, 1e-6)


def in_process(rank: int, ranks: int, port: int, config: dict[str, Any], folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    try:
        state = trained(config, rank=rank, ranks=ranks)
        torch.save(state.model.state_dict(), f"{folder}/{rank}.pt")
    finally:
        dist.destroy_process_group()


def spread(config: dict[str, Any], folder: str, ranks: int = 2) -> list[dict[str, Tensor]]:
    """The weights and buffers that each of several gloo processes ends with."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(in_process, (ranks, port, config, folder), nprocs=ranks)
    return [torch.load(f"{folder}/{rank}.pt", weights_only=True) for rank in range(ranks)]


class Halves(nn.Module):
    """What two processes do with a batch, in one: every second image goes through the network with the others left out.

    The running statistics are the first half's: DistributedDataParallel hands on the buffers of the first process.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        first = self.model(x[::2])
        aside = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        second = torch.func.functional_call(self.model, aside, (x[1::2],))
        return torch.stack((first, second), 1).flatten(0, 1)  # in the order of the batch


@pytest.mark.parametrize("norm", ["ln", "bn"])
def test_two_processes_are_one(compose, tmp_path, norm):
    config = compose(*CALM, f"norm={norm}")
    state, images, settings = begin(config)
    whole = Halves(state.model) if norm == "bn" else state.model
    step = Step(state, images, settings, network=whole)
    for _ in train(state, step, build.augmentation(config), settings, Length.of(settings, len(images))):
        pass
    found = spread(config, str(tmp_path))
    expected = copy.deepcopy(state.model)
    for rank, weights in enumerate(found):
        if rank:  # the last step's buffers have not been handed on
            weights = weights | {name: found[0][name] for name, _ in expected.named_buffers()}
        model = copy.deepcopy(expected)
        model.load_state_dict(weights)
        assert_same(model, expected, 1e-4)


@pytest.mark.gpu
@pytest.mark.parametrize("compiled", ["false", "true"])
def test_a_cuda_graph_is_the_run_without_one(made, compiled):
    words = (*CALM, "device=cuda", f"compile={compiled}")
    replayed, plain = made(*words, "cuda_graphs=true"), made(*words, "cuda_graphs=false", "seed=0", "log_every=49")
    for name, value in replayed.checkpoint["model"].items():
        torch.testing.assert_close(value, plain.checkpoint["model"][name], rtol=1e-4, atol=1e-4)
    assert "cannot be replayed" not in (replayed.folder / "train.log").read_text()
