"""ResNet-18, 34 and 50 are torchvision's, with the norms and biases of this project."""

import builtins
import subprocess
import sys
from typing import Any

import pytest
import torch
from models_from_conf import TORCHVISION, build, make_norm, names_in
from torch import nn
from torchvision.models import resnet

from models.fold import folded
from models.initialize import Initialization, ResidualBlock
from models.norms.normalization import Normalization, RunningStatistics

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
PUBLISHED = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032}
CHANNELS_WITH_A_NORM = {"resnet18": 4_800, "resnet34": 8_512, "resnet50": 26_560}


def num_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def theirs_like(ours: nn.Module, name: str) -> nn.Module:
    """torchvision's own network with our weights and statistics."""
    theirs = getattr(resnet, name)(num_classes=10)
    state = theirs.state_dict()
    pairs = [(n, m) for n, m in theirs.named_modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.Linear)]
    own = [m for m in ours.modules() if isinstance(m, nn.Conv2d | nn.Linear | RunningStatistics)]
    for (their_name, their), mine in zip(pairs, own, strict=True):
        for key, value in mine.state_dict().items():
            assert state[f"{their_name}.{key}"].shape == value.shape
            state[f"{their_name}.{key}"] = value
        assert their.state_dict().keys() == mine.state_dict().keys()
    theirs.load_state_dict(state)
    return theirs


@pytest.mark.parametrize("model", TORCHVISION)
def test_sizes_are_the_published_ones(model):
    assert num_parameters(build(model, "bn", num_classes=1000)) == PUBLISHED[model]
    assert num_parameters(getattr(resnet, model)()) == PUBLISHED[model]


@pytest.mark.parametrize("model", TORCHVISION)
def test_sizes_under_other_norms(model):
    """γ and β for each channel under ln and gn; a bias for each without a norm."""
    channels = CHANNELS_WITH_A_NORM[model]
    for norm, change in (("ln", 0), ("gn", 0), ("none", -channels), (make_norm("bn", affine=False), -channels)):
        assert num_parameters(build(model, norm, num_classes=1000)) == PUBLISHED[model] + change


