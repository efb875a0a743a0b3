"""Real runs stopped by real signals, in the middle of an epoch: saved or not, the same command makes the same run."""

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT, Made, compose_tiny, hearing_ctrl_c, process, words_of
from test_resume import LONG, assert_each_step_once, make_older
from waiting import wait_for

from experiments import checkpoint, identity, loop, signals
from experiments.job import perform

SLOW = (*LONG, "dataset.num_train=1024", "epochs=4", "checkpoint_every=7")  # 128 steps an epoch: time to be killed


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The run of SLOW, straight through, in this process."""
    config = compose_tiny(tmp_path_factory.mktemp("slow"), *SLOW)
    return Made(config, identity.folder(config), perform(config))


def stopped_inside_an_epoch(command: list[str], folder: Path, number: int) -> tuple[int, str]:
    """Start a process, freeze it once its newest checkpoint lies inside an epoch, and send it a signal."""
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while True:
            assert child.poll() is None, child.stderr.read()
            assert time.monotonic() < deadline
            if (folder / checkpoint.CURRENT).exists():
                child.send_signal(signal.SIGSTOP)
                saved = checkpoint.load(folder)
                if saved is not None and saved["step"] % 128 and saved["step"] > 130:
                    break
                child.send_signal(signal.SIGCONT)
            time.sleep(0.005)
        child.send_signal(number)
        child.send_signal(signal.SIGCONT)
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    return child.returncode, err


@contextmanager
def sent(number: int, folder: Path) -> Iterator[None]:
    """This process gets a signal once the run in the folder has saved."""

    def send() -> None:
        while not (folder / checkpoint.CURRENT).exists():
            time.sleep(0.005)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    yield
    thread.join()


def test_kill_9_in_the_middle_of_an_epoch(slow, outputs):
    """The first epoch is over, the second is not: the same command makes the same run of it."""
    config = compose_tiny(outputs, *SLOW)
    killed = Made(config, identity.folder(config), {})
    command = process(*words_of(outputs, *SLOW))
    code, _ = stopped_inside_an_epoch(command, killed.folder, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert not (killed.folder / "result.json").exists()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "resuming at step" in done.stdout
    killed.assert_same_bits(slow)
    assert_each_step_once(killed.folder)


def test_sigterm_saves_and_exits_143(slow, outputs):
    config = compose_tiny(outputs, *SLOW)
    stopped = Made(config, identity.folder(config), {})
    code, err = stopped_inside_an_epoch(process(*words_of(outputs, *SLOW)), stopped.folder, signal.SIGTERM)
    assert code == 143
    assert "Traceback" not in err
    assert not (stopped.folder / "result.json").exists()
    step = stopped.checkpoint["step"]
    assert f"stopped and saved at step {step} of 512" in (stopped.folder / "train.log").read_text()
    perform(config)
    assert f"resuming at step {step} of 512" in (stopped.folder / "train.log").read_text()
    stopped.assert_same_bits(slow)
    assert_each_step_once(stopped.folder)


def test_ctrl_c_saves_and_exits_130(slow, outputs, train_py):
    config = compose_tiny(outputs, *SLOW)
    stopped = Made(config, identity.folder(config), {})
    handler = signal.getsignal(signal.SIGINT)  # the default one, or none at all in a background job of a shell

    with sent(signal.SIGINT, stopped.folder):
        said = train_py(*words_of(outputs, *SLOW))
    assert said.code == 130
    assert "Traceback" not in said.err
    assert "stopped and saved at step" in said.out
    assert not (stopped.folder / "result.json").exists()
    make_older(stopped.folder)
    perform(config)
    stopped.assert_same_bits(slow)
    assert signal.getsignal(signal.SIGINT) is handler  # put back


def test_a_signal_in_the_last_step_ends_the_program_too(outputs, train_py, monkeypatch):
    """The runs that follow in a sweep do not begin; what is left of this one takes the next start a moment."""
    words = ("epochs=1", "norm=bn,ln")

    def train_and_signal(state: object, *arguments: object) -> Iterator[object]:
        for now in loop.train(state, *arguments):
            if now.step == 8:
                signal.raise_signal(signal.SIGTERM)
            yield now

    with monkeypatch.context() as patch:
        patch.setattr("experiments.run.train", train_and_signal)
        said = train_py("-m", *words_of(outputs, *words))
    assert said.code == 143
    assert "stopped and saved at step 8 of 8" in said.out
    (begun,) = (outputs / "runs").iterdir()
    assert not (begun / "result.json").exists()
    said = train_py("-m", *words_of(outputs, *words))
    assert said.code == 0
    assert "resuming at step 8 of 8" in (begun / "train.log").read_text()
    assert "2 runs: 2 finished" in said.out


def test_ctrl_c_before_the_first_run_is_no_traceback(outputs, train_py, monkeypatch):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.command_line.plan", interrupted)
    assert train_py(*words_of(outputs)).code == 130


@pytest.mark.parametrize(
    ("program", "imported"),
    [("train.py", "hydra"), ("scripts/report.py", "pydantic"), ("scripts/download.py", "numpy")],
)
def test_ctrl_c_while_modules_are_imported_is_no_traceback(tmp_path, program, imported):
    """A module that is imported early is one here to which Ctrl-C comes."""
    slow = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(20)\nraise ImportError\n"
    (tmp_path / f"{imported}.py").write_text(slow)
    words = hearing_ctrl_c(str(ROOT / program), "--help")
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def in_the_place_of_scontrol(folder: Path, monkeypatch: pytest.MonkeyPatch, shown: str = "") -> Path:
    """A program in the place of SLURM's that writes down what it was asked, in the file that is returned."""
    asked, program = folder / "asked", folder / "scontrol"
    asked.touch()
    program.write_text(f'#!/bin/sh\necho "$@" >> {asked}\necho "JobId=17 {shown} EndTime=Unknown"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return asked


ALONE = {"SLURM_JOB_ID": "17"}
OF_AN_ARRAY = {"SLURM_JOB_ID": "17", "SLURM_ARRAY_JOB_ID": "15", "SLURM_ARRAY_TASK_ID": "3"}


@pytest.mark.parametrize(
    ("number", "environment", "shown", "asked"),
    [
        (signal.SIGUSR1, ALONE, "", ["requeue 17"]),
        (signal.SIGUSR1, OF_AN_ARRAY, "", ["requeue 15_3"]),
        (signal.SIGUSR1, {}, "", []),
        (signal.SIGTERM, ALONE, "PreemptTime=2026-01-02T03:04:05", ["show job 17", "requeue 17"]),
        (signal.SIGTERM, ALONE, "PreemptTime=None", ["show job 17"]),  # cancelled
    ],
)
def test_the_job_goes_back_to_the_queue_where_its_time_is_up_or_another_one_comes_first(
    outputs, train_py, tmp_path, monkeypatch, number, environment, shown, asked
):
    asked_of = in_the_place_of_scontrol(tmp_path, monkeypatch, shown)
    for name in OF_AN_ARRAY:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    folder = identity.folder(compose_tiny(outputs, *SLOW))
    with sent(number, folder):
        said = train_py(*words_of(outputs, *SLOW))
    assert said.code == 128 + number
    assert "stopped and saved at step" in said.out
    assert asked_of.read_text().splitlines() == asked
    assert ("goes back to the queue" in said.out) == any("requeue" in line for line in asked)


def test_without_the_program_the_line_says_to_submit_again(outputs, train_py, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    folder = identity.folder(compose_tiny(outputs, *SLOW))
    with sent(signal.SIGUSR1, folder):
        said = train_py(*words_of(outputs, *SLOW))
    assert said.code == 128 + signal.SIGUSR1
    assert "submit the job again" in said.out


def test_who_handled_the_signal_before_is_called_once_the_run_is_saved(outputs, train_py):
    """As submitit does, which requeues and ends the process in its own way."""
    folder = identity.folder(compose_tiny(outputs, *SLOW))
    found: list[bool] = []

    def requeue(number: int, frame: object) -> None:
        found.append("stopped and saved at step" in (folder / "train.log").read_text())
        raise SystemExit(-1)

    before = signal.signal(signal.SIGUSR2, requeue)
    try:
        with sent(signal.SIGUSR2, folder):
            said = train_py(*words_of(outputs, *SLOW))
        assert signal.getsignal(signal.SIGUSR2) is requeue
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert found == [True]
    assert said.code == -1


def test_before_training_too_the_job_goes_back_to_the_queue(outputs, train_py, tmp_path, monkeypatch):
    asked = in_the_place_of_scontrol(tmp_path, monkeypatch)
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.delenv("SLURM_ARRAY_JOB_ID", raising=False)
    monkeypatch.setattr("experiments.job.build_parts", lambda *_: os.kill(os.getpid(), signal.SIGUSR1))
    said = train_py(*words_of(outputs, *SLOW))
    assert said.code == 128 + signal.SIGUSR1
    assert asked.read_text() == "requeue 17\n"
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_runs_side_by_side_are_told_before_the_program_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(signals, "SAVING", 0.2)
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=wait_for, args=(signal.SIGTERM, tmp_path), name="LokyProcess-1")  # as joblib's are
    worker.start()
    while not (tmp_path / "ready").exists():
        assert worker.is_alive()
        time.sleep(0.01)
    with pytest.raises(signals.Stopped) as stopped, signals.ends_outside_training():
        os.kill(os.getpid(), signal.SIGTERM)
    worker.join(60)
    assert stopped.value.code == 143
    assert (tmp_path / "told").exists()
