"""The probe `decorrelation` against NumPy's correlations, with norms that cannot change them and norms that do."""

import math

import numpy as np
import pytest
import torch
from live_runs import MLP, arrays, live_after, measured
from mlp_by_hand import LAYERS, before_and_after

from experiments.probes.decorrelation import correlations, distance, mean_off_diagonal

CONV = ("001.first.norm", "002.second.norm", "003.hidden.norm")


def off_diagonal(rows: np.ndarray) -> np.ndarray:
    """|R_ij|, i < j, of rows (m, C)."""
    matrix = np.abs(np.corrcoef(rows, rowvar=False))
    return matrix[np.triu_indices(len(matrix), 1)]


def rms(values: np.ndarray) -> float:
    return math.sqrt((values**2).mean())


@pytest.mark.parametrize("norm", ["bn", "ln", "none"])
@pytest.mark.parametrize("steps", [0, 3])
def test_against_numpy(compose, norm, steps):
    live = live_after(compose(*MLP, f"norm={norm}"), steps)
    if norm != "none":
        with torch.no_grad():
            live.state.model.hidden[0].norm.weight[1] *= -2
    values = measured("decorrelation", live).values
    sides = before_and_after(arrays(live), live.surroundings.coming_batch(live.step)[0].numpy())
    wanted = {}
    for side in ("before", "after")[: 1 if norm == "none" else 2]:
        found = [off_diagonal(rows).mean() for rows in sides[side]]
        wanted |= {f"decorrelation/{side}/{layer}": value for layer, value in zip(LAYERS, found, strict=True)}
        wanted[f"decorrelation/{side}_mean"] = np.mean(found)
    if norm != "none":
        pairs = zip(LAYERS, sides["before"], sides["after"], strict=True)
        wanted |= {f"decorrelation/change/{layer}": rms(off_diagonal(y) - off_diagonal(x)) for layer, x, y in pairs}
    assert values == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    changes = [value for name, value in values.items() if "/change/" in name]
    assert all(change < 1e-6 for change in changes) if norm == "bn" else all(change > 1e-3 for change in changes)


@pytest.mark.parametrize(("norm", "changes"), [("bn", False), ("ln", True), ("gn", True), ("in", True)])
def test_feature_maps(compose, norm, changes):
    live = live_after(compose(f"norm={norm}", *(["norm.num_groups=2"] if norm == "gn" else [])), 2)
    seen = {}
    network = live.copied_network()
    network.second.norm.register_forward_hook(lambda _, inputs, y: seen.update(before=inputs[0], after=y))
    network(live.surroundings.coming_batch(live.step)[0])
    values = measured("decorrelation", live).values
    for side in ("before", "after"):
        rows = np.moveaxis(seen[side].detach().double().numpy(), 1, -1).reshape(8 * 4 * 4, 16)
        assert values[f"decorrelation/{side}/{CONV[1]}"] == pytest.approx(off_diagonal(rows).mean(), rel=1e-6)
    for layer in CONV[:2]:
        change = values[f"decorrelation/change/{layer}"]
        assert change > 1e-3 if changes else change < 1e-6


def test_many_rows_are_thinned_out():
    x = torch.randn(9, 4, 64, 64, generator=torch.Generator().manual_seed(0)).cumsum(1)
    found, varies = correlations(x)
    rows = np.moveaxis(x.double().numpy(), 1, -1).reshape(-1, 4)
    kept = rows[::3]  # 36,864 by the least odd step that leaves 20,000
    np.testing.assert_allclose(found, np.abs(np.corrcoef(kept, rowvar=False)), rtol=1e-9)
    assert varies.all()


def test_what_is_constant_is_left_out():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(40, 5, generator=generator)
    x[:, 4] += x[:, 0]
    x[:, 1], x[:, 3] = 0.0, 0.3  # 0.3 is no float: its mean differs from it by a rounding
    found, varies = correlations(x)
    assert varies.tolist() == [True, False, True, False, True]
    rest = off_diagonal(x[:, varies].double().numpy())
    assert mean_off_diagonal(found, varies) == pytest.approx(rest.mean(), rel=1e-9)
    other = torch.randn(40, 5, generator=generator)
    changed = rest - off_diagonal(other[:, varies].double().numpy())
    assert distance(found, correlations(other)[0], varies) == pytest.approx(rms(changed), rel=1e-9)
    for count in (0, 1):
        few = torch.arange(5) < count
        assert math.isnan(mean_off_diagonal(found, few))
        assert math.isnan(distance(found, found, few))


def test_channels_of_zeros_are_left_out(compose):
    live = live_after(compose("norm=bn", "batch_size=2"), 1)
    with torch.no_grad():
        live.state.model.first.norm.weight[0] = 0
        live.state.model.second.norm.weight.zero_()
    values = measured("decorrelation", live).values
    assert math.isnan(values[f"decorrelation/after/{CONV[1]}"])
    assert math.isnan(values[f"decorrelation/change/{CONV[1]}"])
    assert math.isnan(values[f"decorrelation/before/{CONV[2]}"])
    assert values[f"decorrelation/change/{CONV[0]}"] < 1e-6  # of the channels that vary on both sides
    assert values["decorrelation/after_mean"] == values[f"decorrelation/after/{CONV[0]}"] > 0
    both = [values[f"decorrelation/before/{layer}"] for layer in CONV[:2]]
    assert values["decorrelation/before_mean"] == pytest.approx(sum(both) / 2)


@pytest.mark.parametrize(
    ("words", "said", "prefixes"),
    [
        (("norm=none",), "what would enter one", {"before", "before_mean"}),
        (("norm=none", "model=resnet20", "model.branch=fixup"), "nothing is measured", set()),
    ],
)
def test_without_norms_one_line_says_what_is_measured(made, capsys, words, said, prefixes):
    run = made("probes=[decorrelation]", "epochs=null", "steps=1", *words)
    out = capsys.readouterr().out
    assert out.count("probe decorrelation: ") == 1
    assert said in out
    assert {name.split("/")[1] for _, _, name, _ in run.metrics if name.startswith("decorrelation/")} == prefixes
