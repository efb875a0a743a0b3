"""A recalibration as people read it."""

import logging

from experiments.finished import FinishedRun
from experiments.inference.recalibrate import RecalibrateSettings
from experiments.inference.recalibration import Recalibration

log = logging.getLogger("normlab")
SHOWN = 5  # layers


def report(run: FinishedRun, settings: RecalibrateSettings, found: Recalibration | None) -> None:
    """Print what changed, or that there was nothing to change."""
    if found is None:
        log.info(
            "%s has no norm with running statistics (norm=%s): there is nothing to re-estimate; nothing was written",
            run.name, run.config["norm"]["name"],
        )  # fmt: skip
        return
    log.info("%d layers re-estimated on %d images (split=%s)", len(found.layers), found.images, settings.split)
    width = max(len(entry.images) for entry in found.compared)
    log.info("%-*s  %-6s  accuracy     loss      ECE", width, "test images", "")
    for entry in found.compared:
        for name, when, score in ((entry.images, "before", entry.before), ("", "after", entry.after)):
            log.info(
                "%-*s  %-6s  %7.2f%%  %7.4f  %6.2f%%%s",
                width, name, when, 100 * score.accuracy, score.loss, 100 * score.ece,
                "  (transductive: estimated on these images)" if entry.transductive and when == "after" else "",
            )  # fmt: skip
    log.info(
        "statistics that moved most: |Δμ|/σ over channels (mean, largest), σ² old/new (geometric mean, largest factor)"
    )
    for name, moved in sorted(found.layers.items(), key=lambda entry: -entry[1]["mean"])[:SHOWN]:
        log.info(
            "  %-32s %8.3f  %8.3f  %8.3f  %8.3f",
            name, moved["mean"], moved["mean_max"], moved["variance"], moved["variance_max"],
        )  # fmt: skip
    log.info("written: %s", found.folder)
