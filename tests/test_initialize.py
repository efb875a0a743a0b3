"""Initial weights are a function of the seed, the parameter's name and its shape."""

import math
from typing import Any, get_args

import pytest
import torch
from models_from_conf import HE, build, names_in
from torch import nn

from experiments import settings
from models.initialize import Initialization, Scheme, initialize, standard_normal


def scheme(name: Any = "he", gain: float = 1.0, std: float = 0.01) -> Initialization:
    return Initialization(scheme=name, gain=gain, std=std, zero_gamma=False)


def weights(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: m.weight for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}


@pytest.mark.parametrize("model", ["resnet20", "plain20", "small_cnn", "mlp_mixed"])
@pytest.mark.parametrize("norm", [name for name in names_in("norm") if name not in ("bn", "frn", "in")])
def test_networks_that_differ_in_the_norm_start_from_the_same_weights(model: str, norm: str) -> None:
    ours, theirs = weights(build(model, norm)), weights(build(model, "bn"))
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        assert torch.equal(weight, theirs[name]), name


@pytest.mark.parametrize("change", [{"norms": "first:2"}, {"norm_position": "after"}, {"input_norm": True}])
def test_weights_do_not_depend_on_which_norms_are_kept_or_where(change: dict[str, Any]) -> None:
    ours, theirs = weights(build("resnet20", "bn", **change)), weights(build("resnet20", "bn"))
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        assert torch.equal(weight, theirs[name]), name


def test_plain_and_residual_networks_start_from_the_same_weights() -> None:
    plain, residual = build("plain20").state_dict(), build("resnet20").state_dict()
    assert plain.keys() == residual.keys()
    assert all(torch.equal(plain[name], residual[name]) for name in plain)


def test_seeds_differ_and_repeat() -> None:
    first, second, again = (weights(build(seed=seed)) for seed in (0, 1, 0))
    for name in first:
        assert torch.equal(first[name], again[name])
        assert not torch.isclose(first[name], second[name]).all()


def test_the_global_generator_has_no_part_in_it() -> None:
    torch.manual_seed(1)
    first = weights(build())
    torch.manual_seed(2)
    assert all(torch.equal(weight, first[name]) for name, weight in weights(build()).items())


def test_layers_of_one_shape_get_different_draws() -> None:
    net = weights(build())
    assert not torch.isclose(net["blocks.0.first.layer"], net["blocks.0.second.layer"]).all()


def test_draws_are_pinned() -> None:
    draws = standard_normal("stem.layer.weight", torch.Size((3,)), 0)
    torch.testing.assert_close(draws, torch.tensor([-1.45206, 0.67100, 0.63884]), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("initialization", "expected"),
    [
        (scheme("he"), math.sqrt(2 / (64 * 9))),
        (scheme("he", gain=0.3), 0.3 * math.sqrt(2 / (64 * 9))),
        (scheme("xavier"), math.sqrt(2 / (64 * 9 + 96 * 9))),
        (scheme("xavier", gain=3.0), 3 * math.sqrt(2 / (64 * 9 + 96 * 9))),
        (scheme("normal"), 0.01),
        (scheme("normal", std=0.02, gain=10.0), 0.2),
    ],
)
def test_scale_of_a_convolutions_weights(initialization: Initialization, expected: float) -> None:
    conv = nn.Sequential(nn.Conv2d(64, 96, 3))
    initialize(conv, initialization, seed=0)
    weight = conv[0].weight.detach().double()  # 55,296 draws: the standard error of their deviation is 0.3 %
    assert weight.std().item() == pytest.approx(expected, rel=0.015)
    assert abs(weight.mean().item()) < 0.02 * expected
    assert not conv[0].bias.any()


def test_scale_of_a_linear_layers_weights() -> None:
    linear = nn.Sequential(nn.Linear(300, 200))
    initialize(linear, scheme("he"), seed=0)
    assert linear[0].weight.std().item() == pytest.approx(math.sqrt(2 / 300), rel=0.015)


def test_gain_multiplies_the_same_draws_and_leaves_norms_alone() -> None:
    one, three = build(initialization=scheme(gain=1.0)), build(initialization=scheme(gain=3.0))
    for name, weight in weights(one).items():
        torch.testing.assert_close(weights(three)[name], 3 * weight)
    assert torch.equal(one.stem.norm.weight, three.stem.norm.weight)


def test_initializing_again_restores_everything() -> None:
    net = build("resnet20", "bn")
    start = {name: value.clone() for name, value in net.state_dict().items()}
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    net(torch.randn(4, 3, 32, 32))
    initialize(net, HE, seed=0)
    assert all(torch.equal(value, start[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "kaiming"}, "scheme=kaiming is unknown: choose one of he, xavier, normal, pytorch"),
        ({"gain": -1.0}, "gain=-1.0"),
        ({"gain": math.nan}, "gain=nan"),
        ({"std": math.inf}, "std=inf"),
    ],
)
def test_impossible_initializations_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scheme(**arguments)


def test_the_scheme_pytorch_draws_what_pytorch_draws():
    """Weights and biases uniform within 1/√fan_in, as `reset_parameters` of PyTorch's own layers."""
    ours, theirs = nn.Linear(400, 300), nn.Linear(400, 300)
    initialize(ours, scheme("pytorch"), seed=0)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        quantiles = torch.linspace(0, 1, 11)
        deciles = [tensor.detach().flatten().quantile(quantiles) for tensor in (one, other)]
        # deciles of 300 draws within ±1/20 have standard errors of up to 0.003
        torch.testing.assert_close(deciles[0], deciles[1], rtol=0, atol=0.012)
        assert one.abs().max() <= 1 / 20
    initialize(theirs, scheme("pytorch", gain=2.0), seed=0)
    torch.testing.assert_close(theirs.weight, 2 * ours.weight)


def test_the_settings_know_the_same_schemes():
    assert get_args(settings.Scheme) == get_args(Scheme)
