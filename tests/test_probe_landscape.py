"""The probe `landscape` against losses and gradients written out in NumPy, and what scale and noise do to it."""

import math

import numpy as np
import pytest
import torch
from live_runs import MLP, arrays, live_after, measured, probe_of
from mlp_by_hand import flat, loss_and_gradients

from experiments.probing.gradients import Difference

SPAN = 2.0 ** np.linspace(-1, 2, 8)
PLAIN = {"loss", "gradient_norm", "loss_min", "loss_max", "loss_range", "predictiveness_min", "predictiveness_max"}
PLAIN |= {"relative_min", "relative_max", "cosine_min", "cosine_max", "smoothness"}
BOTH = {"loss_min", "loss_max", "loss_range", "relative_min", "relative_max", "cosine_min", "cosine_max"}


def by_hand(live, initial: dict[str, np.ndarray]) -> dict[str, float]:
    """All values for a perceptron; `initial` holds the weights at the start of the run."""
    x, labels = (tensor.numpy() for tensor in live.surroundings.coming_batch(live.step))
    w, rate = arrays(live), live.surroundings.coming_rate(live.step)
    loss, g = loss_and_gradients(w, x, labels)
    normed = {name for name in g if name.endswith("layer.weight") and name.replace("layer", "norm") in w}

    def walk(squares: dict[str, float], units: set[str]) -> list[tuple[float, float, float, float]]:
        rows = []
        for eta in rate * SPAN:
            there = {name: value - eta * squares.get(name, 1) * g.get(name, 0) for name, value in w.items()}
            moved_loss, moved = loss_and_gradients(there, x, labels)
            old = flat({n: v * (np.linalg.norm(w[n]) if n in units else 1) for n, v in g.items()}, list(g))
            new = flat({n: v * (np.linalg.norm(there[n]) if n in units else 1) for n, v in moved.items()}, list(g))
            distance, length = np.linalg.norm(new - old), np.linalg.norm(old)
            rows.append((moved_loss, distance, distance / length, new @ old / length / np.linalg.norm(new)))
        return rows

    def spans(prefix: str, rows) -> dict[str, float]:
        losses, distances, relatives, cosines = zip(*rows, strict=True)
        found = {f"{prefix}loss_range": max(losses) - min(losses)}
        parts = {"loss": losses, "predictiveness": distances, "relative": relatives, "cosine": cosines}
        for name, values in parts.items():
            found |= {f"{prefix}{name}_min": min(values), f"{prefix}{name}_max": max(values)}
        return found

    rows, norm = walk({}, set()), np.linalg.norm(flat(g, list(g)))
    values = {"loss": loss, "gradient_norm": norm, **spans("", rows)}
    values["smoothness"] = max(row[1] / (eta * norm) for row, eta in zip(rows, rate * SPAN, strict=True))
    if normed:
        squares = {name: (w[name] ** 2).sum() / (initial[name] ** 2).sum() for name in normed}
        values |= {k: v for k, v in spans("scaled/", walk(squares, normed)).items() if "predict" not in k}
    return {f"landscape/{name}": value for name, value in values.items()}


@pytest.mark.parametrize("steps", [0, 5])
@pytest.mark.parametrize("norm", ["bn", "ln", "none"])
def test_against_numpy(compose, norm, steps):
    config = compose(*MLP, f"norm={norm}", "recipe.schedule=constant", "recipe.warmup=0.0", "recipe.lr=0.5")
    begun = live_after(config)
    initial, probe, live = arrays(begun), probe_of("landscape", begun), live_after(config, steps)
    values = probe.measure(live).values
    expected = by_hand(live, initial)
    assert values == pytest.approx(expected, rel=2e-3, abs=2e-6)
    names = {f"landscape/{name}" for name in PLAIN}
    names |= {f"landscape/scaled/{name}" for name in BOTH} if norm != "none" else set()
    assert values.keys() == names
    assert probe.steps == pytest.approx(17 if norm != "none" else 9)


