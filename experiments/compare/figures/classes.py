"""What two networks do with each class: accuracies side by side, and the difference of their confusion matrices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.compare.pair import Pair
from experiments.report.figure_words import brief
from experiments.report.figures import SIDES, Drawing, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BARS = 20  # classes in the bar chart; the table has all
MOST_NUMBERS = 12  # classes up to which the heat map's cells hold their numbers


def class_figure(pair: Pair, classes: Sequence[str], names: tuple[str, str]) -> Drawing:
    """Bars of the accuracy in each class; of many classes, those whose accuracies differ most."""
    gap = np.nan_to_num(np.abs(pair.a.class_accuracy - pair.b.class_accuracy))
    chosen = np.arange(len(classes))
    if len(classes) > MOST_BARS:
        chosen = np.sort(np.argsort(-gap, kind="stable")[:MOST_BARS])

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        rows = np.arange(len(chosen))
        for side, name, colour, shift in zip((pair.a, pair.b), names, SIDES, (-0.2, 0.2), strict=True):
            axes.barh(rows + shift, 100 * side.class_accuracy[chosen], height=0.38, color=colour, label=name)
        axes.set_yticks(rows, [brief(classes[int(index)]) for index in chosen])
        axes.set(xlim=(0, 100), xlabel="right, % of the class's test images")
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=1, borderaxespad=0.2)

    widest = int(np.argmax(gap))
    alt = (
        f"Accuracy in {'each class' if len(chosen) == len(classes) else f'the {len(chosen)} classes that differ most'};"
        f" the widest gap is in {classes[widest]}: {100 * pair.a.class_accuracy[widest]:.1f} % in A,"
        f" {100 * pair.b.class_accuracy[widest]:.1f} % in B."
    )
    return draw("classes", "Accuracy by class", alt, paint, height=1.0 + 0.26 * len(chosen))


def confusion_figure(pair: Pair, classes: Sequence[str]) -> Drawing:
    """A heat map of the confusion matrix of A minus that of B, in images."""
    difference = pair.a.confusion - pair.b.confusion
    limit = max(int(np.abs(difference).max()), 1)

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        image = axes.imshow(difference, cmap="PuOr_r", vmin=-limit, vmax=limit, interpolation="none")
        few = len(classes) <= MOST_NUMBERS
        ticks = np.arange(len(classes)) if len(classes) <= MOST_BARS else np.arange(0, len(classes), 10)
        labels = [brief(classes[int(index)]) for index in ticks]
        axes.set_xticks(ticks, labels, rotation=90)
        axes.set_yticks(ticks, labels)
        axes.set(xlabel="predicted", ylabel="true")
        axes.grid(visible=False)
        if few:
            for row, column in np.ndindex(difference.shape):
                value = int(difference[row, column])
                colour = "white" if abs(value) > 0.6 * limit else "black"
                axes.text(column, row, _signed(value), ha="center", va="center", fontsize=6.5, color=colour)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, label="images, A − B")
        bar.outline.set_visible(False)  # type: ignore[operator]

    row, column = divmod(int(np.argmax(np.abs(difference))), len(classes))
    alt = (
        "Confusion matrix of A minus that of B. On the diagonal, above zero means that A is right more often;"
        " elsewhere, that A makes this mistake more often."
        f" The largest entry, {_signed(int(difference[row, column]))}, is of"
        f" {classes[row]} predicted as {classes[column]}."
    )
    return draw("confusion", "Confusion, A − B", alt, paint, width=4.6, height=3.9)


def _signed(value: int) -> str:
    return "0" if value == 0 else f"{value:+d}".replace("-", "−")
