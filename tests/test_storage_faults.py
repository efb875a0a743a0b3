"""Bad disks: what is damaged is named or made anew, what is full says so in a line, and nothing good is lost.

Small forms of the crash test's part `storage`, and what it cannot see: who is told what.
"""

import json
import os
import random
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import compose_tiny, words_of
from edited_results import of_schema_1, resealed
from image_folders import make_folder
from killed_runs import killed_after_saving
from test_data_packs import made as make_pack_of
from test_data_packs import source_of
from test_resume import LONG

from data import verification
from data.packs import NoPack
from experiments import checkpoint, finished, identity, result, storage
from experiments.crashtest.artefacts import ARTEFACTS
from experiments.crashtest.damage import damages, flipped
from experiments.crashtest.full_disk import full_disks
from experiments.crashtest.storage import REFUSED, SAME, damaged
from experiments.errors import UserError
from experiments.job import perform
from experiments.report.metrics import read_curves


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda one: one.name)
def test_no_damaged_file_becomes_a_number(tmp_path, artefact):
    found = damaged(artefact, tmp_path, 1, random.Random(1))
    wrong = [(damage, told) for damage, outcome, told in found if outcome not in (REFUSED, SAME)]
    assert len(found) >= 6
    assert not wrong


def test_damages_are_of_every_kind(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abcd")
    found = dict(damages(path, 1, random.Random(0)))
    assert found["gone"] is None
    assert (found["empty"], found["half of it"], found["without its last byte"]) == (b"", b"ab", b"abc")
    one = found["one bit"]
    assert sum(bin(a ^ b).count("1") for a, b in zip(one, b"abcd", strict=True)) == 1
    assert flipped(b"\x00", 3) == b"\x08"


def test_full_and_read_only_disks(tmp_path):
    """Real ones, where they may be mounted; the tests below need no such right."""
    found = full_disks(tmp_path, rooms=(0, 24), writers=1)
    assert not found["faults"]
    assert found["refused"] or "not tested" in found["table"][0]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to let a file grow beyond `size` bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# what the limit hits first: the log or the settings; the records or the event file; the checkpoint
@pytest.mark.parametrize("size", [100, 3_000, 20_000])
def test_a_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(train_py, outputs, tmp_path, monkeypatch, size):
    config = compose_tiny(outputs, *LONG)
    killed_after_saving(monkeypatch, config, 4)
    folder = identity.folder(config)
    kept = (folder / checkpoint.CURRENT).read_bytes()
    with files_of_at_most(size):
        said = train_py(*words_of(outputs, *LONG))
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert said.err.startswith("error: ")
    assert "(File too large): make room on its disk; what was saved before is whole" in said.err
    assert "Traceback" not in said.out + said.err  # nor of TensorBoard's thread
    assert (folder / checkpoint.CURRENT).read_bytes() == kept
    again = train_py(*words_of(outputs, *LONG))
    assert again.code == 0
    undisturbed = compose_tiny(tmp_path / "other", *LONG)
    perform(undisturbed)
    for name in ("metrics.csv", "predictions.npz"):
        assert (folder / name).read_bytes() == (identity.folder(undisturbed) / name).read_bytes()
    assert not list(folder.glob(".*.tmp"))


def test_a_run_of_a_sweep_that_a_full_disk_ends_is_a_failed_one(train_py, outputs):
    with files_of_at_most(3_000):
        said = train_py("-m", *words_of(outputs, "seed=0,1"))
    assert said.code == 1
    assert said.out.count("failed") >= 2
    assert "Traceback" not in said.out + said.err


def test_other_errors_are_no_faults_of_the_storage():
    with pytest.raises(FileNotFoundError), storage.faults_told():
        Path("/nowhere/at/all").read_text()
    said = r"^/x cannot be written or read \(Read-only file system\)"
    with pytest.raises(storage.StorageFault, match=said), storage.faults_told():
        raise OSError(30, os.strerror(30), "/x")


def test_a_place_that_may_not_be_written_is_refused_in_one_line(train_py):
    """/sys takes no folders, whoever asks."""
    said = train_py(*words_of(Path("/sys/normlab")))
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "/sys" in said.err


def test_a_finished_run_is_not_read_from_an_older_checkpoint(finished, tmp_path):
    """The process was killed before it dropped it, and the newest one is damaged."""
    folder = Path(shutil.copytree(finished.folder, tmp_path / "run"))
    older = checkpoint.load(folder) | {"step": 8}
    torch.save(older, folder / checkpoint.PREVIOUS)
    (folder / checkpoint.CURRENT).write_bytes(b"")
    with pytest.raises(UserError, match="checkpoint of step 8 alone, and its result is of step 16"):
        finished_network(folder)


def finished_network(folder: Path) -> finished.Restored:
    return finished.restore(finished.open_run(folder), "cpu")


def test_records_that_a_checkpoint_does_not_know_are_not_gone_on_with(monkeypatch, outputs, tmp_path):
    """The newest checkpoint is of the step 9, the one before of 8: metrics.csv has lost a digit between the two."""
    config = compose_tiny(outputs, *LONG)
    killed_after_saving(monkeypatch, config, 4)
    folder = identity.folder(config)
    newest, older = (torch.load(folder / name, weights_only=True) for name in (checkpoint.CURRENT, checkpoint.PREVIOUS))
    assert newest["extra"]["position"] >= older["extra"]["position"]
    raw = bytearray((folder / "metrics.csv").read_bytes())
    raw[older["extra"]["position"] - 3] ^= 1
    (folder / "metrics.csv").write_bytes(raw)
    with pytest.raises(UserError, match=r"no checkpoint in .* can be used; remove the folder"):
        perform(config)


def test_results_of_the_first_schema_are_read(finished, tmp_path):
    folder = Path(shutil.copytree(finished.folder, tmp_path / "run"))
    of_schema_1(folder)
    assert result.read(folder)["final"] == finished.result["final"]
    assert read_curves(folder).keys() == read_curves(finished.folder).keys()


def test_a_result_without_its_digests_is_damaged(finished, tmp_path):
    folder = Path(shutil.copytree(finished.folder, tmp_path / "run"))
    content = json.loads((folder / "result.json").read_text())
    del content["files"]
    (folder / "result.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="its content is not what was written"):
        result.read(folder)
    resealed(folder / "result.json")
    with pytest.raises(UserError, match="it lacks digests"):
        result.read(folder)


def test_a_damaged_pack_leaves_nothing_of_a_run(train_py, tmp_path, outputs):
    """Its bytes are compared while training goes on, before anything is saved."""
    data = outputs / "data"
    make_pack_of(make_folder(data / "animals"), data / "packs" / "animals8")
    words = words_of(outputs, "dataset=packed", "dataset.name=animals8", "dataset.pack=animals8", "batch_size=4")
    words = [word for word in words if not word.startswith(("dataset.num", "dataset.kind", "dataset.image"))]
    path = data / "packs" / "animals8" / "train_images.npy"
    raw = bytearray(path.read_bytes())
    raw[-7] ^= 1
    path.write_bytes(raw)
    said = train_py(*words)
    assert said.code == 2
    assert "train_images.npy is damaged (it is not what was written); make it anew" in said.err
    left = {path.name for path in (outputs / "runs").glob("*/*")}
    assert not left & {"checkpoint.pt", "checkpoint.previous.pt", "result.json", "predictions.npz"}


def test_a_pack_takes_its_room_at_once(tmp_path):
    """A map of a file may be written beyond the end of the disk: the process would die of it."""
    folder = make_folder(tmp_path / "animals")
    with files_of_at_most(2_000), pytest.raises(NoPack, match="File too large"):
        make_pack_of(folder, tmp_path / "packs" / "animals8")
    assert make_pack_of(folder, tmp_path / "packs" / "animals8")["about"] == source_of(folder).about


def test_a_verification_says_what_it_found(tmp_path):
    array = np.arange(5)
    right = verification.content_digest(array)
    verification.Verification(tmp_path, {"a": array}, {"a": right}, "x").require()
    with pytest.raises(verification.DamagedData, match=r"a\.npy is damaged .*; make it anew"):
        verification.Verification(tmp_path, {"a": array}, {"a": right[::-1]}, "make it anew").require()


def test_a_verification_that_cannot_be_made_is_none(tmp_path):
    """Not even where it ends in a way that nobody foresaw: what has not been compared does not count as whole."""
    array = np.array([object()])  # has no bytes to hash
    with pytest.raises(verification.DamagedData, match=r"a\.npy is damaged"):
        verification.Verification(tmp_path, {"a": array}, {"a": "0"}, "x").require()
