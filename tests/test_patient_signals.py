"""Signals at moments at which an exception would do harm, or be forgotten."""

import importlib
import importlib.util
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import ROOT, hearing_ctrl_c, words_of

from experiments import patient_signals, signals

# A module to which the signal comes while it is imported. It imports another one, as most do.
IMPORTED = """import signal, time
signal.raise_signal(signal.{name})
time.sleep(0.2)
import colorsys
WHOLE = True"""


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    yield
    patient_signals.cancel()
    assert signal.getsignal(signal.SIGALRM) is before[signal.SIGALRM]
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def slow_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module, to be imported, that takes 0.2 s from the signal on."""
    (tmp_path / "slow_to_come.py").write_text(IMPORTED.format(name="SIGINT"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "slow_to_come", raising=False)
    return "slow_to_come"


def go_on(action: Callable[[], object]) -> None:
    """Do something, and then what a program does that has not heard."""
    action()
    time.sleep(30)


def test_a_module_is_imported_to_its_end_and_then_the_exception_comes(slow_module):
    signal.signal(signal.SIGINT, patient_signals.interrupt)
    with pytest.raises(KeyboardInterrupt):
        go_on(lambda: importlib.import_module(slow_module))
    assert sys.modules[slow_module].WHOLE


def test_of_two_signals_neither_is_lost(slow_module):
    heard: list[int] = []
    signal.signal(signal.SIGTERM, patient_signals.patient(lambda number, frame: heard.append(number)))
    signal.signal(signal.SIGINT, patient_signals.patient(lambda number, frame: heard.append(number)))
    path = Path(importlib.util.find_spec(slow_module).origin)
    path.write_text(path.read_text().replace("time.sleep", "signal.raise_signal(signal.SIGTERM)\ntime.sleep", 1))
    importlib.import_module(slow_module)
    deadline = time.monotonic() + 30
    while len(heard) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(heard) == [signal.SIGINT, signal.SIGTERM]


def test_an_import_that_does_not_end_is_interrupted(slow_module, monkeypatch):
    monkeypatch.setattr(patient_signals, "PATIENCE", 0.1)
    signal.signal(signal.SIGINT, patient_signals.interrupt)
    with pytest.raises(KeyboardInterrupt):
        go_on(lambda: importlib.import_module(slow_module))
    assert slow_module not in sys.modules


def test_where_nothing_is_imported_it_comes_at_once():
    signal.signal(signal.SIGINT, patient_signals.interrupt)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


class Gone:
    """Python forgets what is raised where an object goes."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


def test_an_exception_that_is_caught_on_its_way_comes_again(monkeypatch):
    monkeypatch.setattr(patient_signals, "HEEDED", 0.1)
    signal.signal(signal.SIGINT, patient_signals.interrupt)
    with suppress(BaseException):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        time.sleep(30)


def test_once_the_program_ends_it_comes_no_more(monkeypatch):
    monkeypatch.setattr(patient_signals, "HEEDED", 0.05)
    with pytest.raises(signals.Stopped), signals.ends_outside_training():
        signal.raise_signal(signal.SIGTERM)
    time.sleep(0.2)  # where it came, SIGTERM would end the tests


def test_an_exception_that_python_forgets_comes_again(capsys):
    patient_signals.remember_forgotten()
    signal.signal(signal.SIGINT, patient_signals.interrupt)
    with pytest.raises(KeyboardInterrupt):
        go_on(lambda: Gone(signal.SIGINT).number)
    assert capsys.readouterr().err == ""


def test_what_the_end_tells_others_is_told_once(capsys, monkeypatch):
    told: list[int] = []
    monkeypatch.setattr(signals, "_go_back_to_the_queue", told.append)
    patient_signals.remember_forgotten()
    with pytest.raises(signals.Stopped) as stopped, signals.ends_outside_training():
        go_on(lambda: Gone(signal.SIGTERM).number)
    assert stopped.value.code == 143
    assert told == [signal.SIGTERM]
    assert capsys.readouterr().err == ""


def test_other_forgotten_exceptions_are_shown(capsys):
    class Wrong:
        def __del__(self) -> None:
            raise ValueError("of no signal")

    patient_signals.remember_forgotten()
    Wrong().__class__  # noqa: B018
    assert "of no signal" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_run_whose_libraries_are_still_imported(tmp_path, outputs, name, code):
    """The real command, with a module of PyTorch's that comes late in the place of Triton's."""
    place = tmp_path / "late"
    place.mkdir()
    # PyTorch imports it when the optimizer is made; no exception may pass it, as with Triton's C++
    body = textwrap.indent(IMPORTED.format(name=name), "    ")
    (place / "triton.py").write_text(
        f"import os\ntry:\n{body}\nexcept BaseException:\n    os.abort()\nraise ImportError\n"
    )
    words = hearing_ctrl_c(str(ROOT / "train.py"), *words_of(outputs))
    done = subprocess.run(words, cwd=ROOT, env={"PYTHONPATH": str(place)}, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
