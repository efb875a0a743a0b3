"""The process side of a contender: told over standard input what to measure, it answers over standard output.

    python -m experiments.benchmark.contender KIND THREADS

Requests and answers are JSON objects, a line each, in strict turn:

    {"do": "wait"}                                   answered when all is imported
    {"do": "begin"}                                  a fresh process from here to `finish`: a fork of this one, which
                                                     has imported all it needs and computed nothing yet
    {"do": "prepare", "name": NAME, "request": {…}}  → facts about what was prepared
    {"do": "measure", "name": NAME}                  → one slice
    {"do": "finish"}                                 → the most memory that it had; the forked process ends

An answer is {"answer": …}, or {"refused": "one line"} where the project refuses what was asked for. Whatever else goes
wrong ends the process with a traceback on standard error.
"""

import importlib
import json
import os
import sys
from typing import Any, Protocol, TextIO

from experiments.errors import UserError


class Contender(Protocol):
    """Something that can be measured a slice at a time; made from the `request` of `prepare`."""

    def facts(self) -> dict[str, Any]:
        """What is known of it before the first slice."""

    def measure(self) -> dict[str, float]:
        """One slice."""


# Where each kind is, and whether its process has normlab's own settings: the usual way must not have them.
KINDS = {
    "machine": ("experiments.benchmark.machine", "Machine", True),
    "normlab": ("experiments.benchmark.normlab_path", "Normlab", True),
    "usual": ("experiments.benchmark.usual_path", "Usual", False),
    "bare": ("experiments.benchmark.bare_path", "Bare", True),
    "operators": ("experiments.benchmark.operators_path", "Operators", True),
}


def main(kind: str, threads: int | None) -> int:
    """Answer until standard input ends; returns the exit code."""
    module, name, ours = KINDS[kind]
    if ours:
        _prepare_process(threads)
    # Answers have a way of their own: what libraries print on standard output goes to standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    make = getattr(importlib.import_module(module), name)
    while line := _read_line():
        if json.loads(line)["do"] == "wait":
            _answer(answers, {"answer": {}})
            continue
        child = os.fork()
        if child == 0:
            _serve(make, answers)
            sys.stderr.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:  # ended by a signal (SIGKILL where memory ran out): by which, the parent is to see
            os.kill(os.getpid(), -code)
        if code != 0:
            return code
    return 0


def _serve(make: Any, answers: TextIO) -> None:
    """Answer until `finish`."""
    try:
        _answer(answers, {"answer": {}})  # the answer to `begin`
        made: dict[str, Contender] = {}
        while line := _read_line():
            asked = json.loads(line)
            if asked["do"] == "finish":
                from experiments.benchmark.hardware import peak_resident_bytes

                _answer(answers, {"answer": {"peak_bytes": _peak_device_bytes() or peak_resident_bytes()}})
                return
            try:
                if asked["do"] == "prepare":
                    made[asked["name"]] = make(asked["request"])
                    found = made[asked["name"]].facts()
                else:
                    found = made[asked["name"]].measure()
                _answer(answers, {"answer": found})
            except UserError as error:
                _answer(answers, {"refused": str(error)})
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # never back into the loop of the process that forked


def _peak_device_bytes() -> int:
    """The most memory of a GPU that tensors took, or 0 without one."""
    torch = sys.modules.get("torch")
    return torch.cuda.max_memory_allocated() if torch is not None and torch.cuda.is_initialized() else 0


def _answer(answers: TextIO, content: dict[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


def _read_line() -> str:
    """A line of standard input, or "" at its end; nothing behind it is taken, for another process may be meant."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return ""
        line += byte
    return line.decode()


def _prepare_process(threads: int | None) -> None:
    """What train.py does to its process before PyTorch is imported."""
    from experiments.host import keep_memory, set_threads

    keep_memory()
    set_threads(threads)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if sys.argv[2] != "null" else None))
