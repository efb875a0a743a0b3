"""scripts/pack.py from the command line to a run on what it made."""

import importlib.util
from pathlib import Path

import pytest
from image_folders import cut_off, make_folder

from experiments.command_line import plan
from experiments.job import perform

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def pack(capsys):
    """pack(*words): exit code, standard output, standard error."""
    spec = importlib.util.spec_from_file_location("pack_script", ROOT / "scripts" / "pack.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def call(*words):
        code = script.script.run(script.__doc__, [str(word) for word in words], script.command)
        return code, *capsys.readouterr()

    return call


def test_from_the_folder_to_a_run(pack, tmp_path, capsys):
    folder = make_folder(tmp_path / "animals")
    cut_off(folder / "train" / "cat" / "04.JPEG")
    words = (folder, "size=16", "workers=0", f"paths.data={tmp_path / 'data'}")
    code, out, _ = pack(*words)
    assert code == 0
    assert "24 + 10 images of 16 pixels in 2 classes, 1 broken ones left out" in out
    assert pack(*words)[0] == 0  # it is there
    paths = (f"paths.data={tmp_path / 'data'}", f"paths.outputs={tmp_path / 'outputs'}")
    network = ("model=resnet8", "model.width=0.25", "batch_size=6", "epochs=1", "device=cpu")
    result = perform(plan(["dataset=packed", "dataset.name=animals16", *network, *paths]).jobs[0].config)
    assert result["dataset"]["sizes"] == {"train": 24, "test": 10}
    assert result["dataset"]["classes"] == ["cat", "dog"]


def test_a_folder_whose_name_ends_with_a_number(pack, tmp_path):
    folder = make_folder(tmp_path / "animals-2", train=3, val=1)
    pack(folder, "size=8", "workers=0", f"paths.data={tmp_path / 'data'}")
    assert (tmp_path / "data" / "packs" / "animals-2-8").is_dir()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "0 folders are named"),
        (("nowhere",), "nowhere is no folder"),
        ((".", "name=a/b"), "name=a/b"),
        ((".", "workers=-1"), "workers=-1"),
    ],
)
def test_mistakes_are_one_line(pack, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, _, error = pack(*words, "size=8")
    assert code == 2
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_size_is_needed(pack, tmp_path):
    code, _, error = pack(tmp_path)
    assert code == 2
    assert "size" in error
