"""ws_gn: the layers before its norms see standardized weights, and everything else sees the weights as they are."""

import copy

import numpy as np
import pytest
import torch
from models_from_conf import build, make_norm
from norms_by_hand import batch
from torch import nn
from torch.nn import functional as F

from experiments.probing.layers import scale_invariant_weights
from models.fold import folded
from models.normalized_layer import NormalizedLayer
from models.norms.batch_norm import BatchNorm
from models.weight_standardization import standardized_weight


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (5, 7)])
def test_each_output_channel_has_weights_of_mean_0_and_variance_1(shape):
    weight = 0.05 * batch(shape)
    found = standardized_weight(weight).numpy()
    for channel in range(shape[0]):
        values = weight[channel].numpy()
        expected = (values - values.mean()) / np.sqrt(values.var() + 1e-5)
        np.testing.assert_allclose(found[channel], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("change", [{}, {"norm_position": "after"}, {"shortcut": "B"}])
def test_a_network_of_it_is_one_of_group_norm_with_such_weights(change):
    ws, gn = (build("resnet20", norm, depth=8, **change).double() for norm in ("ws_gn", "gn"))
    assert ws.state_dict().keys() == gn.state_dict().keys()
    assert all(torch.equal(tensor, gn.state_dict()[name]) for name, tensor in ws.state_dict().items())
    for module in gn.modules():
        if isinstance(module, NormalizedLayer):
            module.layer.weight.data = standardized_weight(module.layer.weight.data)
    x = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(ws(x), gn(x), rtol=0, atol=1e-9)


def test_the_gradient_passes_through_the_standardization():
    """It has no component along 1 and W: neither a shift nor a scale of W changes anything (but for 1e-5)."""
    net = build("small_cnn", "ws_gn", image_shape=(3, 8, 8)).double()
    net(torch.randn(4, 3, 8, 8, dtype=torch.float64)).square().sum().backward()
    gradient, weight = net.first.layer.weight.grad.flatten(1), net.first.layer.weight.detach().flatten(1)
    size = gradient.norm(dim=1)
    assert (gradient.sum(1).abs() < 1e-9 * size).all()
    assert ((gradient * weight).sum(1).abs() < 1e-3 * size * weight.norm(dim=1)).all()
    assert (size > 0).all()


def test_the_classifier_keeps_its_weights_and_no_scale_matters_elsewhere():
    net = build("small_cnn", "ws_gn", image_shape=(3, 16, 16), norm_position="after").double()
    assert [layer.path for layer in scale_invariant_weights(net)] == ["first.layer", "second.layer", "hidden.layer"]
    x = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    before = net(x)
    with torch.no_grad():
        for layer in scale_invariant_weights(net):
            layer.module.weight.mul_(3)
    torch.testing.assert_close(net(x), before, rtol=2e-3, atol=2e-3)


def test_places_without_the_norm_have_plain_weights():
    net = build("resnet20", "ws_gn", depth=8, norms="last:1")
    layers = [module for module in net.modules() if isinstance(module, NormalizedLayer)]
    assert [layer.standardizes_weights for layer in layers] == [False] * 6 + [True]
    assert not any(m.standardizes_weights for m in build().modules() if isinstance(m, NormalizedLayer))


def test_folding_keeps_the_norms_and_puts_nothing_into_standardized_weights():
    net = build("small_cnn", "ws_gn", image_shape=(3, 8, 8)).eval()
    x = torch.randn(4, 3, 8, 8)
    result = folded(net)
    assert result.kept == ("first.norm", "second.norm", "hidden.norm")
    assert torch.equal(result.model(x), net(x))

    class Both(BatchNorm):
        standardizes_weights = True

    layer = NormalizedLayer(lambda bias: nn.Conv2d(3, 4, 3, bias=bias), Both(4), activation=False)
    layer.norm.running_var.uniform_(0.5, 2)
    layer.norm.running_mean.normal_()
    holder = nn.Sequential(copy.deepcopy(layer)).eval()
    result = folded(holder)
    assert result.into_affine == ("0.norm",)
    torch.testing.assert_close(result.model(x), holder(x), rtol=1e-5, atol=1e-5)
    expected = F.conv2d(x, standardized_weight(layer.layer.weight))
    torch.testing.assert_close(holder[0].norm(expected), holder(x), rtol=1e-5, atol=1e-5)


def test_single_weights_are_refused():
    norm = make_norm("ws_gn", num_groups=1)
    with pytest.raises(ValueError, match="has one weight for each output"):
        NormalizedLayer(lambda bias: nn.Conv2d(1, 4, 1, bias=bias), norm(4))
