"""Convolutions over maps that are smaller than their kernels."""

import itertools

import pytest
import torch
from matrix import NETWORKS, Case
from torch import nn
from torch.nn import functional as F

from experiments import build
from experiments.command_line import plan
from experiments.host import keep_memory
from models.convolution import Convolution, reached

SIDES = [
    (size, kernel, stride, padding)
    for size, kernel, stride, padding in itertools.product(range(1, 8), (1, 2, 3, 5, 7), (1, 2, 3), range(4))
    if padding <= kernel // 2 and size + 2 * padding >= kernel
]


def test_the_taps_that_meet_the_map():
    for size, kernel, stride, padding in SIDES:
        outputs = range((size + 2 * padding - kernel) // stride + 1)
        meets = [t for t in range(kernel) if any(0 <= i * stride - padding + t < size for i in outputs)]
        assert list(reached(size, kernel, stride, padding)) == meets, (size, kernel, stride, padding)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_it_is_the_convolution_of_pytorch(width):
    cut = 0
    for height, kernel, stride, padding in SIDES:
        if width + 2 * padding < kernel:
            continue
        layer = Convolution(2, 3, kernel, stride=stride, padding=padding).double()
        x = torch.randn(2, 2, height, width, dtype=torch.double, requires_grad=True)
        found, plain = layer(x), F.conv2d(x, layer.weight, layer.bias, stride, padding)
        torch.testing.assert_close(found, plain)
        upstream = torch.randn_like(plain)
        for one, other in zip(
            *(torch.autograd.grad(y, (x, layer.weight), upstream) for y in (found, plain)), strict=True
        ):
            torch.testing.assert_close(one, other)
        cut += len(reached(height, kernel, stride, padding)) < kernel
    assert cut > 20


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
def test_taps_on_padding_have_no_gradient_whatever_stood_in_the_memory(precision):
    layer = Convolution(128, 128, 5, padding=2).to(precision).to(memory_format=torch.channels_last)
    x = torch.randn(8, 128, 1, 1, dtype=precision).contiguous(memory_format=torch.channels_last)
    keep_memory()  # as the commands do: what is given back is handed out again, as it was left
    for _ in range(3):
        for size in (layer.weight.numel() // 2, layer.weight.numel()):
            left = [torch.full((size,), float("nan")) for _ in range(4)]
            del left
        (gradient,) = torch.autograd.grad(layer(x).float().square().sum(), layer.weight)
        middle = gradient[:, :, 2, 2].clone()
        assert middle.isfinite().all()
        assert middle.count_nonzero()
        gradient[:, :, 2, 2] = 0
        assert not gradient.count_nonzero()


def test_a_map_that_is_too_small_is_refused_as_ever():
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        Convolution(1, 1, 3)(torch.zeros(1, 1, 2, 2))


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("norm", ["bn", "none"])
def test_every_padded_convolution_of_every_network_is_one(tmp_path, model, norm):
    config = plan(Case(model, norm, "float32").words(tmp_path)).jobs[0].config
    shape = (1, 5, 1) if model in ("lstm", "transformer") else (3, 32, 32)
    network = build.network(config, shape, 3)
    padded = [one for one in network.modules() if isinstance(one, nn.Conv2d) and any(one.padding)]
    assert all(isinstance(one, Convolution) for one in padded)
    assert padded or model in ("mlp", "mlp_mixed", "lstm", "transformer", "small_cnn")
