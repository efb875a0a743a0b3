"""shared_bn: layers of a width have one γ and one β, networks have their own."""

import copy

import pytest
import safetensors.torch
import torch
from models_from_conf import HE, build, make_norm
from torch import nn

from experiments import weights
from models.initialize import Initialization
from models.norms.batch_norm import BatchNorm
from models.norms.shared_bn import SharedBN


def norms(net: nn.Module) -> list[BatchNorm]:
    return [module for module in net.modules() if isinstance(module, BatchNorm)]


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_one_pair_for_each_width_and_statistics_for_each_layer():
    net = build("resnet20", "shared_bn")
    for channels in (16, 32, 64):
        layers = [layer for layer in norms(net) if layer.num_features == channels]
        assert len(layers) in (7, 6)
        assert len({id(layer.weight) for layer in layers}) == len({id(layer.bias) for layer in layers}) == 1
        assert len({layer.running_mean.data_ptr() for layer in layers}) == len(layers)
    assert len({id(layer.weight) for layer in norms(net)}) == 3


def test_shared_parameters_count_once():
    """ResNet-20 has 269,722 parameters with batch norm, 1,376 of them γ and β; 2 (16 + 32 + 64) are left."""
    assert count(build("resnet20", "shared_bn")) == 269_722 - 1_376 + 224


def test_networks_of_one_factory_share_nothing():
    factory = make_norm("shared_bn")
    one, other = build("resnet20", factory, depth=8), build("resnet20", factory, depth=8)
    ids = [{id(parameter) for parameter in net.parameters()} for net in (one, other)]
    assert not ids[0] & ids[1]
    assert factory == SharedBN(momentum=0.1, eps=1e-5)
    assert not factory._shared


def test_the_gradient_is_the_sum_over_the_layers():
    net, apart = build("resnet20", "shared_bn", depth=8).double(), build("resnet20", "bn", depth=8).double()
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for network in (net, apart):
        network(x).square().sum().backward()
    layers = [layer for layer in norms(apart) if layer.num_features == 16]
    expected = torch.stack([layer.weight.grad for layer in layers]).sum(0)
    torch.testing.assert_close(net.stem.norm.weight.grad, expected, rtol=1e-9, atol=1e-12)


def test_copies_types_and_state_dicts_keep_them_shared(tmp_path):
    net = copy.deepcopy(build("resnet20", "shared_bn", depth=8)).double().float()
    with torch.no_grad():
        net.stem.norm.weight.uniform_(1, 2, generator=torch.Generator().manual_seed(0))
    assert net.stem.norm.weight is net.blocks[0].second.norm.weight
    weights.write(tmp_path / "model.safetensors", net, {})
    stored = safetensors.torch.load_file(tmp_path / "model.safetensors")
    assert stored.keys() == net.state_dict().keys()
    other = build("resnet20", "shared_bn", depth=8, seed=1)
    weights.read(tmp_path / "model.safetensors", other)
    for name, tensor in net.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)
    assert other.stem.norm.weight is other.blocks[0].second.norm.weight


def test_scales_that_branches_share_are_not_zeroed():
    zero = Initialization(scheme=HE.scheme, gain=HE.gain, std=HE.std, zero_gamma=True)
    with pytest.raises(ValueError, match="zero_gamma=true would set scales within the branches to 0 too"):
        build("resnet20", "shared_bn", initialization=zero)
    for block in build("resnet20", "bn", initialization=zero).blocks:
        assert torch.all(block.branch_norm.weight == 0)
        assert torch.all(block.first.norm.weight == 1)
