"""Every norm layer against its formula in NumPy, float64, at sizes without symmetry."""

from typing import Any

import numpy as np
import pytest
import torch
from models_from_conf import make_norm, names_in
from torch import nn

from models.norms.normalization import Normalization

EPS = 1e-5
MAPS, VECTORS = (3, 15, 5, 7), (7, 15)  # (N, C, H, W), (N, C)
AFFINE = ["bn", "bn_scratch", "cumulative_bn", "gn", "in", "ln", "ln_channels", "noisy_bn", "ws_gn"]
PER_CHANNEL = [*AFFINE, "shared_bn"]
BATCH = ["bn", "bn_scratch", "cumulative_bn", "noisy_bn", "shared_bn"]
RUNNING = [*BATCH, "as_written", "brn", "frozen_bn", "ghost_bn", "switchable"]
WITHOUT = ["none", "noise"]  # which normalize nothing
# other formulas: tests/test_norms_of_samples.py, _running.py, _as_written.py
ELSEWHERE = {"as_written", "brn", "evonorm_s0", "frn", "frozen_bn", "ghost_bn", "rms", "switchable"}
HERE = [name for name in names_in("norm") if name not in ELSEWHERE]
SILENT = {"shift": 0.0, "scale": 1.0, "sample_shift": 0.0, "sample_scale": 0.0}  # the noise: tests/test_norms_noise.py
SPECIAL: dict[str, dict[str, Any]] = {"noisy_bn": SILENT, "noise": SILENT}
SPECIAL |= {name: {"num_groups": 5} for name in ("gn", "ws_gn", "evonorm_s0")}


def standardized(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + EPS)


def standardized_groups(x: np.ndarray, num_groups: int) -> np.ndarray:
    groups = np.split(x, num_groups, axis=1)
    return np.concatenate([standardized(group, tuple(range(1, x.ndim))) for group in groups], axis=1)


def reference(name: str, x: np.ndarray) -> np.ndarray:
    """x̂ of the norm called `name` in training mode."""
    match name:
        case "bn" | "bn_scratch" | "cumulative_bn" | "noisy_bn" | "shared_bn":
            return standardized(x, (0, *range(2, x.ndim)))
        case "ln" | "ln_chw":
            return standardized(x, tuple(range(1, x.ndim)))
        case "ln_channels":
            return standardized(x, (1,))
        case "gn" | "ws_gn":
            return standardized_groups(x, 5)
        case "in":
            return standardized(x, (2, 3)) if x.ndim == 4 else x
        case "none" | "noise":
            return x
        case _:
            raise AssertionError(f"no formula for {name}")


def layer(name: str, x: torch.Tensor) -> nn.Module:
    """A float64 layer for x, whose affine parameters are no longer 1 and 0."""
    module = make_norm(name, **SPECIAL.get(name, {}))(x.shape[1]).double()
    module(x)  # gives ln_chw its shape
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return module


