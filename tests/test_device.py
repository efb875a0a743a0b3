"""How PyTorch is set for a device."""

from collections.abc import Callable, Iterator

import pytest
import torch
from conftest import Made, words_of
from edited_results import of_schema_1
from torch.backends import cudnn
from torch.backends.cuda import matmul

from experiments import run as run_module
from experiments.device import configure
from experiments.finished import open_run, restore

SWITCHES = ((matmul, "allow_tf32"), (cudnn, "allow_tf32"), (cudnn, "deterministic"), (cudnn, "benchmark"))


@pytest.fixture
def switches() -> Iterator[None]:
    """PyTorch's own, put back afterwards."""
    before = [getattr(place, name) for place, name in SWITCHES]
    yield
    for (place, name), value in zip(SWITCHES, before, strict=True):
        setattr(place, name, value)


@pytest.mark.usefixtures("switches")
@pytest.mark.parametrize("tf32", [True, False])
def test_float32_is_float32_on_cuda_unless_tf32_is_asked_for(monkeypatch: pytest.MonkeyPatch, tf32: bool) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    matmul.allow_tf32 = cudnn.allow_tf32 = not tf32
    cudnn.deterministic, cudnn.benchmark = False, True
    configure(torch.device("cuda"), tf32)
    assert matmul.allow_tf32 is tf32
    assert cudnn.allow_tf32 is tf32
    assert cudnn.deterministic is True
    assert cudnn.benchmark is False


@pytest.fixture
def free_again() -> Iterator[None]:
    """Whatever a test has set, all operators are allowed after it."""
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("free_again")
def test_deterministic_is_of_one_run_and_changes_no_bit_on_the_cpu(made: Callable[..., Made], finished: Made) -> None:
    """As if it had not been set, in the run's files and in those of the next run in the process."""
    strict = made("deterministic=true", "log_every=3", "dataset.train_size=64")
    assert torch.are_deterministic_algorithms_enabled()
    assert strict.result["environment"]["deterministic"] is True
    assert finished.result["environment"]["deterministic"] is False
    strict.assert_same_bits(finished)
    made("seed=1", "epochs=null", "steps=1")
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.usefixtures("free_again")
def test_a_run_is_restored_as_it_was_executed(made: Callable[..., Made]) -> None:
    """Evaluation, recalibration and export start from there."""
    strict, free = made("deterministic=true", "steps=1", "epochs=null"), made("seed=1", "steps=1", "epochs=null")
    path = free.folder / "config.yaml"  # as a run of before the setting joined left it
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "deterministic" not in line))
    of_schema_1(free.folder)
    for run, expected in ((strict, True), (free, False)):
        restore(open_run(run.folder), device="cpu")
        assert torch.are_deterministic_algorithms_enabled() is expected


@pytest.mark.usefixtures("free_again")
def test_an_operator_without_a_deterministic_form_is_named(train_py, outputs, monkeypatch) -> None:
    """`put_` has none on any device: one line, exit code 1, and the same command goes on without the setting."""

    class Puts(run_module.Step):
        def __call__(self, *arguments) -> None:
            torch.zeros(3).put_(torch.tensor([0]), torch.ones(1))
            super().__call__(*arguments)

    monkeypatch.setattr(run_module, "Step", Puts)
    words = words_of(outputs, "epochs=null", "steps=2")
    said = train_py(*words, "deterministic=true")
    assert said.code == 1
    assert said.err.startswith("error: deterministic=true: PyTorch has no deterministic form of put_ here")
    assert "set deterministic=false" in said.err
    assert said.err.count("\n") == 1
    assert train_py(*words).code == 0
