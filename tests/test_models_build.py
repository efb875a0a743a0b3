"""What the builder promises of every network: which norms it keeps, where biases stand, what it refuses."""

from typing import Any

import pytest
import torch
from models_from_conf import SEQUENCE, SHALLOW, TORCHVISION, build, make_norm, names_in, settings
from torch import nn

from models.initialize import Initialization
from models.norms.normalization import Normalization

IMPOSSIBLE = {("mlp", "gn"), ("mlp", "in"), ("mlp_mixed", "in"), ("small_cnn_input_norm", "gn")}
IMPOSSIBLE |= {(model, norm) for model, of_gn in list(IMPOSSIBLE) for norm in ("ws_gn", "evonorm_s0") if of_gn == "gn"}
IMPOSSIBLE |= {(model, "frn") for model in ("mlp", "mlp_mixed", "small_cnn_input_norm")}  # on vectors, or after ReLUs
IMPOSSIBLE |= {("resnet18", norm) for norm in ("frn", "evonorm_s0")}  # torchvision's ReLUs
IMPOSSIBLE |= {(model, norm) for model in ("lstm", "transformer") for norm in ("in", "frn", "ws_gn")}
NUM_PLACES = {"resnet20": 19, "plain20": 19, "small_cnn": 3, "small_cnn_input_norm": 3, "mlp": 1, "mlp_mixed": 2}
NUM_PLACES |= {"transformer": 5, "vgg11": 8, "resnet18": 1 + 16 + 3}


def kept(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, Normalization)]


PAIRS = [(model, norm) for model in SHALLOW for norm in names_in("norm")]
PAIRS += [(model, "bn") for model in names_in("model") if model not in SHALLOW]  # depth is all that differs


@pytest.mark.parametrize(("model", "norm"), PAIRS)
def test_every_pair_trains_or_is_refused(model: str, norm: str) -> None:
    shapes = {"vgg11": (3, 32, 32), "small_cnn": (3, 16, 16)} | dict.fromkeys(TORCHVISION, (3, 64, 64))
    shape = (1, 28, 28) if model in ("mlp", "mlp_mixed", "small_cnn_input_norm") else shapes.get(model, (3, 8, 8))
    if (model, norm) in IMPOSSIBLE:
        reasons = r"does not divide|stands on a vector|activation in one|norms belong to none"
        with pytest.raises(ValueError, match=reasons):
            build(model, norm, image_shape=shape)
        return
    net = build(model, norm, image_shape=shape)
    logits = net(torch.randn(3, *shape))
    torch.nn.functional.cross_entropy(logits, torch.tensor([1, 2, 3])).backward()
    assert logits.shape == (3, 10)
    for name, parameter in net.named_parameters():
        assert parameter.dtype == torch.float32
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("model", [*SHALLOW, "resnet50"])
def test_norms_are_made_in_the_order_of_the_forward_pass(model: str) -> None:
    changes = {"shortcut": "B"} if model == "resnet20" else {}
    made: list[nn.Module] = []

    def recording(num_channels: int) -> nn.Module:
        made.append(make_norm("bn")(num_channels))
        return made[-1]

    changes |= {"second_norm": "same"} if model == "mlp_mixed" else {}
    net = build(model, recording, input_norm=True, **changes)
    ran: list[nn.Module] = []
    for module in net.modules():
        if isinstance(module, Normalization):
            module.register_forward_hook(lambda module, args, output: ran.append(module))
    net(torch.randn(2, 3, 32, 32))
    # an LSTM makes copies for the later steps, and only after the first one of them all
    assert [id(module) for module in ran if module in made] == [id(module) for module in made]


@pytest.mark.parametrize("model", [model for model in SHALLOW if model != "lstm"])
def test_number_of_places_and_the_kept_ones(model: str) -> None:
    _, values = settings("model", model)
    input_norm = ["input_norm"] if values["input_norm"] else []
    everything = kept(build(model, "bn"))
    on_input = ["steps.input_norm" if model == "transformer" else "input_norm"]
    assert everything[: len(input_norm)] == input_norm
    places = everything[len(input_norm) :]
    assert len(places) == NUM_PLACES[model]
    assert kept(build(model, "bn", norms="first:1")) == input_norm + places[:1]
    assert kept(build(model, "bn", norms="last:1")) == input_norm + places[-1:]
    assert kept(build(model, "bn", norms=f"last:{len(places)}")) == everything
    assert kept(build(model, "bn", norms="none")) == input_norm
    assert kept(build(model, "bn", norms="none", input_norm=True)) == on_input
    assert kept(build(model, "bn", norms="first:1", input_norm=True)) == [*on_input, *places[:1]]
    assert kept(build(model, "none")) == []


def test_kept_norms_of_resnet20_by_name() -> None:
    first = ["stem.norm", "blocks.0.first.norm", "blocks.0.second.norm"]
    assert kept(build("resnet20", "bn", norms="first:3")) == first
    assert kept(build("resnet20", "ln", norms="last:2")) == ["blocks.8.first.norm", "blocks.8.second.norm"]


