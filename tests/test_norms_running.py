"""brn, frozen_bn, switchable and cumulative_bn in NumPy, step by step, and what measuring them leaves untouched."""

import numpy as np
import pytest
import torch
from models_from_conf import build, make_norm
from norms_by_hand import (
    EPS,
    MAPS,
    VECTORS,
    affine,
    batch,
    channel_moments,
    close,
    normalized,
    per_channel,
    stir,
)
from test_evaluate import images
from torch import nn

from experiments.evaluate import batch_statistics, predict

shapes = pytest.mark.parametrize("shape", [MAPS, VECTORS], ids=["maps", "vectors"])


@shapes
@pytest.mark.parametrize("momentum", [0.3, None])
def test_brn_over_its_warm_up(shape, momentum):
    """r_max 1, 1, 1.25, 1.5, 1.5 and d_max 0, 0, .4, .4, .4 in the steps 0 to 4: limits of every kind are met."""
    limits = {"r_max": 1.5, "d_max": 0.4, "warmup": 1, "r_full": 3, "d_full": 2}
    module = stir(make_norm("brn", momentum=momentum, **limits)(6).double())
    mean, var = np.zeros(6), np.ones(6)
    kinds = set()
    for step, (r_max, d_max) in enumerate([(1, 0), (1, 0), (1.25, 0.4), (1.5, 0.4), (1.5, 0.4)]):
        x = batch(shape, seed=step) + (2 if step == 2 else 0)
        batch_mean, batch_var, _ = channel_moments(x.numpy())
        sigma = np.sqrt(var + EPS)
        r, d = np.sqrt(batch_var + EPS) / sigma, (batch_mean - mean) / sigma
        kinds |= {("r", *np.sign(r - np.clip(r, 1 / r_max, r_max))), ("d", *np.sign(d - np.clip(d, -d_max, d_max)))}
        r, d = np.clip(r, 1 / r_max, r_max), np.clip(d, -d_max, d_max)
        x_hat = normalized(x.numpy(), batch_mean, batch_var) * per_channel(r, x.numpy()) + per_channel(d, x.numpy())
        close(module(x), affine(module, x_hat), atol=1e-11)
        weight = 1 / (step + 1) if momentum is None else momentum
        mean, var = mean + weight * (batch_mean - mean), var + weight * (batch_var - var)
        close(module.running_mean, mean)
        close(module.running_var, var)
    assert {sign for _, *signs in kinds for sign in signs} == {-1.0, 0.0, 1.0}
    x = batch(shape, seed=9)
    close(module.eval()(x), affine(module, normalized(x.numpy(), mean, var)), atol=1e-11)


@shapes
def test_brn_without_limits_trains_as_it_evaluates(shape):
    module = make_norm("brn", r_max=1e9, d_max=1e9, warmup=0, r_full=1, d_full=1)(6).double()
    module(batch(shape))
    x = batch(shape, 1)
    evaluated = module.eval()(x)
    torch.testing.assert_close(module.train()(x), evaluated, rtol=0, atol=1e-10)


def test_brn_in_its_warm_up_is_batch_normalization():
    brn, bn = make_norm("brn")(6).double(), make_norm("bn")(6).double()
    for step in range(3):
        torch.testing.assert_close(brn(batch(MAPS, step)), bn(batch(MAPS, step)), rtol=0, atol=1e-12)


@shapes
def test_no_gradient_passes_through_the_corrections_of_brn(shape):
    """With r and d as constants the gradient is that of γ (r (x − μ_B)/σ_B + d) + β, orthogonal to 1 and to x̂."""
    module = stir(make_norm("brn", r_max=5.0, d_max=5.0, warmup=0, r_full=1, d_full=1, eps=1e-12)(6).double())
    module(batch(shape))
    x = batch(shape, 1).requires_grad_()
    mean, var, _ = channel_moments(x.detach().numpy())
    sigma = np.sqrt(module.running_var.numpy() + 1e-12)
    r = per_channel(np.clip(np.sqrt(var) / sigma, 0.2, 5), x.detach().numpy())
    upstream = batch(shape, 2)
    module(x).backward(upstream)
    x_hat = (x.detach().numpy() - per_channel(mean, r)) / per_channel(np.sqrt(var), r)
    axes = (0, 2, 3)[: x.dim() - 1]
    g = upstream.numpy() * per_channel(module.weight.detach().numpy(), r) * r
    centred = g - g.mean(axes, keepdims=True) - x_hat * (g * x_hat).mean(axes, keepdims=True)
    close(x.grad, centred / per_channel(np.sqrt(var), r), atol=1e-9)


@pytest.mark.parametrize(
    "change",
    [{"r_max": 0.9}, {"r_max": float("nan")}, {"d_max": -1.0}, {"warmup": -1}, {"r_full": 499}, {"d_full": 0}],
)
def test_impossible_limits_are_refused(change):
    (key, value), *_ = change.items()
    with pytest.raises(ValueError, match=rf"^norm\.{key}={value} .*give"):
        make_norm("brn", **change)


