"""Several processes that train one network are one process with the same batches."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import ROOT, words_of

from experiments import checkpoint, identity
from experiments.command_line import plan
from experiments.errors import UserError
from experiments.job import perform
from experiments.ranks import Ranks

# a small rate: rounding grows with each step, and the two add up in another order
CALM = (
    "recipe=documents",
    "recipe.lr=0.01",
    "batch_size=8",
    "epochs=null",
    "steps=50",
    "dataset.num_train=64",
    "log_every=7",
)
LONG = (*CALM, "steps=160", "checkpoint_every=20", "log_every=50", "model.dropout=0.3")
NORMS = {"bn": ("norm=bn", "norm.sync=true"), "gn": ("norm=gn", "norm.num_groups=2"), "none": ("norm=none",)}


def torchrun(*words, processes=2):
    """A program of this project in processes that train together, started."""
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )


def train(outputs, *overrides):
    return torchrun(str(ROOT / "train.py"), *words_of(outputs, *overrides))


def config_of(outputs, *overrides):
    return plan(words_of(outputs, *overrides)).jobs[0].config


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["model"]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Runs made by two processes straight through: a folder by each of NORMS, and LONG's."""
    outputs = tmp_path_factory.mktemp("together")
    runs = {name: (*CALM, *norm) for name, norm in NORMS.items()} | {"long": LONG}
    process = torchrun(
        str(ROOT / "tests" / "several_runs.py"), json.dumps([words_of(outputs, *run) for run in runs.values()])
    )
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    assert out.count("finished: test accuracy") == len(runs)  # one of the processes talks
    return {name: identity.folder(config_of(outputs, *run)) for name, run in runs.items()}


@pytest.mark.parametrize("norm", NORMS)
def test_two_processes_are_one(together, tmp_path, norm):
    config = config_of(tmp_path, *CALM, *NORMS[norm])
    result = perform(config)
    alone = weights(identity.folder(config))
    for name, value in weights(together[norm]).items():
        assert (value.double() - alone[name].double()).abs().max() <= 1e-5, name
    lines = [(path / "metrics.csv").read_text().splitlines()[1:] for path in (together[norm], identity.folder(config))]
    for line, other in zip(*lines, strict=True):
        (*what, number), (*same, expected) = line.split(","), other.split(",")
        assert what == same
        assert float(number) == pytest.approx(float(expected), abs=1e-4), what
    assert result["environment"].get("processes") is None


def saved(process, folder, step=1):
    """Wait for a checkpoint of the run at that step, or of a later one."""
    deadline = time.monotonic() + 120
    while (found := checkpoint.load(folder)) is None or found["step"] < step:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found["step"]


def ranks_of(process):
    """The process ids of the ranks, in their order."""
    listed = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
    return sorted(map(int, listed.stdout.split()))


def test_what_was_stopped_and_killed_goes_on_with_the_same_bits(together, tmp_path):
    """With bn that normalizes each process's part by itself, and dropout, which draws in each process by itself."""
    config = config_of(tmp_path, *LONG)
    folder = identity.folder(config)
    process = train(tmp_path, *LONG)
    step = saved(process, folder)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert out.count("stopped and saved at step") == 1
    with pytest.raises(UserError, match="was begun by 2 processes and would go on with 1"):
        perform(config)
    process = train(tmp_path, *LONG)
    saved(process, folder, step + 20)
    os.kill(ranks_of(process)[1], signal.SIGKILL)
    out, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "resuming at step" in out
    assert not (folder / "result.json").exists()
    process = train(tmp_path, *LONG)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "resuming at step" in out
    expected = weights(together["long"])
    assert all(torch.equal(value, expected[name]) for name, value in weights(folder).items())
    assert (folder / "metrics.csv").read_bytes() == (together["long"] / "metrics.csv").read_bytes()
    result = json.loads((folder / "result.json").read_text())
    assert result["environment"]["processes"] == 2


def test_what_is_refused_is_said_once_and_nothing_is_written(tmp_path):
    process = train(tmp_path, *CALM, "batch_size=7")
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert err.count("batch_size=7 cannot be dealt out to 2 processes evenly: use 6") == 1
    assert not (tmp_path / "runs").exists()


def as_one_of_two(monkeypatch, rank=0, port=29500):
    names = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    for name, value in names.items():
        monkeypatch.setenv(name, str(value))


def test_sweeps_are_for_launchers(tmp_path, train_py, monkeypatch):
    as_one_of_two(monkeypatch)
    said = train_py("-m", *words_of(tmp_path, *CALM), "seed=0,1")
    assert said.code == 2
    assert "the 2 processes of torchrun train one run together" in said.err
    assert not (tmp_path / "runs").exists()


def test_a_port_of_0_would_be_waited_for_for_ever(monkeypatch):
    as_one_of_two(monkeypatch, rank=1, port=0)
    with pytest.raises(UserError, match="torchrun --standalone"):
        Ranks.of_environment()