def noise(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 2


@pytest.mark.parametrize("shape", [MAPS, VECTORS])
@pytest.mark.parametrize("name", HERE)
def test_output_is_the_formula(name: str, shape: tuple[int, ...]) -> None:
    x = noise(shape)
    module = layer(name, x)
    expected = reference(name, x.numpy())
    if name not in WITHOUT:
        weight, bias = module.weight.detach().numpy(), module.bias.detach().numpy()
        if name in PER_CHANNEL:
            assert weight.shape == bias.shape == (15,)
            broadcast = (15,) + (1,) * (len(shape) - 2)
            weight, bias = weight.reshape(broadcast), bias.reshape(broadcast)
        else:
            assert weight.shape == bias.shape == shape[1:]
        expected = expected * weight + bias
    np.testing.assert_allclose(module(x).detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [*AFFINE, "ln_chw"])
def test_without_affine_the_layer_has_no_parameters(name: str) -> None:
    module = make_norm(name, affine=False, **SPECIAL.get(name, {}))(15).double()
    x = noise(MAPS)
    np.testing.assert_allclose(module(x).numpy(), reference(name, x.numpy()), rtol=0, atol=1e-12)
    assert list(module.parameters()) == []
    assert module.weight is None
    assert module.bias is None


@pytest.mark.parametrize("name", ["evonorm_s0", "frn", "gn", "in", "ln", "ln_channels", "ln_chw", "rms", "ws_gn"])
def test_per_sample_norms_are_the_same_in_evaluation_and_see_one_sample_only(name: str) -> None:
    x = noise(MAPS)
    module = layer(name, x)
    in_training = module(x)
    alone = module.eval()(x[1:2])
    torch.testing.assert_close(alone, in_training[1:2], rtol=0, atol=1e-12)
    assert list(module.buffers()) == []


@pytest.mark.parametrize("name", [name for name in BATCH if name != "cumulative_bn"])
def test_batch_norm_evaluates_with_the_running_statistics(name: str) -> None:
    module = make_norm(name)(15).double()
    module.momentum = 1.0
    x = noise(MAPS)
    module(x)  # with momentum 1 the running statistics are the last batch's
    columns = np.moveaxis(x.numpy(), 1, -1).reshape(-1, 15)
    mean, unbiased = columns.mean(0), columns.var(0, ddof=1)
    np.testing.assert_allclose(module.running_mean.numpy(), mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(module.running_var.numpy(), unbiased, rtol=0, atol=1e-12)
    other = noise(VECTORS, seed=5)
    expected = (other.numpy() - mean) / np.sqrt(unbiased + EPS)
    np.testing.assert_allclose(module.eval()(other).detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", names_in("norm"))
def test_channels_last_memory_gives_the_same_values(name: str) -> None:
    x = noise(MAPS)
    module = layer(name, x)
    laid_out = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(module(laid_out), module(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in names_in("norm") if name not in WITHOUT])
def test_every_norm_layer_carries_the_marker_and_starts_at_one_and_zero(name: str) -> None:
    module = make_norm(name)(16)
    assert isinstance(module, Normalization)
    module(noise((2, 16, 3, 3)).float())
    assert module.weight is None or torch.all(module.weight == 1)
    assert module.bias is None or torch.all(module.bias == 0)


@pytest.mark.parametrize("name", WITHOUT)
def test_no_norm_is_no_normalization(name: str) -> None:
    assert not isinstance(make_norm(name)(16), Normalization)


@pytest.mark.parametrize("name", RUNNING)
@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 1, 1)])
def test_batch_norm_refuses_one_value_per_channel(name: str, shape: tuple[int, ...]) -> None:
    module = make_norm(name)(4)
    with pytest.raises(ValueError, match="one value per channel"):
        module(torch.randn(shape))
    assert module.eval()(torch.randn(shape)).shape == shape


@pytest.mark.parametrize("name", RUNNING)
def test_batch_norm_refuses_sequences(name: str) -> None:
    with pytest.raises(ValueError, match=r"not the shape \(2, 4, 5\)"):
        make_norm(name)(4)(torch.randn(2, 4, 5))


@pytest.mark.parametrize("name", ["evonorm_s0", "gn", "ws_gn"])
def test_group_norm_names_groups_channels_and_divisors(name: str) -> None:
    with pytest.raises(ValueError, match=r"num_groups=7 does not divide the 16 channels.* 1, 2, 4, 8, 16$"):
        make_norm(name, num_groups=7)(16)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("in", (2, 4, 1, 1)), ("ln", (2, 1, 1, 1)), ("ln", (2, 1)), ("ln_chw", (2, 1, 1, 1)), ("gn", (2, 8, 1, 1))],
)
def test_norms_of_single_values_are_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="its own mean"):
        make_norm(name)(shape[1])(torch.randn(shape))


def test_elementwise_affine_refuses_another_size() -> None:
    module = make_norm("ln_chw")(4)
    module(torch.randn(2, 4, 5, 7))
    with pytest.raises(ValueError, match=r"shape \(4, 5, 7\) and cannot take samples of shape \(4, 7, 5\)"):
        module(torch.randn(2, 4, 7, 5))


@pytest.mark.parametrize("change", [{"eps": 0.0}, {"eps": -1e-5}, {"momentum": 1.5}, {"momentum": -0.1}])
@pytest.mark.parametrize("name", [name for name in RUNNING if name != "cumulative_bn"])
def test_impossible_batch_norm_settings_are_refused(name: str, change: dict[str, float]) -> None:
    (key, value), *_ = change.items()
    with pytest.raises(ValueError, match=f"norm.{key}={value}"):
        make_norm(name, **change)


@pytest.mark.parametrize("name", ["evonorm_s0", "frn", "gn", "in", "ln", "ln_channels", "ln_chw", "rms", "ws_gn"])
def test_eps_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=r"norm.eps=0"):
        make_norm(name, eps=0.0)


@pytest.mark.parametrize("name", ["evonorm_s0", "gn", "ws_gn"])
def test_group_norm_needs_a_group(name: str) -> None:
    with pytest.raises(ValueError, match="num_groups=0"):
        make_norm(name, num_groups=0)
