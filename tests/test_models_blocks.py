"""Inside the networks: shortcuts, the place of norm and dropout, Fixup and SkipInit."""

import copy

import numpy as np
import pytest
import torch
from models_from_conf import build, make_norm
from torch import Tensor, nn
from torch.nn import functional as F

from models.fixup import FixupBlock
from models.initialize import Initialization
from models.resnet import BasicBlock
from models.shortcuts import PaddedShortcut, StridedProjection

IMAGES = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
ZERO_GAMMA = Initialization(scheme="he", gain=1.0, std=0.01, zero_gamma=True)


def blocks_and_inputs(net: nn.Module) -> list[tuple[nn.Module, Tensor, Tensor]]:
    """Every block with what went into and came out of it."""
    seen: list[tuple[nn.Module, Tensor, Tensor]] = []
    for block in net.get_submodule("blocks").children():
        block.register_forward_hook(lambda module, args, output: seen.append((module, args[0], output)))
    net(IMAGES)
    assert len(seen) == 9
    return seen


def test_option_a_shortcut_takes_every_second_position_and_adds_zeros() -> None:
    x = torch.randn(2, 3, 5, 7)
    expected = np.zeros((2, 8, 3, 4), dtype=np.float32)
    expected[:, :3] = x.numpy()[:, :, ::2, ::2]
    np.testing.assert_array_equal(PaddedShortcut(3, 8, 2)(x).numpy(), expected)


def test_option_b_shortcut_projects_only_where_the_shape_changes() -> None:
    net = build("resnet20", "bn", shortcut="B")
    projections = [name for name, module in net.named_modules() if getattr(module, "kernel_size", None) == (1, 1)]
    assert projections == ["blocks.3.shortcut.layer", "blocks.6.shortcut.layer"]


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_residual_block_with_norms_before_the_activations(shortcut: str) -> None:
    for block, x, out in blocks_and_inputs(build("resnet20", "ln", shortcut=shortcut)):
        branch = F.relu(block.first.norm(F.conv2d(x, block.first.layer.weight, None, block.first.layer.stride, 1)))
        branch = block.second.norm(F.conv2d(branch, block.second.layer.weight, None, 1, 1))
        torch.testing.assert_close(out, F.relu(block.shortcut(x) + branch))


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_residual_block_with_norms_after_the_activations(shortcut: str) -> None:
    net = build("resnet20", "ln", shortcut=shortcut, norm_position="after")
    for block, x, out in blocks_and_inputs(net):
        branch = block.first.norm(F.relu(block.first.layer(x)))
        branch = block.second.norm(F.relu(block.second.layer(branch)))
        torch.testing.assert_close(out, block.shortcut(x) + branch)
        assert out.min() < 0


def test_plain_network_is_a_chain_of_layers() -> None:
    net = build("plain20", "ln").eval()
    x = F.relu(net.stem.norm(net.stem.layer(IMAGES)))
    for block in net.blocks:
        for unit in (block.first, block.second):
            x = F.relu(unit.norm(unit.layer(x)))
    torch.testing.assert_close(net(IMAGES), net.classifier(x.mean((2, 3))))


@pytest.mark.parametrize("model", ["small_cnn", "small_cnn_input_norm"])
def test_small_cnn_layer_by_layer(model: str) -> None:
    net = build(model, "ln")
    before, padding = model == "small_cnn", 1 if model == "small_cnn" else 0
    x = IMAGES if before else F.group_norm(IMAGES, 1)
    for unit in (net.first, net.second, net.hidden):
        layer = unit.layer
        x = F.conv2d(x, layer.weight, layer.bias, padding=padding) if unit is not net.hidden else layer(x.flatten(1))
        x = F.relu(F.group_norm(x, 1)) if before else F.group_norm(F.relu(x), 1)
        x = F.max_pool2d(x, 2) if unit is not net.hidden else x
    torch.testing.assert_close(net(IMAGES), net.classifier(x))


def run_order(net: nn.Module) -> list[str]:
    """Names of convolutions, linear layers, norms and active dropouts, in the order in which they run."""
    order: list[str] = []
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Dropout | nn.GroupNorm):
            label = "dropout" if isinstance(module, nn.Dropout) else name
            module.register_forward_hook(lambda *_, label=label: order.append(label))
    net(IMAGES)
    return order


@pytest.mark.parametrize(
    ("model", "inside"),
    [("resnet20", 9), ("plain20", 9), ("small_cnn", 2), ("small_cnn_input_norm", 2), ("mlp_mixed", 1), ("vgg11", 7)],
)
def test_dropout_stands_where_it_was_asked_for(model: str, inside: int) -> None:
    order = run_order(build(model, "ln", dropout=0.5, dropout_position="before_norm"))
    positions = [index for index, name in enumerate(order) if name == "dropout"]
    assert len(positions) == inside
    for index in positions:
        assert order[index + 1].endswith("layer")
        assert order[index + 2].endswith("norm")
    order = run_order(build(model, "ln", dropout=0.5, dropout_position="last"))
    assert order[-2:] == ["dropout", "classifier"]
    assert order.count("dropout") == 1
    assert "dropout" not in run_order(build(model, "ln", dropout=0.0, dropout_position="last"))


def test_dropout_in_a_residual_block_follows_its_first_activation() -> None:
    order = run_order(build("resnet20", "ln", dropout=0.5))
    start = order.index("blocks.0.first.norm")
    assert order[start : start + 4] == [
        "blocks.0.first.norm",
        "dropout",
        "blocks.0.second.layer",
        "blocks.0.second.norm",
    ]


