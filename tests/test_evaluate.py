"""Evaluation: every image once, in two modes, nothing changed by it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from data.batches import epoch_order
from data.dataset import Split
from data.device_images import DeviceImages
from experiments import build
from experiments.evaluate import Evaluation, batch_statistics, evaluation_mode, even_batches, predict
from experiments.scores import Scorer
from experiments.settings import Settings
from models.norms.batch_norm import BN

BN_LAYER = BN(momentum=0.1, eps=1e-5, affine=True, sync=False)


class Net(nn.Module):
    """Convolution, batch norm, dropout, classifier, with unlike running statistics and affine parameters."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.norm = BN_LAYER(4)
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Linear(4, 5)
        with torch.no_grad():
            for tensor in (self.norm.weight, self.norm.bias, self.norm.running_mean):
                tensor.normal_()
            self.norm.running_var.uniform_(0.5, 2)
            self.norm.num_batches_tracked.fill_(17)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.dropout(F.relu(self.norm(self.conv(x))).mean((2, 3))))

    def by_hand(self, x: torch.Tensor, training: bool) -> torch.Tensor:
        """The same in float64, batch statistics or running ones, without dropout; PyTorch's functions only."""
        norm = self.norm
        running = (None, None) if training else (norm.running_mean.double(), norm.running_var.double())
        y = F.conv2d(x.double(), self.conv.weight.double())
        y = F.batch_norm(y, *running, norm.weight.double(), norm.bias.double(), training=training, eps=1e-5)
        return F.linear(F.relu(y).mean((2, 3)), self.classifier.weight.double(), self.classifier.bias.double())


def images(count: int) -> DeviceImages:
    generator = np.random.default_rng(11)
    split = Split(generator.integers(256, size=(count, 6, 6, 3), dtype=np.uint8), np.arange(count) % 5)
    return DeviceImages(split, torch.device("cpu"), mean=(0.5,) * 3, std=(0.25,) * 3, scaling="standardized")


def snapshot(model: nn.Module) -> dict:
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return state | {f"{name} mode": module.training for name, module in model.named_modules()}


def assert_unchanged(model: nn.Module, before: dict) -> None:
    after = snapshot(model)
    assert after.keys() == before.keys()
    for name, value in after.items():
        assert torch.equal(value, before[name]) if isinstance(value, torch.Tensor) else value is before[name], name


@pytest.mark.parametrize("count", [2, 3, 7, 16, 17, 23, 100])
@pytest.mark.parametrize("largest", [1, 2, 5, 8, 100])
def test_even_batches_show_every_image_once_and_none_alone(count, largest):
    shown = DeviceImages(
        Split(np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1), np.arange(count)),
        torch.device("cpu"), mean=(0.0,), std=(1.0,), scaling="raw",
    )  # fmt: skip
    order = epoch_order(0, 0, count)
    batches = [(x.flatten().long(), y) for x, y in even_batches(shown, largest, order)]
    assert torch.equal(torch.cat([y for _, y in batches]), order)
    assert all(torch.equal(x, y) for x, y in batches)
    sizes = [len(y) for _, y in batches]
    assert min(sizes) >= 2
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= max(largest, 3)


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("mode", [evaluation_mode, batch_statistics])
def test_modes_and_buffers_come_back_bit_for_bit(mode, training, raises):
    model = Net().train(training)
    model.dropout.train(not training)  # a mixture, which no single call of train() restores
    before = snapshot(model)
    x = torch.randn(6, 3, 6, 6)

    def body() -> None:
        with mode(model), torch.no_grad():
            model(x)
            model(x + 1)
            if raises:
                raise KeyError("inside")

    if raises:
        with pytest.raises(KeyError, match="inside"):
            body()
    else:
        body()
    assert_unchanged(model, before)


def test_only_norms_are_in_training_mode_on_batch_statistics():
    model = Net()
    with batch_statistics(model):
        assert [name for name, module in model.named_modules() if module.training] == ["norm"]
    with evaluation_mode(model):
        assert not any(module.training for module in model.modules())


@pytest.mark.parametrize("training", [False, True])
def test_predictions_equal_the_equations(training):
    model, shown = Net(), images(13)
    batches = [shown.batch(torch.arange(start, min(start + 5, 13)), None) for start in range(0, 13, 5)]
    with (batch_statistics if training else evaluation_mode)(model):
        found = predict(model, batches, "float32")
    expected = torch.cat([model.by_hand(x, training) for x, _ in batches])
    torch.testing.assert_close(found.logits.double(), expected, rtol=1e-5, atol=1e-5)
    assert found.logits.dtype == torch.float32
    assert found.labels.tolist() == [number % 5 for number in range(13)]


