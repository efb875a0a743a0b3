"""Several processes that train one network are one process with the same batches."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import words_of

from experiments import checkpoint, identity
from experiments.command_line import plan
from experiments.errors import UserError
from experiments.job import perform
from experiments.ranks import Ranks

ROOT = Path(__file__).resolve().parent.parent
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


LONG = (*CALM, "steps=160", "checkpoint_every=20", "log_every=50")


def torchrun_of(processes):
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]


def torchrun(outputs, *overrides, processes=2, known=True):
    """The run that `torchrun` makes of a tiny run's words: exit code, output and its folder (all runs' if unknown)."""
    words = words_of(outputs, *CALM, *overrides)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*torchrun_of(processes), str(ROOT / "train.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=ROOT,
    )
    return done, identity.folder(plan(words).jobs[0].config) if known else outputs / "runs"


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["model"]


@pytest.mark.parametrize("norm", [("norm=bn", "norm.sync=true"), ("norm=gn", "norm.num_groups=2"), ("norm=none",)])
def test_two_processes_are_one(tmp_path, norm):
    done, folder = torchrun(tmp_path / "two", *norm)
    assert done.returncode == 0, done.stderr
    config = plan(words_of(tmp_path / "one", *CALM, *norm)).jobs[0].config
    result = perform(config)
    alone = weights(identity.folder(config))
    for name, value in weights(folder).items():
        assert (value.double() - alone[name].double()).abs().max() <= 1e-5, name
    assert done.stdout.count("finished: test accuracy") == 1  # one of them talks
    lines = [(path / "metrics.csv").read_text().splitlines()[1:] for path in (folder, identity.folder(config))]
    for line, other in zip(*lines, strict=True):
        (*what, number), (*same, expected) = line.split(","), other.split(",")
        assert what == same
        assert float(number) == pytest.approx(float(expected), abs=1e-4), what
    assert result["environment"].get("processes") is None


def launch(outputs, *overrides, processes=2):
    """Start the run of a tiny run's words that is long enough to be stopped; returns the process of torchrun."""
    words = words_of(outputs, *LONG, *overrides)
    return subprocess.Popen(
        [*torchrun_of(processes), str(ROOT / "train.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )


def saved(process, folder):
    """Wait for the run's first checkpoint."""
    deadline = time.monotonic() + 120
    while not (folder / checkpoint.CURRENT).exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ranks_of(process):
    """The process ids of the ranks, in their order."""
    listed = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
    return sorted(map(int, listed.stdout.split()))


@pytest.mark.parametrize("how", ["one rank is killed", "SIGTERM"])
def test_what_was_stopped_goes_on_with_the_same_bits(tmp_path, how):
    """With bn that normalizes each process's part by itself, and dropout, which draws in each process by itself."""
    settings = (*LONG, "model.dropout=0.3")
    straight, whole = torchrun(tmp_path / "straight", *settings)
    assert straight.returncode == 0, straight.stderr
    process = launch(tmp_path / "stopped", "model.dropout=0.3")
    folder = tmp_path / "stopped" / "runs" / whole.name
    saved(process, folder)
    if how == "SIGTERM":
        process.send_signal(signal.SIGTERM)
    else:
        os.kill(ranks_of(process)[1], signal.SIGKILL)
    out, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert not (folder / "result.json").exists()
    if how == "SIGTERM":
        assert out.count("stopped and saved at step") == 1
        other, _ = torchrun(tmp_path / "stopped", *settings, processes=1)
        assert other.returncode != 0
        assert "was begun by 2 processes and would go on with 1" in other.stderr
    again, same = torchrun(tmp_path / "stopped", *settings)
    assert again.returncode == 0, again.stderr
    assert "resuming at step" in again.stdout
    assert same == folder
    expected = weights(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights(folder).items())
    assert (folder / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
    result = json.loads((folder / "result.json").read_text())
    assert result["environment"]["processes"] == 2


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("batch_size=7",), "batch_size=7 cannot be dealt out to 2 processes evenly: use 6"),
        (("seed=0,1", "hydra.mode=MULTIRUN"), "the 2 processes of torchrun train one run together"),
        (("norm=bm",), "norm=bm does not exist. Did you mean bn?"),
    ],
)
def test_what_is_refused_is_said_once_and_nothing_is_written(tmp_path, words, error):
    done, folder = torchrun(tmp_path / "outputs", *words, known=False)
    assert done.returncode != 0
    assert done.stderr.count(error) == 1
    assert not folder.exists()


def test_a_port_of_0_would_be_waited_for_for_ever(monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_PORT", "0")
    with pytest.raises(UserError, match="torchrun --standalone"):
        Ranks.of_environment()
