"""The mistaken formulas in NumPy, and facts about them that follow with pencil and paper."""

import math

import numpy as np
import pytest
import torch
from models_from_conf import build, make_norm
from norms_by_hand import EPS, MAPS, VECTORS, affine, batch, channel_moments, close, normalized, per_channel, stir
from torch import nn

from experiments.errors import UserError
from experiments.inference.batch_bound import batch_bound_layers, refuse_batch_bound
from models.norms.as_written import LAYERS

shapes = pytest.mark.parametrize("shape", [MAPS, VECTORS], ids=["maps", "vectors"])
FORMULAS = [*LAYERS, "one_set_of_statistics"]


def made(formula: str, **changes) -> nn.Module:
    return make_norm("as_written", formula=formula, **changes)(6).double()


def from_statistics(mean: np.ndarray, var: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """γ and β of (C,)."""
    root = np.sqrt(2 * var + EPS)
    return np.sqrt(var) / root, mean / root


def reference(formula: str, module: nn.Module, x: np.ndarray, mean: np.ndarray, var: np.ndarray) -> np.ndarray:
    """y with these statistics, but for by_sum and min_max, whose sums and extremes are those of x."""
    x_hat = normalized(x, mean, var)
    gamma, beta = (per_channel(values, x) for values in from_statistics(mean, var))
    axes = (0, *range(2, x.ndim))
    match formula:
        case "from_statistics":
            return gamma * x_hat + beta
        case "from_statistics_not_divided":
            return gamma * (x - per_channel(mean, x)) + beta
        case "not_divided":
            return affine(module, x - per_channel(mean, x))
        case "by_sum":
            z = affine(module, x_hat)
            return z / np.sqrt((z**2).sum(axes, keepdims=True))
        case "min_max":
            low, high = x_hat.min(axes, keepdims=True), x_hat.max(axes, keepdims=True)
            return (x_hat - low) / (high - low + EPS)
        case _:
            return affine(module, x_hat)


@shapes
@pytest.mark.parametrize("formula", FORMULAS)
def test_training_is_the_formula_with_the_batchs_statistics(formula, shape):
    module, x = stir(made(formula)), batch(shape)
    mean, var, _ = channel_moments(x.numpy())
    close(module(x), reference(formula, module, x.numpy(), mean, var))


@shapes
@pytest.mark.parametrize("formula", [name for name in LAYERS if name not in ("by_sum", "min_max")])
def test_evaluation_is_the_formula_with_the_running_statistics(formula, shape):
    module, x, other = stir(made(formula, momentum=0.3)), batch(shape), batch(shape, 1)
    module(x)
    mean, _, unbiased = channel_moments(x.numpy())
    mean, var = 0.3 * mean, 0.7 + 0.3 * unbiased
    close(module.running_mean, mean)
    close(module.running_var, var)
    close(module.eval()(other), reference(formula, module, other.numpy(), mean, var))


@shapes
def test_by_sum_evaluates_with_the_size_of_the_last_training_batch(shape):
    module, x, other = stir(made("by_sum", momentum=1.0)), batch(shape), batch((3, *shape[1:]), 1)
    module(x)
    mean, _, var = channel_moments(x.numpy())
    a, b = module.weight.detach().numpy(), module.bias.detach().numpy()
    num_values = x.numel() // 6
    root = np.sqrt(num_values * (a**2 * var / (var + EPS) + b**2))
    expected = affine(module, normalized(other.numpy(), mean, var)) / per_channel(root, x.numpy())
    close(module.eval()(other), expected)
    assert module.num_values == num_values


def test_what_by_sum_gives_shrinks_with_the_batch():
    """A root mean square of 1/√m: it halves when the batch has four times as many images."""
    for count in (4, 16):
        y = made("by_sum")(batch((count, 6)))
        close(y.square().mean(0).sqrt(), np.full(6, 1 / math.sqrt(count)))


@shapes
def test_min_max_ranges_from_0_to_1_and_evaluates_with_running_extremes(shape):
    module, x, other = made("min_max", momentum=0.3), batch(shape), batch(shape, 1)
    y = module(x)
    axes = (0, 2, 3)[: x.dim() - 1]
    close(y.amin(axes), np.zeros(6))
    close(y.amax(axes), np.ones(6), atol=1e-4)  # ε
    mean, var, unbiased = channel_moments(x.numpy())
    x_hat = normalized(x.numpy(), mean, var)
    low, high = 0.3 * x_hat.min(axes), 0.7 + 0.3 * x_hat.max(axes)
    evaluated = normalized(other.numpy(), 0.3 * mean, 0.7 + 0.3 * unbiased)
    close(module.eval()(other), (evaluated - per_channel(low, evaluated)) / per_channel(high - low + EPS, evaluated))


def test_gamma_from_statistics_is_one_over_root_two_whatever_the_variance():
    for scale in (0.1, 1.0, 1000.0):
        x = scale * batch(MAPS)
        y = made("from_statistics", eps=1e-12)(x)
        close(y.std(dim=(0, 2, 3), correction=0), np.full(6, math.sqrt(0.5)), atol=1e-8)


def test_what_is_neither_divided_nor_learned_grows_with_the_input():
    module = made("from_statistics_not_divided", eps=1e-12)
    one, other = module(batch(MAPS)), module(1000 * batch(MAPS))
    ratio = other.var(dim=(0, 2, 3)) / one.var(dim=(0, 2, 3))
    close(ratio, np.full(6, 1e6), atol=1)


def test_where_gamma_and_beta_start():
    shifted = made("gamma_01_beta_3").float()
    assert torch.all(shifted.weight == 0.1)
    assert torch.all(shifted.bias == 3)
    net = build("resnet20", make_norm("as_written", formula="gamma_01_beta_3"), depth=8)
    assert torch.all(net.stem.norm.weight == 0.1)
    assert torch.all(net.stem.norm.bias == 3)


def test_random_gamma_is_drawn_by_the_seed_and_the_layers_name():
    norm = make_norm("as_written", formula="random_gamma")
    torch.manual_seed(1)
    first = build("resnet20", norm)
    torch.manual_seed(2)
    again, other = build("resnet20", norm), build("resnet20", norm, seed=1)
    gammas = [
        torch.cat([p for name, p in net.named_parameters() if "norm.weight" in name]) for net in (first, again, other)
    ]
    assert torch.equal(gammas[0], gammas[1])
    assert not torch.isclose(gammas[0], gammas[2]).any()
    assert not torch.isclose(first.stem.norm.weight, first.blocks[0].first.norm.weight).any()
    assert gammas[0].std().item() == pytest.approx(0.05, rel=0.1)
    assert abs(gammas[0].mean().item()) < 0.008
    assert all(torch.all(p == 0) for name, p in first.named_parameters() if "norm.bias" in name)
    convolution = build("resnet20").stem.layer.weight  # the other weights are those of any norm
    assert torch.equal(convolution, first.stem.layer.weight)


def test_one_set_of_statistics_evaluates_as_it_trains():
    module, x = stir(made("one_set_of_statistics")), batch(MAPS)
    trained = module(x)
    assert torch.equal(module.eval()(x), trained)
    assert not torch.allclose(module(x[:2]), trained[:2])
    assert not list(module.buffers())
    close(module(batch((1, 6))), module.bias.detach().numpy()[None])  # a vector alone
    with pytest.raises(ValueError, match="one value per channel"):
        module.train()(batch((1, 6)))


@pytest.mark.parametrize("formula", FORMULAS)
def test_only_one_set_of_statistics_has_no_modes(formula):
    net = build("small_cnn", make_norm("as_written", formula=formula), image_shape=(3, 6, 6))
    if formula != "one_set_of_statistics":
        assert batch_bound_layers(net) == []
        return refuse_batch_bound(net, "unused")
    assert batch_bound_layers(net) == ["first.norm", "second.norm", "hidden.norm"]
    with pytest.raises(
        UserError, match=r"^it cannot be: first.norm normalizes with the batch's statistics in evaluation"
    ):
        refuse_batch_bound(net, "it cannot be")
    return None


def test_an_unknown_formula_is_named():
    with pytest.raises(
        ValueError, match=r"^norm.formula=by_variance is unknown: choose one of from_statistics, .*one_set"
    ):
        make_norm("as_written", formula="by_variance")


def test_the_root_of_the_variance_is_what_the_right_formula_divides_by():
    """√(σ_B + ε), where σ_B is the name of the variance, is batch normalization without γ and β: no formula here."""
    x = batch(MAPS)
    columns = np.moveaxis(x.numpy(), 1, -1).reshape(-1, 6)
    deviation = columns - columns.mean(0)
    sigma_b = (deviation**2).mean(0)
    expected = deviation / np.sqrt(sigma_b + EPS)
    found = make_norm("bn", affine=False)(6).double()(x)
    close(found.movedim(1, -1).reshape(-1, 6), expected)