@shapes
@pytest.mark.parametrize("momentum", [0.3, None])
@pytest.mark.parametrize("freeze_after", [0, 1, 2])
def test_frozen_bn_before_and_after_the_freeze(shape, momentum, freeze_after):
    module = stir(make_norm("frozen_bn", freeze_after=freeze_after, momentum=momentum)(6).double())
    mean, var = np.zeros(6), np.ones(6)
    for step in range(4):
        x = batch(shape, step)
        batch_mean, batch_var, unbiased = channel_moments(x.numpy())
        if step < freeze_after:
            expected = normalized(x.numpy(), batch_mean, batch_var)
            weight = 1 / (step + 1) if momentum is None else momentum
            mean, var = mean + weight * (batch_mean - mean), var + weight * (unbiased - var)
        else:
            expected = normalized(x.numpy(), mean, var)
        close(module(x), affine(module, expected))
        close(module.running_mean, mean)
        close(module.running_var, var)
    x = batch(shape, 9)
    close(module.eval()(x), affine(module, normalized(x.numpy(), mean, var)))


def test_frozen_from_the_start_takes_a_batch_of_one_vector():
    module = make_norm("frozen_bn", freeze_after=0)(6)
    assert module(torch.ones(1, 6)).isfinite().all()
    with pytest.raises(ValueError, match=r"^norm.freeze_after=-1 is no number of steps"):
        make_norm("frozen_bn", freeze_after=-1)


@shapes
def test_switchable_mixes_three_kinds_of_statistics(shape):
    module = stir(make_norm("switchable", momentum=0.3)(6).double())
    mean, var = np.zeros(6), np.ones(6)
    for step, training in enumerate([True, True, False]):
        x = batch(shape, step)
        values = x.numpy()
        batch_mean, batch_var, unbiased = channel_moments(values)
        used = (batch_mean, batch_var) if training else (mean, var)
        axes = tuple(range(1, values.ndim))
        means = [values.mean(axes, keepdims=True), per_channel(used[0], values)]
        variances = [values.var(axes, keepdims=True), per_channel(used[1], values)]
        if values.ndim == 4:
            means.insert(0, values.mean((2, 3), keepdims=True))
            variances.insert(0, values.var((2, 3), keepdims=True))
        mixed_mean = mixture(module.mean_logits, means)
        mixed_var = mixture(module.var_logits, variances)
        close(module.train(training)(x), affine(module, (values - mixed_mean) / np.sqrt(mixed_var + EPS)))
        if training:
            mean, var = mean + 0.3 * (batch_mean - mean), var + 0.3 * (unbiased - var)
        close(module.running_mean, mean)
        close(module.running_var, var)


def mixture(logits: torch.Tensor, parts: list[np.ndarray]) -> np.ndarray:
    """Of two parts, those of ln and bn, the last two logits alone count."""
    powers = np.exp(logits.detach().numpy()[-len(parts) :])
    return sum(power * part for power, part in zip(powers / powers.sum(), parts, strict=True))


@pytest.mark.parametrize(("kind", "norm"), [(0, "in"), (1, "ln"), (2, "bn")])
def test_switchable_can_be_each_of_its_parts(kind, norm):
    module, x = make_norm("switchable")(6).double(), batch(MAPS)
    for logits in (module.mean_logits, module.var_logits):
        logits.data[kind] = 100.0
    torch.testing.assert_close(module(x), make_norm(norm)(6).double()(x), rtol=0, atol=1e-10)


def test_cumulative_bn_averages_all_batches_alike():
    cumulative, bn = make_norm("cumulative_bn")(6).double(), make_norm("bn", momentum=None)(6).double()
    moments = [channel_moments(batch(MAPS, step).numpy()) for step in range(4)]
    for step in range(4):
        assert torch.equal(cumulative(batch(MAPS, step)), bn(batch(MAPS, step)))
    close(cumulative.running_mean, np.mean([mean for mean, _, _ in moments], axis=0))
    close(cumulative.running_var, np.mean([unbiased for _, _, unbiased in moments], axis=0))
    assert list(cumulative.state_dict()) == list(bn.state_dict())
    torch.testing.assert_close(cumulative.eval()(batch(MAPS)), bn.eval()(batch(MAPS)), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("norm", "changes"),
    [
        ("brn", {"warmup": 0, "r_full": 4, "d_full": 4}),
        ("frozen_bn", {"freeze_after": 3}),
        ("switchable", {}),
        ("ghost_bn", {"size": 4}),
        ("as_written", {"formula": "min_max"}),
        ("as_written", {"formula": "by_sum"}),
    ],
)
def test_measuring_on_batch_statistics_has_no_order_and_leaves_no_trace(norm, changes):
    net = build("small_cnn", make_norm(norm, **changes), image_shape=(3, 6, 6), num_classes=5)
    shown = images(24)
    parts = torch.arange(24).split(8)
    for part in parts[:2]:
        net(shown.batch(part, None)[0])
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = []
    for order in (parts, parts[::-1]):
        with batch_statistics(net):
            logits = predict(net, [shown.batch(part, None) for part in order], "float32").logits
        found.append(logits if order is parts else torch.cat(logits.split(8)[::-1]))
    assert torch.equal(*found)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    net(shown.batch(parts[0], None)[0])  # and training moves them again
    moved = {
        name.rsplit(".", 1)[1] for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])
    }
    assert {"running_mean", "running_var"} <= moved
    assert all(isinstance(module, nn.Module) and not getattr(module, "held", False) for module in net.modules())
