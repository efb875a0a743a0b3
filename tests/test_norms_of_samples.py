"""rms, frn and evonorm_s0 in NumPy, and the places where norms that are activations stand."""

import numpy as np
import pytest
import torch
from models_from_conf import build, make_norm
from norms_by_hand import EPS, MAPS, VECTORS, affine, batch, close, per_channel, stir
from torch import nn

from models.norms.normalization import Normalization, NormWithActivation

ACTIVATIONS = ["evonorm_s0", "frn"]
shapes = pytest.mark.parametrize("shape", [MAPS, VECTORS], ids=["maps", "vectors"])


def other_axes(x: np.ndarray) -> tuple[int, ...]:
    return tuple(range(1, x.ndim))


@shapes
def test_rms_divides_by_the_root_mean_square_and_takes_no_mean_off(shape):
    x = batch(shape)
    module = stir(make_norm("rms")(6).double())
    root = np.sqrt((x.numpy() ** 2).mean(axis=other_axes(x.numpy()), keepdims=True) + EPS)
    close(module(x), per_channel(module.weight.detach().numpy(), x.numpy()) * x.numpy() / root)
    assert module.bias is None
    shifted = stir(make_norm("rms", shift=True)(6).double())
    close(shifted(x), affine(shifted, x.numpy() / root))


def test_rms_has_no_parameters_but_those_asked_for():
    assert [name for name, _ in make_norm("rms")(6).named_parameters()] == ["weight"]
    assert not list(make_norm("rms", affine=False)(6).parameters())
    assert [name for name, _ in make_norm("rms", affine=False, shift=True)(6).named_parameters()] == ["bias"]


def test_a_layer_before_rms_carries_the_bias():
    for shift in (False, True):
        net = build("resnet20", make_norm("rms", shift=shift), depth=8)
        convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
        assert all((convolution.bias is None) == shift for convolution in convolutions)


@shapes
def test_frn_divides_by_each_channels_root_mean_square_and_cuts_at_the_threshold(shape):
    x = batch(shape)
    module = stir(make_norm("frn")(6).double())
    divided = x.numpy()
    if len(shape) == 4:
        divided = divided / np.sqrt((divided**2).mean(axis=(2, 3), keepdims=True) + 1e-6)
    expected = np.maximum(affine(module, divided), per_channel(module.threshold.detach().numpy(), divided))
    close(module(x), expected)
    assert (expected == np.broadcast_to(per_channel(module.threshold.detach().numpy(), divided), shape)).any()
    module.drop_activation()
    close(module(x), affine(module, divided))


def test_frn_starts_as_a_relu_of_what_it_normalizes():
    module, x = make_norm("frn")(6).double(), batch(MAPS)
    y = module(x)
    module.drop_activation()
    assert torch.equal(y, torch.relu(module(x)))


def test_frn_refuses_maps_of_single_values():
    with pytest.raises(ValueError, match=r"shape \(4, 1, 1\).*only the sign would remain"):
        make_norm("frn")(4)(torch.randn(2, 4, 1, 1))


@shapes
def test_evonorm_s0_is_a_gated_value_over_the_deviation_of_its_group(shape):
    x = batch(shape)
    module = stir(make_norm("evonorm_s0", num_groups=2)(6).double())
    values, gate = x.numpy(), per_channel(module.gate.detach().numpy(), x.numpy())
    deviations = []
    for sample in values:
        for group in (sample[:3], sample[3:]):
            deviations.append(np.full_like(group, np.sqrt(group.var() + EPS)))
    deviation = np.concatenate(deviations).reshape(shape)
    close(module(x), affine(module, values / (1 + np.exp(-gate * values)) / deviation))
    module.drop_activation()
    close(module(x), affine(module, values / deviation))


def test_evonorm_s0_refuses_groups_of_single_values():
    with pytest.raises(ValueError, match="8 groups are single values"):
        make_norm("evonorm_s0")(8)(torch.randn(2, 8))


@pytest.mark.parametrize("norm", ACTIVATIONS)
@pytest.mark.parametrize("model", ["small_cnn", "plain20", "vgg11"])
def test_no_relu_follows_a_norm_that_is_an_activation(model, norm):
    net = build(model, norm)
    norms = [module for module in net.modules() if isinstance(module, NormWithActivation)]
    assert norms
    assert not any(isinstance(module, nn.ReLU) for module in net.modules())
    assert all(is_active(norm) for norm in norms)


def is_active(norm: Normalization) -> bool:
    return getattr(norm, "threshold", None) is not None or getattr(norm, "gate", None) is not None


@pytest.mark.parametrize("norm", ACTIVATIONS)
def test_at_the_end_of_a_branch_it_is_a_norm_alone_and_the_relu_follows_the_sum(norm):
    net = build("resnet20", norm, depth=8, shortcut="B", input_norm=True, image_shape=(8, 16, 16))
    active = {name for name, module in net.named_modules() if isinstance(module, Normalization) and is_active(module)}
    assert active == {"stem.norm", *(f"blocks.{index}.first.norm" for index in range(3))}
    assert {name for name, module in net.named_modules() if isinstance(module, nn.ReLU)} == {
        f"blocks.{index}.relu" for index in range(3)
    }
    parameters = {name.rsplit(".", 1)[1] for name, _ in net.blocks[0].second.norm.named_parameters(prefix="x")}
    assert parameters == {"weight", "bias"}  # nothing is left that would have no gradient


@pytest.mark.parametrize("norm", ACTIVATIONS)
def test_after_a_relu_it_has_no_place(norm):
    with pytest.raises(ValueError, match=r"^model.norm_position=after has no meaning with .*: choose .*=before"):
        build("resnet20", norm, norm_position="after")
