"""Recalibration of finished runs, against statistics computed here and through the files that it leaves."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from call_script import assert_refused, call

from data.augmentation import Augmentation
from data.subsets import balanced_order
from experiments.evaluate import evaluation_mode, predict
from experiments.finished import open_run, restore
from experiments.inference.precise import precise_batches, precise_statistics, using_statistics
from experiments.predictions.calibration import expected_calibration_error
from scripts import recalibrate


@pytest.fixture
def copied(finished, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished.folder, tmp_path / "outputs" / "runs" / finished.folder.name))


def written(folder: Path) -> tuple[dict, dict[str, torch.Tensor], str]:
    """The report, the weights and the name of the only recalibration of a run."""
    (made,) = (folder / "recalibrated").iterdir()
    assert {path.name for path in made.iterdir()} == {"recalibration.json", "model.safetensors"}
    report = json.loads((made / "recalibration.json").read_text())
    return report, safetensors.torch.load_file(made / "model.safetensors"), made.name


def test_on_the_training_images_it_is_the_precise_mode(capsys, copied):
    others = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    said = call(capsys, recalibrate, copied, "device=cpu")
    assert said.code == 0, said.err
    assert "3 layers re-estimated on 64 images (split=train)" in said.out
    report, state, name = written(copied)
    assert name.startswith("synthetic-train-")
    assert all(path.read_bytes() == content for path, content in others.items())

    restored = restore(open_run(copied), "cpu")
    before = restored.model.state_dict()
    assert state.keys() == before.keys()
    new = precise_statistics(restored.model, precise_batches(restored.splits["train"], 10_000, 8, Augmentation.none()))
    for key, value in state.items():
        layer, _, kind = key.rpartition(".")
        if kind in ("running_mean", "running_var"):
            expected = {"running_mean": new[layer].mean, "running_var": new[layer].var}[kind]
            torch.testing.assert_close(value, expected.float(), rtol=0, atol=0)
            assert not torch.equal(value, before[key])
        else:
            assert torch.equal(value, before[key]), key

    (entry,) = report["evaluations"]
    test = restored.splits["test"]
    x = test.batch(torch.arange(21), None)
    with evaluation_mode(restored.model):
        scores = {"before": predict(restored.model, [x], "float32")}
        with using_statistics(restored.model, new):
            scores["after"] = predict(restored.model, [x], "float32")
    assert entry["images"] == "synthetic (the run's)"
    assert (entry["count"], entry["transductive"]) == (21, False)
    for when, found in scores.items():
        assert entry[when]["accuracy"] == pytest.approx(found.accuracy)
        assert entry[when]["loss"] == pytest.approx(found.loss, rel=1e-5)
        assert entry[when]["ece"] == pytest.approx(expected_calibration_error(found.logits, found.labels), rel=1e-4)
    assert entry["before"]["accuracy"] == open_run(copied).result["final"]["test_accuracy"]
    assert entry["before"]["loss"] != entry["after"]["loss"]


def test_the_first_layer_by_numpy(capsys, copied):
    """What the first norm meets, on other numbers: (pixel / 255 − 0.3) / 0.4, convolved, over images and positions."""
    words = ("dataset.mean=[0.3,0.3,0.3]", "dataset.std=[0.4,0.4,0.4]", "images=30", "batch_size=7", "device=cpu")
    assert call(capsys, recalibrate, copied, *words).code == 0
    report, state, _ = written(copied)
    dataset = restore(open_run(copied), "cpu").dataset
    chosen = balanced_order(dataset.train.labels, stream=3)[:30]
    x = (dataset.train.images[chosen].astype(np.float64) / 255 - 0.3) / 0.4
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # (N, H, W, C, 3, 3)
    seen = np.einsum("nhwcij,ocij->nhwo", windows, state["first.layer.weight"].double().numpy())
    np.testing.assert_allclose(state["first.norm.running_mean"], seen.mean((0, 1, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state["first.norm.running_var"], seen.var((0, 1, 2)), rtol=1e-5)
    before = restore(open_run(copied), "cpu").model.state_dict()["first.norm.running_mean"].numpy()
    offset = np.abs(before - seen.mean((0, 1, 2))) / np.sqrt(seen.var((0, 1, 2)) + 1e-5)
    assert report["layers"]["first.norm"]["mean"] == pytest.approx(offset.mean(), rel=1e-4)
    assert report["asked"]["images"] == 30
    assert report["asked"]["batch_size"] == 7
    assert report["asked"]["dataset"]["train_size"] == 64  # the run's own, where nothing else is asked for


def test_recalibration_undoes_a_shift_of_the_input(capsys, made):
    """A shift and a stretch of all pixels is what a first layer's statistics can take back, but for the padding."""
    run = made(
        "dataset.kind=classes", "dataset.num_train=300", "dataset.num_test=90", "epochs=6", "recipe.augment=false"
    )
    shifted = ("dataset.mean=[-0.5,0.2,0.1]", "dataset.std=[0.05,0.9,0.4]")
    assert call(capsys, recalibrate, run.folder, *shifted, "device=cpu").code == 0
    report, _, _ = written(run.folder)
    own, other = report["evaluations"]
    assert other["images"] == "synthetic (as given)"
    assert own["before"]["accuracy"] > 0.9
    assert other["before"]["accuracy"] < own["before"]["accuracy"] - 0.2
    assert other["after"]["accuracy"] > other["before"]["accuracy"] + 0.2
    assert own["after"]["accuracy"] < own["before"]["accuracy"]


