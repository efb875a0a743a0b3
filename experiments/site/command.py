"""`scripts/report.py`: from the words of a command line to the report, or to the results that are kept."""

import logging
from pathlib import Path
from typing import Annotated

from pydantic import Field

from experiments import script
from experiments.errors import UserError
from experiments.paths import default_outputs
from experiments.settings import Strict

PLACE = "report"

log = logging.getLogger("normlab")


class Outputs(Strict):
    """Where runs are."""

    outputs: Annotated[str, Field(min_length=1)] = Field(default_factory=default_outputs)


class ReportSettings(Strict):
    """The settings of the script."""

    out: Annotated[str, Field(min_length=1)] | None = None
    save: Annotated[str, Field(min_length=1)] | None = None
    paths: Outputs = Field(default_factory=Outputs)


def report(words: script.Words) -> None:
    """Bring the report up to date, or keep results.

    Raises:
        UserError: one line on the first mistake.
    """
    settings = script.settings(words.values, ReportSettings)
    if words.names:
        raise UserError(f"{words.names[0]!r} is no setting of this script: it takes all that is in the outputs folder")
    outputs = Path(settings.paths.outputs)
    if settings.save is not None:
        if settings.out is not None:
            raise UserError(f"out={settings.out} and save={settings.save}: make the report or keep results, in turn")
        _save(outputs, Path(settings.save))
    else:
        bring_up_to_date(outputs, None if settings.out is None else Path(settings.out))


def bring_up_to_date(outputs: Path, folder: Path | None = None) -> None:
    """Make the pages whose inputs have changed, and say what came of it.

    Args:
        outputs: where studies, checks and runs are. folder: of the report; None: in `outputs`.

    Raises:
        UserError: when an input is damaged, or the folder is not a report's.
    """
    from experiments.site.build import build

    folder = outputs / PLACE if folder is None else folder
    found = build(outputs, folder)
    for line in found.left_out:
        log.info("left out: %s", line)
    if found.counts:
        log.info("%s", ", ".join(f"{number} {state}" for state, number in found.counts.items()))
    pages = found.pages
    gone = f", {len(pages.removed)} removed" if pages.removed else ""
    log.info("%d pages written, %d unchanged%s", len(pages.written), pages.unchanged, gone)
    log.info("  page: %s", folder / "index.html")


def _save(outputs: Path, folder: Path) -> None:
    from experiments.site.save import save

    found = save(outputs, folder)
    for path in found.written:
        log.info("kept: %s", path)
    if found.same:
        log.info("%d were kept before and are the same", len(found.same))
    for line in found.refused:
        log.info("%s", line)