@pytest.mark.parametrize("model", [model for model in SHALLOW if model not in SEQUENCE])
def test_biases_stand_exactly_where_no_shift_follows(model: str) -> None:
    def with_bias(net: nn.Module) -> set[str]:
        layers = {name: m for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
        return {name for name, layer in layers.items() if layer.bias is not None}

    before: dict[str, Any] = {"norm_position": "before"}
    every_layer = {n for n, m in build(model).named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    same: dict[str, Any] = {"second_norm": "same"} if model == "mlp_mixed" else {}
    assert with_bias(build(model, "bn", **before)) == {"classifier"}
    assert with_bias(build(model, "ln_chw", **before)) == {"classifier"}
    assert with_bias(build(model, make_norm("bn", affine=False), **before, **same)) == every_layer
    assert with_bias(build(model, "none", **before)) == every_layer
    if model not in TORCHVISION:  # whose norms stand before the activations only
        assert with_bias(build(model, "bn", norm_position="after")) == every_layer
    (first,) = kept(build(model, "bn", **before, norms="first:1", input_norm=False))
    assert with_bias(build(model, "bn", **before, norms="first:1")) == every_layer - {first.replace("norm", "layer")}


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("norm", ["bn", "bn_scratch"])
def test_trying_the_network_out_leaves_no_trace(norm: str, affine: bool) -> None:
    state = torch.get_rng_state()
    net = build("resnet20", make_norm(norm, affine=affine), dropout=0.5)
    assert torch.equal(torch.get_rng_state(), state)
    assert net.training
    for name, buffer in net.named_buffers():
        expected = 1 if name.endswith("running_var") else 0
        assert torch.all(buffer == expected), name
    assert all(parameter.grad is None for parameter in net.parameters())


def test_mixed_perceptron_has_the_norm_then_the_second_norm() -> None:
    def norms(norm: Any, **changes: Any) -> list[str]:
        net = build("mlp_mixed", norm, image_shape=(2, 8, 8), **changes)
        return [type(module).__name__ for module in net.modules() if isinstance(module, Normalization)]

    assert norms("bn") == ["BatchNorm", "LayerNorm"]
    assert norms("ln", second_norm="bn") == ["LayerNorm", "BatchNorm"]
    assert norms("bn", second_norm="same") == ["BatchNorm", "BatchNorm"]
    assert norms("gn", second_norm="same") == ["GroupNorm", "GroupNorm"]
    assert norms("none") == []
    assert norms("bn", norms="last:1") == ["LayerNorm"]
    assert norms("bn", norms="first:1") == ["BatchNorm"]
    assert norms("bn", input_norm=True) == ["BatchNorm", "BatchNorm", "LayerNorm"]


ZERO_GAMMA = Initialization(scheme="he", gain=1.0, std=0.01, zero_gamma=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"norm": make_norm("gn", num_groups=7)}, "num_groups=7 does not divide the 16 channels.* 1, 2, 4, 8, 16"),
        ({"norm": "in", "image_shape": (3, 4, 4)}, r"shape \(64, 1, 1\).*its own mean"),
        ({"norm": "in", "image_shape": (3, 1, 1), "input_norm": True}, "its own mean"),
        ({"norm": "ln", "image_shape": (1, 1, 1), "input_norm": True}, "its own mean"),
        ({"model": "mlp", "norm": "in"}, "stands on a vector"),
        ({"model": "mlp_mixed", "norm": "in"}, "stands on a vector"),
        ({"depth": 21}, "depth=21 is not 6n"),
        ({"depth": 2}, "depth=2 is not 6n"),
        ({"width": 0.0}, "width=0.0 leaves no channels"),
        ({"width": -1.0}, "width=-1.0"),
        ({"width": float("nan")}, "width=nan"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"dropout": -0.1}, "dropout=-0.1"),
        ({"shortcut": "C"}, "shortcut=C is unknown: choose A"),
        ({"branch": "fixup"}, "fixup takes the place of a norm, yet BatchNorm.*choose norm=none"),
        ({"branch": "skipinit"}, "skipinit takes the place of a norm, yet BatchNorm.*choose norm=none"),
        ({"branch": "skipinit", "norms": "last:1"}, "choose norm=none"),
        ({"branch": "fixup", "norm": "none", "norm_position": "after"}, "norm_position=after has no meaning"),
        ({"branch": "other"}, "branch=other is unknown"),
        ({"norms": "first"}, "norms=first is unknown: choose all, none, first:K or last:K"),
        ({"norms": "first:0"}, "norms=first:0 is out of range: this network has 19 places"),
        ({"norms": "last:20"}, "norms=last:20 is out of range: this network has 19 places"),
        ({"model": "small_cnn", "image_shape": (3, 3, 3)}, "3x3 are too small.* at least 4 pixels"),
        ({"model": "small_cnn_input_norm", "image_shape": (3, 9, 9)}, "9x9 are too small.* at least 10 pixels"),
        ({"model": "small_cnn", "padding": 2}, "padding=2"),
        ({"model": "mlp", "hidden": []}, "hidden="),
        ({"model": "mlp", "hidden": [0]}, "hidden="),
        ({"model": "mlp", "dropout": 0.5, "dropout_position": "before_norm"}, "choose model.dropout_position=last"),
        ({"model": "mlp_mixed", "second_norm": "gn"}, "second_norm=gn is unknown"),
        ({"model": "plain20", "initialization": ZERO_GAMMA}, "zero_gamma=true needs residual blocks"),
        ({"norm": "none", "initialization": ZERO_GAMMA}, "zero_gamma=true needs a norm with a scale"),
        ({"norms": "first:3", "initialization": ZERO_GAMMA}, "zero_gamma=true needs a norm with a scale"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        build(**arguments)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("model", "side"), [("small_cnn", 4), ("small_cnn_input_norm", 10)])
def test_the_smallest_images_that_the_message_names_do_fit(model: str, side: int) -> None:
    assert build(model, "bn", image_shape=(3, side, side))(torch.randn(2, 3, side, side)).shape == (2, 10)
