"""The noise of Santurkar et al. 2018 against the moments of its distributions, alone and after batch norm."""

import math

import numpy as np
import pytest
import torch
from models_from_conf import build, make_norm
from test_evaluate import images
from torch import nn

from data.batches import epoch_order
from experiments.evaluate import batch_statistics, evaluation_mode, predict
from experiments.inference.modes import Mode, predict_mode
from experiments.inference.precise import precise_statistics
from models.fold import folded
from models.norms.batch_norm import BN
from models.norms.noise import Noise
from models.norms.noisy_bn import NoisyBatchNorm

NOISY = ["noise", "noisy_bn"]


def drawn(num_samples: int, num_channels: int, seed: int = 0, **settings: float) -> tuple[np.ndarray, np.ndarray]:
    """s and m, (N, C) each, of one step: the layer maps 0 to m and 1 to m + s."""
    x = torch.tensor([0.0, 1.0], dtype=torch.float64).expand(num_samples, num_channels, 1, 2)
    torch.manual_seed(seed)
    y = make_norm("noise", **settings)(num_channels)(x)[:, :, 0].numpy()
    return y[..., 1] - y[..., 0], y[..., 0]


def kurtosis(values: np.ndarray, axis: int | None = None) -> float:
    deviations = values - values.mean(axis=axis, keepdims=True)
    return float((deviations**4).mean() / (deviations**2).mean() ** 2)


def test_moments_within_a_channel():
    """m is uniform in a width of 2 r_μ around the channel's μ, s normal around its σ with the deviation r_σ."""
    s, m = drawn(10_000, 40)
    assert np.ptp(m, axis=0).max() <= 0.2
    assert np.ptp(m, axis=0).min() > 0.199
    assert m.var(axis=0).mean() == pytest.approx(0.1**2 / 3, rel=0.02)
    assert kurtosis(m, axis=0) == pytest.approx(1.8, abs=0.05)  # of a uniform distribution
    assert s.var(axis=0).mean() == pytest.approx(0.1**2, rel=0.02)
    assert kurtosis(s, axis=0) == pytest.approx(3, abs=0.05)  # of a normal one
    centred = [values - values.mean(axis=0) for values in (s, m)]
    assert abs((centred[0] * centred[1]).mean()) < 0.02 * 0.1 * 0.1 / math.sqrt(3)
    assert abs((centred[0][:, 1:] * centred[0][:, :-1]).mean()) < 0.02 * 0.1**2
    assert abs((centred[1][:, 1:] * centred[1][:, :-1]).mean()) < 0.02 * 0.1**2 / 3


def test_moments_of_the_channels():
    """μ is uniform in ±n_μ and σ in [1, n_σ], one of each per channel, drawn apart."""
    s, m = drawn(400, 20_000)
    mu, sigma = m.mean(axis=0), s.mean(axis=0)  # up to 0.003 and 0.005
    assert mu.mean() == pytest.approx(0, abs=0.01)
    assert mu.var() == pytest.approx(0.5**2 / 3, rel=0.03)
    assert kurtosis(mu) == pytest.approx(1.8, abs=0.03)
    assert 0.49 < np.abs(mu).max() < 0.52
    assert sigma.mean() == pytest.approx(1.125, abs=0.002)
    assert sigma.var() == pytest.approx(0.25**2 / 12, rel=0.03)
    assert kurtosis(sigma) == pytest.approx(1.8, abs=0.03)
    assert abs(np.corrcoef(mu, sigma)[0, 1]) < 0.03
    assert abs(np.corrcoef(mu[1:], mu[:-1])[0, 1]) < 0.03


