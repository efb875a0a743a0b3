"""An example of everything that could make a file run something: refused in one line, and nothing is run.

Each example is shown to work where nothing stops it, so that none passes for being harmless.
"""

import hashlib
import json
import os

import numpy as np
import pytest
import torch
import yaml
from harmful import (
    harmful_weights,
    harmful_yaml,
    harms,
    laughs,
    objects_npz,
    promising_npz,
    refused,
)

from data.plain_arrays import read_npz
from data.plain_files import Unreadable
from experiments import checkpoint, identity, script
from experiments.compare.modes import read_modes
from experiments.errors import UserError
from experiments.export.loading import read_description
from experiments.finished import open_run, read_predictions, restore
from experiments.plain_files import read_json, read_yaml
from experiments.site import state
from experiments.studies import ledger, study
from models import pretrained

DEEP = 100_000


# --- pickles


def test_a_checkpoint_that_is_more_than_tensors(strange_run, marker):
    (strange_run / "checkpoint.previous.pt").unlink(missing_ok=True)
    harmful_weights(strange_run / "checkpoint.pt", marker)
    refused(UserError, lambda: checkpoint.load(strange_run), str(strange_run), "can be used", "remove")
    refused(UserError, lambda: restore(open_run(strange_run)), str(strange_run), "can be used")
    harms(marker, lambda: torch.load(strange_run / "checkpoint.pt", weights_only=False))


def test_published_weights_that_are_more_than_tensors(tmp_path, marker, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    harmful_weights(tmp_path / "weights", marker)
    digest = hashlib.sha256((tmp_path / "weights").read_bytes()).hexdigest()
    path = tmp_path / "hub" / "checkpoints" / f"resnet18-{digest[:8]}.pth"
    path.parent.mkdir(parents=True)
    (tmp_path / "weights").rename(path)
    attempt = lambda: pretrained.load_pretrained(torch.nn.Linear(1, 1), f"http://127.0.0.1:9/{path.name}")  # noqa: E731
    refused(ValueError, attempt, "model.weights", str(path), "remove it")
    harms(marker, lambda: torch.load(path, weights_only=False))


def test_predictions_that_are_objects(strange_run, marker):
    objects_npz(strange_run / "predictions.npz", marker)
    refused(UserError, lambda: open_run(strange_run), "predictions.npz")
    refused(UserError, lambda: read_predictions(strange_run, None), "objects", "which makes both anew")
    harms(marker, lambda: np.load(strange_run / "predictions.npz", allow_pickle=True)["logits"])


@pytest.mark.parametrize("shape", [(10**12,), (2**62, 2**62), (-1,)])
def test_arrays_that_promise_more_than_the_file_has(tmp_path, shape):
    promising_npz(tmp_path / "a.npz", shape)
    refused(Unreadable, lambda: read_npz(tmp_path / "a.npz"), "promises")


def test_sound_arrays_are_read_as_numpy_does(tmp_path):
    arrays = {
        "c": np.arange(6, dtype=np.float32).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "one": np.array(5),
        "none": np.zeros((0, 3)),
        "bytes": np.array([b"ab", b"c"]),
        "texts": np.array(["ä", "b"]),
    }
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    found = read_npz(tmp_path / "a.npz")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


# --- YAML and JSON


def yaml_readers(tmp_path, strange_run):
    """What reads YAML, with the file that it reads."""
    config = yaml.safe_load((strange_run / "config.yaml").read_text())
    return {
        "the reader": (tmp_path / "any.yaml", lambda: read_yaml(tmp_path / "any.yaml", "remove it")),
        "a run's settings": (strange_run / "config.yaml", lambda: identity.refuse_other(strange_run, config)),
        "the claims": (tmp_path / "ledger.yaml", lambda: ledger.read(tmp_path / "ledger.yaml")),
        "a study": (tmp_path / "conf" / "study" / "small.yaml", lambda: study.load("small")),
    }


BAD_YAML = {
    "a tag": (lambda marker: harmful_yaml(marker), "tag"),
    "laughs": (lambda marker: laughs(), "alias"),
    "itself": (lambda marker: "a: &a [*a]\n", "alias"),
    "depth": (lambda marker: "[" * DEEP, "levels"),
    "depth of blocks": (lambda marker: "- " * DEEP, "levels"),
    "a wrong date": (lambda marker: "a: 2020-99-99\n", "YAML"),
    "no text": (lambda marker: "a: \0\n", "YAML"),
}


@pytest.mark.parametrize("reader", ["the reader", "a run's settings", "the claims", "a study"])
@pytest.mark.parametrize("bad", BAD_YAML)
def test_yaml_that_is_more_than_data(tmp_path, strange_run, small_study, marker, bad, reader):
    content, says = BAD_YAML[bad]
    path, attempt = yaml_readers(tmp_path, strange_run)[reader]
    path.write_text(content(marker))
    refused(UserError, attempt, str(path), "cannot be read" if reader != "a run's settings" else "is damaged", says)
    assert not marker.exists()


def test_the_tag_works(marker):
    harms(marker, lambda: yaml.unsafe_load(harmful_yaml(marker)))


def test_the_laughs_work():
    """Six lines of them: the next ones would be too many."""
    found = yaml.safe_load("\n".join(laughs().splitlines()[:5]))
    assert json.dumps(found["l4"]).count("ha") == 2 * 10**4


@pytest.mark.parametrize("text", ["2020-99-99", "[" * 2000, "!!python/name:os.system"])
def test_a_scripts_setting_is_data(text):
    refused(UserError, lambda: script.settings({"outputs": text}, script.ScriptPaths), "cannot be read")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[" * DEEP, "levels"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "levels"),
        (b"1" * 5000, "JSON"),
        (b"{", "JSON"),
        (b"\xff\xfe", "UTF-8"),
    ],
    ids=["deep", "rather deep", "a long number", "cut off", "no text"],
)
def test_json_that_is_none(tmp_path, content, says):
    path = tmp_path / "modes.json"
    path.write_bytes(content)
    refused(UserError, lambda: read_json(path, "remove it"), str(path), "cannot be read", says, "remove it")
    (tmp_path / "config.json").write_bytes(content)
    refused(UserError, lambda: read_description(tmp_path), "config.json", says)


def test_deep_files_beside_a_run_are_left_out(tmp_path):
    """Those that a page can do without, and those that are made anew."""
    (tmp_path / "modes.json").write_text("[" * DEEP)
    assert read_modes(tmp_path) == {}
    (tmp_path / state.NAME).write_text("[" * DEEP)
    assert state.read(tmp_path) == state.State()
    (tmp_path / state.NAME).write_text('{"schema": 1, "inputs": [], "runs": {}, "pages": 3}')
    assert state.read(tmp_path) == state.State()


def test_files_that_never_end(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    refused(UserError, lambda: read_json(tmp_path / "pipe", "remove it"), "regular file")
    refused(UserError, lambda: read_json(tmp_path, "remove it"), "regular file")
    monkeypatch.setitem(__import__("data.plain_files").plain_files.SIZE, "JSON", 2**10)
    (tmp_path / "long").write_text(" " * 2**10 + "1")
    refused(UserError, lambda: read_json(tmp_path / "long", "remove it"), "longer than")
