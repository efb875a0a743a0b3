"""What a finished run leaves: the files of the contract, and what stands in them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from experiments import build, identity
from experiments.settings import Settings

FILES = {"config.yaml", "result.json", "metrics.csv", "checkpoint.pt", "predictions.npz", "train.log"}
KEYS = {
    "status", "final", "epochs", "steps", "diverged_at", "train_seconds", "images_per_second", "parameters", "config",
    "environment", "dataset", "schema", "files", "content_sha256",
}  # fmt: skip
CURVES = {
    f"{what}/{where}" for what in ("accuracy", "loss") for where in ("train", "test")
} | {f"{mode}/{what}" for mode in ("train_mode", "eval_mode") for what in ("accuracy", "loss")}  # fmt: skip
RUNNING = {"running/loss", "running/accuracy", "learning_rate"}


def strict_json(path: Path):
    """Parsed as the standard says: no NaN, no Infinity."""

    def refuse(name: str):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def files_in(folder: Path) -> set[str]:
    """The files to look at: not the lock, and TensorBoard's under one name."""
    names = [path.name for path in folder.iterdir()]
    events = [name for name in names if name.startswith("events.out.tfevents.")]
    assert len(events) == 1
    return {name for name in names if name not in events and name != ".lock"}


def test_the_folder_holds_the_files_of_the_contract(finished):
    assert files_in(finished.folder) == FILES
    assert finished.folder.parent.name == "runs"
    assert [path.name for path in finished.folder.parent.iterdir()] == [finished.folder.name]
    assert [path.name for path in finished.folder.parent.parent.iterdir()] == ["runs"]


def test_result(finished):
    result = strict_json(finished.folder / "result.json")
    assert result == finished.result
    assert result.keys() == KEYS
    assert (result["schema"], result["status"], result["diverged_at"]) == (2, "finished", None)
    assert (result["epochs"], result["steps"]) == (2, 16)
    assert result["final"].keys() == {"train_loss", "train_accuracy", "test_loss", "test_accuracy"}
    assert all(0 <= result["final"][f"{split}_accuracy"] <= 1 for split in ("train", "test"))
    # 3 -> 8 -> 16 maps by 3x3, 2x2 positions left, 32 units, 3 classes; biases in norms and the classifier alone
    assert result["parameters"] == 8 * 3 * 9 + 16 * 8 * 9 + 32 * 16 * 4 + (3 * 32 + 3) + 2 * (8 + 16 + 32)
    assert result["train_seconds"] > 0
    assert result["images_per_second"] == pytest.approx(16 * 8 / result["train_seconds"])
    assert result["config"] == finished.config