@pytest.mark.parametrize(
    ("settings", "spread_of_s", "spread_of_m"),
    [
        ({"shift": 0.0, "sample_shift": 0.0}, (0.072, 0.1), (0, 0)),
        ({"scale": 1.0, "sample_scale": 0.0}, (0, 0), (0.289, 0.0577)),
        ({"shift": 3.0, "scale": 4.0, "sample_shift": 0.7, "sample_scale": 0.5}, (0.866, 0.5), (1.732, 0.404)),
    ],
)
def test_each_setting_has_its_place(settings, spread_of_s, spread_of_m):
    """Standard deviations of the channels' means, and of the samples around them."""
    s, m = drawn(500, 2000, **settings)
    for values, (between, within) in ((s, spread_of_s), (m, spread_of_m)):
        assert values.mean(axis=0).std() == pytest.approx(between, rel=0.05, abs=1e-9)
        assert np.sqrt(values.var(axis=0).mean()) == pytest.approx(within, rel=0.05, abs=1e-9)


def test_all_positions_of_a_channel_share_a_draw():
    layer, x = make_norm("noise")(5).double(), torch.randn(4, 5, 6, 7, dtype=torch.float64, requires_grad=True)
    y = layer(x)
    slopes = torch.autograd.grad(y.sum(), x)[0]
    assert torch.equal(slopes, slopes[..., :1, :1].expand_as(slopes))
    shifts = y - slopes * x
    torch.testing.assert_close(shifts, shifts[..., :1, :1].expand_as(shifts), rtol=0, atol=1e-12)
    assert len(slopes[..., 0, 0].unique()) == 20  # another for each sample and channel
    assert slopes[..., 0, 0].detach().numpy() == pytest.approx(1.125, abs=0.6)


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 2, 3)])
@pytest.mark.parametrize("name", NOISY)
def test_the_generator_decides_and_each_step_draws_anew(name, shape):
    layer, x = make_norm(name)(5), torch.randn(shape, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(3)
    first, second = layer(x), layer(x)
    torch.manual_seed(3)
    assert torch.equal(layer(x), first)
    assert not torch.equal(first, second)
    torch.manual_seed(4)
    assert not torch.equal(layer(x), first)


def test_evaluation_without_a_norm_is_the_identity_and_draws_nothing():
    layer, x = make_norm("noise")(5).eval(), torch.randn(3, 5)
    before = torch.get_rng_state()
    assert torch.equal(layer(x), x)
    assert torch.equal(torch.get_rng_state(), before)
    assert list(layer.parameters()) == list(layer.buffers()) == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_type_of_the_input_stays(dtype):
    assert make_norm("noise")(5)(torch.ones(3, 5, 2, 2, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 2, 3)])
def test_noisy_batch_norm_is_noise_after_batch_norm(shape):
    """After γ and β: the noise is scaled by neither."""
    generator = torch.Generator().manual_seed(1)
    noisy, plain = make_norm("noisy_bn")(5), BN(momentum=0.1, eps=1e-5, affine=True, sync=False)(5)
    with torch.no_grad():
        plain.weight.normal_(generator=generator)
        plain.bias.normal_(generator=generator)
    noisy.load_state_dict(plain.state_dict())  # the same names
    x = torch.randn(shape, generator=generator)
    torch.manual_seed(3)
    found = noisy(x)
    torch.manual_seed(3)
    assert torch.equal(found, make_norm("noise")(5)(plain(x)))
    assert not torch.equal(found, plain(x))
    plain.running_mean.copy_(noisy.running_mean)
    plain.running_var.copy_(noisy.running_var)
    assert torch.equal(noisy.eval()(x), plain.eval()(x))


def test_running_statistics_are_those_of_batch_norm():
    noisy, plain = make_norm("noisy_bn")(5), make_norm("bn")(5)
    for _ in range(3):
        x = torch.randn(6, 5)
        noisy(x), plain(x)
    for name, buffer in plain.named_buffers():
        assert torch.equal(buffer, dict(noisy.named_buffers())[name]), name