def test_the_rate_is_the_coming_one(compose):
    """Late on a descending schedule the path is shorter, and all else is as with that rate held constant."""
    words = (*MLP, "norm=none", "recipe.warmup=0.0", "recipe.momentum=0.0", "recipe.nesterov=false", "recipe.lr=0.1")
    live = live_after(compose(*words, "recipe.schedule=one_cycle"), 12)
    values = measured("landscape", live).values
    assert live.surroundings.coming_rate(12) == pytest.approx(0.025)
    assert values == pytest.approx(by_hand(live, {}), rel=2e-3, abs=2e-6)


@pytest.mark.parametrize("words", [("model=small_cnn",), ("model=resnet20", "model.depth=8", "model.shortcut=B")])
def test_the_scaled_path_does_not_see_the_scale_of_weights(compose, words):
    config = compose(*words, "norm=bn", "norm.eps=1e-10", "recipe.lr=0.05", "recipe.warmup=0.0")
    live = live_after(config)
    probe = probe_of("landscape", live)
    before = probe.measure(live).values
    with torch.no_grad():
        for name in probe.initial_squares:
            live.state.model.get_parameter(name).mul_(3)
    after = probe.measure(live).values
    # The smallest change of the gradient is a small difference of large numbers.
    for name in ("landscape/loss", *(f"landscape/scaled/{name}" for name in BOTH)):
        assert after[name] == pytest.approx(before[name], rel=1e-2, abs=1e-4), name
    for name in ("gradient_norm", "predictiveness_max", "relative_max"):
        assert after[f"landscape/{name}"] < 0.8 * before[f"landscape/{name}"], name


def test_plain_and_scaled_path_are_one_while_weights_have_their_first_size(compose):
    values = measured("landscape", live_after(compose("norm=bn"))).values
    for name in ("loss_min", "loss_max", "loss_range"):
        assert values[f"landscape/scaled/{name}"] == values[f"landscape/{name}"]


def test_dropout_is_no_noise(compose):
    """Over a step of nearly nothing the gradient stays what it is; other units dropped would turn it."""
    words = (
        "model.dropout=0.5",
        "recipe.lr=1e-4",
        "recipe.warmup=0.0",
        "norm=bn",
        "dataset.augmentation.crop_padding=2",
    )
    values = measured("landscape", live_after(compose(*words))).values
    assert values["landscape/cosine_min"] > 0.99
    assert values["landscape/scaled/relative_max"] < 0.1
    slope = values["landscape/gradient_norm"] ** 2  # of the loss over η
    assert values["landscape/loss_range"] == pytest.approx(3.5e-4 * slope, rel=0.1)


def test_a_quadratic_has_the_smoothness_of_its_curvature():
    """On ½ a θ², ‖∇L(θ − ηg) − g‖ = η a ‖g‖ and the cosine is 1 until the step jumps over the valley."""
    theta, curvature, rate = torch.tensor([2.0, -1.0]), 3.0, 0.5
    gradient = curvature * theta
    found = Difference.between([gradient], [curvature * (theta - rate * gradient)])
    assert found.distance == pytest.approx(rate * curvature * gradient.norm().item())
    assert found.relative == pytest.approx(rate * curvature)
    assert found.cosine == pytest.approx(-1)


def test_no_gradient_no_ratio():
    zero, one = [torch.zeros(2), torch.zeros(1)], [torch.ones(2), torch.zeros(1)]
    found = Difference.between(zero, one)
    assert found.distance == pytest.approx(math.sqrt(2))
    assert math.isnan(found.relative)
    assert math.isnan(found.cosine)
    back = Difference.between(one, zero)
    assert back.relative == 1
    assert math.isnan(back.cosine)


def test_a_loss_beyond_all_numbers_is_recorded_as_such(compose):
    words = ("norm=none", "recipe.lr=1e25", "recipe.warmup=0.0", "model=vgg11", "model.width=0.25")
    values = measured("landscape", live_after(compose(*words, "batch_size=2"))).values
    assert math.isfinite(values["landscape/loss"])
    assert not math.isfinite(values["landscape/loss_max"])


def test_where_nothing_is_scale_invariant(compose, caplog):
    for words in (("norm=none",), ("norm=bn", "model.norm_position=after")):
        caplog.clear()
        with caplog.at_level("INFO", "normlab"):
            values = measured("landscape", live_after(compose(*words))).values
        assert not any("scaled" in name for name in values)
        assert caplog.text.count("probe landscape: no weight stands directly before a norm") == 1