def test_dataset_and_environment_of_the_result(finished):
    dataset = finished.result["dataset"]
    assert dataset["name"] == "synthetic"
    assert dataset["sizes"] == {"train": 64, "test": 21}
    assert dataset["digests"].keys() == {"train_images", "train_labels", "test_images", "test_labels"}
    assert all(len(digest) == 64 for digest in dataset["digests"].values())
    environment = finished.result["environment"]
    assert environment["device"] == "cpu"
    assert environment["threads"] == 1
    assert environment["packages"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert environment["device_name"].endswith("1 thread")
    assert environment["commit"] is None or len(environment["commit"]) == 40


def test_predictions_are_those_of_the_final_numbers(finished):
    with np.load(finished.folder / "predictions.npz") as saved:
        assert set(saved.files) == {"logits", "labels"}
        logits, labels = saved["logits"], saved["labels"]
    assert logits.shape == (21, 3)
    assert logits.dtype == np.float32
    official = build.dataset(finished.config).test.labels
    np.testing.assert_array_equal(labels, official)
    final = finished.result["final"]
    assert final["test_accuracy"] == pytest.approx((logits.argmax(1) == labels).mean(), abs=1e-12)
    exact = logits.astype(np.float64)
    losses = np.log(np.exp(exact).sum(1)) - exact[np.arange(21), labels]
    assert final["test_loss"] == pytest.approx(losses.mean(), rel=1e-9)


def test_the_checkpoints_network_makes_the_predictions(finished):
    images = build.dataset(finished.config)
    model = build.model(finished.config, images)
    model.load_state_dict(finished.checkpoint["model"])
    x, _ = build.splits(finished.config, images, torch.device("cpu"))["test"].batch(torch.arange(21), None)
    with torch.no_grad():
        logits = model.eval()(x)
    with np.load(finished.folder / "predictions.npz") as saved:
        np.testing.assert_allclose(logits.numpy(), saved["logits"], rtol=1e-5, atol=1e-5)


def test_metrics_name_everything_at_the_right_steps(finished):
    rows = finished.metrics
    curves = {(step, epoch, name) for step, epoch, name, _ in rows if name not in RUNNING}
    assert curves == {(8 * epoch, epoch, name) for epoch in (1, 2) for name in CURVES}
    running = {(step, epoch, name) for step, epoch, name, _ in rows if name in RUNNING}
    # each third step and each epoch's last
    points = {(step, 1 if step <= 8 else 2) for step in (3, 6, 8, 9, 12, 15, 16)}
    assert running == {(*point, name) for point in points for name in RUNNING}
    assert len(rows) == len(curves) + len(running)
    assert [step for step, *_ in rows] == sorted(step for step, *_ in rows)
    assert all(math.isfinite(value) for *_, value in rows)


def test_final_numbers_are_those_of_the_last_epoch(finished):
    last = {name: value for step, _, name, value in finished.metrics if step == 16}
    final = finished.result["final"]
    for split in ("train", "test"):
        assert final[f"{split}_accuracy"] == last[f"accuracy/{split}"]
        assert final[f"{split}_loss"] == last[f"loss/{split}"]


def test_learning_rates_are_those_of_the_recipe(finished):
    """One cycle over 16 steps: up over three (0.2 · 16 = 3.2), then down to nothing."""
    peak = finished.config["recipe"]["lr"]
    assert (finished.config["recipe"]["schedule"], finished.config["recipe"]["warmup"]) == ("one_cycle", 0.2)
    found = {step: value for step, _, name, value in finished.metrics if name == "learning_rate"}
    expected = {3: 1, 6: 1 - 2 / 13, 8: 1 - 4 / 13, 9: 1 - 5 / 13, 12: 1 - 8 / 13, 15: 1 - 11 / 13, 16: 1 - 12 / 13}
    assert found == pytest.approx({step: peak * share for step, share in expected.items()})


def test_config_reloads_as_the_same_run(finished):
    config = yaml.safe_load((finished.folder / "config.yaml").read_text(encoding="utf-8"))
    assert config == finished.config
    assert identity.folder(config) == finished.folder
    assert Settings.check(config).batch_size == 8
    build.check_leaves(config)


def test_the_log_names_the_run_and_how_to_look_at_it(finished):
    text = (finished.folder / "train.log").read_text(encoding="utf-8")
    for part in ("small_cnn + bn on synthetic", "epoch 2/2", "finished: test accuracy", "tensorboard --logdir"):
        assert part in text
    assert str(finished.folder) in text
    assert "\x1b" not in text
    assert "\r" not in text


def test_validation_images_are_held_out_and_reported(made):
    run = made("dataset.validation=0.25", "epochs=1")
    values = {name: value for _, _, name, value in run.metrics}
    assert {"accuracy/validation", "loss/validation"} <= values.keys()
    sizes = run.result["dataset"]["sizes"]
    assert sizes["train"] + sizes["validation"] == 67
    assert sizes["validation"] == pytest.approx(67 / 4, abs=2)  # a quarter of each of the three classes
    assert sizes["test"] == 21
    assert run.result["steps"] == sizes["train"] // 8
    images = build.dataset(run.config)
    held_out = {image.tobytes() for image in images.validation.images}
    assert len(held_out) == sizes["validation"]
    assert not held_out & {image.tobytes() for image in images.train.images}
    assert run.result["final"]["validation_accuracy"] == values["accuracy/validation"]


def test_without_validation_there_are_no_such_curves(finished):
    assert not [name for _, _, name, _ in finished.metrics if "validation" in name]


def test_a_diverged_run_leaves_a_valid_result(made):
    run = made("norm=none", "recipe=documents", "recipe.lr=1e6", "epochs=3", "log_every=1")
    assert files_in(run.folder) >= FILES - {"checkpoint.pt"}  # it may end before its first checkpoint
    result = strict_json(run.folder / "result.json")
    assert result.keys() == KEYS
    assert result["status"] == "diverged"
    assert result["diverged_at"] <= result["steps"] < 24
    assert result["epochs"] == result["steps"] / 8


def test_a_partial_last_epoch_ends_with_its_evaluation(made):
    run = made("epochs=null", "steps=11")
    steps = {step for step, _, name, _ in run.metrics if name == "accuracy/test"}
    assert steps == {8, 11}
    assert {epoch for step, epoch, _, _ in run.metrics if step == 11} == {2}
    assert (run.result["steps"], run.result["epochs"]) == (11, 11 / 8)
