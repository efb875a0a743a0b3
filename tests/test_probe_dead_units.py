"""The probe `dead_units` against zeros counted in NumPy, and units that are dead but for one pixel."""

import numpy as np
import pytest
import torch
from evaluated_by_hand import all_test_images, hidden
from live_runs import MLP, live_after, measured
from torch import nn
from torch.nn import functional as F

from experiments.probes.dead_units import make

PARTS = "evaluation_batch_size=8"  # of 21 images
UNITS = ("001.hidden.0.relu", "002.hidden.1.relu")


def bias_of(live, unit: str) -> torch.Tensor:
    """The shift that stands last before the ReLU."""
    module = live.state.model.get_submodule(unit)
    return (module.norm.bias if getattr(module.norm, "bias", None) is not None else module.layer.bias).data


@pytest.mark.parametrize("norm", ["bn", "ln", "none"])
@pytest.mark.parametrize("steps", [0, 3])
def test_against_numpy(compose, norm, steps):
    live = live_after(compose(*MLP, f"norm={norm}", PARTS), steps)
    bias_of(live, "hidden.0")[1] = -1000
    bias_of(live, "hidden.0")[3] = 1000  # never 0
    layers = hidden(live, all_test_images(live))
    found = measured("dead_units", live)
    dead = [(h == 0).all(0) for h in layers]
    assert dead[0][1]
    assert not dead[0][3]
    for name, h, gone in zip(UNITS, layers, dead, strict=True):
        assert found.values[f"dead_units/dead/{name}"] == pytest.approx(gone.mean(), abs=1e-12)
        assert found.values[f"dead_units/sparsity/{name}"] == pytest.approx((h == 0).mean(), abs=1e-12)
    assert found.values["dead_units/share"] == pytest.approx((dead[0].sum() + dead[1].sum()) / 9)
    sparsities = [(h == 0).mean() for h in layers]
    assert found.values["dead_units/mean_sparsity"] == pytest.approx(np.mean(sparsities))
    assert len(found.values) == 6
    channels = found.histograms["dead_units/channel_sparsity"]
    assert channels.numpy() == pytest.approx(np.concatenate([(h == 0).mean(0) for h in layers]))


def test_a_single_pixel_keeps_a_channel_alive(compose):
    """Channel 0 exceeds 0 at one position of one image, channel 1 nowhere by a hair."""
    live = live_after(compose("norm=none", PARTS))
    layer = live.state.model.first.layer
    images, _ = live.surroundings.splits["test"].batch(torch.arange(21), None)
    z = F.conv2d(images.double(), layer.weight.detach().double(), padding=1).amax(dim=(0, 2, 3))
    layer.bias.data[0] = -z[0] + 1e-3
    layer.bias.data[1] = -z[1] - 1e-3
    found = measured("dead_units", live)
    h = F.relu(F.conv2d(images, layer.weight, layer.bias, padding=1)).detach().numpy()
    zeros = (h == 0).mean((0, 2, 3))
    assert 1 - 1e-3 < zeros[0] < 1
    assert zeros[1] == 1
    assert found.values["dead_units/dead/001.first.relu"] == (zeros == 1).mean() > 0
    assert found.values["dead_units/sparsity/001.first.relu"] == pytest.approx(zeros.mean(), abs=1e-6)
    channels = found.histograms["dead_units/channel_sparsity"][:2].tolist()
    assert channels == pytest.approx([zeros[0], 1], abs=1e-9)


def test_a_dead_network(compose):
    live = live_after(compose("norm=none"))
    for parameter in live.state.model.parameters():
        parameter.data.zero_()
    values = measured("dead_units", live).values
    assert set(values.values()) == {1.0}


def test_what_is_no_number_is_not_dead(compose):
    live = live_after(compose(*MLP, "norm=none"))
    live.state.model.hidden[0].layer.bias.data.fill_(torch.nan)
    values = measured("dead_units", live).values
    assert values["dead_units/share"] == values["dead_units/mean_sparsity"] == 0


def test_a_module_at_two_places_counts_twice_however_many_batches(compose):
    words = ("model=resnet18", "model.stem=small", "model.width=1.0", "dataset.num_test=3", "evaluation_batch_size=2")
    values = measured("dead_units", live_after(compose(*words))).values
    names = [name.removeprefix("dead_units/dead/") for name in values if name.startswith("dead_units/dead/")]
    blocks = [name for name in names if ".layer" in name]
    assert len(names) == 1 + 2 * 8
    assert len([name for name in blocks if name.endswith(".relu")]) == 8
    assert len([name for name in blocks if name.endswith(".relu (2)")]) == 8


def test_dropout_is_off(compose):
    live = live_after(compose(*MLP, "norm=none", "model.dropout=0.9", PARTS))
    layers = hidden(live, all_test_images(live))
    values = measured("dead_units", live).values
    assert values[f"dead_units/sparsity/{UNITS[1]}"] == pytest.approx((layers[1] == 0).mean())


def test_cost(compose):
    """21 images forward, in steps of 8 forward and backward."""
    live = live_after(compose())
    assert make(live.state.model, live.surroundings).steps == pytest.approx(21 / 24)


def test_without_a_relu(compose, caplog):
    live = live_after(compose(*MLP, "norm=none"))
    for layer in live.state.model.hidden:
        layer.relu = nn.Identity()
    with caplog.at_level("INFO", "normlab"):
        probe = make(live.state.model, live.surroundings)
    assert caplog.text.count("no ReLU") == 1
    assert probe.steps == 0
    found = probe.measure(live)
    assert (found.values, found.histograms, found.timings) == ({}, {}, {})
