"""The probe `drift` against NumPy and SciPy, and what it remembers."""

import math
import shutil

import numpy as np
import pytest
import torch
from live_runs import MLP, arrays, live_after, measured
from mlp_by_hand import LAYERS, before_and_after
from models_from_conf import build
from scipy.stats import wasserstein_distance

from experiments import identity
from experiments.probes.drift import kept_steps, looked_at
from experiments.probing.channels import constant
from experiments.probing.layers import norm_places
from experiments.probing.snapshot import Collector, at_positions, chosen_channels

GRID = (np.arange(99) + 0.5) / 99
QUANTITIES = ("mean", "variance", "wasserstein")
AUGMENTED = "dataset.augmentation.crop_padding=2"
Values = dict[str, list[np.ndarray]]


def sides_of(norm: str) -> tuple[str, ...]:
    return ("before",) if norm == "none" else ("before", "after")


def seen_after(config, norm: str, steps: int) -> tuple[Values, dict[str, float]]:
    """Values (67, C) on the fixed images at each place after so many steps of training, and what a new probe finds."""
    shutil.rmtree(identity.folder(config), ignore_errors=True)  # a checkpoint at an epoch's end would be taken up
    live = live_after(config, steps)
    images, _ = live.surroundings.fixed_images("train", 1000)
    assert len(images) == 67
    parts = [before_and_after(arrays(live), part.numpy()) for part in images.tensor_split(9)]  # of 8 and 7
    values = {side: [np.concatenate([part[side][i] for part in parts]) for i in (0, 1)] for side in sides_of(norm)}
    return values, measured("drift", live).values


def shifts(before: np.ndarray, now: np.ndarray) -> dict[str, float]:
    """Means over the channels of what moved between two arrays (n, C)."""
    distance = np.abs(np.quantile(now, GRID, axis=0) - np.quantile(before, GRID, axis=0)).mean(0)
    return {
        "mean": np.mean(np.abs(now.mean(0) - before.mean(0)) / before.std(0)),
        "variance": np.mean(np.abs(now.var(0) - before.var(0)) / before.var(0)),
        "wasserstein": np.mean(distance / before.std(0)),
    }


def all_shifts(lag: str, before: Values, now: Values) -> dict[str, float]:
    wanted = {}
    for side, layers in now.items():
        each = [shifts(*pair) for pair in zip(before[side], layers, strict=True)]
        for quantity in QUANTITIES:
            for layer, found in zip(LAYERS, each, strict=True):
                wanted[f"drift/{side}/{lag}/{quantity}/{layer}"] = found[quantity]
            wanted[f"drift/{side}/{lag}/all_layers/{quantity}"] = np.mean([found[quantity] for found in each])
    return wanted


def percentiles(now: Values) -> dict[str, float]:
    wanted = {}
    for side, layers in now.items():
        for layer, values in zip(LAYERS, layers, strict=True):
            for percent in (15, 50, 85):
                wanted[f"drift/{side}/p{percent}/{layer}"] = np.percentile(values[:, 2], percent)  # of 5, and of 4
        for percent in (15, 50, 85):
            wanted[f"drift/{side}/last/p{percent}"] = wanted[f"drift/{side}/p{percent}/{LAYERS[-1]}"]
    return wanted


@pytest.mark.parametrize("norm", ["bn", "ln", "none"])
@pytest.mark.parametrize("steps", [0, 3])
def test_one_step_against_numpy(compose, norm, steps):
    """What the weights of the coming step do is compared with the run itself a step later."""
    config = compose(*MLP, AUGMENTED, f"norm={norm}", "recipe.lr=0.5", "recipe.schedule=constant")
    now, found = seen_after(config, norm, steps)
    later, _ = seen_after(config, norm, steps + 1)
    wanted = percentiles(now) | all_shifts("step", now, later)
    assert found == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert all(value > 1e-3 for name, value in found.items() if "/step/" in name)


