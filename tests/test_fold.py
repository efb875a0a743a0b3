"""Folded networks against the originals in evaluation mode, for every model and norm of conf/."""

import copy

import pytest
import torch
from models_from_conf import SHALLOW, TORCHVISION, build, make_norm, names_in, settings
from test_models_build import IMPOSSIBLE
from torch import Tensor, nn

from models.fold import ChannelAffine, folded
from models.normalized_layer import NormalizedLayer
from models.norms.normalization import Normalization, RunningStatistics

DEPTH = 8  # of the networks that have one: a block of each stage, which is all that a deeper one has
SMALLER = {"vgg11": {"width": 0.25}} | {model: {"stem": "small"} for model in TORCHVISION}
PAIRS = [
    (model, norm)
    for model in names_in("model")
    for norm in names_in("norm")
    if (model, norm) not in IMPOSSIBLE and (model in SHALLOW or model not in TORCHVISION or norm == "bn")
]


def trained_looking(model: nn.Module, seed: int = 0) -> nn.Module:
    """Evaluation mode, with statistics, γ (of both signs) and β away from where they start."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, RunningStatistics):
            module.running_mean.normal_(generator=generator).mul_(0.3)
            module.running_var.uniform_(0.3, 2, generator=generator)
        if isinstance(module, Normalization):
            for parameter in module.parameters(recurse=False):
                parameter.data.normal_(generator=generator)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            module.bias.data.normal_(generator=generator)
    return model.eval()


def images(count: int = 3) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def difference(one: nn.Module, other: nn.Module, x: Tensor) -> tuple[float, float]:
    """Max |Δlogit|, and the largest logit."""
    reference = one(x)
    return (other(x) - reference).abs().max().item(), reference.abs().max().item()


@pytest.mark.parametrize(("model", "norm"), PAIRS)
def test_every_model_and_norm(model, norm):
    default = {"depth": DEPTH} if "depth" in settings("model", model)[1] else {}
    original = trained_looking(build(model, norm, **SMALLER.get(model, default)))
    result = folded(original)
    counts = {True: 0, False: 0}
    for module in original.modules():
        if isinstance(module, Normalization):
            counts[isinstance(module, RunningStatistics) and module.affine_in_evaluation] += 1
    assert len(result.into_weights) + len(result.into_affine) == counts[True]
    assert len(result.kept) == counts[False]
    left = [module for module in result.model.modules() if isinstance(module, RunningStatistics)]
    assert not any(module.affine_in_evaluation for module in left)
    found, scale = difference(original, result.model, images())
    assert found < 1e-4 * max(1, scale / 10)
    exact = original.double()
    found, scale = difference(exact, folded(exact).model, images().double())
    assert found < 1e-12 * max(1, scale)


@pytest.mark.parametrize("model", ["resnet110", "plain110"])
def test_a_hundred_norms_one_after_the_other(model):
    original = trained_looking(build(model, "bn", width=0.5))
    result = folded(original)
    assert len(result.into_weights) == 109
    found, scale = difference(original, result.model, images(2))
    assert found < 1e-5 * scale


@pytest.mark.parametrize(
    ("changes", "into_weights", "into_affine"),
    [
        ({}, 13, 0),
        ({"input_norm": True}, 13, 1),
        ({"shortcut": "B"}, 15, 0),
        ({"norm_position": "after"}, 0, 13),
        ({"norm_position": "after", "shortcut": "B", "input_norm": True}, 2, 14),
        ({"norms": "last:3"}, 3, 0),
    ],
)
def test_where_each_norm_goes(changes, into_weights, into_affine):
    """A projection's norm directly follows its convolution wherever the other norms stand."""
    original = trained_looking(build("resnet20", "bn", depth=14, width=0.5, **changes))
    result = folded(original)
    assert (len(result.into_weights), len(result.into_affine)) == (into_weights, into_affine)
    found, scale = difference(original, result.model, images())
    assert found < 1e-5 * max(1, scale)


def test_norms_of_two_kinds():
    result = folded(trained_looking(build("mlp_mixed", "bn")))
    assert result.into_weights == ("hidden.0.norm",)
    assert result.into_affine == ()
    assert result.kept == ("hidden.1.norm",)


@pytest.mark.parametrize("norm", ["bn", "bn_scratch"])
def test_without_an_affine_map(norm):
    original = trained_looking(build("small_cnn", make_norm(norm, affine=False), width=0.5))
    result = folded(original)
    assert len(result.into_weights) == 3
    found, scale = difference(original, result.model, images())
    assert found < 1e-5 * max(1, scale)


def test_one_layer_by_the_formula():
    """W' = γ/√(σ² + ε) W and b' = γ/√(σ² + ε) (b − μ) + β, one channel after the other in Python's floats."""
    original = trained_looking(build("small_cnn", "bn", norm_position="before", width=0.25))
    layer, norm = original.first.layer, original.first.norm
    assert isinstance(original.first, NormalizedLayer)
    layer.bias = nn.Parameter(torch.linspace(-1, 1, len(layer.weight)))
    result = folded(original).model.first.layer
    for channel in range(len(layer.weight)):
        gamma, beta = norm.weight[channel].item(), norm.bias[channel].item()
        slope = gamma / (norm.running_var[channel].item() + norm.eps) ** 0.5
        bias = slope * (layer.bias[channel].item() - norm.running_mean[channel].item()) + beta
        assert result.bias[channel].item() == pytest.approx(bias, rel=1e-6, abs=1e-7)
        expected = layer.weight[channel].double() * slope
        torch.testing.assert_close(result.weight[channel].double(), expected, rtol=1e-7, atol=0)


def test_the_original_stays_as_it_is():
    original = build("small_cnn_input_norm", "bn")
    before = copy.deepcopy(original.state_dict())
    result = folded(original)
    assert original.training
    assert not any(module.training for module in result.model.modules())
    assert original.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in original.state_dict().items())
    for parameter in result.model.parameters():
        parameter.data.fill_(7)
    assert all(torch.equal(value, before[name]) for name, value in original.state_dict().items())


def test_a_batch_has_no_say_in_a_folded_network():
    result = folded(trained_looking(build("small_cnn", "bn"))).model.train()
    x = images(5)
    with torch.no_grad():
        torch.testing.assert_close(result(x)[:1], result(x[:1]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 2, 3)])
def test_channel_affine(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    slope, shift = torch.arange(5.0) - 2, torch.arange(5.0)
    y = ChannelAffine(slope, shift)(x)
    for channel in range(5):
        expected = x[:, channel] * slope[channel] + shift[channel]
        torch.testing.assert_close(y[:, channel], expected)
