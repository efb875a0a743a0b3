"""Any command line trains two steps, or is refused with exit code 2 and one line, and then leaves nothing behind.

    pytest tests/test_any_command_line.py --examples 500

Lines are made up by `command_lines.py`. The usual 50 are the same each time; more than these are new ones, from a seed
that is printed and given again by --hypothesis-seed.
"""

import random
import resource
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from command_lines import Line, lines
from conftest import EXAMPLES
from hypothesis import HealthCheck, Phase, given, seed, settings
from image_folders import make_folder

ROOM = 4 * 2**30  # bytes beside what the process has: a network of terabytes is refused here as on any machine


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Asking for much more memory than the tests need fails at once, instead of taking it from others."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def assert_refused(line: Line, said, outputs: Path) -> None:
    """One line for a mistake; in a sweep, where a run may find out for itself, one for each run."""
    mistakes = said.err.splitlines()
    assert said.err.endswith("\n")
    assert all(mistake.startswith("error: ") for mistake in mistakes), said.err
    assert "Traceback" not in said.out
    if line.sweep and outputs.exists():
        assert "refused" in said.out
    else:
        assert len(mistakes) == 1, said.err
        assert not outputs.exists()


@pytest.mark.usefixtures("little_memory", "no_network")
def test_any_command_line_works_or_is_refused_in_one_line(train_py, tmp_path, request, capsys):
    outputs, elsewhere = tmp_path / "outputs", tmp_path / "elsewhere"
    make_folder(tmp_path / "data" / "folder")
    elsewhere.mkdir()
    number, count = request.config.getoption("--examples"), Counter[str]()
    start = request.config.getoption("--hypothesis-seed") or random.randrange(2**32)

    @seed(start)
    @settings(
        max_examples=number,
        derandomize=number == EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],  # a run is one, each in a folder of outputs that is not there yet
        phases=[Phase.generate, Phase.shrink],
    )
    @given(lines(tmp_path))
    def check(line: Line) -> None:
        shutil.rmtree(outputs, ignore_errors=True)
        said = train_py(*line.words, folder=elsewhere)
        torch.set_num_threads(1)  # of threads=N
        assert not list(elsewhere.iterdir())
        assert said.code in (0, 2), said.err
        if said.code == 2:
            assert_refused(line, said, outputs)
        else:
            assert said.err == ""
            assert line.shows or list(outputs.glob("runs/*/result.json"))
        count["refused" if said.code else "shown" if line.shows else "trained"] += 1

    if number != EXAMPLES:
        with capsys.disabled():
            print(f"\n{number} command lines, to be had again by --hypothesis-seed={start}", flush=True)
    check()
    if number != EXAMPLES:
        with capsys.disabled():
            print(", ".join(f"{many} {how}" for how, many in count.items()))
    assert min(count["trained"], count["refused"]) > number // 8  # it is about both
