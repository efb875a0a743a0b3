"""Groups inside physical batches against physical batches, and whole sets all at once against layer by layer."""

import pytest
import torch
from test_evaluate import assert_unchanged, images, snapshot

from data.batches import epoch_order
from experiments import build
from experiments.evaluate import batch_statistics, predict
from experiments.inference import groups
from experiments.inference.groups import group_statistics, predict_in_batches
from experiments.inference.precise import running_layers
from experiments.inference.whole import layer_inputs, predict_whole
from models.norms.batch_norm import BatchNorm

NETWORKS = {
    "maps": ("model=resnet20", "model.width=0.25"),
    "maps and vectors": ("model=small_cnn", "model.width=0.25", "model.dropout=0.5"),
    "vectors": ("model=mlp", "model.hidden=[7,5]", "model.input_norm=true"),
    "written out": ("model=small_cnn", "model.width=0.25", "norm=bn_scratch"),
    "without γ and β": ("model=plain20", "model.width=0.25", "norm.affine=false"),
}


def network(compose, name: str) -> torch.nn.Module:
    """With statistics and affine parameters unlike those at the start."""
    config = compose("dataset.num_classes=5", "dataset.image_size=6", *NETWORKS[name])
    model = build.model(config, build.dataset(config))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in running_layers(model).values():
            layer.running_mean.normal_(generator=generator)
            layer.running_var.uniform_(0.5, 2, generator=generator)
            if layer.weight is not None:
                layer.weight.uniform_(0.5, 1.5, generator=generator)
                layer.bias.normal_(generator=generator)
    return model


def physically(model, shown, size: int, order: torch.Tensor) -> torch.Tensor:
    """Logits in the official order, one batch at a time in training mode."""
    parts = order.split(1) if size == 1 else torch.tensor_split(order, min(-(-len(order) // size), len(order) // 2))
    with batch_statistics(model):
        found = predict(model, (shown.batch(part, None) for part in parts), "float32")
    logits = torch.empty_like(found.logits)
    logits[order] = found.logits
    return logits


@pytest.mark.parametrize("name", NETWORKS)
def test_groups_equal_physical_batches(compose, monkeypatch, name):
    """23 images, which none of the sizes divides."""
    model, shown, order = network(compose, name), images(23), epoch_order(4, 0, 23)
    before = snapshot(model)
    for size in (1, 2, 3, 8, 19, 100) if name in ("maps", "without γ and β") else (2, 5, 100):
        expected = physically(model, shown, size, order)
        for physical in (1, 8, 64):
            done: list[int] = []
            monkeypatch.setattr(groups, "PHYSICAL", physical)
            found = predict_in_batches(model, shown, size, order, "float32", done.append)
            torch.testing.assert_close(found.logits, expected, rtol=1e-4, atol=1e-4 * expected.std().item())
            assert torch.equal(found.labels, shown.labels)
            assert sum(done) == 23
    assert_unchanged(model, before)


def test_a_batch_of_one_vector_is_refused(compose):
    with pytest.raises(ValueError, match="no variance"):
        predict_in_batches(network(compose, "vectors"), images(6), 1, torch.arange(6), "float32", lambda _: None)


def test_the_layers_own_forward_is_back_even_after_an_error(compose):
    model = network(compose, "maps")
    with pytest.raises(KeyError), group_statistics(model, 2):
        raise KeyError
    assert not [layer for layer in running_layers(model).values() if "forward" in vars(layer)]
    with pytest.raises(ValueError, match="cannot be cut"), group_statistics(model, 2):
        model(torch.zeros(3, 3, 6, 6))


def test_a_layer_may_ask_for_batches_of_the_real_size(compose, monkeypatch):
    """A training mode that clips (as batch renormalization does) is not reproduced by groups, and is left alone."""

    class Clipped(BatchNorm):
        plain_in_training = False

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).clamp(-0.5, 0.5) if self.training else super().forward(x)

    model, shown, order = network(compose, "maps"), images(23), epoch_order(4, 0, 23)
    plain = physically(model, shown, 4, order)
    for layer in running_layers(model).values():
        monkeypatch.setattr(layer, "__class__", Clipped)
    expected = physically(model, shown, 4, order)
    assert not torch.allclose(expected, plain, rtol=0.01)
    found = predict_in_batches(model, shown, 4, order, "float32", lambda _: None)
    assert torch.equal(found.logits, expected)
    with pytest.raises(ValueError, match="cannot be split"):
        predict_whole(model, shown, "float32", lambda _: None, limit=1)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_whole_set_layer_by_layer_equals_one_batch(compose, name):
    model, shown = network(compose, name), images(23)
    before = snapshot(model)
    one = predict_whole(model, shown, "float32", lambda _: None)
    layered = predict_whole(model, shown, "float32", lambda _: None, limit=1)
    expected = physically(model, shown, 23, torch.arange(23))
    for found in (one, layered):
        torch.testing.assert_close(found.logits, expected, rtol=1e-4, atol=1e-4 * expected.std().item())
        assert torch.equal(found.labels, shown.labels)
    assert_unchanged(model, before)


def test_what_layers_meet_comes_in_the_order_of_the_forward_pass(compose):
    met = layer_inputs(network(compose, "maps and vectors"), images(2))
    assert [(name, seen.values, seen.positions) for name, seen in met.items()] == [
        ("first.norm", 8 * 36, 36), ("second.norm", 16 * 9, 9), ("hidden.norm", 32, 1),
    ]  # fmt: skip
