"""The probe `moments` against NumPy, and where norms stand in each network."""

import math

import numpy as np
import pytest
import torch
from live_runs import MLP, arrays, live_after, measured
from mlp_by_hand import LAYERS, before_and_after
from models_from_conf import SEQUENCE, SHALLOW, TORCHVISION, build
from test_norms import standardized_groups

from experiments.probing.layers import norm_places
from models.norms.normalization import Normalization

OF_Y = {"y_mean", "y_variance", "y_largest"}
OF_XHAT = {"xhat_mean", "xhat_variance_min", "xhat_variance_max", "xhat_largest"}
OF_GAMMA = {f"gamma_{part}" for part in ("mean", "sd", "min", "max", "negative")}
OF_BETA = {f"beta_{part}" for part in ("mean", "sd", "min", "max")}


def quantities(values: dict[str, float], layer: str) -> dict[str, float]:
    """What is said of a layer, by the quantity."""
    parts = [(name.split("/"), value) for name, value in values.items()]
    assert {name[0] for name, _ in parts} <= {"moments"}
    return {name[1]: value for name, value in parts if name[2] == layer}


def of_output(y: np.ndarray) -> dict[str, float]:
    axes = tuple(axis for axis in range(y.ndim) if axis != 1)
    return {
        "y_mean": math.sqrt((y.mean(axes) ** 2).mean()),
        "y_variance": y.var(axes).mean(),
        "y_largest": np.abs(y).max(),
    }


def of_sets(xhat: np.ndarray) -> dict[str, float]:
    """Of x̂ in sets (sets, values)."""
    return {
        "xhat_mean": np.abs(xhat.mean(1)).max(),
        "xhat_variance_min": xhat.var(1).min(),
        "xhat_variance_max": xhat.var(1).max(),
        "xhat_largest": np.abs(xhat).max(),
    }


def of_parameters(gamma: np.ndarray, beta: np.ndarray) -> dict[str, float]:
    found = {"gamma_negative": np.mean(gamma < 0)}
    for name, values in (("gamma", gamma), ("beta", beta)):
        found |= {f"{name}_mean": values.mean(), f"{name}_sd": values.std()}
        found |= {f"{name}_min": values.min(), f"{name}_max": values.max()}
    return found


@pytest.mark.parametrize("norm", ["bn", "ln", "none"])
@pytest.mark.parametrize("steps", [0, 3])
def test_against_numpy(compose, norm, steps):
    live = live_after(compose(*MLP, f"norm={norm}"), steps)
    if norm != "none":
        with torch.no_grad():  # γ of several signs, which three steps do not bring
            live.state.model.hidden[0].norm.weight[:2] *= -1.5
            live.state.model.hidden[1].norm.bias += torch.arange(4.0)
    found = measured("moments", live)
    expected = before_and_after(arrays(live), live.surroundings.coming_batch(live.step)[0].numpy())
    w = arrays(live)
    for index, layer in enumerate(LAYERS):
        y, xhat = expected["after"][index], expected["xhat"][index]
        wanted = of_output(y)
        if norm != "none":
            wanted |= of_sets(xhat.T if norm == "bn" else xhat)
            wanted |= of_parameters(w[f"hidden.{index}.norm.weight"], w[f"hidden.{index}.norm.bias"])
        assert quantities(found.values, layer) == pytest.approx(wanted, rel=1e-5, abs=2e-6)
        np.testing.assert_allclose(found.histograms[f"moments/y/{layer}"], y.flatten(), rtol=1e-5, atol=1e-5)
        if norm != "none":
            for called, parameter in (("gamma", "weight"), ("beta", "bias")):
                np.testing.assert_array_equal(
                    found.histograms[f"moments/{called}/{layer}"], w[f"hidden.{index}.norm.{parameter}"]
                )
    assert {name.split("/")[2] for name in found.values} == set(LAYERS)


