"""The crash test at work: traps that spring where they should, real commands killed in them, and a long life."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, Said, hearing_ctrl_c

from experiments import script
from experiments.crashtest import command, commands, life
from experiments.crashtest.chain import Chain
from experiments.crashtest.kills import interruptible, undisturbed
from experiments.crashtest.made_up_photographs import write_photographs
from experiments.crashtest.shot import Aim
from experiments.crashtest.victims import Closed, Victims

WRITER = """
import os, pathlib
folder = pathlib.Path("outputs/runs/one")
folder.mkdir(parents=True)
for number in range(3):
    (folder / ".result.json.tmp").write_text(str(number))
    os.replace(folder / ".result.json.tmp", folder / f"result.json-{number}")
"""


@pytest.mark.parametrize(("number", "there"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (7, 3)])
def test_the_trap_springs_at_the_event_with_its_number(tmp_path, number, there):
    """Each number is opened and moved: two events, so that the fourth is the move of the second file."""
    (tmp_path / "writer.py").write_text(WRITER)
    trap = {"place": "result", "number": number, "signal": 9, "delay": 0, "folder": str(tmp_path)}
    trap |= {"note": str(tmp_path / "note")}
    words = [sys.executable, "-m", "experiments.crashtest.victim", json.dumps(trap), "writer.py"]
    done = subprocess.run(words, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=False)
    found = sorted(path.name for path in (tmp_path / "outputs/runs/one").glob("result.json-*"))
    assert found == [f"result.json-{one}" for one in range(there)]
    note = (tmp_path / "note").read_text()
    if number == 7:  # there are six
        assert (done.returncode, note) == (0, "")
    else:
        assert done.returncode == -signal.SIGKILL
        assert json.loads(note)["event"] == ("open" if number % 2 else "os.rename")


def test_nothing_of_a_victim_is_left(tmp_path):
    """Nor a process that has a session of its own, as an orphan of joblib's might."""
    program = "import subprocess, sys, time\n"
    program += "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'], start_new_session=True)\n"
    program += "print('started', flush=True); time.sleep(300)"
    said = tmp_path / "said"
    with Victims() as victims:
        victim = victims.start(["-c", program], tmp_path, said)
        while "started" not in said.read_text():
            assert victim.wait(0.01) is None
        family = psutil.Process(victim.process.pid).children(recursive=True)
        assert len(family) == 1
    assert victim.wait(5) == -signal.SIGKILL
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family)
    with pytest.raises(Closed):
        victims.start(["-c", ""], tmp_path, said)


def test_sigterm_ends_the_crash_test_as_ctrl_c_does():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stop, interruptible():
        signal.raise_signal(signal.SIGTERM)
    assert stop.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def kill_in_turn(asked: commands.Command, aims: list[Aim], folder: Path) -> None:
    """Kill a command so, finish it, and see that it left what an undisturbed one leaves."""
    with interruptible(), Victims() as victims:
        reference = undisturbed(asked, folder, victims)
        turn = iter(aims)
        chain = Chain(asked, reference, folder / "chain", lambda: next(turn), [], victims)
        tally = chain.kill(len(aims))
    assert tally.faults() == []
    assert tally.lost_runs == []
    assert (tally.kills, tally.rounds, tally.attempts) == (len(aims), 1, len(aims) + 1)
    assert dict(tally.places) == {aim.place: sum(one.place == aim.place for one in aims) for aim in aims}


def test_a_study_killed_in_a_checkpoint_in_a_result_and_in_its_page(tmp_path):
    aims = [
        Aim(signal.SIGKILL, "checkpoint", 9, 0.0),  # before the third generation takes its place
        Aim(signal.SIGKILL, "result", 2, 0.0),  # written, and not in its place
        Aim(signal.SIGKILL, "page", 8, 0.0),
    ]
    kill_in_turn(commands.study(True), aims, tmp_path)


def test_a_pack_killed_on_the_way(tmp_path):
    write_photographs(tmp_path / "photographs", 40)
    kill_in_turn(commands.pack(tmp_path / "photographs"), [Aim(signal.SIGKILL, "pack", 9, 0.0)], tmp_path)


def test_a_process_that_makes_many_runs_holds_no_more_files_and_threads(tmp_path):
    life.live(runs=15, seed=0, folder=str(tmp_path / "outputs"), notes=str(tmp_path / "notes"))
    held = [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]
    assert len(held) == 15
    for name in ("files", "threads"):
        assert len({one[name] for one in held[5:]}) == 1, held
    assert not list((tmp_path / "outputs" / "runs").iterdir())


@pytest.fixture
def crashtest_py(capsys):
    """crashtest_py(*words): what `python scripts/crashtest.py *words` does, in this process."""

    def run(*words: str) -> Said:
        capsys.readouterr()
        try:
            code = script.run("", words, command.crashtest)
        except SystemExit as stop:
            code = stop.code
        return Said(code, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("parts=[kill]", "parts: kill does not exist. Did you mean kills?"),
        ("kills=0", "kills=0"),
        ("commands=[studies]", "commands"),
        ("anything", "'anything' is no setting"),
    ],
)
def test_a_mistake_is_one_line(crashtest_py, tmp_path, word, says):
    said = crashtest_py(word, f"out={tmp_path / 'out'}")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert says in said.err
    assert not (tmp_path / "out").exists()


def test_without_psutil_it_says_what_to_install(crashtest_py, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = crashtest_py("parts=[long_life]", "runs=1", "warm_up=1", f"out={tmp_path / 'out'}")
    assert said.code == 2
    assert "needs psutil" in said.err


@pytest.mark.parametrize("faults", [[], ["a weight differs"]])
def test_the_report_and_the_exit_code(crashtest_py, tmp_path, monkeypatch, faults):
    def measure(settings, folder):
        folder.mkdir()
        return {"figure": settings.runs, "table": ["  the table"], "faults": faults}

    monkeypatch.setattr("experiments.crashtest.parts.measure_of", lambda name: measure)
    said = crashtest_py("parts=[long_life]", "runs=7", f"out={tmp_path / 'out'}")
    content = json.loads((tmp_path / "out" / "crashtest.json").read_text())
    assert content["parts"]["long_life"]["figure"] == 7
    assert content["settings"]["seed"] == 0
    assert content["hardware"]["cores"] >= 1
    assert "the table" in said.out
    assert said.code == (1 if faults else 0)
    assert ("a weight differs" in said.out) == bool(faults)
    assert len(list((tmp_path / "out").glob("work-*"))) == len(faults)  # kept where there is something to look at


def is_victim(process: psutil.Process) -> bool:
    """And not git, which says what is tested."""
    try:
        return str(ROOT / "train.py") in process.cmdline()
    except psutil.Error:
        return False


def test_ctrl_c_ends_its_victims_too(tmp_path):
    words = hearing_ctrl_c(str(ROOT / "scripts" / "crashtest.py"), "parts=[kills]", "kills=1", "quick=true")
    process = subprocess.Popen([*words, f"out={tmp_path}"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    front = psutil.Process(process.pid)
    try:
        while not (family := [one for one in front.children(recursive=True) if is_victim(one)]):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.communicate()
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family)
