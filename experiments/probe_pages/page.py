"""The page of what probes found in a run, or in several: a section a probe, then the runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.probe_pages.arms import Arm, ProbedRun
from experiments.probe_pages.sections import probe_sections
from experiments.report.figures import Drawing
from experiments.report.page import render

TEMPLATES = Path(__file__).resolve().parent / "templates"


@dataclass(frozen=True)
class ProbePage:
    """A page with the figures that are on it."""

    page: str
    drawings: tuple[Drawing, ...]


def probe_page(arms: Sequence[Arm], names: Sequence[str], command: str, about: dict[str, Any]) -> ProbePage:
    """The page.

    Args:
        names: of the probes, in the order of their sections.
        command: that made it, for the page to repeat.
        about: the versions that it was made with.
    """
    curves = {arm.name: [run.curves for run in arm.runs] for arm in arms}
    results = {arm.name: [run.result for run in arm.runs] for arm in arms}
    sections = probe_sections(curves, names, results)
    runs = [_row(arm, run) for arm in arms for run in arm.runs]
    page = render(
        "probes.html",
        [TEMPLATES],
        title=runs[0]["folder"] if len(runs) == 1 else " – ".join(arm.name for arm in arms),
        sections=sections,
        runs=runs,
        several=len(arms) > 1,
        command=command,
        about=about,
    )
    return ProbePage(page, tuple(drawing for section in sections for drawing in section.drawings))


def _row(arm: Arm, run: ProbedRun) -> dict[str, Any]:
    """What the table of runs says of one."""
    content = run.result
    if content is None:
        state = f"not finished, step {max(int(curve.step[-1]) for curve in run.curves.values())} so far"
    elif content["status"] == "diverged":
        state = f"diverged at step {content['diverged_at']}"
    else:
        state = f"finished, {content['steps']} steps"
    accuracy = content["final"].get("test_accuracy") if content else None
    return {"arm": arm.name, "folder": run.folder.name, "seed": run.seed, "state": state, "accuracy": accuracy}