def test_feature_maps_in_groups(compose):
    live = live_after(compose("norm=gn", "norm.num_groups=2", "dataset.augmentation.crop_padding=2"), 2)
    seen = {}
    network = live.copied_network()
    network.second.norm.register_forward_hook(lambda _, inputs, y: seen.update(x=inputs[0], y=y))
    network(live.surroundings.coming_batch(live.step)[0])
    x, y = (seen[key].detach().double().numpy() for key in "xy")
    assert x.shape == (8, 16, 4, 4)
    found = quantities(measured("moments", live).values, "002.second.norm")
    w = arrays(live)
    wanted = of_output(y) | of_parameters(w["second.norm.weight"], w["second.norm.bias"])
    wanted |= of_sets(standardized_groups(x, 2).reshape(16, 128))
    assert found == pytest.approx(wanted, rel=1e-5, abs=2e-6)


def test_a_dead_unit_is_a_set_without_variance(compose):
    live = live_after(compose(*MLP, "norm=bn", "model.norm_position=after"))
    with torch.no_grad():
        live.state.model.hidden[0].layer.bias[2] = -100.0
    found = quantities(measured("moments", live).values, LAYERS[0])
    assert found["xhat_variance_min"] == 0
    assert 0.9 < found["xhat_variance_max"] <= 1.000001
    assert found["xhat_largest"] <= math.sqrt(8 - 1)


@pytest.mark.parametrize(
    ("words", "layers"),
    [
        (("norm.affine=false",), dict.fromkeys(LAYERS, OF_Y | OF_XHAT)),
        (
            ("model.norms=last:1",),
            {LAYERS[0]: OF_Y, LAYERS[1]: OF_Y | OF_XHAT | OF_GAMMA | OF_BETA},
        ),
        (("model.input_norm=true", "norm=none"), dict.fromkeys(LAYERS, OF_Y)),
        (
            ("model.input_norm=true", "model.norms=none", "norm=ln_channels"),
            {"000.input_norm": OF_Y | OF_XHAT | OF_GAMMA | OF_BETA} | dict.fromkeys(LAYERS, OF_Y),
        ),
    ],
)
def test_what_a_layer_lacks_is_left_out(compose, words, layers):
    values = measured("moments", live_after(compose(*MLP, *words))).values
    assert {layer: set(quantities(values, layer)) for layer in {name.split("/")[2] for name in values}} == layers


def test_single_values_have_no_normalized_ones(compose):
    """Instance norm of the hidden layer's vectors."""
    values = measured("moments", live_after(compose("norm=in", "batch_size=2"))).values
    assert set(quantities(values, "003.hidden.norm")) == OF_Y | OF_GAMMA | OF_BETA
    assert set(quantities(values, "002.second.norm")) == OF_Y | OF_XHAT | OF_GAMMA | OF_BETA


def test_many_values_are_thinned_out_for_the_histogram(compose):
    live = live_after(compose("norm=none", "batch_size=64", "dataset.image_size=16", "model.width=0.5"))
    kept = measured("moments", live).histograms["moments/y/001.first.norm"]
    assert len(kept) == 37_450  # every seventh of 262,144: the least odd step that leaves 50,000


@pytest.mark.parametrize(
    ("words", "said", "measured"),
    [
        (("norm=none",), "y is measured where norms would stand", True),
        (("norm=none", "model=resnet20", "model.branch=fixup"), "no place for one: nothing is measured", False),
    ],
)
def test_without_norms_one_line_says_what_is_measured(made, capsys, words, said, measured):
    run = made("probes=[moments]", "epochs=null", "steps=1", *words)
    out = capsys.readouterr().out
    assert out.count("probe moments: ") == 1
    assert said in out
    assert any(name.startswith("moments/") for _, _, name, _ in run.metrics) == measured


@pytest.mark.parametrize("model", [model for model in SHALLOW if model not in SEQUENCE])
def test_networks_that_differ_in_the_norm_have_the_same_places(model):
    changes = {"stem": "small"} if model in TORCHVISION else {}
    bn, none = (build(model, norm, image_shape=(3, 16, 16), input_norm=False, **changes) for norm in ("bn", "none"))
    places = norm_places(bn)
    assert [place.name for place in places] == [place.name for place in norm_places(none)]
    assert all(isinstance(place.module, Normalization) for place in places)
    assert not any(isinstance(place.module, Normalization) for place in norm_places(none))
    assert [place.module for place in places] == [m for m in bn.modules() if isinstance(m, Normalization)]
    assert len({place.name for place in places}) == len(places) > 1 or model == "mlp"
