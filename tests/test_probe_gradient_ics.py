"""The probe `gradient_ics` against gradients written out in NumPy, before and after the step that training takes."""

import math

import numpy as np
import pytest
import torch
from live_runs import MLP, arrays, live_after, measured, probe_of
from mlp_by_hand import loss_and_gradients

from experiments.probes.gradient_ics import evenly_spread, in_a_chain
from experiments.probing.layers import Layer, weight_layers

LAYERS = {"002.hidden.1.layer": ("hidden.0",), "003.classifier": ("hidden.0", "hidden.1")}  # and what is below
USUAL = (*MLP, "recipe.schedule=constant", "recipe.warmup=0.0", "recipe.lr=0.2")


def compared(old: np.ndarray, new: np.ndarray) -> dict[str, float]:
    distance, lengths = np.linalg.norm(new - old), [np.linalg.norm(old), np.linalg.norm(new)]
    cosine = (old * new).sum() / np.prod(lengths)
    return {"difference": distance, "relative": distance / lengths[0], "cosine": cosine}


@pytest.mark.parametrize("clip", ["1.0", "null"])
@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("norm", ["bn", "ln", "none"])
def test_against_numpy(compose, norm, steps, clip):
    config = compose(*USUAL, f"norm={norm}", f"recipe.clip_norm={clip}")
    live = live_after(config, steps)
    x, labels = (tensor.numpy() for tensor in live.surroundings.coming_batch(steps))
    before, after = arrays(live), arrays(live_after(config, steps + 1))
    _, gradients = loss_and_gradients(before, x, labels)
    expected: dict[str, float] = {}
    for layer, below in LAYERS.items():
        name = f"{layer[4:]}.weight"
        mixed = {key: (after if key.startswith(below) else before)[key] for key in before}
        _, moved = loss_and_gradients(mixed, x, labels)
        found = compared(gradients[name], moved[name])
        expected |= {f"gradient_ics/{quantity}/{layer}": value for quantity, value in found.items()}
    for quantity in ("difference", "relative", "cosine"):
        each = [expected[f"gradient_ics/{quantity}/{layer}"] for layer in LAYERS]
        expected[f"gradient_ics/mean_{quantity}"] = sum(each) / 2
    values = measured("gradient_ics", live).values
    assert values.keys() == expected.keys()
    assert values == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert values["gradient_ics/relative/003.classifier"] > 1e-3


def gradient(network: torch.nn.Module, live, name: str) -> torch.Tensor:
    parameter = network.get_parameter(name)
    network.zero_grad()
    live.loss(network, *live.surroundings.coming_batch(live.step)).backward()
    return parameter.grad.clone()


def test_a_shortcut_beside_a_layer_is_not_below_it(compose):
    words = ("model=resnet20", "model.depth=8", "model.shortcut=B", "norm=bn", "recipe.warmup=0.0")
    live = live_after(compose(*words), 2)
    values = measured("gradient_ics", live).values
    layers = [name.split("/")[-1] for name in values if "/cosine/" in name]
    chain = ["blocks.0.first", "blocks.0.second", "blocks.1.first", "blocks.1.second", "blocks.2.first"]
    chain += ["blocks.2.second"]
    assert layers == [f"{depth:03d}.{unit}.layer" for depth, unit in enumerate(chain, 2)] + ["008.classifier"]
    after = dict(live.network_after_step().named_parameters())
    for layer, below in (("005.blocks.1.second.layer", ("stem", "blocks.0", "blocks.1.first")),
                         ("006.blocks.2.first.layer", ("stem", "blocks.0", "blocks.1")),
                         ("008.classifier", ("stem", "blocks"))):  # fmt: skip
        network, name = live.copied_network(), f"{layer[4:]}.weight"
        old = gradient(network, live, name)
        with torch.no_grad():
            for key, parameter in network.named_parameters():
                if key.startswith(below):
                    parameter.copy_(after[key])
        found = compared(old.double().numpy(), gradient(network, live, name).double().numpy())
        for quantity, value in found.items():
            assert values[f"gradient_ics/{quantity}/{layer}"] == pytest.approx(value, rel=1e-3), (layer, quantity)


def test_dropout_is_no_noise(compose):
    """A step of nearly nothing below changes nearly nothing above; other units dropped would."""
    words = ("model.dropout=0.5", "recipe.lr=1e-6", "dataset.augmentation.crop_padding=2")
    values = measured("gradient_ics", live_after(compose(*words))).values
    assert values["gradient_ics/mean_cosine"] > 0.999
    assert values["gradient_ics/mean_relative"] < 0.01


def test_every_pass_and_the_step_drop_the_same_units(compose, monkeypatch):
    states, forward = [], torch.nn.Dropout.forward

    def recorded(self, x):
        states.append(torch.get_rng_state())
        return forward(self, x)

    live = live_after(compose("model.dropout=0.5", "model.dropout_position=last"))
    probe = probe_of("gradient_ics", live)
    monkeypatch.setattr(torch.nn.Dropout, "forward", recorded)
    probe.measure(live)
    assert len(states) == 1 + 1 + 3  # G, the step, and G′ of three layers
    assert all(torch.equal(state, states[0]) for state in states)


def test_where_the_gradient_is_zero(compose):
    """In Fixup's first step the classifier alone has a gradient, since its weights are 0: all below stand still."""
    words = ("model=resnet20", "model.depth=8", "model.branch=fixup", "norm=none", "recipe.weight_decay=0.0")
    values = measured("gradient_ics", live_after(compose(*words))).values
    cosines = {name: value for name, value in values.items() if "/cosine/" in name}
    last = cosines.pop("gradient_ics/cosine/008.classifier.layer")
    assert last == pytest.approx(1)
    assert len(cosines) == 6
    assert all(math.isnan(value) for value in cosines.values())
    assert values["gradient_ics/mean_cosine"] == last
    assert values["gradient_ics/mean_difference"] == 0


def test_at_most_ten_layers_evenly(compose):
    layers = [Layer(str(depth), depth, None) for depth in range(1, 20)]
    assert [layer.depth for layer in evenly_spread(layers, 10)] == list(range(1, 20, 2))
    assert evenly_spread(layers[:10], 10) == layers[:10]
    chosen = [layer.depth for layer in evenly_spread(layers[:14], 10)]
    assert (chosen[0], chosen[-1], len(set(chosen))) == (1, 14, 10)
    live = live_after(compose("model=resnet20", "model.shortcut=B", "batch_size=2"))
    probe = probe_of("gradient_ics", live)
    assert [layer.depth for layer in probe.layers][::9] == [1, 20]
    assert len(probe.measure(live).values) == 3 * 10
    assert probe.steps == pytest.approx(1 + (10 + 2 * 5.5) / 3)


@pytest.mark.parametrize(("model", "depth"), [("resnet20", 20), ("vgg11", 9), ("resnet50", 50), ("mlp_mixed", 3)])
def test_the_chain_counts_every_depth_once(compose, model, depth):
    words = {"resnet50": ("model.stem=small", "model.width=1.0"), "resnet20": ("model.shortcut=B",)}.get(model, ())
    chain = in_a_chain(
        weight_layers(live_after(compose("dataset.image_size=16", f"model={model}", *words)).state.model)
    )
    assert [layer.depth for layer in chain] == list(range(1, depth + 1))
    assert not any("shortcut" in layer.path or "downsample" in layer.path for layer in chain)
