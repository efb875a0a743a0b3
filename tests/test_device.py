"""How PyTorch is set for a device."""

from collections.abc import Iterator

import pytest
import torch
from torch.backends import cudnn
from torch.backends.cuda import matmul

from experiments.device import configure

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
