"""Sweeps: what is finished is skipped, what was stopped resumes, what fails stops nothing else."""

import importlib
import json
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import ROOT, compose_tiny, process, words_of
from joblib.externals.loky.process_executor import TerminatedWorkerError

from experiments import checkpoint, identity, launch, lock
from experiments.command_line import plan
from experiments.job import perform
from hydra_plugins import listed_sweeper

SHORT = ("epochs=null", "steps=4")


def folder_of(outputs: Path, *overrides: str) -> Path:
    return identity.folder(compose_tiny(outputs, *SHORT, *overrides))


def table(out: str) -> dict[str, list[str]]:
    """The summary at the end: the words after each run's name."""
    lines = out.splitlines()
    start = max(number for number, line in enumerate(lines) if line.startswith("run ") and "status" in line)
    rows = [line.split() for line in lines[start + 1 :]]
    end = next(number for number, words in enumerate(rows) if words[1:2] == ["runs:"])
    return {words[0]: words[1:] for words in rows[:end]}


def mtimes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_sweep_makes_every_run_and_again_none(train_py, outputs):
    words = ["-m", *words_of(outputs, *SHORT), "norm=bn,ln", "seed=0,1"]
    said = train_py(*words)
    assert said.code == 0
    folders = [folder_of(outputs, f"norm={norm}", f"seed={seed}") for norm in ("bn", "ln") for seed in (0, 1)]
    assert list(table(said.out)) == [folder.name for folder in folders]
    for folder in folders:
        assert json.loads((folder / "result.json").read_text())["status"] == "finished"
        assert table(said.out)[folder.name][0] == "finished"
        assert f"[{folder.name}] " in said.out  # lines of several runs share the console
    assert "4 runs: 4 finished" in said.out
    before = [mtimes(folder) for folder in folders]
    again = train_py(*words)
    assert again.code == 0
    assert again.out.count("is finished already") == 4
    assert table(again.out) == table(said.out)
    assert [mtimes(folder) for folder in folders] == before


def test_runs_of_a_sweep_are_the_runs_of_single_commands(train_py, outputs, tmp_path):
    """The basic launcher's jobs share one process; none must notice the one before it."""
    train_py("-m", *words_of(outputs, *SHORT), "seed=3,4", "norm=ln,bn")
    config = compose_tiny(tmp_path / "alone", *SHORT, "seed=4", "norm=bn")
    perform(config)
    for name in ("metrics.csv", "predictions.npz"):
        alone = (identity.folder(config) / name).read_bytes()
        assert (folder_of(outputs, "seed=4", "norm=bn") / name).read_bytes() == alone


def test_a_sweep_resumes_what_was_interrupted(train_py, outputs, monkeypatch):
    class Killed(BaseException):
        pass

    def save_and_die(*arguments):
        real(*arguments)
        raise Killed

    real = checkpoint.save
    overrides = (*SHORT, "checkpoint_every=2")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_die)
        with pytest.raises(Killed):
            perform(compose_tiny(outputs, *overrides, "seed=1"))
    finished = perform(compose_tiny(outputs, *overrides, "seed=0"))
    assert finished["status"] == "finished"
    said = train_py("-m", *words_of(outputs, *overrides), "seed=0,1,2")
    assert said.code == 0
    assert said.out.count("is finished already") == 1
    assert said.out.count("resuming at step 2 of 4") == 1
    assert [words[0] for words in table(said.out).values()] == ["finished"] * 3


def test_a_refused_run_does_not_stop_the_others(train_py, outputs):
    said = train_py("-m", *words_of(outputs, *SHORT), "batch_size=8,1000,4")
    assert said.code == 2
    rows = list(table(said.out).values())
    assert [words[0] for words in rows] == ["finished", "refused", "finished"]
    assert "batch_size=1000 is more than the 67 training images" in " ".join(rows[1])
    assert "3 runs: 2 finished, 1 refused" in said.out
    assert "Traceback" not in said.err
    assert not folder_of(outputs, "batch_size=1000").exists()


def break_run(monkeypatch: pytest.MonkeyPatch, seed: int):
    """A bug that shows with one seed alone."""
    from experiments import loop

    real = loop.training_indices

    def breaking(num_images, **order):
        if order["seed"] == seed:
            raise RuntimeError("broken on purpose")
        return real(num_images, **order)

    monkeypatch.setattr(loop, "training_indices", breaking)


