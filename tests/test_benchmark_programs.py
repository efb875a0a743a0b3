"""The benchmark's whole programs: the clock outside, the words that they are started with, and the arithmetic."""

import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from call_script import call
from conftest import Said

from experiments.benchmark import many_options, outside, programs, reports, side_by_side, start_up, sweeps
from experiments.benchmark.outside import Program, ProgramFailed, Timed, as_words, timed
from experiments.script import Words, split
from experiments.script import run as run_script
from scripts import benchmark as benchmark_script


def test_a_program_is_timed_to_its_first_mark_and_to_its_end(monkeypatch):
    code = "print('start'); print('here we go'); print('here again')"
    for mark, until_mark, seconds in (("here", 1, 2), ("nowhere", None, 1)):
        ticks = itertools.count()  # the clock moves on by 1 each time that it is looked at
        monkeypatch.setattr(outside, "time", SimpleNamespace(monotonic=lambda ticks=ticks: next(ticks)))
        done = timed(["-c", code], mark=mark)
        assert (done.until_mark, done.seconds) == (until_mark, seconds)
        assert done.printed == "start\nhere we go\nhere again\n"


def test_a_program_that_fails_says_what_it_said():
    with pytest.raises(ProgramFailed, match=r"exit code 3; it said last:\n    of no use"):
        timed(["-c", "print('of no use'); raise SystemExit(3)"])


def test_a_program_sees_the_variables_and_the_folder(tmp_path):
    code = "import os; print(os.environ['ONE'], os.getcwd(), os.environ['PYTHONPATH'])"
    done = Program(["-c", code], environment={"ONE": "1"}, root=tmp_path).wait()
    assert done.printed.split() == ["1", str(tmp_path), str(tmp_path)]


def test_settings_as_they_are_typed():
    settings = {"epochs": None, "compile": False, "steps": 3, "norm": "bn", "modes": [1]}
    assert as_words(settings) == ["epochs=null", "compile=false", "steps=3", "norm=bn", "modes=[1]"]


Inside = Callable[..., Timed]