def test_gradients_reach_input_and_parameters():
    layer, x = make_norm("noisy_bn")(5).double(), torch.randn(6, 5, 2, 2, dtype=torch.float64, requires_grad=True)

    def seeded(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(seeded, (x, layer.weight, layer.bias))


def networks(seed: int = 2) -> tuple[nn.Module, nn.Module]:
    """The same network with noisy and with plain batch norm, statistics and affine maps away from their start."""
    noisy, plain = (build("small_cnn", norm, image_shape=(3, 6, 6), num_classes=5) for norm in ("noisy_bn", "bn"))
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in plain.state_dict().items():
        if "norm" in name and tensor.is_floating_point():
            tensor.uniform_(0.5, 2, generator=generator)
    noisy.load_state_dict(plain.state_dict())
    return noisy, plain


def test_no_measurement_sees_the_noise():
    """Evaluation, batch statistics at any size, precise statistics and folding are those of plain batch norm."""
    noisy, plain = networks()
    shown, order = images(23), epoch_order(0, 0, 23)
    batches = [shown.batch(part, None) for part in order.split(8)]
    for mode in (evaluation_mode, batch_statistics):
        with mode(noisy), mode(plain):
            assert not any(module.training for module in noisy.modules() if isinstance(module, Noise))
            assert torch.equal(predict(noisy, batches, "float32").logits, predict(plain, batches, "float32").logits)
        assert all(module.training for module in noisy.modules())
    for size in (2, 8, 23):
        one, other = (
            predict_mode(model, shown, Mode("batch", size), 0, "float32", lambda images: None)
            for model in (noisy, plain)
        )
        torch.testing.assert_close(one.logits, other.logits, rtol=1e-4, atol=1e-4)
    found, expected = precise_statistics(noisy, batches), precise_statistics(plain, batches)
    for layer, statistics in expected.items():
        assert torch.equal(found[layer].mean, statistics.mean)
        assert torch.equal(found[layer].var, statistics.var)
    result = folded(noisy)
    assert len(result.into_weights) + len(result.into_affine) == len(expected)
    assert not any(isinstance(module, Noise) for module in result.model.modules())
    x = batches[0][0]
    torch.testing.assert_close(result.model(x), plain.eval()(x), rtol=1e-4, atol=1e-4)


def test_training_sees_the_noise():
    noisy, plain = networks()
    x = images(8).batch(torch.arange(8), None)[0]
    assert not torch.allclose(noisy(x), plain(x), atol=1e-2)


@pytest.mark.parametrize(("norm", "biases"), [("noise", True), ("noisy_bn", False)])
def test_biases_stand_where_no_shift_follows(norm, biases):
    layers = [module for module in build("resnet20", norm).modules() if isinstance(module, nn.Conv2d)]
    assert all((layer.bias is not None) == biases for layer in layers)


@pytest.mark.parametrize("branch", ["fixup", "skipinit"])
def test_noise_is_not_left_out_in_silence(branch):
    with pytest.raises(ValueError, match=f"{branch} takes the place of a norm, yet Noise layers"):
        build("resnet20", "noise", branch=branch)


@pytest.mark.parametrize(
    "change",
    [
        {"shift": -0.5},
        {"shift": math.inf},
        {"scale": 0.9},
        {"scale": math.inf},
        {"sample_shift": -0.1},
        {"sample_scale": -0.1},
        {"sample_scale": math.nan},
    ],
)
@pytest.mark.parametrize("name", NOISY)
def test_impossible_settings_are_refused(name, change):
    (key, value), *_ = change.items()
    with pytest.raises(ValueError, match=rf"norm\.{key}={value} is no .*: give a number of at least \d$"):
        make_norm(name, **change)


def test_the_noise_is_a_part_of_its_own():
    layer = make_norm("noisy_bn", shift=0.25)(5)
    assert isinstance(layer, NoisyBatchNorm)
    assert (layer.noise.shift, layer.noise.scale) == (0.25, 1.25)
    assert (layer.noise.sample_shift, layer.noise.sample_scale) == (0.1, 0.1)
