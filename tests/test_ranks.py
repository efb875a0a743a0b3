"""Several processes that train one network are one process with the same batches."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import words_of

from experiments import identity
from experiments.command_line import plan
from experiments.job import perform

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


def torchrun(outputs, *overrides, processes=2):
    """The run that `torchrun` makes of a tiny run's words: exit code, output and its folder."""
    words = words_of(outputs, *CALM, *overrides)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, str(ROOT / "train.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=ROOT,
    )
    return done, identity.folder(plan(words).jobs[0].config)


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
