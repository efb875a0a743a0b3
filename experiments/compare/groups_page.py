"""The page of two groups of runs."""

from typing import Any

from experiments.compare.figures.curves import curve_figures, mode_figures
from experiments.compare.figures.seeds import agreement_figure, churn_figure, metric_figure, run_labels
from experiments.compare.groups import Groups
from experiments.compare.pair_page import TEMPLATES, Built
from experiments.compare.provenance import provenance
from experiments.compare.selection import Selection
from experiments.compare.sentences import churn_sentence, groups_headline
from experiments.report.metrics import read_curves
from experiments.report.page import render

METRICS = (("accuracy", "Test accuracy", "%", 100.0), ("loss", "Test loss", "nats", 1.0), ("ece", "ECE", "%", 100.0))


def groups_page(
    groups: Groups, selection: Selection, names: tuple[str, str], command: str, about: dict[str, Any]
) -> Built:
    """The page; see `pair_page` for the arguments.

    Raises:
        UserError: when a run's curves cannot be read.
    """
    curves = [[read_curves(run.folder) for run in side] for side in (selection.a, selection.b)]
    drawings = {
        "metrics": [
            metric_figure(key, title, unit, scale, groups, getattr(groups, key), names)
            for key, title, unit, scale in METRICS
        ],
        "churn": [churn_figure(groups), agreement_figure(groups)],
        "curves": curve_figures(curves[0], curves[1], names),
        "modes": mode_figures(curves[0], curves[1], names),
    }
    headline = groups_headline(groups, names)
    page = render(
        "groups.html",
        [TEMPLATES],
        groups=groups,
        names=names,
        headline=headline,
        churn_sentence=churn_sentence(groups),
        labels=run_labels(groups),
        differing=selection.differing,
        provenance=provenance(selection),
        drawings=drawings,
        command=command,
        about=about,
    )
    return Built(page, tuple(drawing for part in drawings.values() for drawing in part), headline)
