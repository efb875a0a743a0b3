"""scripts/download.py, and the dataset entries of conf that it reads."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml
from data_fixtures import write_folder

from experiments.command_line import plan
from experiments.crashtest.made_up_cifar10 import cifar10_arrays, cifar10_files, digests_of
from scripts import download

ROOT = Path(__file__).parent.parent
COMMON = {"name", "_target_", "train_size", "test_size", "validation", "scaling", "mean", "std", "augmentation"}


@pytest.fixture
def own_conf(tmp_path, monkeypatch):
    """A conf folder whose cifar10 has the digests of a tiny one, and a data folder that holds it."""
    arrays = cifar10_arrays()
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    (tmp_path / "conf" / "config.yaml").write_text(yaml.safe_dump({"paths": {"data": str(tmp_path / "data")}}))
    settings = yaml.safe_load((ROOT / "conf/dataset/cifar10.yaml").read_text())
    settings |= {"sources": [], "digests": digests_of(arrays)}
    (tmp_path / "conf/dataset/cifar10.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "conf/dataset/synthetic.yaml").write_text((ROOT / "conf/dataset/synthetic.yaml").read_text())
    write_folder(tmp_path / "data" / "cifar-10-batches-py", cifar10_files(arrays))
    monkeypatch.setattr(download, "CONF", tmp_path / "conf")
    return tmp_path


def test_one_line_a_dataset(own_conf, capsys):
    assert download.main(["dataset=cifar10,synthetic"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("cifar10: 30 + 6 images, digests right, from ")
    assert "cifar-10-batches-py" in lines[0]
    assert lines[1].startswith("synthetic: 10,000 + 2,000 images, digests right, made from a seed")


def test_a_cache_that_has_changed_is_decoded_anew(own_conf, caplog):
    assert download.main(["dataset=cifar10"]) == 0
    path = own_conf / "data/cache/cifar10/test_images.npy"
    images = np.load(path)
    images[0, 0, 0, 0] ^= 1
    np.save(path, images)
    with caplog.at_level("WARNING"):
        assert download.main(["dataset=cifar10"]) == 0
    assert "is decoded anew: test_images.npy is not what was written" in caplog.text
    images[0, 0, 0, 0] ^= 1
    assert np.array_equal(np.load(path), images)


def test_what_cannot_be_had_is_one_line_and_the_rest_goes_on(own_conf, capsys):
    empty = own_conf / "empty"
    assert download.main(["dataset=cifar10,synthetic", f"paths.data={empty}"]) == 2
    captured = capsys.readouterr()
    assert captured.out.startswith("synthetic: ")
    assert len(captured.err.splitlines()) == 1
    assert "cifar-10-python.tar.gz" in captured.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["dataset=cifr10"], ["did you mean cifar10?"]),
        (["dataset=cifar10,qqq"], ["dataset=qqq is unknown"]),
        (["dataset=cifar1o,mnst"], ["did you mean cifar10?", "did you mean mnist?"]),
        (["data=cifar10"], ["data=cifar10 is not understood"]),
        (["dataset=mnist", "paths.data="], ["paths.data= is not understood"]),
        (["paths.data=somewhere"], ["no dataset is named"]),
    ],
)
def test_mistakes_are_one_line_each(arguments, expected, capsys):
    assert download.main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(expected)
    for line, part in zip(lines, expected, strict=True):
        assert part in line


def test_it_runs_as_a_script_from_a_checkout():
    done = subprocess.run(
        [sys.executable, "scripts/download.py", "dataset=mnst"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "mnist" in done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "conf/dataset").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_entry_has_the_common_settings_and_just_its_loaders_own(path):
    assert path.read_text().startswith("# ")
    settings = plan([f"dataset={path.stem}"]).jobs[0].config["dataset"]
    assert settings["name"] == path.stem
    assert set(settings) >= COMMON
    module, _, function = settings["_target_"].rpartition(".")
    parameters = inspect.signature(getattr(import_module(module), function)).parameters
    assert next(iter(parameters)) == "root"
    own = {name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    assert set(settings) - COMMON == own
    assert all(p.default is p.empty for p in parameters.values())  # each default lives in the YAML alone
