"""The pages of the report: what each is called, what it depends on, and how it is made."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from markupsafe import Markup

from experiments.report.page import number, render, short
from experiments.site import norm_page, study_file, study_page
from experiments.site.norm_docs import norm_docs
from experiments.site.rows import STATES, Row, page_of
from experiments.site.sources import SCALES, Sources, Summary

HERE = Path(__file__).resolve().parent
TEMPLATES = [HERE / "templates", HERE.parent / "studies" / "templates"]
MARK = "normlab report"  # stands in every page, so that no other file is taken for one
COLUMNS = (
    ("id", "no."),
    ("where", "document, line"),
    ("claim", "claim"),
    ("kind", "kind"),
    ("verdict", "verdict"),
    ("by", "decided by"),
    ("effect", "effect"),
    ("n", "n"),
    ("scale", "scale"),
    ("literature", "literature"),
)
MEANINGS = (
    ("supported", "The interval leaves 0 out on the side that the claim asserts, and the difference is large enough to "
     "matter; or the check finds it so."),
    ("contradicted", "The interval leaves out every difference that would matter on the side that the claim asserts; "
     "or the check finds otherwise."),
    ("inconclusive", "Neither: too few seeds for the spread between them, or too many runs of one arm have no number."),
    ("not run", "A study or a check that it needs is missing, not complete, or made with mixed versions of the code. "
     "Studies at scale=smoke do not count."),
    ("note", "No experiment of this kind can decide it; the reason stands beside it."),
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """A page that is yet to be made."""

    path: str  # in the report's folder
    inputs: Any  # all that it is made of, as JSON can hold it
    make: Callable[[], str]


def all_pages(
    sources: Sources, rows: Sequence[Row], outputs: Path, report: Path, runs: Mapping[str, Any]
) -> list[Page]:
    """Every page.

    Args:
        rows: what came of the claims (experiments/site/rows.py).
        runs: a digest of each file of curves that there is, by its path.
    """
    studies = {
        name: study_file.find(name) for name in sorted({*study_file.names(), *(key[0] for key in sources.summaries)})
    }
    pages = [_ledger(sources, rows, studies), _checks(sources, rows)]
    for (name, scale), summary in sources.summaries.items():
        method = study_file.method(studies[name], scale)
        pages.append(_study(summary, method, rows, outputs, report, runs))
    return [*pages, *_norms(sources)]


def _norms(sources: Sources) -> Iterator[Page]:
    cards, costed = norm_page.cards(), norm_page.in_cost()
    for norm in norm_page.names():
        values = norm_page.values(norm, cards.get(norm), sources.summaries, costed)
        yield _page(f"norms/{norm}.html", "norm.html", partial(dict, values), values)


def _page(path: str, template: str, values: Callable[[], dict[str, Any]], inputs: Any) -> Page:
    def make() -> str:
        return render(
            template,
            TEMPLATES,
            root="../" * path.count("/"),
            mark=MARK,
            site_css=Markup((HERE / "site.css").read_text(encoding="utf-8")),  # noqa: S704 - a file of ours
            **values(),
        )

    return Page(path, inputs, make)


def _study(
    summary: Summary, method: dict[str, Any], rows: Sequence[Row], outputs: Path, report: Path, runs: Mapping[str, Any]
) -> Page:
    name, scale = summary["study"], summary["scale"]
    path = page_of(name, scale)
    claims = study_page.claims_of(rows, name, scale)
    local = summary["source"] == "local"
    files = [file for some in study_page.run_files(summary, outputs).values() for file in some] if local else []
    details = study_page.details_of(summary, outputs).is_file()
    inputs = [summary, method, claims, [runs.get(str(file)) for file in files], details]
    return _page(path, "study_report.html", lambda: study_page.values(summary, method, claims, outputs, report), inputs)


def _ledger(sources: Sources, rows: Sequence[Row], studies: Mapping[str, Any]) -> Page:
    values = {
        "rows": [{**row, **_for_table(row)} for row in rows],
        "counts": [(state, sum(row["state"] == state for row in rows)) for state in STATES],
        "choices": [
            ("document", "Document", sorted({row["document"] for row in rows})),
            ("verdict", "Verdict", [state for state in STATES if any(row["state"] == state for row in rows)]),
            ("kind", "Kind", sorted({row["kind"] for row in rows})),
            ("by", "Decided by", sorted({by for row in rows for by in row["by"]})),
            ("scale", "Scale", [scale for scale in SCALES if any(row["scale"] == scale for row in rows)]),
        ],
        "columns": COLUMNS,
        "meanings": MEANINGS,
        "studies": [_listed(name, study, sources) for name, study in studies.items()],
        "num_checks": len(sources.evidence),
        "norms": [(norm, norm_docs(norm).summary) for norm in norm_page.names()],
    }
    script = "\n" + (HERE / "ledger.js").read_text(encoding="utf-8")  # as it stands between its tags
    digest = b64encode(sha256(script.encode()).digest()).decode()
    ours = {"script": Markup(script), "script_digest": f"sha256-{digest}"}  # noqa: S704 - a file of ours
    return _page("index.html", "ledger.html", lambda: {**values, **ours}, values)


def _for_table(row: Row) -> dict[str, Any]:
    """What a row is sorted by, and its parts, of which a note has an empty one."""
    numbers = [part["numbers"] for part in row["parts"] if part["numbers"]]
    margins = [one["margins"] for one in numbers if one["margins"] is not None]
    return {
        "shown": row["parts"] or [None],
        "margins": margins[0] if margins else None,
        "n": min((one["fewest"] for one in numbers), default=None),
    }


def _listed(name: str, study: Any, sources: Sources) -> dict[str, Any]:
    """A study in the list of all."""
    found = [sources.summaries[name, scale] for scale in SCALES if (name, scale) in sources.summaries]
    return {
        "name": name,
        "question": study.question.strip() if study else found[0]["question"],
        "pages": [
            {
                "scale": summary["scale"],
                "link": page_of(name, summary["scale"]),
                "words": study_page.kept_words(summary) or ("" if summary["complete"] else "not complete"),
            }
            for summary in found
        ],
        "commands": study_file.commands(name, study) if study else [],
    }


def _checks(sources: Sources, rows: Sequence[Row]) -> Page:
    claims = {
        check: [(row["id"], row["anchor"], row["claim"]) for row in rows if check in row["by"]]
        for check in sources.evidence
    }
    values = {
        "checks": [
            {**found, "claims": claims[check], "texts": [(key, plain(one)) for key, one in found["numbers"].items()]}
            for check, found in sources.evidence.items()
        ]
    }
    return _page("checks.html", "checks.html", lambda: values, values)


def plain(value: float | None) -> str:
    """A number of a check: whole ones in full, others to four digits."""
    if value is not None and float(value).is_integer() and abs(value) < 1e15:
        return number(value, 0)
    return short(value)
