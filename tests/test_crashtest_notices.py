"""The crash test's comparison finds every kind of damage: each is done here to a copy, and has to be named."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from experiments.crashtest.commands import study
from experiments.crashtest.comparison import compare
from experiments.crashtest.long_life import judged
from experiments.crashtest.shot import Aim, wrong_end
from experiments.crashtest.verdicts import verdicts
from experiments.environment import ROOT


@pytest.fixture
def pair(finished, tmp_path) -> tuple[Path, Path]:
    """A finished run's outputs, twice."""
    for name in ("one", "other"):
        shutil.copytree(finished.folder, tmp_path / name / "runs" / "run")
    return tmp_path / "one", tmp_path / "other"


def in_checkpoint(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        content = torch.load(run / "checkpoint.pt", weights_only=True)
        change(content)
        torch.save(content, run / "checkpoint.pt")

    return damage


def flip(tensor: torch.Tensor) -> None:
    """The lowest bit of the first number."""
    first = (0,) * tensor.ndim
    if tensor.is_floating_point():
        tensor[first] = torch.nextafter(tensor[first], tensor[first] + 1)
    else:
        tensor[first] ^= 1


def in_bytes(name: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        raw = bytearray((run / name).read_bytes())
        raw[len(raw) // 2] ^= 1
        (run / name).write_bytes(raw)

    return damage


def in_result(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        content = json.loads((run / "result.json").read_text())
        change(content)
        (run / "result.json").write_text(json.dumps(content))

    return damage


def point_again(run: Path) -> None:
    """One that TensorBoard has already, at a step that is over."""
    board = SummaryWriter(str(run))
    board.add_scalar("running/loss", 1.0, 3)
    board.close()


def without_events(run: Path) -> None:
    (path,) = run.glob("events.out.tfevents.*")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "a bit of a weight": (in_checkpoint(lambda content: flip(content["model"]["classifier.weight"])), "checkpoint.pt"),
    "a bit of the optimizer": (
        in_checkpoint(lambda content: flip(next(iter(content["optimizer"]["state"].values()))["momentum_buffer"])),
        "checkpoint.pt",
    ),
    "a bit of the generator": (in_checkpoint(lambda content: flip(content["generator"])), "checkpoint.pt"),
    "a step more": (in_checkpoint(lambda content: content.update(step=content["step"] + 1)), "checkpoint.pt"),
    "half a checkpoint": (lambda run: (run / "checkpoint.pt").write_bytes(b"PK"), "cannot be read"),
    "a bit of metrics.csv": (in_bytes("metrics.csv"), "metrics.csv"),
    "a bit of the predictions": (in_bytes("predictions.npz"), "predictions.npz"),
    "a number of the result": (in_result(lambda found: found["final"].update(test_loss=1.0)), ".final.test_loss"),
    "a key of the result": (in_result(lambda found: found.pop("parameters")), ".parameters"),
    "a point twice": (point_again, "running/loss"),
    "half the points": (without_events, "events.out.tfevents.*"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_changed_file_is_named(pair, what):
    damage, named = DAMAGES[what]
    damage(pair[1] / "runs" / "run")
    found = compare(*pair)
    assert len(found.faults()) == 1, found
    assert named in found.differing[0]


def test_what_the_clock_says_is_no_difference(pair):
    run = pair[1] / "runs" / "run"
    in_result(lambda found: found.update(train_seconds=1e9, images_per_second=1.0))(run)
    in_checkpoint(lambda content: content["extra"].update(train_seconds=1e9))(run)
    (run / "train.log").write_text("resuming at step 5 of 16")
    assert not compare(*pair).faults()


@pytest.mark.parametrize(
    ("name", "texts", "same"),
    [
        ("index.html", ("<p>\n1 min 2 s of training in all</p> 3", "<p>\n0 s of training in all</p> 3"), True),
        ("index.html", ("<p>\n0 s of training in all</p> 3", "<p>\n0 s of training in all</p> 4"), False),
        ("meta.json", ('{"source": "https://there", "mean": [1]}', '{"source": "here", "mean": [1]}'), True),
        ("meta.json", ('{"source": "here", "mean": [1]}', '{"source": "here", "mean": [2]}'), False),
    ],
)
def test_times_of_a_page_and_the_origin_of_a_cache_are_no_difference(pair, name, texts, same):
    for folder, text in zip(pair, texts, strict=True):
        (folder / name).write_text(text)
    assert (compare(*pair).faults() == []) == same


def test_a_missing_run_is_lost(pair):
    shutil.rmtree(pair[1] / "runs" / "run")
    found = compare(*pair)
    assert (found.missing, found.lost_runs) == (["runs/run"], ["runs/run"])


def test_a_run_without_a_result_is_lost(pair):
    (pair[1] / "runs" / "run" / "result.json").unlink()
    found = compare(*pair)
    assert (found.missing, found.lost_runs) == (["runs/run/result.json"], ["runs/run"])


def test_what_is_left_behind_is_named_unless_it_is_tolerated(pair):
    (pair[1] / "runs" / "run" / ".result.json.17.tmp").touch()
    (pair[1] / "runs" / ".page.17.tmp" / "figures").mkdir(parents=True)
    left = ["runs/.page.17.tmp", "runs/run/.result.json.17.tmp"]
    assert compare(*pair).left_behind == left
    assert compare(*pair, ["*.log"]).left_behind == left
    found = compare(*pair, [".*.tmp"])
    assert (found.left_behind, found.tolerated, found.faults()) == ([], left, [])


def test_verdicts_follow_the_numbers(tmp_path):
    kept = json.loads((ROOT / "experiments/results/heterogeneity/cpu.json").read_text())
    path = tmp_path / "studies" / "heterogeneity-cpu" / "summary.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(kept))
    before = verdicts(tmp_path)
    for arm in kept["arms"].values():
        if "bn" in str(arm["overrides"]):
            arm["values"]["test_accuracy"] = {seed: 0.1 + 0.001 * int(seed) for seed in arm["runs"]}
    path.write_text(json.dumps(kept))
    after = verdicts(tmp_path)
    assert {mine.split(":")[0] for mine, its in zip(before, after, strict=True) if mine != its} == {"3.19"}


TRACEBACK = f'Traceback (most recent call last):\n  File "{ROOT / "train.py"}", line 1\nKeyboardInterrupt'


@pytest.mark.parametrize(
    ("number", "place", "code", "took", "printed", "wrong"),
    [
        (None, None, 0, None, "", None),
        (None, None, 1, None, "", "exit code 1"),
        (None, None, 0, None, TRACEBACK, "traceback"),
        (signal.SIGKILL, "result", -9, 0.0, "", None),
        (signal.SIGKILL, "result", 1, 0.0, "", "exit code 1"),
        (signal.SIGTERM, "result", 143, 0.0, "", None),
        (signal.SIGTERM, "result", 0, 0.0, "", "comes to its end"),
        (signal.SIGINT, None, 0, 1.0, "", None),  # it was nearly done
        (signal.SIGINT, None, 0, 9.0, "", "comes to its end"),
        (signal.SIGINT, None, 130, 1.0, TRACEBACK, "traceback"),
        (signal.SIGINT, None, 143, 1.0, "", "exit code 143"),
    ],
)
def test_how_a_command_may_end(number, place, code, took, printed, wrong):
    aimed = None if number is None else Aim(number, place, 1, 0.0)
    found = wrong_end(code, aimed, took, printed)
    assert found is None if wrong is None else wrong in found


def held(**last: float) -> list[dict[str, float]]:
    """What forty runs held, of which the last four held something else."""
    flat = {"memory": 100.0 * 2**20, "files": 5, "threads": 2}
    return [flat] * 36 + [flat | last] * 4


@pytest.mark.parametrize(
    ("last", "fault"),
    [({}, None), ({"memory": 101.5 * 2**20}, None), ({"memory": 103.0 * 2**20}, "memory grows"),
     ({"files": 6}, "files grow"), ({"threads": 3}, "threads grow")],
)  # fmt: skip
def test_growth_is_a_fault(last, fault):
    faults = judged(held(**last))["faults"]
    assert faults == [] if fault is None else fault in faults[0]


def test_aims_are_the_same_with_the_same_seed():
    import random

    from experiments.crashtest.shot import aim

    one, other = ([aim(study(False), 10.0, draw) for _ in range(50)] for draw in (random.Random(3), random.Random(3)))
    assert one == other
    assert {shot.place for shot in one} == {*study(False).places, None}
