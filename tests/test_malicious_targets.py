"""Names of code in a configuration, wherever it comes from: refused in one line, and nothing is run.

Each example is shown to work where nothing stops it, so that none passes for being harmless.
"""

import json
import pydoc

import pytest
import yaml
from conftest import words_of
from harmful import harms, refused

from experiments import hydra_words, identity
from experiments.build import check_leaves
from experiments.errors import UserError
from experiments.export.loading import load
from experiments.finished import open_run, restore
from experiments.settings import Settings


def targets(marker):
    """Groups, names, and the settings with which what they name would be called."""
    place = {"path": str(marker)}
    return [
        ("norm", "os.mkdir", place),
        ("norm", "data.sources.os.mkdir", place),
        ("model", "models.pretrained.torch.os.mkdir", place),
        ("dataset", "data.sources.os.mkdir", place),
        ("dataset", "data.sources.subprocess.check_call", {"args": ["mkdir", str(marker)]}),
        ("dataset", "experiments.private_folder.os.mkdir", place),
        ("norm", "experiments.atomic.write_text", {"path": marker, "text": ""}),
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_target_that_is_none_of_ours(compose, marker, number):
    group, path, settings = targets(marker)[number]
    config = compose()
    config[group] = {**config[group], "_target_": path, **settings}
    refused(UserError, lambda: check_leaves(config), f"{group}._target_={path}", "refused")
    harms(marker, lambda: pydoc.locate(path)(**settings))


@pytest.mark.parametrize(
    ("group", "path"),
    [
        ("norm", "models.norms.batch_norm.BatchNorm"),  # a layer, and no factory of layers
        ("norm", "models.norms.batch_norm.dataclass"),
        ("norm", "models.norms.ws_gn.GN"),  # a norm, and another file's
        ("norm", "models.mlp.mlp"),
        ("model", "models.build.build_model"),
        ("model", "models.norms.batch_norm.BN"),
        ("dataset", "data.cache.load_cached"),
        ("dataset", "data.download.download"),
        ("dataset", "data.cifar._load"),
        ("dataset", "data.cifar.__loader__"),
        ("dataset", "data..cifar.cifar10"),
        ("dataset", "cifar10"),
        ("dataset", ""),
    ],
)
def test_a_target_of_another_kind(compose, group, path):
    config = compose()
    config[group] = {**config[group], "_target_": path}
    refused(UserError, lambda: check_leaves(config), f"{group}._target_={path}", "refused")


def test_a_module_of_elsewhere_is_not_even_imported(compose, marker, tmp_path, monkeypatch):
    (tmp_path / "elsewhere.py").write_text(f"import os\nos.mkdir({str(marker)!r})\ndef found(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    config = compose()
    config["norm"]["_target_"] = "elsewhere.found"
    refused(UserError, lambda: check_leaves(config), "elsewhere.found", "refused")
    harms(marker, lambda: pydoc.locate("elsewhere.found"))


def test_a_target_in_a_runs_folder_and_in_an_export(strange_run, marker, tmp_path):
    config = yaml.safe_load((strange_run / "config.yaml").read_text())
    config["norm"] = {"name": "bn", "_target_": "data.sources.os.mkdir", "path": str(marker)}
    (strange_run / "config.yaml").write_text(yaml.safe_dump(config))
    refused(UserError, lambda: restore(open_run(strange_run)), "norm._target_=data.sources.os.mkdir", "refused")
    network = {
        "norm": config["norm"], "model": config["model"], "image_shape": [3, 8, 8], "num_classes": 3, "folded": False
    }  # fmt: skip
    preprocessing = {"included": False, "offset": [0.0], "factor": [1.0]}
    described = {"format": "normlab export", "version": 1, "network": network, "preprocessing": preprocessing}
    (tmp_path / "config.json").write_text(json.dumps(described))
    refused(UserError, lambda: load(tmp_path), "norm._target_=data.sources.os.mkdir", "refused")
    harms(marker, lambda: pydoc.locate("data.sources.os.mkdir")(str(marker)))
    network |= {"norm": {"name": "none", "_target_": "models.norms.none.NoNorm"}, "num_classes": 10**13}
    (tmp_path / "config.json").write_text(json.dumps(described))
    refused(UserError, lambda: load(tmp_path), "config.json", "num_classes", "export the run again")


@pytest.mark.parametrize(("group", "key"), [("model", "norms"), ("dataset", "train_size"), ("norm", "name")])
def test_a_part_that_is_missing(compose, group, key):
    config = compose()
    del config[group][key]
    refused(UserError, lambda: check_leaves(config), f"{group}.{key} is missing")


def test_a_runs_folder_that_configures_hydra(strange_run):
    config = yaml.safe_load((strange_run / "config.yaml").read_text())
    refused(UserError, lambda: Settings.check({**config, "hydra": {"callbacks": {}}}), "hydra is not a setting")


HYDRA = {
    "+hydra.callbacks.x._target_=os.mkdir +hydra.callbacks.x.path={marker}": "no code is named here",
    "+hydra.callbacks.x={{_target_:os.mkdir,path:{marker}}}": "no code is named here",
    "hydra.launcher._target_=os.mkdir": "no code is named here",
    "-m hydra.launcher._target_=os.mkdir,os.rmdir": "no code is named here",
    "-m hydra.sweeper._target_=os.mkdir": "no code is named here",
    "hydra.launcher={{a:1}}": "is refused",
    "hydra.launcher.n_jobs=${{norm}}": "no code is named here",
    "norm@hydra.callbacks=bn": "is refused",
    "hydra/job_logging=default": "is refused",
    "+hydra/callbacks=x": "is refused",
    "hydra.job_logging.version=1": "is refused",
    "+hydra.job.env_set.LD_PRELOAD=x": "is refused",
    "hydra.searchpath=[file:///tmp]": "is refused",
    "~hydra.launcher": "is refused",
}


@pytest.mark.parametrize("words", HYDRA)
def test_hydra_is_not_told_what_to_build(train_py, outputs, marker, words):
    options, rest = [word for word in words.split() if word == "-m"], [word for word in words.split() if word != "-m"]
    said = train_py(*options, *words_of(outputs, *(word.format(marker=marker) for word in rest)))
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert HYDRA[words] in said.err
    assert not outputs.exists()
    assert not marker.exists()


def test_hydra_would_build_it(train_py, outputs, marker, monkeypatch):
    words = next(iter(HYDRA)).format(marker=marker).split()
    monkeypatch.setattr(hydra_words, "check", lambda override, line: None)
    harms(marker, lambda: train_py(*words_of(outputs, *words, "epochs=null", "steps=1")))


def test_a_study_says_nothing_of_hydra(small_study, train_py, outputs, marker):
    small_study(settings=["hydra.launcher.n_jobs=2"])
    said = train_py("study=small", "scale=smoke", f"paths.outputs={outputs}", "device=cpu")
    assert said.code == 2
    assert "hydra.launcher.n_jobs=2 is refused here" in said.err


@pytest.mark.parametrize(
    "name", ["../../elsewhere", "/etc", ".hidden", "a/b", "a\\b", "a\nb", "", "x" * 200, "\x1b[31m"]
)
def test_a_name_that_leads_elsewhere(compose, name):
    config = compose()
    config["dataset"]["name"] = name
    refused(UserError, lambda: identity.folder(config), "dataset.name=", "folder's name")