def test_dropout_acts_in_training_alone() -> None:
    net = build("mlp_mixed", "ln", dropout=0.5)
    assert not torch.equal(net(IMAGES), net(IMAGES))
    net.eval()
    assert torch.equal(net(IMAGES), net(IMAGES))


@pytest.mark.parametrize("norm", ["bn", "ln", "gn", "in", "ln_channels", "ln_chw", "bn_scratch"])
def test_zero_gamma_starts_every_block_as_its_shortcut(norm: str) -> None:
    for block, x, out in blocks_and_inputs(build("resnet20", norm, initialization=ZERO_GAMMA)):
        assert isinstance(block, BasicBlock)
        assert torch.equal(out, F.relu(block.shortcut(x)))
        assert torch.all(block.first.norm.weight == 1)


def test_skipinit_starts_every_block_as_its_shortcut() -> None:
    net = build("resnet20", "none", branch="skipinit")
    for block, x, out in blocks_and_inputs(net):
        assert block.multiplier.weight.item() == 0
        assert torch.equal(out, F.relu(block.shortcut(x)))
    logits = net(IMAGES)
    assert logits.abs().max() > 0
    F.cross_entropy(logits, torch.arange(5)).backward()
    assert all(block.multiplier.weight.grad.abs() > 0 for block in net.blocks)


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_fixup_starts_with_zero_logits_and_empty_branches(shortcut: str) -> None:
    net = build("resnet20", "none", branch="fixup", shortcut=shortcut)
    assert torch.equal(net(IMAGES), torch.zeros(5, 10))
    for block, x, out in blocks_and_inputs(net):
        assert isinstance(block, FixupBlock)
        assert torch.equal(out, F.relu(block.shortcut(x)))


def test_fixup_scales_the_first_convolution_of_each_branch() -> None:
    """L^(−1/(2m−2)) with L = 9 branches of m = 2 layers is 1/3."""
    fixup, standard = build("resnet20", "none", branch="fixup"), build("resnet20", "none")
    torch.testing.assert_close(fixup.stem.layer.weight, standard.stem.layer.weight)
    for ours, theirs in zip(fixup.blocks, standard.blocks, strict=True):
        torch.testing.assert_close(ours.first.layer.weight, theirs.first.layer.weight / 3)
        assert not ours.second.layer.weight.any()
        assert ours.multiplier.weight.item() == 1
    assert not fixup.classifier.layer.weight.any()


def test_fixup_block_is_its_formula_with_all_scalars_away_from_their_start() -> None:
    net = build("resnet20", "none", branch="fixup", shortcut="B")
    for index, parameter in enumerate(net.parameters()):
        if parameter.numel() == 1:
            nn.init.constant_(parameter, 0.1 * (index % 7) - 0.25)
        elif not parameter.any():
            nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(index))
    for block, x, out in blocks_and_inputs(net):
        b1, b2, b3, b4 = (m.bias for m in (block.first.shift, block.inner_shift, block.second.shift, block.outer_shift))
        branch = F.relu(F.conv2d(x + b1, block.first.layer.weight, None, block.first.layer.stride, 1) + b2)
        branch = block.multiplier.weight * F.conv2d(branch + b3, block.second.layer.weight, None, 1, 1) + b4
        changes_shape = isinstance(block.shortcut, nn.Conv2d)
        shortcut = F.conv2d(x + b1, block.shortcut.weight, None, 2) if changes_shape else x
        torch.testing.assert_close(out, F.relu(shortcut + branch))


def test_skipinit_and_fixup_work_beside_norms_that_are_not_kept() -> None:
    for branch in ("fixup", "skipinit"):
        same = build("resnet20", "none", branch=branch)
        other = build("resnet20", "bn", branch=branch, norms="none")
        assert torch.equal(same(IMAGES), other(IMAGES))


def test_a_network_survives_a_copy_and_its_state_dict() -> None:
    net = build("resnet20", make_norm("ln_chw"))
    other = build("resnet20", make_norm("ln_chw"), seed=1)
    other.load_state_dict(net.state_dict())
    assert torch.equal(copy.deepcopy(net)(IMAGES), other(IMAGES))


@pytest.mark.parametrize("num_in", [4, 16])
def test_the_projection_of_shortcut_b_is_a_strided_convolution(num_in: int) -> None:
    torch.manual_seed(0)
    projection = StridedProjection(num_in, 8, 2)
    x = torch.randn(5, num_in, 7, 6).to(memory_format=torch.channels_last).requires_grad_()
    upstream = torch.randn(5, 8, 4, 3)
    out = projection(x)
    out.backward(upstream)
    # as a matrix product in float64
    taken = x.detach().double()[:, :, [0, 2, 4, 6]][:, :, :, [0, 2, 4]]  # (5, C, 4, 3)
    weight = projection.weight.detach().double()[:, :, 0, 0]
    expected = torch.einsum("oc,nchw->nohw", weight, taken) + projection.bias.detach().double()[:, None, None]
    torch.testing.assert_close(out.double(), expected, rtol=1e-5, atol=1e-5)
    gradient = torch.einsum("nohw,nchw->oc", upstream.double(), taken)
    torch.testing.assert_close(projection.weight.grad[:, :, 0, 0].double(), gradient, rtol=1e-4, atol=1e-4)
    assert x.grad[:, :, 1::2].abs().sum() == 0
    assert x.grad[:, :, ::2, ::2].abs().min() > 0
