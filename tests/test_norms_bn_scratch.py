"""Batch normalization by hand against PyTorch's, in float64 to 1e-12, and against finite differences."""

import pytest
import torch
from models_from_conf import make_norm
from torch import nn

from models.norms.bn_scratch import BatchNormalizingTransform, inference_transform

SHAPES = [(7, 5), (3, 5, 7, 9), (2, 5, 1, 1), (1, 5, 3, 1)]
MOMENTA = [0.1, 0.37, 1.0, None]


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def pair(shape: tuple[int, ...], momentum: float | None, affine: bool = True) -> tuple[nn.Module, nn.Module]:
    """Our layer and PyTorch's with the same state, γ and β not 1 and 0."""
    torch_class = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    theirs = torch_class(shape[1], momentum=momentum, affine=affine, dtype=torch.float64)
    ours = make_norm("bn_scratch", momentum=momentum, affine=affine)(shape[1]).double()
    generator = torch.Generator().manual_seed(3)
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, generator=generator)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def batch(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return 2 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("shape", SHAPES)
def test_three_steps_of_training_and_evaluation_equal_pytorchs(shape: tuple[int, ...], momentum: float | None) -> None:
    ours, theirs = pair(shape, momentum)
    for step in range(3):
        inputs = [batch(shape, step).requires_grad_() for _ in range(2)]
        dy = batch(shape, 100 + step)
        outputs = [module(x) for module, x in zip((ours, theirs), inputs, strict=True)]
        close(*outputs)
        for y in outputs:
            y.backward(dy)
        close(inputs[0].grad, inputs[1].grad)
        close(ours.weight.grad, theirs.weight.grad)
        close(ours.bias.grad, theirs.bias.grad)
        close(ours.running_mean, theirs.running_mean)
        close(ours.running_var, theirs.running_var)
        assert ours.num_batches_tracked == theirs.num_batches_tracked == step + 1
    ours.eval()
    theirs.eval()
    inputs = [batch(shape, 9).requires_grad_() for _ in range(2)]
    outputs = [module(x) for module, x in zip((ours, theirs), inputs, strict=True)]
    close(*outputs)
    for module, y in zip((ours, theirs), outputs, strict=True):
        module.zero_grad()
        y.backward(batch(shape, 109))
    close(inputs[0].grad, inputs[1].grad)
    close(ours.weight.grad, theirs.weight.grad)
    close(ours.bias.grad, theirs.bias.grad)
    assert ours.num_batches_tracked == 3


@pytest.mark.parametrize("shape", SHAPES)
def test_without_affine_it_equals_pytorchs(shape: tuple[int, ...]) -> None:
    ours, theirs = pair(shape, 0.1, affine=False)
    inputs = [batch(shape, 0).requires_grad_() for _ in range(2)]
    outputs = [module(x) for module, x in zip((ours, theirs), inputs, strict=True)]
    close(*outputs)
    for y in outputs:
        y.backward(batch(shape, 1))
    close(inputs[0].grad, inputs[1].grad)


def test_checkpoints_interchange_with_the_fast_layer() -> None:
    ours, fast = make_norm("bn_scratch")(5), make_norm("bn")(5)
    ours(torch.randn(4, 5))
    fast.load_state_dict(ours.state_dict())
    ours.load_state_dict(fast.state_dict())
    assert list(ours.state_dict()) == list(fast.state_dict())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in fast.named_parameters()]


def test_hand_written_derivatives_pass_finite_differences() -> None:
    x, γ, β = batch((7, 3), 0), batch((3,), 1), batch((3,), 2)
    arguments = [tensor.requires_grad_() for tensor in (x, γ, β)]
    assert torch.autograd.gradcheck(lambda *args: BatchNormalizingTransform.apply(*args, 1e-5)[0], arguments)


def test_gradient_of_the_input_has_no_component_along_one_and_the_normalized_values() -> None:
    """∂ℓ/∂x is orthogonal to 1, and to x̂ up to ε, since neither a shift nor a scale of B changes y."""
    x = batch((11, 3), 0).requires_grad_()
    y, _, _ = BatchNormalizingTransform.apply(x, torch.ones(3).double(), torch.zeros(3).double(), 1e-12)
    y.backward(batch((11, 3), 1))
    close(x.grad.sum(0), torch.zeros(3).double())
    torch.testing.assert_close((x.grad * y.detach()).sum(0), torch.zeros(3).double(), rtol=0, atol=1e-10)


def test_worked_example() -> None:
    """μ 0.5, σ² 0.2, γ 2, β 0.1, ε 1e-4: x = 1 becomes 0.1 + 2 · 0.5/√0.2001 = 2.3355."""
    values = [torch.tensor([value], dtype=torch.float64) for value in (1.0, 2.0, 0.1, 0.5, 0.2)]
    assert inference_transform(*values, 1e-4).item() == pytest.approx(0.1 + 1 / 0.2001**0.5, abs=1e-12)
    assert inference_transform(*values, 1e-4).item() == pytest.approx(2.3355, abs=1e-4)


def test_half_precision_input_is_normalized_in_single_precision() -> None:
    module = make_norm("bn_scratch")(5)
    x = batch((6, 5), 0).bfloat16()
    assert torch.equal(module(x), module(x.float()).bfloat16())


def test_channels_last_layout_survives() -> None:
    x = batch((3, 5, 7, 9), 0).float().contiguous(memory_format=torch.channels_last)
    assert make_norm("bn_scratch")(5)(x).is_contiguous(memory_format=torch.channels_last)
