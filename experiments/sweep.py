"""A sweep's outcome, read back from its run folders: launchers may have run the jobs in any process on any machine."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from data.plain_files import Unreadable, read_json
from experiments import atomic, identity, result
from experiments.command_line import Plan
from experiments.errors import UserError

EXIT_CODES = {"finished": 0, "diverged": 0, "refused": 2, "failed": 1, "not run": 1, "interrupted": 1}


def _failure_file(config: dict[str, Any]) -> Path:
    return Path(config["paths"]["outputs"]) / "sweeps" / "failures" / f"{identity.name(config)}.json"


def note_failure(config: dict[str, Any], status: str, error: str) -> dict[str, Any]:
    """Leave a note for the summary; the run's own folder may not exist."""
    path = _failure_file(config)
    note = {"status": status, "error": error}
    with suppress(OSError):  # of a disk that is full the run itself has told
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(path, json.dumps(note))
    return note


def forget_failure(config: dict[str, Any]) -> None:
    """Called when a job starts anew."""
    _failure_file(config).unlink(missing_ok=True)


def outcome(config: dict[str, Any]) -> dict[str, Any]:
    """The status of one run, with its result or its error."""
    try:
        finished = result.read(identity.folder(config))
        if finished is not None:
            return finished
        return read_json(_failure_file(config))
    except UserError as error:
        return {"status": "refused", "error": str(error)}
    except (FileNotFoundError, Unreadable):  # a damaged note says no more than none
        return {"status": "interrupted" if identity.folder(config).exists() else "not run"}


def is_open(config: dict[str, Any]) -> bool:
    """Whether a run has neither ended nor been refused."""
    return outcome(config)["status"] in ("not run", "interrupted")


def summarize(plan: Plan) -> int:
    """Print every run of a sweep with its status; returns the exit code: 1 if one failed, else 2 if one was refused."""
    rows = [(identity.name(job.config), outcome(job.config)) for job in plan.jobs]
    width = max(len(name) for name, _ in rows)
    print(f"\n{'run':<{width}}  {'status':<12} test accuracy  test loss")
    for name, found in rows:
        print(f"{name:<{width}}  {found['status']:<12} {_numbers(found)}")
    counts = {status: sum(found["status"] == status for _, found in rows) for status in EXIT_CODES}
    print(f"{len(rows)} runs: " + ", ".join(f"{count} {status}" for status, count in counts.items() if count))
    codes = {EXIT_CODES[found["status"]] for _, found in rows}
    return next((code for code in (1, 2) if code in codes), 0)


def _numbers(found: dict[str, Any]) -> str:
    if "error" in found:
        return " ".join(found["error"].split())
    if "final" not in found:
        return ""
    loss = found["final"]["test_loss"]
    return f"{found['final']['test_accuracy']:>13.2%}  {'not finite' if loss is None else format(loss, '.4f'):>9}"