@pytest.mark.parametrize("norm", ["bn", "none"])
def test_lags_of_a_run(compose, made, norm):
    """Epochs of 8 steps, measurements after 0, 3, 6, 9, 11 steps."""
    words = (*MLP, AUGMENTED, f"norm={norm}", "epochs=null", "steps=11")
    run = made(*words, "probes=[drift]", "probe_every=3")
    rows = [(step, name, value) for step, _, name, value in run.metrics if name.startswith("drift/")]
    config = compose(*words)
    seen = {step: seen_after(config, norm, step)[0] for step in (0, 3, 6, 9, 11)}
    lags = {0: {}, 3: {"look": 0}, 6: {"look": 3}, 9: {"look": 6, "epoch": 0}, 11: {"look": 9, "epoch": 3}}
    for step, earlier in lags.items():
        wanted = percentiles(seen[step])
        for lag, since in earlier.items():
            wanted |= all_shifts(lag, seen[since], seen[step]) | {f"drift/lag/{lag}": step - since}
        found = {name: value for at, name, value in rows if at == step and "/step/" not in name}
        assert found == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def test_what_is_remembered_when_looks_are_frequent():
    """Epochs of 32 steps: references two steps apart suffice, besides the last look."""
    kept: list[int] = []
    for step in range(100):
        if step:
            assert kept[-1] == step - 1
        old = [earlier for earlier in kept if step - earlier >= 32]
        assert step < 32 or step - old[-1] in (32, 33)
        kept = kept_steps([*kept, step], 32)
        assert len(kept) <= 19
        assert sum(step - earlier >= 32 for earlier in kept) <= 1


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ([0], [0]),
        ([0, 32], [0, 32]),
        ([0, 32, 64], [32, 64]),
        ([0, 100], [0, 100]),
        ([0, 100, 200], [100, 200]),
        ([0, 31, 62], [0, 31, 62]),
        ([0, 1, 2], [0, 2]),
        ([0, 2, 4], [0, 2, 4]),
    ],
)
def test_what_is_remembered(steps, kept):
    assert kept_steps(steps, 32) == kept


def collected(values: np.ndarray, parts: int = 1) -> Collector:
    collector = Collector()
    for part in torch.from_numpy(values).float().tensor_split(parts):
        collector.add(part)
    return collector


@pytest.mark.parametrize("draw", ["normal", "exponential", "uniform"])
def test_distance_of_distributions_is_scipys(draw):
    generator = np.random.default_rng(2)
    before = getattr(generator, draw)(size=(3000, 3))
    now = 1.3 * getattr(generator, draw)(size=(2500, 3)) + np.array([0.0, 1.0, -0.3])
    found = collected(now, 7).distribution().shift_from(collected(before, 4).distribution())
    exact = [wasserstein_distance(one, other) for one, other in zip(before.T, now.T, strict=True)]
    assert found["wasserstein"] == pytest.approx(np.mean(exact / before.std(0)), rel=0.03)


