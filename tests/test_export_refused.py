"""What an export refuses: one line, exit code 2, and an earlier export left as it was."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import torch
from call_script import assert_refused, call
from edited_results import edit_result, resealed

from experiments.errors import UserError
from experiments.export import command, load, onnx_file
from scripts import export


@pytest.fixture
def copied(finished, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished.folder, tmp_path / "outputs" / "runs" / finished.folder.name))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("format=onnxx",), ("format=onnxx", "Did you mean onnx?", "safetensors")),
        (("fold=maybe",), ("fold=maybe",)),
        (("images=0",), ("images=0", "greater than 0")),
        (("device=gpu",), ("device=gpu", "cuda:N")),
        (("device=cuda:99",), ("device=cuda:99",)),
        (("imges=3",), ("imges", "Did you mean images?")),
        (("path.data=x",), ("path.data", "Did you mean paths.data?")),
        (("paths.data=",), ("paths.data=",)),
        (("--fold",), ("--fold", "key=value")),
        (("another",), ("2 runs", "name one")),
    ],
)
def test_settings(capsys, copied, words, parts):
    assert_refused(call(capsys, export, copied, *words), *parts)
    assert not (copied / "export").exists()


def test_runs_that_do_not_exist(capsys, copied, tmp_path):
    outputs = f"paths.outputs={tmp_path / 'outputs'}"
    assert_refused(call(capsys, export, "nothing-*", outputs), "nothing-*", "no run matches")
    shutil.copytree(copied, copied.with_name("synthetic-copy"))
    assert_refused(call(capsys, export, "synthetic-*", outputs), "synthetic-*", "2 runs")


def test_runs_that_cannot_be_exported(capsys, copied):
    whole = (copied / "result.json").read_bytes()
    edit_result(copied, status="diverged", diverged_at=3)
    assert_refused(call(capsys, export, copied), "diverged at step 3")
    (copied / "result.json").unlink()
    assert_refused(call(capsys, export, copied), "not finished")
    (copied / "result.json").write_bytes(whole)
    (copied / "checkpoint.pt").unlink()
    assert_refused(call(capsys, export, copied), "checkpoint.pt")
    assert not (copied / "export").exists()


def test_the_extra_is_missing(capsys, copied, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "onnx" else real(name, *rest))
    assert_refused(call(capsys, export, copied), "onnx", "pip install -e '.[export]'", "format=safetensors")
    assert not (copied / "export").exists()
    assert call(capsys, export, copied, "format=safetensors").code == 0


def test_places_that_are_not_ours(capsys, copied, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("dear to me")
    assert_refused(call(capsys, export, copied, f"out={tmp_path / 'full'}"), "thesis.tex")
    (tmp_path / "file").write_text("a file")
    assert_refused(call(capsys, export, copied, f"out={tmp_path / 'file'}"), "file", "folder")
    assert_refused(call(capsys, export, copied, f"out={tmp_path / 'file' / 'inside'}"), "cannot be made")
    assert (tmp_path / "full" / "thesis.tex").read_text() == "dear to me"


def test_a_failed_check_leaves_what_was_there(capsys, copied, tmp_path, monkeypatch):
    assert call(capsys, export, copied, "format=safetensors").code == 0
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    real = onnx_file.write

    def slightly_wrong(path, model, example, **rest):
        with torch.no_grad():
            model.network.classifier.bias += 0.01
        return real(path, model, example, **rest)

    monkeypatch.setattr(command.onnx_file, "write", slightly_wrong)
    said = call(capsys, export, copied)
    assert_refused(said, "model.onnx against original", "0.01", "fold=false")
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before
    assert_refused(call(capsys, export, copied, f"out={tmp_path / 'new' / 'deep'}"), "model.onnx")
    assert not (tmp_path / "new").exists()
    assert not [path for path in copied.iterdir() if path.name.endswith((".tmp", ".old"))]


def test_loading_says_what_is_wrong(capsys, copied):
    folder = copied / "export"
    with pytest.raises(UserError, match="holds no export"):
        load(folder)
    assert call(capsys, export, copied, "format=safetensors").code == 0
    description = (folder / "config.json").read_text()
    weights = (folder / "model.safetensors").read_bytes()
    resealed(folder / "config.json", version=2)
    with pytest.raises(UserError, match="reads normlab export 1"):
        load(folder)
    (folder / "config.json").write_text(description[:100])
    with pytest.raises(UserError, match="cannot be read"):
        load(folder)
    (folder / "config.json").write_text(description.replace('"width": 0.25', '"width": 0.5'))
    with pytest.raises(UserError, match=r"config.json cannot be read \(its content is not what was written\)"):
        load(folder)
    network = json.loads(description)["network"]
    resealed(folder / "config.json", network=network | {"model": network["model"] | {"width": 0.5}})
    with pytest.raises(UserError, match="does not fit"):
        load(folder)
    (folder / "config.json").write_text(description)
    (folder / "model.safetensors").write_bytes(weights[:-9])
    with pytest.raises(UserError, match="damaged"):
        load(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="missing"):
        load(folder)