@pytest.mark.parametrize("model", TORCHVISION)
def test_the_network_computes_what_torchvisions_does(model):
    ours = build(model, "bn")
    theirs = theirs_like(ours, model)
    with torch.no_grad():
        for _ in range(2):  # in training, where the running statistics move
            torch.testing.assert_close(ours(IMAGES), theirs(IMAGES), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(ours.eval()(IMAGES), theirs.eval()(IMAGES), rtol=1e-4, atol=1e-4)


def test_the_stem_for_small_images_keeps_their_size():
    def size_after_the_stem(**changes: str) -> torch.Size:
        net: Any = build("resnet18", "bn", **changes)
        sizes: list[torch.Size] = []
        net.features.layer1.register_forward_pre_hook(lambda module, inputs: sizes.append(inputs[0].shape))
        net(IMAGES)
        return sizes[0]

    assert size_after_the_stem() == (2, 64, 16, 16)
    assert size_after_the_stem(stem="small") == (2, 64, 64, 64)
    full, small = (num_parameters(build("resnet18", "bn", stem=stem)) for stem in ("imagenet", "small"))
    assert full - small == 3 * 64 * (7 * 7 - 3 * 3)


ACTIVATIONS = ("evonorm_s0", "frn")


@pytest.mark.parametrize("norm", ACTIVATIONS)
def test_norms_that_are_activations_are_refused(norm):
    with pytest.raises(ValueError, match=r"norm and activation in one.* choose another norm, or model=resnet20"):
        build("resnet18", norm)


@pytest.mark.parametrize("norm", [norm for norm in names_in("norm") if norm not in ACTIVATIONS])
def test_every_norm_learns(norm):
    """Two short steps down the gradient of two images make their loss smaller, and move every parameter."""
    net = build("resnet18", norm, image_shape=(3, 64, 64))
    labels = torch.tensor([1, 7])
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    losses = []
    for _ in range(3):
        loss = nn.functional.cross_entropy(net(IMAGES), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        if len(losses) < 3:
            optimizer.step()
    assert losses[2] < losses[0]
    stood_still = [name for name, parameter in net.named_parameters() if torch.equal(parameter, before[name])]
    assert not stood_still


def test_networks_that_differ_in_the_norm_start_from_the_same_weights():
    nets = [build("resnet18", norm) for norm in ("bn", "ln", "none")]
    weights = [{n: m.weight for n, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)} for net in nets]
    assert len(weights[0]) == 21
    for other in weights[1:]:
        assert other.keys() == weights[0].keys()
        assert all(torch.equal(other[name], weight) for name, weight in weights[0].items())


@pytest.mark.parametrize("model", TORCHVISION)
def test_zero_gamma_starts_every_block_as_its_shortcut(model):
    start = Initialization(scheme="he", gain=1.0, std=0.01, zero_gamma=True)
    net = build(model, "bn", initialization=start)
    seen: list[bool] = []

    def check(block: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        shortcut = block.downsample(inputs[0]) if block.downsample is not None else inputs[0]
        seen.append(torch.equal(output, torch.relu(shortcut)))

    blocks = [module for module in net.modules() if isinstance(module, ResidualBlock)]
    for block in blocks:
        block.register_forward_hook(check)
    net.eval()(IMAGES)
    assert len(seen) == {"resnet18": 8, "resnet34": 16, "resnet50": 16}[model]
    assert all(seen)


@pytest.mark.parametrize("model", TORCHVISION)
def test_every_norm_folds_into_the_convolution_before_it(model):
    result = folded(build(model, "bn", input_norm=True))
    assert len(result.into_weights) == {"resnet18": 20, "resnet34": 36, "resnet50": 53}[model]
    assert result.into_affine == ("input_norm",)
    assert not any(isinstance(module, Normalization) for module in result.model.modules())


def test_dropout_stands_before_the_classifier():
    net = build("resnet18", "ln", dropout=0.5)
    outputs: list[torch.Tensor] = []
    net.get_submodule("classifier").register_forward_pre_hook(lambda module, inputs: outputs.append(inputs[0]))
    net(IMAGES)
    net.eval()(IMAGES)
    assert (outputs[0] == 0).double().mean() > 0.3
    torch.testing.assert_close(outputs[0][outputs[0] != 0], 2 * outputs[1][outputs[0] != 0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 101}, "depth=101 is not among torchvision's: choose 18, 34 or 50"),
        ({"stem": "tiny"}, "stem=tiny is unknown: choose imagenet or small"),
        ({"width": 0.5}, "width=0.5 is not possible"),
        ({"norm_position": "after"}, "norm_position=after has no place"),
        ({"dropout": 0.5, "dropout_position": "before_norm"}, "choose model.dropout_position=last"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"norms": "last:21"}, "this network has 20 places"),
    ],
)
def test_what_has_no_place_is_refused_in_one_line(changes, message):
    with pytest.raises(ValueError, match=message) as raised:
        build("resnet18", "bn", **changes)
    assert "\n" not in str(raised.value)


def test_a_torchvision_for_another_pytorch_is_one_line(monkeypatch):
    real = builtins.__import__

    def broken(name: str, *rest: Any) -> Any:
        if name == "torchvision.models":
            raise RuntimeError("operator torchvision::nms\ndoes not exist")
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "models.torchvision_parts", raising=False)
    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(ValueError, match=r"nms does not exist.*torchvision that belongs to torch") as raised:
        build("resnet18", "bn")
    assert "\n" not in str(raised.value)


def test_other_networks_do_without_torchvision():
    code = (
        "import sys\n"
        "from experiments import build\n"
        "from experiments.command_line import plan\n"
        "config = plan(['model=resnet20', 'dataset=synthetic']).jobs[0].config\n"
        "build.check_leaves(config)\n"
        "build.network(config, (3, 8, 8), 10)\n"
        "build.check_leaves(plan(['model=resnet18', 'dataset=synthetic']).jobs[0].config)\n"
        "sys.exit('torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
