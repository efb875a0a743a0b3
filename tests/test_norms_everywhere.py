"""What holds for every norm of conf/, with every formula of as_written: derivatives, half precision, compilation."""

import copy
from typing import Any

import pytest
import torch
from models_from_conf import make_norm, names_in
from torch import nn

from models.norms.as_written import LAYERS

MAPS, VECTORS = (5, 6, 2, 3), (5, 6)  # (N, C, H, W), (N, C)
CHANGES: dict[str, dict[str, Any]] = {name: {"num_groups": 2} for name in ("gn", "ws_gn", "evonorm_s0")}
CHANGES |= {"ghost_bn": {"size": 2}, "brn": {"warmup": 0, "r_full": 1, "d_full": 1}, "frozen_bn": {"freeze_after": 2}}
NORMS = [(name, CHANGES.get(name, {})) for name in names_in("norm") if name != "as_written"]
NORMS += [("as_written", {"formula": formula}) for formula in (*LAYERS, "one_set_of_statistics")]
IDS = [changes.get("formula", name) for name, changes in NORMS]
every_norm = pytest.mark.parametrize(("name", "changes"), NORMS, ids=IDS)


def values(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(shape, generator=generator, dtype=torch.float64) + 0.5


def layer(name: str, changes: dict[str, Any], steps: int, shape: tuple[int, ...]) -> nn.Module:
    """In float64, with parameters unlike those of the start, after some batches in training."""
    module = make_norm(name, **changes)(6).double()
    for step in range(steps):
        module(values(shape, 10 + step))
    for index, parameter in enumerate(module.parameters()):
        parameter.data = 0.7 + 0.3 * values(tuple(parameter.shape), 20 + index)
    return module


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [MAPS, VECTORS], ids=["maps", "vectors"])
@every_norm
def test_derivatives_pass_finite_differences(name, changes, shape, training):
    """For x and every parameter, in the layer's third step."""
    module = layer(name, changes, 2, shape).train(training)
    names, parameters = zip(*module.named_parameters(), strict=True) if list(module.parameters()) else ((), ())
    buffers = {key: buffer.clone() for key, buffer in module.named_buffers()}

    def output(x: torch.Tensor, *taken: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)  # of those that draw noise
        state = {key: buffer.clone() for key, buffer in buffers.items()} | dict(zip(names, taken, strict=True))
        return torch.func.functional_call(module, state, (x,))

    if name == "brn" and training:  # its r and d are constants to autograd, not to finite differences: in its own tests
        return
    assert torch.autograd.gradcheck(output, (values(shape).requires_grad_(), *parameters))


@pytest.mark.parametrize("shape", [MAPS, VECTORS], ids=["maps", "vectors"])
@every_norm
def test_autocast_to_bfloat16_is_the_layer_on_rounded_inputs(name, changes, shape):
    single = layer(name, changes, 2, shape).float()
    half, x = copy.deepcopy(single), values(shape).bfloat16()
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        found = half(x)
    torch.manual_seed(0)
    torch.testing.assert_close(found.float(), single(x.float()), rtol=0.02, atol=0.02)
    for key, buffer in half.named_buffers():
        torch.testing.assert_close(buffer, single.get_buffer(key), rtol=1e-5, atol=1e-5)


@every_norm
def test_it_compiles_as_a_whole(name, changes):
    """In one graph, so with no look at a value; outputs and running statistics are those of eager mode."""
    torch._dynamo.reset()
    module = layer(name, changes, 1, MAPS)
    plain = copy.deepcopy(module)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    for step in range(3):
        x = values(MAPS, step)
        torch.manual_seed(step)
        found = compiled(x)
        torch.manual_seed(step)
        torch.testing.assert_close(found, plain(x), rtol=0, atol=1e-12)
    for key, buffer in plain.named_buffers():
        torch.testing.assert_close(module.get_buffer(key), buffer, rtol=0, atol=1e-12)


@every_norm
def test_a_dead_channel_has_finite_gradients(name, changes):
    """All values of a channel 0, as behind a ReLU that never opens."""
    module = make_norm(name, **changes)(6)
    x = values(MAPS).float()
    x[:, :2] = 0
    x.requires_grad_()
    module(x).square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    for parameter in module.parameters():
        assert parameter.grad.isfinite().all()
