"""The battery of modes on finished tiny runs: every number against NumPy, and nothing of the run changed."""

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from experiments.evaluate import Evaluation, batch_statistics
from experiments.finished import open_run, restore
from experiments.inference import table
from experiments.inference.battery import Request, measure
from experiments.inference.coincide import check_batch_of_one, check_modes_coincide
from experiments.inference.distance import distances
from experiments.inference.gaps import gaps
from experiments.inference.modes import KINDS, batch_order
from experiments.inference.moments import Statistics
from experiments.inference.precise import precise_order, running_layers
from experiments.inference.scoring import scores, summary
from models.norms.batch_norm import BN


def measured(folder, *, kinds=KINDS, sizes=(1, 2, 8, 50), shuffles=3, precise_images=40):
    run = open_run(folder)
    live = restore(run, "cpu")
    return run, live, measure(run, live, Request(kinds, sizes, shuffles, precise_images), lambda _: None)


@pytest.fixture(scope="module")
def battery(finished):
    return measured(finished.folder)


def row(content, code):
    (found,) = [one for one in content["modes"] if one["code"] == code]
    return found


def by_hand(live, x, statistics=None):
    """Logits of small_cnn in float64: on the statistics of the batch x, or on [(mean, var), …] per norm."""
    model = live.model
    given = iter(statistics or [(None, None)] * 3)

    def norm(layer, x):
        mean, var = next(given)
        x = F.batch_norm(x, mean, var, layer.weight.double(), layer.bias.double(), training=mean is None, eps=layer.eps)
        return F.relu(x)

    x = x.double()
    for block in (model.first, model.second):
        x = F.conv2d(x, block.layer.weight.double(), padding=1)
        x = F.max_pool2d(norm(block.norm, x), 2)
    x = norm(model.hidden.norm, F.linear(x.flatten(1), model.hidden.layer.weight.double()))
    return F.linear(x, model.classifier.weight.double(), model.classifier.bias.double()).detach()


def numpy_scores(reference, logits, labels):
    """Accuracy, loss, ECE over 15 bins, KL, JS and churn, written out."""
    p, q = (np.exp(z - z.max(1, keepdims=True)) for z in (reference, logits))
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    kl = (p * np.log(p / q)).sum(1)
    m = (p + q) / 2
    js = ((p * np.log(p / m)).sum(1) + (q * np.log(q / m)).sum(1)) / 2
    confidence, right = q.max(1), q.argmax(1) == labels
    ece = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            ece += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return {
        "accuracy": right.mean(), "loss": -np.log(q[np.arange(len(labels)), labels]).mean(), "ece": ece,
        "kl_mean": kl.mean(), "kl_median": np.median(kl), "kl_p95": np.quantile(kl, 0.95), "js_mean": js.mean(),
        "churn": (p.argmax(1) != q.argmax(1)).mean(),
    }  # fmt: skip


def test_scores_are_numpys():
    generator = np.random.default_rng(0)
    reference, logits = generator.normal(size=(2, 57, 4)) * 2
    labels = generator.integers(4, size=57)
    tensors = [Evaluation(torch.from_numpy(z).float(), torch.from_numpy(labels)) for z in (reference, logits)]
    assert scores(*tensors) == pytest.approx(numpy_scores(reference, logits, labels), rel=1e-5)


def test_mean_and_deviation_over_shuffles():
    found = summary([1.0, 2.0, 4.0])
    assert (found["mean"], found["sd"]) == pytest.approx((7 / 3, math.sqrt(7 / 3)))
    assert found["values"] == [1.0, 2.0, 4.0]
    assert summary([3.0]) == {"mean": 3.0, "sd": None, "values": [3.0]}
    assert summary([3.0, math.inf]) == {"mean": None, "sd": None, "values": [3.0, None]}


def test_each_mode_is_the_equations(battery):
    _, live, content = battery
    test, train = live.splits["test"], live.splits["train"]
    x, labels = test.batch(torch.arange(21), None)
    model = live.model
    norms = [model.first.norm, model.second.norm, model.hidden.norm]
    reference = by_hand(live, x, [(norm.running_mean.double(), norm.running_var.double()) for norm in norms])
    expected = {"M1": [reference], "M5": [by_hand(live, x)]}
    for code, by_class, count in (("M3(2)", False, 3), ("M3(8)", False, 3), ("M4(2)", True, 1), ("M4(8)", True, 1)):
        expected[code] = []
        for shuffle in range(count):
            order = batch_order(labels, shuffle, by_class)
            logits = torch.empty_like(reference)
            for part in torch.tensor_split(order, {"2": 10, "8": 3}[code[3]]):
                logits[part] = by_hand(live, x[part])
            expected[code].append(logits)
    for code, all_logits in expected.items():
        each = [numpy_scores(reference.numpy(), logits.numpy(), labels.numpy()) for logits in all_logits]
        found = row(content, code)
        assert found["n"] == len(each)
        for name, numbers in found["scores"].items():
            values = [one[name] for one in each]
            assert numbers["values"] == pytest.approx(values, rel=2e-3, abs=1e-6), (code, name)
            assert numbers["mean"] == pytest.approx(np.mean(values), rel=2e-3, abs=1e-6)
            sd = None if len(values) == 1 else pytest.approx(np.std(values, ddof=1), rel=0.02, abs=1e-6)
            assert numbers["sd"] == sd
    assert len(precise_order(train.labels, 40)) == content["images"]["precise"] == 40