def test_feature_maps_with_many_channels():
    """Moments over all positions; quantiles over a grid of 4×4 where the map has as many, of 64 channels of 150."""
    x = np.random.default_rng(1).normal(size=(23, 150, 9, 3)).cumsum(2)
    collector = collected(x, 3)
    channels = [index * 150 // 64 for index in range(64)]
    assert chosen_channels(150).tolist() == channels
    assert 75 in channels
    chosen = x[:, channels].astype(np.float32).astype(np.float64)
    found = collector.distribution()
    np.testing.assert_allclose(found.moments, [chosen.mean((0, 2, 3)), chosen.var((0, 2, 3))], rtol=1e-5, atol=1e-6)
    rows = np.moveaxis(chosen[:, :, [1, 3, 5, 7]], 1, -1).reshape(-1, 64)
    np.testing.assert_allclose(found.quantiles, np.quantile(rows, GRID, axis=0), rtol=1e-5, atol=1e-6)
    wanted = np.percentile(rows[:, channels.index(75)], (15, 50, 85))
    np.testing.assert_allclose(collector.typical((15, 50, 85)), wanted, rtol=1e-6)


@pytest.mark.parametrize(("size", "chosen"), [(32, [4, 12, 20, 28]), (5, [0, 1, 3, 4]), (2, [0, 1]), (1, [0])])
def test_positions_are_spread_over_both_axes(size, chosen):
    x = torch.arange(size * 7).reshape(1, 1, size, 7).float()
    columns = [0, 2, 4, 6]
    assert at_positions(x).flatten().tolist() == [7 * row + column for row in chosen for column in columns]


def test_channels_that_did_not_vary_are_left_out():
    before = np.random.default_rng(3).normal(size=(50, 3))
    before[:, 1] = 0.3  # no float32: its mean differs from it by a rounding
    now = before + np.array([0.5, 7.0, -1.0])
    distribution = collected(before, 3).distribution()
    found = collected(now).distribution().shift_from(distribution)
    wanted = np.mean(np.array([0.5, 1.0]) / before[:, [0, 2]].std(0))
    assert found == pytest.approx({"mean": wanted, "variance": 0.0, "wasserstein": wanted}, rel=1e-5, abs=1e-5)
    dead = collected(np.full((50, 3), 0.3)).distribution()
    assert all(math.isnan(value) for value in collected(now).distribution().shift_from(dead).values())
    assert np.isfinite(list(dead.shift_from(distribution).values())).all()


def test_what_counts_as_constant():
    """σ of 3e-7 |μ| is a rounding of float32, σ of 1e-5 |μ| is not."""
    sigma = torch.tensor([0.0, 3e-7, 1e-5, 0.0, 1e-10])
    mean = torch.tensor([-1.0, -1.0, -1.0, 0.0, 0.0])
    for size in (1.0, 1e-9, 1e9):
        found = constant(size * mean.double(), (size * sigma.double()).square())
        assert found.tolist() == [True, True, False, True, False]


def test_a_layer_that_gives_zeros_does_not_enter_the_mean(compose):
    live = live_after(compose(*MLP, "norm=bn", "batch_size=2", "recipe.lr=0.5"), 1)
    with torch.no_grad():
        live.state.model.hidden[1].norm.weight.zero_()
    values = measured("drift", live).values
    for quantity in QUANTITIES:
        assert math.isnan(values[f"drift/after/step/{quantity}/{LAYERS[1]}"])
        alone = values[f"drift/after/step/{quantity}/{LAYERS[0]}"]
        assert values[f"drift/after/step/all_layers/{quantity}"] == alone > 0


def test_dropout_is_off(compose):
    found = [measured("drift", live_after(compose("model.dropout=0.5", "norm=bn"))).values for _ in range(2)]
    plain = measured("drift", live_after(compose("norm=bn"))).values
    for name, value in plain.items():
        if "/step/" not in name:  # the step itself has dropout
            assert found[0][name] == value == found[1][name]


def test_eight_places_from_the_first_to_the_last():
    model = build("resnet56", image_shape=(3, 8, 8))
    depths = [place.depth for place in looked_at(model)]
    assert depths == [1, 8, 16, 24, 31, 39, 47, 55]
    small = build("small_cnn", image_shape=(3, 16, 16))
    assert looked_at(small) == norm_places(small)


@pytest.mark.parametrize(
    ("words", "said", "sides"),
    [
        (("norm=none",), "before and after are one", {"before"}),
        (("norm=none", "model=resnet20", "model.branch=fixup"), "nothing is measured", set()),
        (("norm=bn", "model.norms=first:1"), None, {"before", "after"}),
    ],
)
def test_without_norms_one_line_says_what_is_measured(made, capsys, words, said, sides):
    run = made("probes=[drift]", "epochs=null", "steps=1", *words)
    out = capsys.readouterr().out
    assert out.count("probe drift: ") == (said is not None)
    assert said is None or said in out
    names = [name.split("/") for _, _, name, _ in run.metrics if name.startswith("drift/")]
    assert {name[1] for name in names} - {"lag"} == sides
    if said is None:
        assert {name[-1] for name in names if name[1] == "after" and name[2] == "p50"} == {"001.first.norm"}
