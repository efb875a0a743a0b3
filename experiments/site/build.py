"""The report, brought up to date: what has changed is found out first, and no more is made than that asks for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiments.site import norm_page, sources, study_file, study_page
from experiments.site.norm_docs import ROOT
from experiments.site.pages import all_pages
from experiments.site.rows import STATES, rows
from experiments.site.sources import KEPT, Sources
from experiments.site.state import State, digest, digests, look
from experiments.site.state import read as read_state
from experiments.site.state import write as write_state
from experiments.site.write import Written, alone, check_place, intact, write_pages
from experiments.studies.decided import Decided

HERE = Path(__file__).resolve().parent
EXPERIMENTS = HERE.parent
# what makes pages, and what decides claims
PAGE_CODE = (
    "site/**/*",
    "progress.py",
    "report/page.py",
    "report/style.css",
    "report/templates/*",
    "studies/cells.py",
    "studies/templates/study_parts.html",
)
OTHER_CODE = ("studies/*", "verdicts/*")
Judge = Callable[[Sources], Sequence[Decided]]


@dataclass(frozen=True)
class Report:
    """What came of it."""

    folder: Path
    pages: Written
    counts: dict[str, int] = field(default_factory=dict)  # claims by state; empty where nothing had changed
    left_out: tuple[str, ...] = ()  # files that could not be used, a line each


def judge(found: Sources) -> Sequence[Decided]:
    """What came of each claim of the ledger, whose rows need not all have their study yet.

    scipy and statsmodels are imported here, which takes seconds.
    """
    from experiments.studies.decide import decide
    from experiments.studies.ledger import read

    return decide(read(), found.summaries, found.evidence)


def build(outputs: Path, folder: Path, kept: Path = KEPT, judge: Judge = judge) -> Report:
    """Bring the report in `folder` up to date.

    Args:
        outputs: where runs, studies and checks are. kept: where results are that come with normlab.
        judge: decides the claims.

    Raises:
        UserError: when an input is damaged, or the folder is not a report's; nothing was written then.
    """
    check_place(folder)
    before = read_state(folder)
    fixed = _fixed(outputs, kept)
    now = look([*fixed, *map(Path, before.runs)], before)
    if digests(now) == digests(before.inputs) and intact(folder, before):
        if now != before.inputs:  # touched, or copied
            with alone(folder):
                write_state(folder, State(now, before.runs, before.pages))
        return Report(folder, Written((), len(before.pages), ()))
    found = sources.read(outputs, kept)
    claims = rows(judge(found), found.summaries)
    local = [summary for summary in found.summaries.values() if summary["source"] == "local"]
    runs = sorted({str(file) for one in local for some in study_page.run_files(one, outputs).values() for file in some})
    state = State(look([*fixed, *map(Path, runs)], before), runs, before.pages)
    known = digests(state.inputs)
    pages = all_pages(found, claims, outputs, folder, known)
    with alone(folder):
        code = digest([known[str(path)] for path in _files(EXPERIMENTS, PAGE_CODE)])
        written = write_pages(folder, pages, state, code)
        write_state(folder, state)
    counts = {name: sum(row["state"] == name for row in claims) for name in STATES}
    return Report(folder, written, counts, found.left_out)


def _fixed(outputs: Path, kept: Path) -> list[Path]:
    """All inputs but the curves of runs."""
    ours = [*_files(EXPERIMENTS, (*PAGE_CODE, *OTHER_CODE)), *study_file.files(), *norm_page.files()]
    ours += (ROOT / "models" / "norms").glob("*.py")
    return sorted({*ours, *sources.files(outputs, kept)})


def _files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return sorted(path for path in found if path.suffix != ".pyc")