def test_the_first_shuffle_is_the_training_mode_of_the_runs_own_curves(battery, finished):
    found = row(battery[2], "M3(8)")["scores"]
    last = {name: value for _, _, name, value in finished.metrics}
    assert found["accuracy"]["values"][0] == last["train_mode/accuracy"]
    assert found["loss"]["values"][0] == pytest.approx(last["train_mode/loss"], rel=1e-5)


def test_precise_statistics_replace_the_running_ones(battery):
    """The first layer's are those of its input over all 40 images, whatever the batches; and M2 uses them."""
    _, live, content = battery
    images = live.splits["train"].batch(precise_order(live.splits["train"].labels, 40), None)[0]
    y = F.conv2d(images.double(), live.model.first.layer.weight.double(), padding=1).detach().numpy()
    mean, var = y.mean((0, 2, 3)), y.var((0, 2, 3))
    layer = live.model.first.norm
    offset = np.abs(layer.running_mean.double().numpy() - mean) / np.sqrt(var + layer.eps)
    ratio = (layer.running_var.double().numpy() + layer.eps) / (var + layer.eps)
    found = content["layers"]["first.norm"]
    assert found["mean"] == pytest.approx(offset.mean(), rel=1e-4)
    assert found["mean_max"] == pytest.approx(offset.max(), rel=1e-4)
    assert found["variance"] == pytest.approx(np.exp(np.log(ratio).mean()), rel=1e-4)
    assert found["variance_max"] == pytest.approx(np.exp(np.abs(np.log(ratio)).max()), rel=1e-4)
    assert list(content["layers"]) == ["first.norm", "second.norm", "hidden.norm"]
    assert row(content, "M2")["scores"]["kl_mean"]["mean"] > 0


def test_no_distance_where_the_statistics_are_the_precise_ones():
    layer = BN(momentum=0.1, eps=1e-5, affine=True, sync=False)(3)
    with torch.no_grad():
        layer.running_var.copy_(torch.tensor([0.0, 1.0, 4.0]))  # a dead channel too
    exact = {"": Statistics(layer.running_mean.double(), layer.running_var.double(), 9)}
    assert distances(layer, exact)[""] == {"mean": 0.0, "mean_max": 0.0, "variance": 1.0, "variance_max": 1.0}


def test_modes_without_a_meaning_say_why(battery):
    content = battery[2]
    assert row(content, "M3(50)")["undefined"] == "there are 21 test images only"
    assert "hidden.norm normalizes vectors" in row(content, "M3(1)")["undefined"]
    for code in ("M3(50)", "M4(50)", "M3(1)", "M4(1)"):
        assert row(content, code)["scores"] is None
        assert row(content, code)["n"] == 0
    shown = table.page(content)
    assert "M3(50) is not defined here: there are 21 test images only." in shown
    assert "M5" in shown
    assert "transductive" in shown


def test_gaps_are_differences_of_errors(battery):
    _, live, content = battery
    found = content["gaps"]
    train = live.splits["train"]
    order = precise_order(train.labels, 10_000).sort().values
    errors = {}
    for size, count in ((8, 8), (50, 2)):
        right = 0
        shuffled = order[torch.from_numpy(np.asarray(batch_order(train.labels, 0, False)))]
        for part in torch.tensor_split(shuffled, count):
            x, y = train.batch(part, None)
            right += (by_hand(live, x).argmax(1) == y).sum().item()
        errors[size] = 1 - right / 64
    at_running, at_batch = (1 - row(content, code)["scores"]["accuracy"]["mean"] for code in ("M1", "M3(8)"))
    assert found["inconsistency"] == pytest.approx(at_running - at_batch)
    assert found["generalization"] == pytest.approx(at_batch - errors[8])
    assert found["training_noise"] == pytest.approx(errors[8] - errors[50])
    assert (found["batch_size"], found["largest_batch_size"], found["train_images"]) == (8, 50, 64)


