"""What a machine cannot do for a run: one line on memory or kernels that it has not, and what was saved stays."""

import pytest
import torch
from conftest import words_of

from experiments import build, script
from experiments import run as run_module
from experiments.errors import UserError
from experiments.machine_limits import explained, remedy

GPU = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 1 has a total capacity of 15.89 GiB of which 3 is free."
MPS = "MPS backend out of memory (MPS allocated: 17.00 GB, max allowed: 18.13 GB). Tried to allocate 3.00 GB."
CPU = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
KERNEL = "adaptive_avg_pool2d_backward_cuda does not have a deterministic implementation, but you set it.\nMore."
WORKSPACE = "Deterministic behavior was enabled, but this operation uses CuBLAS: set CUBLAS_WORKSPACE_CONFIG=:4096:8."


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (torch.OutOfMemoryError(GPU), ("not enough memory on GPU 1 (20.00 GiB at once)", "smaller batch_size")),
        (RuntimeError(MPS), ("the Apple GPU (3.00 GB at once)",)),
        (RuntimeError(CPU + "737280000000000 bytes."), ("the CPU (737,280.0 GB at once)", "model.width")),
        (MemoryError(), ("not enough memory on the CPU:",)),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), ("the GPU", "batch_size")),
        (RuntimeError(KERNEL), ("no deterministic form of adaptive_avg_pool2d_backward_cuda", "deterministic=false")),
        (RuntimeError(WORKSPACE), ("cuBLAS", "CUBLAS_WORKSPACE_CONFIG")),
    ],
)
def test_each_is_one_line_with_its_remedy(error, parts):
    line = remedy(error)
    assert line is not None
    assert "\n" not in line
    assert all(part in line for part in parts), line


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not match"), ValueError("can't allocate memory"), KeyError()]
)
def test_what_is_something_else_passes(error):
    assert remedy(error) is None
    with pytest.raises(type(error)), explained(UserError):
        raise error


class Hungry(run_module.Step):
    """Runs out of memory in its sixth step."""

    error: Exception = torch.OutOfMemoryError(GPU)

    def __call__(self, *arguments) -> None:
        if self.state.step == 5:
            raise self.error
        super().__call__(*arguments)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError(GPU), MemoryError(), RuntimeError(KERNEL)], ids=["gpu", "host", "kernel"]
)
def test_while_training_the_folder_and_its_checkpoint_stay(train_py, outputs, monkeypatch, error):
    """Exit code 1 and one line; the same command goes on from there once there is room."""
    monkeypatch.setattr(run_module, "Step", Hungry)
    monkeypatch.setattr(Hungry, "error", error)
    words = words_of(outputs, "checkpoint_every=3")
    said = train_py(*words)
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"error: {remedy(error)}; {outputs}/runs/")
    assert "Traceback" not in said.out
    (folder,) = (outputs / "runs").iterdir()
    assert torch.load(folder / "checkpoint.pt", weights_only=True)["step"] == 3
    assert "Traceback" in (folder / "train.log").read_text()
    monkeypatch.undo()
    again = train_py(*words)
    assert again.code == 0
    assert "resuming at step 3" in again.out


def test_in_a_sweep_the_others_go_on(train_py, outputs, monkeypatch):
    class First(Hungry):
        def __call__(self, *arguments) -> None:
            if self.state.model.training and self._recipe.lr == 0.3:
                raise self.error
            super(Hungry, self).__call__(*arguments)

    monkeypatch.setattr(run_module, "Step", First)
    said = train_py("-m", *words_of(outputs, "epochs=1", "recipe.lr=0.3,0.1"))
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "1 finished, 1 failed" in said.out
    assert "Traceback" not in said.out


def test_in_a_script_too(capsys):
    def command(words: script.Words) -> None:
        raise torch.OutOfMemoryError(GPU)

    assert script.run("Does something.", ["word"], command) == 2
    assert capsys.readouterr().err == f"error: {remedy(torch.OutOfMemoryError(GPU))}\n"


def test_a_network_that_is_tried_out_is_not_said_to_fit_badly():
    """Its misfits are told from memory that is not there."""

    def refuse() -> None:
        try:
            raise RuntimeError(CPU + "737280000000000 bytes.")
        except RuntimeError as error:
            raise ValueError("this network does not fit images of 3x8x8") from error

    with pytest.raises(UserError, match=r"model: not enough memory on the CPU \(737,280.0 GB at once\)"):
        build._call("model", refuse)