def test_a_failing_run_does_not_stop_the_others_and_is_tried_again(train_py, outputs, monkeypatch):
    words = ["-m", *words_of(outputs, *SHORT), "seed=0,1,2"]
    with monkeypatch.context() as patch:
        break_run(patch, seed=1)
        said = train_py(*words)
    assert said.code == 1
    rows = list(table(said.out).values())
    assert [words[0] for words in rows] == ["finished", "failed", "finished"]
    assert "RuntimeError: broken on purpose" in " ".join(rows[1])
    assert "3 runs: 2 finished, 1 failed" in said.out
    assert "Traceback" in said.err  # a bug is shown whole
    assert "broken on purpose" in (folder_of(outputs, "seed=1") / "train.log").read_text()
    again = train_py(*words)
    assert again.code == 0
    assert [words[0] for words in table(again.out).values()] == ["finished"] * 3
    assert again.out.count("is finished already") == 2


def test_a_bug_tells_more_than_a_mistake(train_py, outputs, monkeypatch):
    break_run(monkeypatch, seed=1)
    said = train_py("-m", *words_of(outputs, *SHORT), "batch_size=8,1000", "seed=0,1")
    assert said.code == 1
    assert [words[0] for words in table(said.out).values()] == ["finished", "failed", "refused", "refused"]


def test_a_bug_in_a_single_run_ends_with_1_and_a_traceback(train_py, outputs, monkeypatch):
    break_run(monkeypatch, seed=1)
    said = train_py(*words_of(outputs, *SHORT), "seed=1")
    assert said.code == 1
    assert "broken on purpose" in said.err
    assert not (folder_of(outputs, "seed=1") / "result.json").exists()


def test_a_diverged_run_is_a_result_and_the_sweep_goes_on(train_py, outputs):
    overrides = ("epochs=2", "recipe=documents", "epochs=2", "norm=none", "log_every=1")
    said = train_py("-m", *words_of(outputs, *overrides), "recipe.lr=1e6,0.01")
    assert said.code == 0
    assert [words[0] for words in table(said.out).values()] == ["diverged", "finished"]
    assert "2 runs: 1 finished, 1 diverged" in said.out
    again = train_py("-m", *words_of(outputs, *overrides), "recipe.lr=1e6,0.01")
    assert again.code == 0
    assert again.out.count("is finished already") == 2


def test_a_single_diverged_run_ends_with_0(train_py, outputs):
    said = train_py(*words_of(outputs, "recipe=documents", "batch_size=8", "norm=none", "log_every=1", "recipe.lr=1e6"))
    assert said.code == 0
    assert "diverged at step" in said.out
    assert said.err == ""


@pytest.mark.parametrize("launcher", ["joblib"])
def test_runs_side_by_side_in_other_processes(outputs, launcher):
    """Skips, refuses and lists as the basic launcher does; the status is read from the folders."""
    perform(compose_tiny(outputs, *SHORT, "seed=0"))
    before = mtimes(folder_of(outputs, "seed=0"))
    side_by_side = (f"hydra/launcher={launcher}", "hydra.launcher.n_jobs=2")
    words = process("-m", *words_of(outputs, *SHORT, "batch_size=8,1000", "seed=0,1"), *side_by_side)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 2, done.stderr
    assert [words[0] for words in table(done.stdout).values()] == ["finished", "finished", "refused", "refused"]
    assert "4 runs: 2 finished, 2 refused" in done.stdout
    assert mtimes(folder_of(outputs, "seed=0")) == before
    assert (folder_of(outputs, "seed=1") / "result.json").exists()


def starts_of(folder: Path) -> int:
    """How often a run was begun or taken up."""
    return (folder / "train.log").read_text().count(f"folder: {folder}")


