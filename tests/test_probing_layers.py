"""Which weights are scale-invariant, and how deep parameters lie."""

import copy

import pytest
import torch
from models_from_conf import build, make_norm, settings
from torch import nn

from experiments.probing.layers import parameter_depths, scale_invariant_weights, weight_layers
from models.norms.as_written import LAYERS

NORMS = ["bn", "bn_scratch", "gn", "in", "ln", "ln_channels", "ln_chw", "none"]
NORMS += ["cumulative_bn", "evonorm_s0", "frn", "ghost_bn", "rms", "shared_bn", "switchable", *LAYERS]
SHAPE = (3, 16, 16)


def changed_by_scaling(model: nn.Module, layer: nn.Module) -> float:
    """How far the logits move, relative to their size, when the layer's weight is multiplied by 3."""
    x = torch.randn(8, *SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        before = model(x)
        weight = layer.weight.clone()
        layer.weight.mul_(3)
        after = model(x)
        layer.weight.copy_(weight)
    return ((after - before).norm() / before.norm()).item()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("model", ["small_cnn", "resnet20", "mlp_mixed"])
def test_scaling_changes_nothing_exactly_where_it_says_so(model, norm, affine):
    formula = {"formula": norm} if norm in LAYERS else {}
    norm = "as_written" if formula else norm
    taken = settings("norm", norm)[1]
    if "affine" not in taken and not affine:
        return
    if model == "mlp_mixed" and norm in ("in", "frn"):
        return  # refused
    changes = {"depth": 8, "shortcut": "B"} if model == "resnet20" else {}
    changes |= {"second_norm": "same", "norm_position": "before"} if model == "mlp_mixed" else {}
    # groups of more than one channel, so that biases matter
    wanted = {"eps": 1e-12, "affine": affine, "num_groups": 2, "size": 3}
    changed = {key: value for key, value in wanted.items() if key in taken} | formula
    net = build(model, make_norm(norm, **changed), image_shape=SHAPE, width=0.5, **changes).double()
    with torch.no_grad():  # as after some training: biases are no longer 0
        for index, parameter in enumerate(net.parameters()):
            generator = torch.Generator().manual_seed(index)
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    invariant = {layer.name for layer in scale_invariant_weights(net)}
    for layer in weight_layers(net):
        change = changed_by_scaling(net, layer.module)
        assert change < 1e-6 if layer.name in invariant else change > 1e-4, layer.name


def test_norms_after_the_activation_leave_none():
    assert scale_invariant_weights(build("resnet20", norm_position="after")) == []


def test_all_but_the_classifier_of_resnet18():
    net = build("resnet18", image_shape=(3, 64, 64))
    assert scale_invariant_weights(net) == weight_layers(net)[:-1]


def test_it_names_the_layers_of_a_copy_alike():
    net = build("small_cnn", image_shape=SHAPE)
    names = [layer.name for layer in scale_invariant_weights(copy.deepcopy(net))]
    assert names == ["001.first.layer", "002.second.layer", "003.hidden.layer"]


def test_depths_of_parameters():
    net = build("resnet20", depth=8, shortcut="B", input_norm=True)
    depths = parameter_depths(net)
    assert depths.keys() == dict(net.named_parameters()).keys()
    expected = {"input_norm": 0, "stem": 1, "blocks.0.first": 2, "blocks.0.second": 3, "blocks.1.first": 4}
    expected |= {"blocks.1.second": 5, "blocks.1.shortcut": 5, "blocks.2.first": 6, "blocks.2.second": 7}
    expected |= {"blocks.2.shortcut": 7, "classifier": 8}
    for name, depth in depths.items():
        unit = next(unit for unit in expected if name.startswith(f"{unit}."))
        assert depth == expected[unit], name


def test_depths_of_single_numbers():
    depths = parameter_depths(build("resnet20", "none", depth=8, branch="fixup"))
    chosen = {
        "stem.layer.weight": 1,
        "stem.shift.bias": 1,
        "blocks.0.first.shift.bias": 1,  # acts before the convolution
        "blocks.0.first.layer.weight": 2,
        "blocks.0.inner_shift.bias": 2,
        "blocks.0.second.shift.bias": 2,
        "blocks.0.second.layer.weight": 3,
        "blocks.0.multiplier.weight": 3,
        "blocks.0.outer_shift.bias": 3,
        "classifier.shift.bias": 7,
        "classifier.layer.weight": 8,
    }
    assert {name: depths[name] for name in chosen} == chosen