def test_the_training_noise_is_what_smaller_batches_cost(battery):
    """Batches of 2 make more mistakes here than batches of 50, so that the sign can be seen."""
    _, live, _ = battery
    found = gaps(live.model, live.splits["train"], (0.5, 0.4), 2, 50, "float32", lambda _: None)
    small, large = found["train_errors"]["2"], found["train_errors"]["50"]
    assert small != large
    assert found["training_noise"] == pytest.approx(small - large)
    assert found["generalization"] == pytest.approx(0.4 - small)


def test_precise_statistics_are_over_images_augmented_as_in_training(made):
    run = made("dataset.augmentation.crop_padding=2", "epochs=1")
    _, live, content = measured(run.folder, precise_images=64)
    train, norm = live.splits["train"], live.model.first.norm
    draws = live.augmentation.draw(0, 0, len(train), live.device)
    assert draws is not None
    x = train.batch(precise_order(train.labels, 64), draws)[0].double()
    y = F.conv2d(x, live.model.first.layer.weight.double(), padding=1).detach()
    spread = (y.var((0, 2, 3), correction=0) + norm.eps).sqrt()
    expected = ((norm.running_mean.double() - y.mean((0, 2, 3))).abs() / spread).mean().item()
    assert content["layers"]["first.norm"]["mean"] == pytest.approx(expected, rel=1e-4)
    assert content["augmentation_of_precise"]["crop_padding"] == 2


def test_the_live_network_is_left_as_it_was(battery):
    run, live, _ = battery
    stored = torch.load(run.folder / "checkpoint.pt", weights_only=True)["model"]
    for name, tensor in live.model.state_dict().items():
        assert torch.equal(tensor, stored[name]), name
    assert all(module.training for module in live.model.modules())
    assert not [layer for layer in running_layers(live.model).values() if "forward" in vars(layer)]


@pytest.mark.parametrize("norm", ["ln", "gn", "in", "none"])
def test_without_running_statistics_all_modes_are_one(made, norm):
    groups = ("norm.num_groups=2",) if norm == "gn" else ()
    model = ("model=resnet20", "model.width=0.25") if norm == "in" else ("model.dropout=0.5",)
    _, _, content = measured(made(f"norm={norm}", *groups, *model, "epochs=1").folder)
    numbers = [one["scores"] for one in content["modes"]]
    assert [one["same_as"] for one in content["modes"]] == [None] + ["M1"] * (len(numbers) - 1)
    assert all(one == numbers[0] for one in numbers)
    checked = content["checks"]["coincide"]
    assert checked["images"] == 21
    assert checked["batch_sizes"] == [1, 2, 8]
    assert checked["largest_difference"] <= 1e-4 * checked["scale"]
    assert content["gaps"]["inconsistency"] == content["gaps"]["training_noise"] == 0
    shown = table.page(content)
    assert "= M1" in shown
    assert ("equal bits" in shown) or ("equal to rounding" in shown)
    assert json.loads(json.dumps(content, allow_nan=False))


def test_a_norm_that_secretly_knows_its_batch_is_a_bug(battery):
    """The proof can fail: batch norm does not pass for a norm without running statistics."""
    run, live, _ = battery
    with pytest.raises(RuntimeError, match="the modes differ by"):
        check_modes_coincide(live.model, live.splits["test"], (3, 7), "float32", lambda _: None)
    wrong = Evaluation(run.test.logits + 0.1, run.test.labels)
    with pytest.raises(RuntimeError, match="for one image and for a batch"):
        check_batch_of_one(live.model, live.splits["test"], wrong, "float32")


def test_checks_against_what_the_run_left(battery):
    checks = battery[2]["checks"]
    assert checks["stored"]["largest_difference"] <= 1e-5
    assert checks["batch_of_one"]["images"] == 21
    assert checks["batch_of_one"]["differing_predictions"] == 0


def test_a_batch_of_one_feature_map_has_statistics_that_no_order_changes(made):
    run = made("model=resnet20", "model.width=0.25", "epochs=null", "steps=3")
    _, live, content = measured(run.folder, kinds=("batch", "sorted"), sizes=(1, 8))
    assert row(content, "M3(1)")["scores"] == row(content, "M4(1)")["scores"]
    assert row(content, "M3(1)")["n"] == 1
    x, labels = live.splits["test"].batch(torch.arange(21), None)
    with batch_statistics(live.model), torch.no_grad():
        logits = torch.cat([live.model(image) for image in x.split(1)])
    loss = F.cross_entropy(logits, labels).item()
    assert row(content, "M3(1)")["scores"]["loss"]["mean"] == pytest.approx(loss, rel=1e-4)