@pytest.fixture
def inside(train_py: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Programs run in this process and take 10 s each by its clock, without a launcher; the words of each."""
    from experiments.compare.command import compare

    asked: list[list[str]] = []

    def run(words: Sequence[str], mark: str | None = None, environment: Mapping[str, str] | None = None) -> Timed:
        asked.append(list(words))
        if words[0] == "train.py":
            said = train_py(*(word for word in words[1:] if "launcher" not in word))
            assert said.code == 0, said.err
            return Timed(10.0, None, said.out)
        assert words[0] == "scripts/compare.py"

        def command(found: Words) -> None:
            compare(found, words[1:])

        assert split(words[1:]).values
        assert run_script("compare", words[1:], command) == 0
        return Timed(10.0, None, "")

    for part in (start_up, sweeps, reports):
        monkeypatch.setattr(part, "timed", run)
    return asked


def test_start_up_runs_one_step_each_time_anew(inside, tmp_path):
    measured = start_up.measure(tmp_path, "cpu", rounds=2, quick=True)
    assert len(measured["help"]) == len(measured["eager"]) == 2
    assert measured["compiled"] == measured["compiled_with_a_cold_cache"] == []
    assert [row["seconds"] for row in measured["eager"]] == [10.0, 10.0]
    assert len(list(tmp_path.glob("eager*/runs/*/result.json"))) == 2
    assert all("compile=false" in words for words in inside if "--help" not in words)


def test_a_sweep_and_its_ratios(inside, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "cores", lambda: 2)
    monkeypatch.setattr(sweeps, "RUN", sweeps.RUN | {"dataset.num_train": 128, "dataset.num_test": 20})
    monkeypatch.setattr(sweeps, "QUICK_STEPS", 2)
    measured = sweeps.measure(tmp_path, "cpu", quick=True, one_by_one=True)
    assert measured["runs"] == 2
    alone = sum(measured["alone_train_seconds"]) / 2
    for name, workers in (("basic", 1), ("joblib", 2)):
        one = measured["launchers"][name]
        assert (one["workers"], len(one["train_seconds"])) == (workers, 2)
        assert one["wall_to_training_alone"] == pytest.approx(10 / (2 * alone))
        assert one["wall_to_training_inside"] == pytest.approx(10 * workers / sum(one["train_seconds"]))
    launched = [words for words in inside if "hydra/launcher=joblib" in words]
    assert len(launched) == 1
    assert "hydra.launcher.n_jobs=2" in launched[0]


def test_comparisons_read_as_many_runs_as_they_say(inside, tmp_path, monkeypatch, blank_figures):
    monkeypatch.setattr(reports, "QUICK_COUNTS", (4, 6))
    measured = reports.measure(tmp_path, quick=True)
    assert [(row["runs"], row["added"], row["seconds"]) for row in measured] == [(4, 4, 10.0), (6, 2, 10.0)]
    for count in (4, 6):
        content = (tmp_path / f"of-{count}" / "comparison.json").read_text()
        names = {
            f"{norm}-seed{seed}-" for norm in ("bn", "none") for seed in range(3) if f"{norm}-seed{seed}-" in content
        }
        assert len(names) == count


def test_more_options_are_there_to_be_planned(tmp_path, monkeypatch):
    monkeypatch.setattr(many_options, "QUICK_ADDED", (0, 3))
    show = "from experiments.command_line import options, plan; plan(['norm=bn']); print(len(options('norm')))"
    monkeypatch.setattr(many_options, "PROGRAMS", {"plan": ["-c", show], "help": ["train.py", "--help"]})
    measured = many_options.measure(tmp_path, rounds=1, quick=True)
    assert [row["added"] for row in measured] == [0, 3]
    counts = [int(Program(["-c", show], root=tmp_path / f"with-{added}-more").wait().printed) for added in (0, 3)]
    assert counts[1] == counts[0] + 3
    added = "from experiments.command_line import plan; print(plan(['norm=bn_0002']).jobs[0].config['norm']['name'])"
    assert Program(["-c", added], root=tmp_path / "with-3-more").wait().printed == "bn_0002\n"


def test_runs_side_by_side_are_as_many_as_they_say(tmp_path, monkeypatch):
    """Each of k programs has its own seed; the steps come from the rate of a trial."""
    started: list[list[str]] = []

    class Started:
        def __init__(self, words: list[str]):
            started.append(words)

        def wait(self) -> None:
            pass

    def results(outputs: Any) -> list[dict[str, float]]:
        count = sum(f"paths.outputs={outputs}" in words for words in started)
        return [{"images_per_second": 1280.0 / count}] * count

    monkeypatch.setattr(side_by_side, "Program", Started)
    monkeypatch.setattr(side_by_side, "results", results)
    measured = side_by_side.measure(tmp_path, "cuda", quick=False)
    assert [(row["runs"], row["steps"], row["images_per_second"]) for row in measured] == [
        (1, 150, [1280.0]),
        (2, 150, [640.0] * 2),
        (4, 150, [320.0] * 4),
    ]
    seeds = [next(word for word in words if word.startswith("seed=")) for words in started]
    assert seeds == [f"seed={seed}" for count in (1, 1, 2, 4) for seed in range(count)]


def test_measuring_asks_every_part_and_leaves_nothing(monkeypatch):
    folders: list[Any] = []

    def part(name: str) -> Callable[..., str]:
        def measure(folder: Any, *rest: Any, **more: Any) -> str:
            folders.append(folder)
            return name

        return measure

    for module in (start_up, sweeps, reports, many_options):
        monkeypatch.setattr(module, "measure", part(module.__name__.rpartition(".")[2]))
    measured = programs.measure(SimpleNamespace(quick=True, full=False, device="cpu", rounds=1))
    assert measured | {"cores": 0} == {
        "device": "cpu",
        "cores": 0,
        "quick": True,
        "start_up": "start_up",
        "sweeps": "sweeps",
        "reports": "reports",
        "many_options": "many_options",
        "side_by_side": None,
    }
    assert not any(folder.parent.exists() for folder in folders)


def test_a_program_that_fails_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, module in {"start_up": start_up, "reports": reports, "many_options": many_options}.items():
        monkeypatch.setattr(module, "measure", lambda *_, found=MADE_UP[name], **__: found)
    monkeypatch.setattr(sweeps, "measure", lambda *_, **__: timed(["-c", "print('the reason'); raise SystemExit(3)"]))
    words = ["parts=[programs]", "device=cpu", f"out={tmp_path}"]
    with pytest.raises(SystemExit, match="1"):
        call(capsys, benchmark_script, *words)
    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == "error: not measured, as a program failed: sweeps"
    found = json.loads((tmp_path / "benchmark.json").read_text())["programs"]
    assert found["many_options"] == MADE_UP["many_options"]
    assert re.search(r"(?s)ended with exit code 3.*the reason", found["sweeps"]["failed"])


MADE_UP: dict[str, Any] = {
    "device": "cuda",
    "cores": 16,
    "quick": False,
    "start_up": {
        "run": {"model": "resnet20"},
        "help": [{"seconds": seconds} for seconds in (0.3, 0.5, 0.4)],
        "eager": [{"seconds": 6.0, "to_first_step": t, "fell_back": False} for t in (4.0, 4.5, 9.0)],
        "compiled": [{"seconds": 12.0, "to_first_step": 11.0, "fell_back": True}],
        "compiled_with_a_cold_cache": [{"seconds": 40.0, "to_first_step": None, "fell_back": False}],
    },
    "sweeps": {
        "run": sweeps.RUN | {"steps": 140},
        "runs": 8,
        "alone_train_seconds": [9.0, 9.2],
        "alone_threads": 2,
        "launchers": {
            "basic": {
                "wall_seconds": 100.0,
                "workers": 1,
                "train_seconds": [10.0] * 8,
                "threads": [2] * 8,
                "wall_to_training_alone": 1.37,
                "wall_to_training_inside": 1.25,
            },
        },
    },
    "reports": [{"runs": 4, "seconds": 5.0}, {"runs": 16, "seconds": 8.0}],
    "many_options": [{"added": 400, "plan": [1.0, 3.0], "help": [0.5, 0.5]}],
    "side_by_side": [
        {"runs": 1, "steps": 9, "images_per_second": [1000.0]},
        {"runs": 2, "steps": 9, "images_per_second": [800.0, 700.0]},
    ],
}


def row(text: str, *begins: str) -> list[str]:
    """The cells of the line that begins with these words."""
    (found,) = (line for line in text.splitlines() if line.split()[: len(begins)] == list(begins))
    return re.split(r"\s{2,}", found.strip())[1:]


def test_the_table_of_made_up_numbers():
    text = programs.table(json.loads(json.dumps(MADE_UP)))
    assert text.startswith("whole programs on cuda, 16 cores\n")
    assert row(text, "train.py", "--help") == ["–", "0.40"]
    assert row(text, "one", "step,", "compile=false") == ["4.50", "6.00"]
    assert row(text, "one", "step,", "compile=true,", "warm") == ["11.00", "12.00"]
    assert row(text, "one", "step,", "compile=true,", "cold") == ["–", "40.00"]
    assert text.count("compilation failed") == 1
    assert "does not log its first step" not in text
    assert "a sweep of 8 runs: small_cnn + bn, 140 steps of 128 images" in text
    assert "9.0 s before and 9.2 s after" in text
    assert row(text, "basic") == ["1", "2", "100.0", "80.0", "1.37", "1.25"]
    assert row(text, "4", "5.00") == ["5.00", "–"]
    assert row(text, "16") == ["8.00", "0.250"]
    assert row(text, "400") == ["2.00", "0.50"]
    assert row(text, "2", "1,500") == ["1,500", "1.50 ×"]


def test_the_table_says_what_was_left_out():
    eager = [{"seconds": 6.0, "to_first_step": None, "fell_back": False}]
    unseen = MADE_UP["start_up"] | {"eager": eager, "compiled": [], "compiled_with_a_cold_cache": []}
    text = programs.table(MADE_UP | {"quick": True, "start_up": unseen, "side_by_side": None})
    assert "the numbers say little" in text.splitlines()[0]
    assert "does not log its first step" in text
    assert row(text, "one", "step,", "compile=true,", "warm") == ["–", "–"]
    assert text.endswith("several runs on one GPU: left out, as there is none")
