"""The page of two runs: numbers, figures and images put together."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.dataset import Dataset
from experiments.compare.contact import Card, cards, images_of
from experiments.compare.figures.classes import class_figure, confusion_figure
from experiments.compare.figures.contact import contact_figure
from experiments.compare.figures.curves import curve_figures, mode_figures
from experiments.compare.figures.modes import batch_figure
from experiments.compare.figures.reliability import reliability_figure
from experiments.compare.modes import Modes
from experiments.compare.pair import Pair
from experiments.compare.provenance import provenance
from experiments.compare.selection import Selection
from experiments.compare.sentences import pair_headline
from experiments.errors import UserError
from experiments.report.figures import SIDES, Drawing
from experiments.report.metrics import read_curves
from experiments.report.page import render

TEMPLATES = Path(__file__).resolve().parent / "templates"

log = logging.getLogger("normlab")


@dataclass(frozen=True)
class Built:
    """A page with the figures that are on it."""

    page: str
    drawings: tuple[Drawing, ...]
    headline: str


def pair_page(
    pair: Pair,
    modes: Modes,
    selection: Selection,
    names: tuple[str, str],
    command: str,
    about: dict[str, Any],
    data: str | None,
) -> Built:
    """The page, with the images where they lie on disk.

    Args:
        names: what the sides are called.
        about: the versions that the comparison was made with.
        data: the folder of the datasets, where it is not the run's own.

    Raises:
        UserError: when a run's curves cannot be read.
    """
    a, b = selection.a[0], selection.b[0]
    dataset, why_not = _images(selection, data)
    classes = pair.classes if dataset is None else dataset.classes
    curves = [[read_curves(run.folder)] for run in (a, b)]
    shown = cards(pair, a, b, classes, dataset)
    drawings = {
        "reliability": _reliability(pair, names),
        "classes": [class_figure(pair, classes, names), confusion_figure(pair, classes)],
        "curves": curve_figures(curves[0], curves[1], names),
        "modes": mode_figures(curves[0], curves[1], names),
        "inference": batch_figure(modes, names),
    }
    sheet = _sheet(shown, names)
    headline = pair_headline(pair, names)
    page = render(
        "pair.html",
        [TEMPLATES],
        pair=pair,
        names=names,
        headline=headline,
        classes=classes,
        class_rows=_class_rows(pair, classes),
        cards=shown,
        why_no_images=why_not,
        drawings=drawings,
        modes=modes,
        differing=selection.differing,
        provenance=provenance(selection),
        command=command,
        about=about,
        ln2=f"{math.log(2):.4f}",
    )
    return Built(page, tuple(drawing for part in drawings.values() for drawing in part) + sheet, headline)


def _images(selection: Selection, data: str | None) -> tuple[Dataset | None, str]:
    """The dataset, or the reason why there is none."""
    try:
        return images_of(selection.a[0], data), ""
    except UserError as error:
        log.info("the images are not on the page: %s", error)
        return None, str(error)


def _reliability(pair: Pair, names: tuple[str, str]) -> list[Drawing]:
    """Before scaling and after it, A on the left."""
    states = [
        (state, [getattr(side, field).reliability for side in (pair.a, pair.b)])
        for state, field in (("before", "calibration"), ("after", "scaled"))
    ]
    most = max(int(diagram.counts.max()) for _, pairs in states for diagram in pairs)
    return [
        reliability_figure(f"reliability_{letter}_{state}", f"{name}, {state} scaling", diagram, colour, most)
        for state, pairs in states
        for letter, name, diagram, colour in zip("ab", names, pairs, SIDES, strict=True)
    ]


def _class_rows(pair: Pair, classes: tuple[str, ...]) -> list[tuple[str, int, float, float, float]]:
    """Class, its test images, accuracies of A and B, and their difference."""
    counts = pair.a.confusion.sum(axis=1)
    columns = (pair.a.class_accuracy, pair.b.class_accuracy, pair.a.class_accuracy - pair.b.class_accuracy)
    a, b, difference = (column.tolist() for column in columns)
    return list(zip(classes, counts.tolist(), a, b, difference, strict=True))


def _sheet(shown: list[Card], names: tuple[str, str]) -> tuple[Drawing, ...]:
    return (contact_figure(shown, names),) if shown and shown[0].image is not None else ()