def test_estimating_on_test_images_is_labelled(capsys, copied):
    said = call(capsys, recalibrate, copied, "split=test", "dataset.scaling=unit", "device=cpu")
    assert said.code == 0, said.err
    assert said.out.count("transductive") == 2
    report, _, _ = written(copied)
    assert [entry["transductive"] for entry in report["evaluations"]] == [True, True]
    shutil.rmtree(copied / "recalibrated")
    said = call(capsys, recalibrate, copied, "split=test", "dataset.data_seed=1", "device=cpu")
    report, _, _ = written(copied)
    assert [entry["transductive"] for entry in report["evaluations"]] == [False, True]


def test_the_same_command_writes_the_same_folder(capsys, copied):
    for _ in range(2):
        assert call(capsys, recalibrate, copied, "device=cpu").code == 0
    _, first, name = written(copied)
    assert call(capsys, recalibrate, copied, "images=20", "device=cpu").code == 0
    assert len(list((copied / "recalibrated").iterdir())) == 2
    again = safetensors.torch.load_file(copied / "recalibrated" / name / "model.safetensors")
    assert all(torch.equal(first[key], value) for key, value in again.items())


def test_another_dataset_of_other_classes(capsys, copied):
    """Its images serve for the estimation; there is no accuracy to measure on them. It comes with its own settings."""
    words = ("dataset=synthetic", "dataset.image_size=8", "dataset.num_train=40", "dataset.num_test=10")
    said = call(capsys, recalibrate, copied, *words, "device=cpu")
    assert said.code == 0, said.err
    report, _, _ = written(copied)
    assert report["asked"]["dataset"]["num_classes"] == 10
    assert report["asked"]["dataset"]["kind"] == "classes"
    assert [entry["images"] for entry in report["evaluations"]] == ["synthetic (the run's)"]


@pytest.mark.parametrize("norm", ["ln", "none"])
def test_nothing_to_re_estimate(capsys, made, norm):
    run = made("epochs=1", f"norm={norm}")
    said = call(capsys, recalibrate, run.folder, "device=cpu")
    assert said.code == 0
    assert "nothing to re-estimate" in said.out
    assert not (run.folder / "recalibrated").exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("dataset=cifr10",), ("dataset=cifr10", "Did you mean cifar10?", "mnist")),
        (("dataset.kinds=noise",), ("dataset.kinds", "Did you mean dataset.kind?")),
        (("dataset.kind=nose",), ("dataset.kind=nose", "Did you mean noise?")),
        (("dataset.scaling=sqrt",), ("dataset.scaling=sqrt", "unit")),
        (("dataset.mean=[0.5]",), ("dataset.mean=[0.5]", "3 channels")),
        (("dataset.mean=0.5",), ("dataset.mean=0.5",)),
        (("dataset.std=abc",), ("dataset.std=abc",)),
        (("dataset.mean=0.1,0.2",), ("dataset.mean=0.1,0.2", "several values", "[a,b]")),
        (("dataset.mean=[0.1",), ("dataset.mean=[0.1",)),
        (("dataset.image_size=9",), ("3 x 9 x 9", "3 x 8 x 8")),
        (("dataset.channels=1",), ("1 x 8 x 8", "3 x 8 x 8")),
        (("split=validation",), ("split=validation", "dataset.validation=0.1")),
        (("split=valid",), ("split=valid", "Did you mean validation?")),
        (("images=1",), ("images=1", "greater than or equal to 2")),
        (("batch_size=1",), ("batch_size=1",)),
        (("device=cuda:99",), ("device=cuda:99",)),
        (("norm=bn",), ("norm is not a setting of this script", "split")),
        (("other", "split=test"), ("2 runs", "name one")),
    ],
)
def test_mistakes(capsys, copied, words, parts):
    assert_refused(call(capsys, recalibrate, copied, *words), *parts)
    assert not (copied / "recalibrated").exists()


def test_runs_that_cannot_be_recalibrated(capsys, copied, tmp_path):
    assert_refused(call(capsys, recalibrate, "nothing-*", f"paths.outputs={tmp_path / 'outputs'}"), "no run matches")
    (copied / "result.json").unlink()
    assert_refused(call(capsys, recalibrate, copied), "not finished")
