"""The probe `weight_norms` against NumPy, and which weights have an effective rate."""

import math

import numpy as np
import pytest
from live_runs import MLP, arrays, live_after, measured, probe_of

RECIPE = ("recipe.lr=0.3", "recipe.warmup=0.0", "recipe.schedule=one_cycle")  # 16 steps
LAYERS = {
    "001.hidden.0.layer": "hidden.0.layer",
    "002.hidden.1.layer": "hidden.1.layer",
    "003.classifier": "classifier",
}


@pytest.mark.parametrize("norm", ["bn", "ln", "noisy_bn", "none"])
@pytest.mark.parametrize(("steps", "rate"), [(0, 0.3), (3, 0.3 * 13 / 16), (16, 0.3 / 16)])
def test_against_numpy(compose, norm, steps, rate):
    """The rate is that of the coming step; after the last, the last one's."""
    live = live_after(compose(*MLP, *RECIPE, f"norm={norm}"), steps)
    values = measured("weight_norms", live).values
    w = arrays(live)
    squares = {name: (w[f"{path}.weight"] ** 2).sum() for name, path in LAYERS.items()}
    expected = {f"weight_norms/norm/{name}": math.sqrt(square) for name, square in squares.items()}
    expected["weight_norms/total"] = math.sqrt(sum(squares.values()))
    if norm != "none":
        rates = {name: rate / squares[name] for name in list(LAYERS)[:2]}
        expected |= {f"weight_norms/effective_rate/{name}": value for name, value in rates.items()}
        expected["weight_norms/mean_effective_rate"] = math.sqrt(np.prod(list(rates.values())))
    assert values == pytest.approx(expected, rel=1e-12)


def test_convolutions_and_shortcuts(compose):
    live = live_after(compose("model=resnet20", "model.shortcut=B", "model.width=0.25"))
    values = measured("weight_norms", live).values
    names = [name.rsplit("/", 1)[1] for name in values if "/norm/" in name]
    assert len(names) == 19 + 2 + 1
    assert [name.rsplit("/", 1)[1] for name in values if "/effective_rate/" in name] == names[:-1]
    weight = arrays(live)["blocks.3.shortcut.layer.weight"]
    (shortcut,) = (name for name in names if name.endswith("blocks.3.shortcut.layer"))
    assert values[f"weight_norms/norm/{shortcut}"] == pytest.approx(np.linalg.norm(weight.ravel()), rel=1e-12)


@pytest.mark.parametrize("words", [("norm=none",), ("norm=bn", "model.norm_position=after")])
def test_where_no_weight_is_scale_invariant(compose, caplog, words):
    live = live_after(compose(*words))
    with caplog.at_level("INFO", "normlab"):
        probe = probe_of("weight_norms", live)
    assert caplog.text.count("no weight stands directly before a norm") == 1
    values = probe.measure(live).values
    assert len(values) == 4 + 1
    assert not any("rate" in name for name in values)


@pytest.mark.parametrize(("optimizer", "lines"), [("sgd", 0), ("adam", 1)])
def test_other_optimizers_are_told_what_the_rate_is(compose, caplog, optimizer, lines):
    live = live_after(compose(f"recipe.optimizer={optimizer}"))
    with caplog.at_level("INFO", "normlab"):
        probe_of("weight_norms", live)
    assert caplog.text.count(f"with {optimizer} read lr/‖w‖") == lines


def test_weights_of_zero(compose):
    live = live_after(compose("norm=bn"))
    live.state.model.first.layer.weight.data.zero_()
    values = measured("weight_norms", live).values
    assert values["weight_norms/norm/001.first.layer"] == 0
    assert values["weight_norms/effective_rate/001.first.layer"] == math.inf
    assert values["weight_norms/mean_effective_rate"] == math.inf
    assert math.isfinite(values["weight_norms/total"])