def test_two_launchers_share_a_sweep_and_one_takes_over_what_the_other_dies_of(train_py, outputs, monkeypatch):
    """The other process is killed in its first run, once this one waits for nothing else."""
    monkeypatch.setattr(lock, "EVERY", 0.05)
    overrides = ("dataset.num_train=1024", "epochs=null", "steps=200", "checkpoint_every=10")
    words = ["-m", *words_of(outputs, *overrides), "seed=0,1,2"]
    first, *others = (identity.folder(compose_tiny(outputs, *overrides, f"seed={seed}")) for seed in (0, 1, 2))
    other = subprocess.Popen(process(*words), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_when_alone() -> None:
        while not all((folder / "result.json").exists() for folder in others):
            time.sleep(0.01)
        other.kill()

    try:
        deadline = time.monotonic() + 120
        while not (first / checkpoint.CURRENT).exists():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        other.send_signal(signal.SIGSTOP)  # and so it holds its run until it is killed
        killer = threading.Thread(target=kill_when_alone)
        killer.start()
        said = train_py(*words)
        killer.join()
    finally:
        other.kill()
        other.wait()
    assert said.code == 0
    assert [found[0] for found in table(said.out).values()] == ["finished"] * 3
    assert [starts_of(folder) for folder in (first, *others)] == [2, 1, 1]
    assert "resuming at step" in said.out
    assert "waiting for 1 runs that other processes are making" in said.out


def test_what_another_process_took_meanwhile_is_left_to_it(train_py, outputs, monkeypatch):
    taken = identity.folder(compose_tiny(outputs, *SHORT, "seed=0"))
    asked: list[int] = []
    with ExitStack() as other:
        other.enter_context(lock.locked(taken))

        def all_the_first_time(items, folder_of):
            asked.append(len(items))
            if len(asked) == 1:
                return items
            other.close()
            return lock.free_ones(items, folder_of)

        monkeypatch.setattr(launch, "free_ones", all_the_first_time)
        said = train_py("-m", *words_of(outputs, *SHORT), "seed=0,1")
    assert said.code == 0
    assert asked == [2, 1]
    assert f"{taken.name} is being made by another process: left to it" in said.out
    assert [found[0] for found in table(said.out).values()] == ["finished"] * 2


def test_a_run_that_is_lost_again_and_again_is_given_up(train_py, outputs, monkeypatch):
    """A launcher whose worker dies at one of the runs, whenever it is tried."""
    tried: list[list[str]] = []

    def dying(self, arguments):
        tried.append([word for job in self.jobs for word in job if word.startswith("seed=")])
        self.jobs = [job for job in self.jobs if "seed=1" not in job]
        return real(self, arguments) if self.jobs else None

    plan(["-m", "seed=0"])  # Hydra has found its plugins after this
    real = listed_sweeper.ListedSweeper.sweep
    monkeypatch.setattr(listed_sweeper.ListedSweeper, "sweep", dying)
    said = train_py("-m", *words_of(outputs, *SHORT), "seed=0,1")
    assert said.code == 1
    assert tried == [["seed=0", "seed=1"], ["seed=1"], ["seed=1"]]
    assert said.out.count("was lost with its process: tried again") == 2
    assert said.out.count("was lost with its process: given up after 3 times") == 1
    assert [found[0] for found in table(said.out).values()] == ["finished", "not"]


def test_a_launcher_that_does_not_work_is_not_asked_again(train_py, outputs, monkeypatch):
    asked: list[int] = []

    def broken(self, arguments):
        asked.append(len(self.jobs))
        raise RuntimeError("no cluster there")

    plan(["-m", "seed=0"])
    monkeypatch.setattr(listed_sweeper.ListedSweeper, "sweep", broken)
    said = train_py("-m", *words_of(outputs, *SHORT), "seed=0,1")
    assert said.code == 1
    assert asked == [2]
    assert "no cluster there" in said.err


def test_where_a_process_of_the_launcher_is_killed_its_runs_are_tried_again(train_py, outputs, monkeypatch):
    """Before the first of them had begun: joblib's error is one line."""
    plan(["-m", "seed=0"])  # Hydra has found its plugins after this
    launcher = importlib.import_module("hydra._internal.core_plugins.basic_launcher").BasicLauncher
    real, calls = launcher.launch, []

    def killed_once(self, *arguments, **settings):
        calls.append(1)
        if len(calls) == 1:
            raise TerminatedWorkerError("A worker process was ended.\nThe exit codes are {SIGKILL(-9)}")
        return real(self, *arguments, **settings)

    monkeypatch.setattr(launcher, "launch", killed_once)
    said = train_py("-m", *words_of(outputs, *SHORT), "seed=0,1")
    assert said.code == 0
    assert said.out.count("was lost with its process: tried again") == 2
    assert [found[0] for found in table(said.out).values()] == ["finished"] * 2
    assert [line for line in said.err.splitlines() if "launcher" in line] == [
        "a process of the launcher was ended by SIGKILL, as the system does where memory is short"
    ]
    assert "Traceback" not in said.err
