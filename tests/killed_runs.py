"""Runs whose process is gone from one moment to the next."""

from typing import Any

import pytest

from experiments import checkpoint
from experiments.job import perform


class Killed(BaseException):
    """Ends a run as nothing in it expects."""


def killed_after_saving(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], saves: int) -> None:
    """Make the run of `config` up to its checkpoint number `saves`."""
    done, save = [], checkpoint.save

    def save_and_die(*arguments: Any) -> None:
        save(*arguments)
        done.append(1)
        if len(done) == saves:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_die)
        with pytest.raises(Killed):
            perform(config)
