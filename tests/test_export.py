"""Exported networks against the run they come from, through the files alone."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors
import torch
from call_script import call
from conftest import ROOT, Made, compose_tiny
from torch import nn

from experiments import identity
from experiments.export import load
from experiments.finished import open_run, restore
from experiments.job import perform
from scripts import export

FILES = {"config.json", "model.onnx", "model.safetensors"}


def made_once(folder: Path, *overrides: str) -> Made:
    config = compose_tiny(folder / "outputs", "epochs=1", *overrides)
    result = perform(config)
    return Made(config, identity.folder(config), result)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run with norms of both fates: on the images, where it stays a map, and after convolutions."""
    return made_once(tmp_path_factory.mktemp("run"), "model.input_norm=true")


@pytest.fixture
def copied(run: Made, tmp_path: Path) -> Path:
    """The run's folder, where a test may write."""
    return Path(shutil.copytree(run.folder, tmp_path / "outputs" / "runs" / run.folder.name))


def pixels_and_logits(folder: Path) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Test images as uint8 (N, H, W, C) and as the network saw them, with the logits that the run recorded."""
    finished = open_run(folder)
    images = restore(finished, "cpu").splits["test"]
    return images.images, images.batch(torch.arange(len(images)), None)[0], finished.test.logits


def description(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text())


def run_onnx(path: Path, inputs: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"images": inputs.numpy()})[0]


def operators(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(str(path)).graph.node}


def test_everything(capsys, copied):
    others = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    said = call(capsys, export, copied)
    assert said.code == 0, said.err
    assert "3 norms folded into weights, 1 into affine maps of their own, 0 kept" in said.out
    folder = copied / "export"
    assert {path.name for path in folder.iterdir()} == FILES
    assert all(path.read_bytes() == content for path, content in others.items())
    assert {path for path in copied.rglob("*") if path.is_file() and path.parent != folder} == set(others)

    pixels, _, logits = pixels_and_logits(copied)
    network = load(folder)
    assert not network.training
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    with torch.no_grad():
        found = network(pixels)
        torch.testing.assert_close(found, logits, rtol=0, atol=1e-4)
        torch.testing.assert_close(network(pixels[:1]), found[:1], rtol=0, atol=1e-4)
    from_onnx = run_onnx(folder / "model.onnx", pixels)
    np.testing.assert_allclose(from_onnx, logits.numpy(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(run_onnx(folder / "model.onnx", pixels[:1]), from_onnx[:1], rtol=0, atol=1e-4)

    said_so = description(folder)
    assert said_so["input"] == {
        "name": "images",
        "dtype": "uint8",
        "shape": ["batch", 8, 8, 3],
        "axes": "N, H, W, C",
        "range": [0, 255],
    }
    assert said_so["network"]["folded"] is True
    assert said_so["network"]["norms_as_affine_maps"] == ["input_norm"]
    assert said_so["classes"] == ["0", "1", "2"]
    assert said_so["source"]["run"] == copied.name
    assert said_so["source"]["final"] == open_run(copied).result["final"]
    checks = {check["check"]: check for check in said_so["checks"]["results"]}
    assert checks["original against predictions.npz"]["max_abs_difference"] < 1e-5
    assert checks["model.onnx against original"]["images"] == 21
    assert all(check["equal_predictions"] == 1 for check in checks.values())
    assert checks["folded against original, both float64"]["max_abs_difference"] < 1e-12
    for name, file in said_so["files"].items():
        assert file["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_the_onnx_file_is_whole_clean_and_the_same_each_time(capsys, copied, tmp_path):
    for out in ("one", "two"):
        assert call(capsys, export, copied, f"out={tmp_path / out}").code == 0
    for name in ("model.onnx", "model.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    onnx.checker.check_model(str(tmp_path / "one" / "model.onnx"), full_check=True)
    content = (tmp_path / "one" / "model.onnx").read_bytes()
    assert str(ROOT).encode() not in content
    assert b".py" not in content
    model = onnx.load(str(tmp_path / "one" / "model.onnx"))
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [value.name for value in model.graph.output] == ["logits"]
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    with safetensors.safe_open(tmp_path / "one" / "model.safetensors", "pt") as weights:
        assert json.loads(weights.metadata()["normlab"]) == {"format": "normlab export", "version": 1}
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert metadata == {"format": "normlab export 1", "run": copied.name, "classes": ["0", "1", "2"]}


def test_unfolded_and_without_preprocessing(capsys, copied):
    said = call(capsys, export, copied, "fold=false", "preprocessing=false")
    assert said.code == 0, said.err
    folder = copied / "export"
    _, x, logits = pixels_and_logits(copied)
    assert sum(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in load(folder).modules()) == 4
    with torch.no_grad():
        torch.testing.assert_close(load(folder)(x), logits, rtol=0, atol=1e-5)
    assert "BatchNormalization" in operators(folder / "model.onnx")
    np.testing.assert_allclose(run_onnx(folder / "model.onnx", x.contiguous()), logits.numpy(), rtol=0, atol=1e-4)
    said_so = description(folder)
    assert said_so["input"] == {
        "name": "images",
        "dtype": "float32",
        "shape": ["batch", 3, 8, 8],
        "axes": "N, C, H, W",
    }


def test_the_description_says_how_pixels_become_numbers(capsys, copied):
    assert call(capsys, export, copied, "format=safetensors", "preprocessing=false").code == 0
    pixels, x, _ = pixels_and_logits(copied)
    said_so = description(copied / "export")["preprocessing"]
    assert said_so["included"] is False
    by_offset = (pixels.numpy() - np.float32(said_so["offset"])) * np.float32(said_so["factor"])
    np.testing.assert_array_equal(by_offset.transpose(0, 3, 1, 2), x.numpy())
    by_words = (pixels.numpy() / 255 - said_so["mean"]) / said_so["std"]
    np.testing.assert_allclose(by_words.transpose(0, 3, 1, 2), x.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("chosen", ["safetensors", "onnx"])
def test_one_format(capsys, copied, chosen):
    """An earlier export of both is replaced as a whole."""
    (copied / "export").mkdir()
    for name in FILES:
        (copied / "export" / name).write_text("old")
    assert call(capsys, export, copied, f"format={chosen}", "images=5").code == 0
    assert {path.name for path in (copied / "export").iterdir()} == {"config.json", f"model.{chosen}"}
    assert list(description(copied / "export")["files"]) == [f"model.{chosen}"]


@pytest.mark.parametrize("norm", ["ln", "ln_channels", "ln_chw", "gn", "in", "none"])
def test_norms_without_running_statistics_are_kept(capsys, tmp_path, norm):
    suited = ("norm.num_groups=4",) if norm == "gn" else ()
    made = made_once(tmp_path, f"norm={norm}", "dataset.scaling=unit", *suited)
    said = call(capsys, export, made.folder)
    assert said.code == 0, said.err
    kept = 0 if norm == "none" else 3
    assert f"0 norms folded into weights, 0 into affine maps of their own, {kept} kept" in said.out
    pixels, _, logits = pixels_and_logits(made.folder)
    with torch.no_grad():
        torch.testing.assert_close(load(made.folder / "export")(pixels), logits, rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        run_onnx(made.folder / "export" / "model.onnx", pixels), logits.numpy(), rtol=0, atol=1e-4
    )


def test_a_residual_network(capsys, tmp_path):
    made = made_once(tmp_path, "model=resnet20", "model.depth=8", "model.shortcut=B", "dataset.scaling=raw")
    assert call(capsys, export, f"{made.folder.name[:-3]}*", f"paths.outputs={tmp_path / 'outputs'}").code == 0
    pixels, _, logits = pixels_and_logits(made.folder)
    scale = logits.abs().max().item()
    with torch.no_grad():
        torch.testing.assert_close(load(made.folder / "export")(pixels), logits, rtol=0, atol=1e-5 * max(scale, 10))
