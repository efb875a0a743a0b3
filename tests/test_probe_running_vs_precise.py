"""The probe `running_vs_precise` against statistics by NumPy."""

import math

import numpy as np
import pytest
import torch
from live_runs import MLP, arrays, live_after, measured, probe_of

from experiments.evaluate import even_parts
from experiments.inference.precise import precise_order
from experiments.probes import running_vs_precise

EPS = 1e-5
LAYERS = ("001.hidden.0.norm", "002.hidden.1.norm")
QUANTITIES = ("mean", "mean_max", "variance", "variance_max")


def training_images(live) -> np.ndarray:
    """As training shows them: the probe's augmentation is that of an epoch of its own."""
    around = live.surroundings
    train = around.splits["train"]
    draws = around.augmentation.draw(0, 0, len(train), around.device)
    return train.batch(torch.arange(len(train)), draws)[0].double().flatten(1).numpy()


def distance(w: dict[str, np.ndarray], place: str, z: np.ndarray) -> tuple[float, ...]:
    """The four quantities of a layer that meets z (n, C)."""
    mean, var = z.mean(0), z.var(0)
    offset = np.abs(w[f"{place}.running_mean"] - mean) / np.sqrt(var + EPS)
    ratio = (w[f"{place}.running_var"] + EPS) / (var + EPS)
    largest = np.maximum(ratio, 1 / ratio).max()
    return offset.mean(), offset.max(), np.prod(ratio) ** (1 / len(ratio)), largest


def by_hand(live) -> list[tuple[float, ...]]:
    """Both layers; the second meets what the first makes of each batch with that batch's statistics."""
    w, images = arrays(live), training_images(live)
    order = precise_order(live.surroundings.splits["train"].labels, len(images))
    first = images @ w["hidden.0.layer.weight"].T
    second = []
    for part in even_parts(order, live.surroundings.settings.batch_size):
        z = first[part.numpy()]
        y = (z - z.mean(0)) / np.sqrt(z.var(0) + EPS) * w["hidden.0.norm.weight"] + w["hidden.0.norm.bias"]
        second.append(np.maximum(y, 0) @ w["hidden.1.layer.weight"].T)
    return [distance(w, "hidden.0.norm", first), distance(w, "hidden.1.norm", np.concatenate(second))]


@pytest.mark.parametrize(
    "words", [(), ("norm=noisy_bn",), ("dataset.augmentation.crop_padding=2",), ("model.dropout=0.5",)]
)
@pytest.mark.parametrize("steps", [0, 5])
def test_against_numpy(compose, words, steps):
    live = live_after(compose(*MLP, *words), steps)
    values = measured("running_vs_precise", live).values
    expected = by_hand(live)
    for name, ours in zip(LAYERS, expected, strict=True):
        found = [values[f"running_vs_precise/{quantity}/{name}"] for quantity in QUANTITIES]
        assert found == pytest.approx(ours, rel=1e-4)
    one, other = np.array(expected)
    whole = [values[f"running_vs_precise/{quantity}_of_layers"] for quantity in QUANTITIES]
    geometric = math.sqrt(one[2] * other[2])
    assert whole == pytest.approx(
        [(one[0] + other[0]) / 2, max(one[1], other[1]), geometric, max(one[3], other[3])], rel=1e-4
    )
    assert len(values) == 4 * 3


def test_so_many_images_and_no_more(compose, monkeypatch):
    live = live_after(compose(*MLP))
    assert probe_of("running_vs_precise", live).steps == pytest.approx(67 / 24)
    monkeypatch.setattr(running_vs_precise, "IMAGES", 10)
    probe = probe_of("running_vs_precise", live)
    assert probe.steps == pytest.approx(10 / 24)
    chosen = precise_order(live.surroundings.splits["train"].labels, 10).numpy()
    w = arrays(live)
    expected = distance(w, "hidden.0.norm", training_images(live)[chosen] @ w["hidden.0.layer.weight"].T)
    values = probe.measure(live).values
    assert [values[f"running_vs_precise/{quantity}/{LAYERS[0]}"] for quantity in QUANTITIES] == pytest.approx(expected)


def test_maps_and_vectors_by_depth(compose):
    live = live_after(compose("model=small_cnn", "norm=bn_scratch", "batch_size=2"), 2)
    values = measured("running_vs_precise", live).values
    layers = ("001.first.norm", "002.second.norm", "003.hidden.norm")
    of_layers = {f"running_vs_precise/{quantity}_of_layers" for quantity in QUANTITIES}
    assert values.keys() == of_layers | {f"running_vs_precise/{q}/{layer}" for q in QUANTITIES for layer in layers}
    assert all(math.isfinite(value) and value > 0 for value in values.values())


def test_statistics_that_are_no_numbers(compose):
    live = live_after(compose(*MLP))
    live.state.model.hidden[0].norm.running_mean[2] = torch.nan
    values = measured("running_vs_precise", live).values
    assert math.isnan(values["running_vs_precise/mean_of_layers"])
    assert math.isnan(values["running_vs_precise/mean_max_of_layers"])
    assert math.isfinite(values["running_vs_precise/variance_of_layers"])
    live.state.model.hidden[0].layer.weight.data.fill_(torch.inf)
    measured("running_vs_precise", live)


@pytest.mark.parametrize("norm", ["none", "ln", "noise"])
def test_without_running_statistics(compose, caplog, norm):
    live = live_after(compose(*MLP, f"norm={norm}"))
    with caplog.at_level("INFO", "normlab"):
        probe = probe_of("running_vs_precise", live)
    assert caplog.text.count("probe running_vs_precise: this network has no running statistics") == 1
    assert probe.steps == 0
    assert probe.measure(live).values == {}
