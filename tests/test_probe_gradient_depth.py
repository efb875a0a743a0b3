"""The probe `gradient_depth` against gradients written out in NumPy, and where gradients explode and vanish."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from live_runs import MLP, arrays, live_after, measured
from mlp_by_hand import backpropagated

from experiments.probes.gradient_depth import depth_slope
from experiments.probing.layers import Layer, hidden_layers, norm_layers, relu_layers, weight_layers

LAYERS = ("001.hidden.0", "002.hidden.1")


def by_hand(live) -> list[float]:
    """‖∂L/∂h‖ of a perceptron with two hidden layers, in float64."""
    x, labels = (tensor.numpy() for tensor in live.surroundings.coming_batch(live.step))
    _, _, gradients = backpropagated(arrays(live), x, labels)
    return [np.linalg.norm(gradient) for gradient in gradients]


@pytest.mark.parametrize("norm", ["bn", "ln", "none"])
@pytest.mark.parametrize("steps", [0, 3])
def test_against_numpy(compose, norm, steps):
    live = live_after(compose(*MLP, f"norm={norm}"), steps)
    expected = np.log(by_hand(live))
    values = measured("gradient_depth", live).values
    assert [values[f"gradient_depth/log_norm/{name}"] for name in LAYERS] == pytest.approx(expected, abs=1e-5)
    assert values["gradient_depth/slope"] == pytest.approx(expected[1] - expected[0], abs=1e-5)
    assert values["gradient_depth/factor"] == pytest.approx(math.exp(expected[1] - expected[0]), rel=1e-5)
    assert values["gradient_depth/zeros"] == 0


def test_what_float16_scales_is_scaled_back(compose):
    live = live_after(compose(*MLP))
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=True)
    scaled = dataclasses.replace(live, state=dataclasses.replace(live.state, scaler=scaler))
    plain = measured("gradient_depth", live).values
    assert measured("gradient_depth", scaled).values == pytest.approx(plain, rel=1e-5)


def test_what_vanishes_in_float32_is_measured_in_float64(compose):
    """Three layers of tiny weights: float32 loses the product, float64 holds it."""
    words = (*MLP, "norm=none", "model.hidden=[5,5,5,4]", "initialization.scheme=normal", "initialization.std=1e-16")
    values = measured("gradient_depth", live_after(compose(*words))).values
    assert values["gradient_depth/zeros"] >= 1
    logs = [values[name] for name in values if "/log_norm/" in name]
    assert len(logs) == 4
    assert all(math.isfinite(log) for log in logs)
    assert values["gradient_depth/slope"] == pytest.approx(math.log(1e16), rel=0.1)


def test_the_slope_leaves_out_what_is_zero():
    layers = [Layer(str(depth), depth, None) for depth in (1, 2, 4)]
    logs = dict(zip([layer.name for layer in layers], (-math.inf, 1.0, 4.0), strict=True))
    assert depth_slope(layers, logs) == pytest.approx(1.5)
    assert math.isnan(depth_slope(layers[:2], logs))


@pytest.mark.parametrize(
    ("words", "low", "high"),
    [
        (("model=plain56", "norm=bn"), -0.45, -0.1),  # explodes toward the input: factors of 1.1 to 1.6 a layer
        (("model=resnet56", "norm=bn"), -0.1, 0.05),
        (("model=plain56", "norm=none", "initialization.scheme=normal"), 1.0, 4.0),  # vanishes
    ],
)
def test_explosion_and_vanishing_at_initialization(compose, words, low, high):
    usual = ("dataset.image_size=8", "model.width=0.5", "batch_size=32")
    slope = measured("gradient_depth", live_after(compose(*usual, *words))).values["gradient_depth/slope"]
    assert low < slope < high


@pytest.mark.parametrize(
    ("words", "depths"),
    [
        (("model=resnet20",), [1, *range(3, 20, 2)]),
        (("model=resnet20", "model.shortcut=B"), [1, *range(3, 20, 2)]),
        (("model=resnet20", "norm=none", "model.branch=fixup"), [1, *range(3, 20, 2)]),
        (("model=plain20",), list(range(1, 20))),
        (("model=vgg11",), list(range(1, 9))),
        (("model=small_cnn",), [1, 2, 3]),
        (("model=resnet18", "model.stem=small", "model.width=1.0"), [1, *range(3, 18, 2)]),
        (("model=resnet50", "model.stem=small", "model.width=1.0"), [1, *range(4, 50, 3)]),
    ],
)
def test_depths_count_layers_with_weights(compose, words, depths):
    model = live_after(compose("dataset.image_size=16", *words)).state.model
    assert [layer.depth for layer in hidden_layers(model)] == depths
    for layer in (*norm_layers(model), *relu_layers(model), *weight_layers(model)):
        assert 1 <= layer.depth <= depths[-1] + 1
        assert layer.name == f"{layer.depth:03d}.{layer.path}"
    assert weight_layers(model)[-1].depth == depths[-1] + 1