def test_loss_and_accuracy_are_the_means_over_images():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
    found = Evaluation(logits, torch.tensor([0, 0, 1]))
    each = [np.log(1 + np.exp(-2.0)), np.log(1 + np.exp(1.0)), np.log(1 + np.exp(2.0))]
    assert found.loss == pytest.approx(np.mean(each), rel=1e-12)
    assert found.accuracy == pytest.approx(1 / 3)
    assert found.at(torch.tensor([2, 0])).accuracy == 0.5


def scored(compose, model: nn.Module, *overrides: str, whole: bool = True):
    settings = Settings.check(compose("batch_size=5", *overrides))
    return Scorer({"train": images(19), "test": images(13)}, settings).score(model, whole)


def test_both_modes_of_a_run_equal_the_equations(compose):
    """Evaluation mode in the official order; batch statistics over 13 images in 5, 4 and 4 of a fixed shuffle."""
    model = Net()
    before = snapshot(model)
    found = scored(compose, model, "evaluation_batch_size=4")
    assert_unchanged(model, before)
    shown = images(13)
    x, y = shown.batch(torch.arange(13), None)
    logits = model.by_hand(x, training=False)
    assert found.curves["eval_mode/loss"] == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-5)
    assert found.curves["eval_mode/accuracy"] == (logits.argmax(1) == y).double().mean().item()
    assert found.curves["accuracy/test"] == found.curves["eval_mode/accuracy"]
    parts = np.split(epoch_order(0, 0, 13).numpy(), [5, 9])
    losses, right = [], 0
    for part in parts:
        x, y = shown.batch(torch.from_numpy(part), None)
        logits = model.by_hand(x, training=True)
        losses.append(F.cross_entropy(logits, y, reduction="sum").item())
        right += (logits.argmax(1) == y).sum().item()
    assert found.curves["train_mode/loss"] == pytest.approx(sum(losses) / 13, rel=1e-5)
    assert found.curves["train_mode/accuracy"] == pytest.approx(right / 13)
    assert found.curves["train_mode/loss"] != pytest.approx(found.curves["eval_mode/loss"], rel=1e-2)


def test_size_of_evaluation_batches_does_not_matter(compose):
    curves = [scored(compose, Net(), f"evaluation_batch_size={size}").curves for size in (1, 4, 500)]
    for other in curves[1:]:
        assert curves[0] == pytest.approx(other, rel=1e-6)


def test_training_images_are_sampled_until_the_whole_is_asked_for(compose):
    model = Net()
    part = scored(compose, model, "train_evaluation=7", whole=False)
    whole = scored(compose, model, "train_evaluation=7")
    everything = scored(compose, model, "train_evaluation=null", whole=False)
    assert part.curves == pytest.approx(whole.curves, rel=1e-6)  # the curve stays that of the sample
    assert "train" not in part.splits
    assert len(whole.splits["train"].labels) == 19
    assert round(7 * part.curves["accuracy/train"], 9).is_integer()
    assert everything.curves["accuracy/train"] == whole.splits["train"].accuracy


@pytest.mark.parametrize("norm", [("norm=ln",), ("norm=gn", "norm.num_groups=2"), ("norm=none",)])
def test_without_batch_statistics_and_dropout_the_modes_agree(made, norm):
    """Norms within a sample know no modes; dropout is off in both."""
    run = made(*norm, "model.dropout=0.9", "model.dropout_position=last", "epochs=1")
    values = {name: value for _, _, name, value in run.metrics}
    assert values["train_mode/accuracy"] == values["eval_mode/accuracy"]
    assert values["train_mode/loss"] == pytest.approx(values["eval_mode/loss"], rel=1e-5)


def test_a_single_test_image_has_no_batch_statistics(made):
    run = made("dataset.num_test=1", "epochs=1")
    names = {name for _, _, name, _ in run.metrics}
    assert "eval_mode/loss" in names
    assert "train_mode/loss" not in names
    assert run.result["status"] == "finished"


def test_networks_with_every_kind_of_buffer_are_left_alone(compose):
    """Through the public path: the network of a run, in training mode as the loop leaves it."""
    config = compose("model=resnet20", "model.width=0.25", "norm=bn", "norm.momentum=null")
    model = build.model(config, build.dataset(config)).train()
    model(torch.randn(4, 3, 8, 8))
    before = snapshot(model)
    settings = Settings.check(config)
    splits = build.splits(config, build.dataset(config), torch.device("cpu"))
    Scorer(splits, settings).score(model, whole=True)
    assert_unchanged(model, before)
