"""The probe `lr_range` against training itself, and against a perceptron and its optimizer written out in NumPy."""

import math

import numpy as np
import pytest
from live_runs import MLP, arrays, live_after, measured
from mlp_by_hand import Weights, loss_and_gradients

from experiments import identity
from experiments.job import build_parts
from experiments.probes import lr_range
from experiments.probes.lr_range import RATES, largest, losses, smoothed, steepest
from experiments.run import Run
from experiments.settings import Settings

CROPS = ("dataset.augmentation.crop_padding=2", "dataset.augmentation.horizontal_flip=true")


def swept_by_hand(live, momentum: float, nesterov: bool, decay: float, clip: float | None) -> list[float]:
    """The loss before each of the 60 steps, in float64."""
    weights = arrays(live)
    names = [name for name, _ in live.state.model.named_parameters()]
    kept = live.state.optimizer.state
    memory: Weights = {}
    for name, parameter in live.state.model.named_parameters():
        if kept.get(parameter):
            memory[name] = kept[parameter]["momentum_buffer"].double().numpy().copy()
    found = []
    for number in range(60):
        rate = 10 ** (-5 + 6 * number / 59)
        x, labels = (tensor.numpy() for tensor in live.surroundings.coming_batch(live.step + number))
        loss, gradients = loss_and_gradients(weights, x, labels)
        found.append(loss)
        norm = math.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
        shrink = 1.0 if clip is None else min(1.0, clip / (norm + 1e-6))
        for name in names:
            slope = shrink * gradients[name] + decay * weights[name]
            memory[name] = slope if name not in memory else momentum * memory[name] + slope
            weights[name] = weights[name] - rate * (slope + momentum * memory[name] if nesterov else memory[name])
    return found


@pytest.mark.parametrize(("norm", "steps", "nesterov", "clip"), [("bn", 0, True, 1.0), ("none", 3, False, None)])
def test_against_numpy(compose, norm, steps, nesterov, clip):
    words = (f"recipe.nesterov={nesterov}", f"recipe.clip_norm={clip or 'null'}", "recipe.weight_decay=0.01", *CROPS)
    live = live_after(compose(*MLP, f"norm={norm}", *words), steps)
    expected = swept_by_hand(live, 0.9, nesterov, 0.01, clip)
    means = [sum(expected[k : k + 3]) / 3 for k in range(58)]
    bad = [k for k, mean in enumerate(means) if not mean <= 2 * np.nanmin(means[: k + 1])]
    last = bad[0] if bad else 57
    values = measured("lr_range", live).values
    largest, steepest = values.pop("lr_range/largest"), values.pop("lr_range/steepest")
    rates = [10 ** (-5 + 6 * number / 59) for number in range(60)]
    found = dict(zip([float(name.removeprefix("lr_range/loss/")) for name in values], values.values(), strict=True))
    assert list(found) == pytest.approx(rates[1 : last + 2 : 3], rel=6e-3)
    assert list(found.values()) == pytest.approx(means[: last + 1 : 3], rel=2e-3)
    assert largest == pytest.approx(rates[bad[0]] if bad else 10.0)
    falls = np.diff(means[: min(int(np.argmin(means[: last + 1])) + 2, last + 1)])  # to just beyond the smallest
    assert steepest == pytest.approx(rates[2 + int(np.argmin(falls[1:] + falls[:-1]))])
    assert bad  # both sweeps reach a divergence, which is then compared too


def test_at_the_rate_of_the_run_it_is_the_run(compose, monkeypatch):
    """The same batches, draws, momentum and clipping, over the ends of epochs: the same losses to the bit."""
    words = ("recipe.schedule=constant", "recipe.warmup=0.0", "recipe.lr=0.05", "epochs=3", *CROPS)
    config = compose(*words)
    parts = build_parts(config, Settings.check(config))
    folder = identity.folder(config)
    folder.mkdir(parents=True)
    trained = [state.loss.item() for state in Run(parts, folder, identity.group(config)).steps()]
    monkeypatch.setattr(lr_range, "RATES", [0.05] * 15)
    live = live_after(compose(*words, "log_every=7"), 5)
    assert losses(live) == trained[5:20]


def test_it_stops_where_it_diverges(compose):
    values = measured("lr_range", live_after(compose("norm=none", "recipe.clip_norm=null"))).values
    rates = [float(name.rsplit("/")[-1]) for name in values if "/loss/" in name]
    assert 3 < len(rates) < 20
    assert rates[-1] < 10
    assert rates[-1] < 1.3 * values["lr_range/largest"]
    assert all(math.isfinite(values[name]) for name in values if "/loss/" in name)


def test_batch_statistics_are_those_of_training(compose):
    """After an evaluation the live network is in evaluation mode, and its copy must not be."""
    live = live_after(compose("norm=bn"), 3)
    before = measured("lr_range", live).values
    live.state.model.eval()
    assert measured("lr_range", live).values == before


def test_where_the_loss_never_falls_there_is_no_steepest_rate(compose, monkeypatch):
    monkeypatch.setattr(lr_range, "losses", lambda live: [1.0, 2.0, 3.0, 4.0, 8.0])
    found = measured("lr_range", live_after(compose())).values
    assert found == {"lr_range/loss/1.26e-05": 2.0, "lr_range/largest": RATES[2]}  # 3 is not above 2 × 2, 5 is


def test_the_rates():
    assert (RATES[0], RATES[-1], len(RATES)) == (pytest.approx(1e-5), pytest.approx(10.0), 60)
    ratios = np.divide(RATES[1:], RATES[:-1])
    assert ratios == pytest.approx([10 ** (6 / 59)] * 59)


def test_the_largest_rate():
    assert smoothed([1.0, 2.0, 6.0, 1.0]) == [3.0, 3.0]
    assert largest([2.0] * 58) == 10
    assert largest([2.0, 1.0, 1.9, 2.1, 1.0]) == RATES[3]  # number 3 belongs to rate number 4
    assert largest([2.0, 1.0, math.inf]) == RATES[2]
    assert largest([2.0, math.nan]) == RATES[1]
    assert all(math.isnan(largest(smooth)) for smooth in ([], [math.nan], [math.inf]))


def test_the_steepest_rate():
    assert steepest([5.0, 4.9, 4.5, 3.0, 2.9, 9.0]) == RATES[3]  # from 4.9 to 3.0, around number 2
    assert steepest([5.0, 4.9, 1.0, math.nan]) == RATES[2]
    assert steepest([3.0, 2.0, 1.5, 4.0, 3.8, 2.0, 2.0]) == RATES[2]  # what falls after a rise does not count
    assert all(steepest(smooth) is None for smooth in ([], [1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0]))
