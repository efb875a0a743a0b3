"""Scripts called as from the command line, in this process."""

from types import ModuleType

import pytest
from conftest import Said

from experiments import script


def call(capsys: pytest.CaptureFixture[str], module: ModuleType, *words: object) -> Said:
    """What `python scripts/<module>.py *words` does."""
    capsys.readouterr()
    assert module.__doc__ is not None
    code = script.run(module.__doc__, [str(word) for word in words], module.command)
    out, err = capsys.readouterr()
    return Said(code, out, err)


def assert_refused(said: Said, *parts: str) -> None:
    """Exit code 2, and one line with all these parts."""
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert said.err.endswith("\n")
    assert said.err.count("\n") == 1, said.err
    for part in parts:
        assert part in said.err
