"""The processes of the benchmark's contenders: what they answer, and how their death is told."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from experiments.benchmark import processes
from experiments.benchmark.processes import ContenderFailed, Processes, Refused


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """talk(code): the process of a contender whose class `Made` is `code`."""

    def start(code: str) -> Processes:
        (tmp_path / "stand_in.py").write_text(code)
        (tmp_path / "kinds.py").write_text(
            "import sys\n"
            "from experiments.benchmark import contender\n"
            "contender.KINDS['stand_in'] = ('stand_in', 'Made', False)\n"
            "sys.exit(contender.main(sys.argv[1], None))\n"
        )
        monkeypatch.setattr(processes, "MODULE", "kinds")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return Processes(("stand_in",), None)

    return start


CHATTY = """
import os, sys
from experiments.errors import UserError
print("said while it is imported")
class Made:
    def __init__(self, request):
        self.request = request
        print("said on standard output")
        os.system("echo said by a program")
        if request.get("refuse"):
            raise UserError("not this")
    def facts(self):
        return {"pid": os.getpid()}
    def measure(self):
        if self.request.get("die"):
            print("the reason", file=sys.stderr)
            eval(self.request["die"])
        return {"value": self.request["value"]}
"""


def test_answers_are_not_disturbed_by_what_is_printed(talk: Any) -> None:
    with talk(CHATTY) as started:
        process = started["stand_in"]
        with process.fresh():
            first = process.prepare("one", {"value": 1})
            process.prepare("two", {"value": 2})
            assert [process.measure(name) for name in ("two", "one")] == [{"value": 2}, {"value": 1}]
            with pytest.raises(Refused, match="not this"):
                process.prepare("three", {"refuse": True})
            assert process.measure("one") == {"value": 1}
        with process.fresh():
            assert process.prepare("one", {})["pid"] != first["pid"]
        with suppress(Refused), process.fresh():
            refusing = process.prepare("one", {})["pid"]
            process.prepare("two", {"refuse": True})
        with process.fresh():  # the one that refused has ended with its block
            assert process.prepare("one", {})["pid"] != refusing
        folder = started.folder
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(first["pid"], 0)


@pytest.mark.parametrize(
    ("die", "says"),
    [
        ("1 / 0", r"(?s)stand_in ended with exit code 1.*the reason.*ZeroDivisionError"),
        ("os._exit(7)", r"(?s)stand_in ended with exit code 7.*the reason"),
        (f"os.kill(os.getpid(), {int(signal.SIGKILL)})", r"(?s)stand_in was ended by SIGKILL.*the reason"),
        # A worker that outlives it holds its standard output open.
        ("os._exit(7) if os.fork() else __import__('time').sleep(60)", r"(?s)stand_in ended with exit code 7"),
    ],
)
def test_the_death_of_a_contender_is_told(talk: Any, die: str, says: str) -> None:
    with talk(CHATTY) as started:
        process = started["stand_in"]
        process.ask(do="begin")
        process.prepare("one", {"die": die})
        with pytest.raises(ContenderFailed, match=says):
            process.measure("one")


def test_a_silent_contender_is_not_waited_for_without_end(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with talk(CHATTY) as started:
        process = started["stand_in"]
        process.ask(do="begin")
        process.prepare("one", {"die": "__import__('time').sleep(60)"})
        monkeypatch.setattr(processes, "LONGEST_ANSWER", 0.1)
        with pytest.raises(ContenderFailed, match="has not answered"):
            process.measure("one")
