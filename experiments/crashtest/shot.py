"""One start of a command: how it is to be hit, how it ended, and whether that is how a command may end."""

import json
import random
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from experiments.benchmark.last_lines import last_lines
from experiments.crashtest.commands import Command
from experiments.crashtest.victims import Closed, Victim, Victims
from experiments.environment import ROOT

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)  # every second one cannot be caught
ENDS_WITHIN = 60.0  # seconds that a command may take to end after SIGTERM or SIGINT
WHOLE_COMMAND = 600.0  # seconds that one may take altogether
PYTHON_STARTS = 0.5  # seconds; a signal shows a traceback of Python's own modules meanwhile
GOES_ON = 5.0  # seconds after SIGTERM or SIGINT from which on a command that comes to its end has not heard
TRACEBACK, SHOWN = "Traceback (most recent call last)", 40  # lines that are quoted of one


@dataclass(frozen=True)
class Aim:
    """When which signal comes.

    place: None: seconds after the start; else at the event with that number of the place, and `seconds` after it.
    worker: whether one of joblib's processes is hit. orphans: whether those go on where the front is killed.
    """

    signal: signal.Signals
    place: str | None
    number: int
    seconds: float
    worker: bool = False
    orphans: bool = False


@dataclass(frozen=True)
class Ended:
    """How a start came out."""

    hit: bool  # whether the signal was sent while it ran
    where: str  # the place, "time" or "worker"
    code: int
    fault: str | None  # what is wrong with how it ended


def aim(command: Command, seconds: float, draw: random.Random) -> Aim:
    """Choose how to hit a command that takes some seconds when nothing disturbs it.

    Three of five are aimed at a place. The others come at random times, most of them after the imports, which are half
    of the command's time and all alike, and none while Python itself starts.
    """
    sent = draw.choice(SIGNALS)
    if command.places and draw.random() < 0.6:
        place = draw.choice(sorted(command.places))
        number = draw.randint(1, command.places[place])
        return Aim(sent, place, number, 0.0 if draw.random() < 0.5 else draw.uniform(0, command.stretch))
    first = 0.0 if draw.random() < 0.15 else 0.45
    when = max(PYTHON_STARTS, seconds * draw.uniform(first, 1.0))
    if not command.workers:
        return Aim(sent, None, 0, when)
    return Aim(sent, None, 0, when, worker=draw.random() < 0.5, orphans=draw.random() < 0.5)


def start(command: Command, aimed: Aim | None, folder: Path, beside: Path, victims: Victims) -> Ended:
    """Run the command in its folder and hit it as aimed, if at all; nothing of it runs after but orphans that may.

    Args:
        beside: a folder for what is noted and printed, which is no part of the comparison.

    Raises:
        Closed: when the crash test is being ended.
    """
    beside.mkdir(exist_ok=True)
    said, note = beside / "said.txt", beside / "note.jsonl"
    note.unlink(missing_ok=True)
    words = [str(command.program), *command.words]
    if aimed is not None and aimed.place is not None:
        trap = {"signal": int(aimed.signal), "delay": aimed.seconds, "folder": str(folder.absolute())}
        trap |= {"place": aimed.place, "number": aimed.number, "note": str(note.absolute())}
        words = ["-m", "experiments.crashtest.victim", json.dumps(trap), *words]
    victim = victims.start(words, folder, said)
    left = False
    try:
        hit_at, where = _hit(victim, aimed, note)
        code = victim.wait(WHOLE_COMMAND if hit_at is None else ENDS_WITHIN)
        if victims.closed:
            raise Closed
        left = aimed is not None and aimed.orphans and hit_at is not None and aimed.signal == signal.SIGKILL
    finally:
        if not left:
            victim.end()
    printed = said.read_text(encoding="utf-8", errors="replace")
    took = None if hit_at is None else time.monotonic() - hit_at
    struck = aimed if hit_at is not None else None
    if code is None:
        victim.end()
        return Ended(hit_at is not None, where, -9, f"did not end: {_about(command, struck, printed)}")
    wrong = wrong_end(code, struck, took, printed)
    about = f"{wrong}, exit code {code}: {_about(command, struck, printed)}" if wrong else None
    return Ended(hit_at is not None, where, code, about)


def _hit(victim: Victim, aimed: Aim | None, note: Path) -> tuple[float | None, str]:
    """Send the signal, or wait until the victim has; returns when that was, if it was, and where it struck."""
    if aimed is None:
        return None, "none"
    if aimed.place is not None:
        deadline = time.monotonic() + WHOLE_COMMAND
        while victim.wait(0.02) is None and not note.exists() and time.monotonic() < deadline:
            pass
        while note.exists() and not note.read_bytes() and victim.wait(0.02) is None and time.monotonic() < deadline:
            pass
        sprung = note.exists() and note.read_bytes() != b""
        return (time.monotonic() if sprung else None), aimed.place
    if victim.wait(aimed.seconds) is not None:
        return None, "time"
    target = victim.process.pid
    if aimed.worker:
        while not (workers := victim.workers()):
            if victim.wait(0.05) is not None:
                return None, "worker"
        target = workers[-1]
    with suppress(psutil.Error):
        psutil.Process(target).send_signal(aimed.signal)
    return time.monotonic(), "worker" if aimed.worker else "time"


def wrong_end(code: int, aimed: Aim | None, took: float | None, printed: str) -> str | None:
    """What is wrong with how a command ended, or None. aimed: None where nothing hit it."""
    if TRACEBACK in printed and (aimed is None or str(ROOT / "") in printed):
        return "prints a traceback"
    if aimed is None:
        return None if code == 0 else f"ends with exit code {code}"
    if aimed.worker:  # the front may make its run again, or end and say so
        return None if code in (0, 1, 130, 143) else f"ends with exit code {code} where a worker is killed"
    if aimed.signal == signal.SIGKILL:
        return None if code in (0, -9) else f"ends with exit code {code}"
    at_once = aimed.place is not None and not aimed.seconds  # else all may have been done when the signal came
    if code == 0 and (at_once or (took or 0) > GOES_ON):
        return "comes to its end all the same"
    return None if code in (0, -aimed.signal, 128 + aimed.signal) else f"ends with exit code {code}"


def _about(command: Command, struck: Aim | None, printed: str) -> str:
    hit = "undisturbed" if struck is None else json.dumps(asdict(struck))
    lines = printed.splitlines()
    said = ""
    if TRACEBACK in printed:  # what is buffered is printed behind it
        first = next(number for number, line in enumerate(lines) if TRACEBACK in line)
        said = "; it printed:" + "".join(f"\n    {line}" for line in lines[max(first - 2, 0) :][:SHOWN])
    return f"{command.name}, {hit}{said}; it printed last:{last_lines(lines)}"
