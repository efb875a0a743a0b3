"""Precise statistics against NumPy in float64, however the images are cut, and nothing changed by them."""

import numpy as np
import pytest
import torch
from test_evaluate import assert_unchanged, images, snapshot
from torch import nn

from data.augmentation import Augmentation
from experiments.inference.moments import Statistics, image_moments, statistics
from experiments.inference.precise import precise_batches, precise_order, precise_statistics, using_statistics
from models.norms.batch_norm import BN, BatchNorm
from models.norms.bn_scratch import BNScratch

SHAPES = [(23, 5), (23, 5, 3, 4)]
CUTS = [[23], [11, 12], [2, 3, 5, 13], [21, 2]]
CUTS_OF_MAPS = [*CUTS, [1, 22], [22, 1], [1] * 23]  # a vector alone has no variance, a feature map has


def values(shape: tuple[int, ...], offset: float = 3.0) -> torch.Tensor:
    """Channels of unlike size and offset, images of unlike mean."""
    generator = np.random.default_rng(5)
    x = generator.normal(size=shape) + generator.normal(size=(shape[0], *(1,) * (len(shape) - 1)))
    scale = np.geomspace(0.01, 100, shape[1]).reshape(1, -1, *(1,) * (len(shape) - 2))
    return torch.from_numpy((x + offset) * scale).float()


def reference(x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    rows = np.moveaxis(x.double().numpy(), 1, -1).reshape(-1, x.shape[1])
    return rows.mean(0), ((rows - rows.mean(0)) ** 2).mean(0)


def assert_close(found: Statistics, x: torch.Tensor, tolerance: float = 1e-6) -> None:
    mean, var = reference(x)
    assert found.count == x.numel() // x.shape[1]
    np.testing.assert_allclose(found.mean.numpy(), mean, rtol=tolerance, atol=tolerance * np.sqrt(var).min())
    np.testing.assert_allclose(found.var.numpy(), var, rtol=tolerance)


def batch_norm(channels: int) -> BatchNorm:
    layer = BN(momentum=0.1, eps=1e-5, affine=True, sync=False)(channels)
    with torch.no_grad():
        for tensor in (layer.weight, layer.bias, layer.running_mean):
            tensor.normal_()
    return layer


@pytest.mark.parametrize(
    ("shape", "cut"), [(SHAPES[0], cut) for cut in CUTS] + [(SHAPES[1], cut) for cut in CUTS_OF_MAPS], ids=str
)
def test_a_layers_statistics_do_not_depend_on_the_cut(shape, cut):
    x = values(shape)
    layer = batch_norm(5)
    found = precise_statistics(layer, ((part, None) for part in x.split(cut)))[""]
    assert_close(found, x)
    whole = precise_statistics(layer, [(x, None)])[""]
    torch.testing.assert_close(found.mean, whole.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.var, whole.var, rtol=1e-12, atol=0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_large_offsets_do_not_cancel(shape):
    """E[x²] − μ² in float32 would keep two digits at most here."""
    x = values(shape, offset=1e3)
    combined = statistics(x[:1])
    for image in x[1:]:
        combined = combined.combined(statistics(image[None]))
    assert_close(combined, x, tolerance=1e-4)


def test_moments_of_images_are_numpys_in_any_layout():
    x = values((4, 5, 3, 7))
    for layout in (x, x.to(memory_format=torch.channels_last), x[:, :, :, ::2]):
        mean, var = image_moments(layout)
        np.testing.assert_allclose(mean.numpy(), layout.double().numpy().mean((2, 3)), rtol=1e-5)
        np.testing.assert_allclose(var.numpy(), layout.double().numpy().var((2, 3)), rtol=1e-5)
    mean, var = image_moments(x[:, :, 0, 0])
    assert torch.equal(mean, x[:, :, 0, 0])
    assert not var.any()


class Two(nn.Module):
    """Two norms in a row, the second on vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.dropout, self.second = batch_norm(3), nn.Dropout(0.5), batch_norm(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.dropout(self.first(x).square().mean((2, 3))))


def test_layers_above_are_on_the_statistics_of_the_batch():
    torch.manual_seed(0)
    model, x = Two(), values((10, 3, 4, 4))
    found = precise_statistics(model, [(x[:4], None), (x[4:], None)])
    assert list(found) == ["first", "second"]
    inner = []
    for part in (x[:4], x[4:]):
        mean, var = (torch.from_numpy(moment)[None, :, None, None] for moment in reference(part))
        weight, bias = (t.detach().double()[None, :, None, None] for t in (model.first.weight, model.first.bias))
        inner.append((weight * (part.double() - mean) / (var + 1e-5).sqrt() + bias).square().mean((2, 3)))
    assert_close(found["first"], x)
    assert_close(found["second"], torch.cat(inner), tolerance=1e-4)


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_nothing_is_changed(training, raises):
    torch.manual_seed(0)
    model, x = Two().train(training), values((10, 3, 4, 4))
    before, generator = snapshot(model), torch.get_rng_state()

    def batches():
        yield x[:5], None
        if raises:
            raise KeyError("inside")
        yield x[5:], None

    if raises:
        with pytest.raises(KeyError, match="inside"):
            precise_statistics(model, batches())
    else:
        found = precise_statistics(model, batches())
        with using_statistics(model, found):
            assert torch.equal(model.first.running_var, found["first"].var.float())
            assert torch.equal(model.second.running_mean, found["second"].mean.float())
    assert_unchanged(model, before)
    assert torch.equal(torch.get_rng_state(), generator)
    assert not model.first._forward_pre_hooks


def test_using_statistics_restores_when_the_body_fails():
    model = Two().eval()
    found = precise_statistics(model, [(values((10, 3, 4, 4)), None)])
    before = snapshot(model)
    with pytest.raises(KeyError, match="inside"), using_statistics(model, found):
        raise KeyError("inside")
    assert_unchanged(model, before)
    with pytest.raises(ValueError, match="do not fit"), using_statistics(model, {"first": found["first"]}):
        pass
    with pytest.raises(ValueError, match="no batch"):
        precise_statistics(model, [])


def test_the_two_implementations_of_batch_norm_agree():
    x = values((9, 5, 4, 4))
    settings = {"momentum": 0.1, "eps": 1e-5, "affine": True}
    kinds = (BN(**settings, sync=False), BNScratch(**settings))
    one, other = (precise_statistics(kind(5), [(x, None)])[""] for kind in kinds)
    assert torch.equal(one.mean, other.mean)
    assert torch.equal(one.var, other.var)


def test_the_images_are_balanced_fixed_and_mixed():
    labels = torch.arange(300) % 3
    order = precise_order(labels, 60)
    assert torch.equal(order, precise_order(labels, 60))
    assert len(set(order.tolist())) == 60
    assert labels[order].bincount().tolist() == [20, 20, 20]
    assert (labels[order[:-3]] != labels[order[3:]]).any()  # not dealt in turn
    assert sorted(precise_order(labels, 10_000).tolist()) == list(range(300))
    sizes = [len(y) for _, y in precise_batches(images(19), 17, 5, Augmentation.none())]
    assert sizes == [5, 4, 4, 4]


def test_the_images_are_augmented_as_asked_and_always_alike():
    shown = images(19)
    augmentation = Augmentation(crop_padding=2, horizontal_flip=True, vertical_flip=False, rotation=0.0, scaling=0.0)
    found = torch.cat([x for x, _ in precise_batches(shown, 17, 5, augmentation)])
    again = torch.cat([x for x, _ in precise_batches(shown, 17, 17, augmentation)])
    assert torch.equal(found, again)
    order = precise_order(shown.labels, 17)
    assert not torch.equal(found, shown.batch(order, None)[0])
    assert torch.equal(found, shown.batch(order, augmentation.draw(0, 0, 19, torch.device("cpu")))[0])
