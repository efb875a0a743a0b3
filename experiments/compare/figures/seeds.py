"""Runs of two groups: their metrics as dots, how often each two agree, and churn within and between the groups."""

from typing import TYPE_CHECKING

import numpy as np

from experiments.compare.groups import Groups
from experiments.compare.seeds import Difference
from experiments.report.figures import BLACK, GREEN, GREY, SIDES, Drawing, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NUMBERS = 12  # runs up to which the cells hold their numbers


def run_labels(groups: Groups) -> list[str]:
    """`A0`, `A1`, `B0` …: letter and seed of every run, A's first."""
    return [f"{letter}{seed}" for letter, group in (("A", groups.a), ("B", groups.b)) for seed in group.seeds]


def metric_figure(
    key: str, title: str, unit: str, scale: float, groups: Groups, found: Difference, names: tuple[str, str]
) -> Drawing:
    """A dot a run, and each group's mean."""

    digits = 2 if unit == "%" else 4

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for row, (group, colour) in enumerate(zip((groups.a, groups.b), SIDES, strict=True)):
            values = scale * getattr(group, key)
            axes.plot(values, np.full(len(values), row), "o", color=colour, markersize=6, alpha=0.75)
            axes.plot([values.mean()] * 2, [row - 0.25, row + 0.25], color=BLACK, linewidth=1.4)
        axes.set_yticks([0, 1], list(names))
        axes.set(ylim=(1.6, -0.6), xlabel=f"{title} ({unit}); a dot is a run, the bar the mean")
        axes.grid(axis="y", visible=False)

    alt = (
        f"{title} of each run. A: mean {scale * found.a_mean:.{digits}f}, sd {scale * found.a_sd:.{digits}f};"
        f" B: mean {scale * found.b_mean:.{digits}f}, sd {scale * found.b_sd:.{digits}f} ({unit})."
    )
    return draw(f"runs_{key}", title, alt, paint, height=1.7)


def agreement_figure(groups: Groups) -> Drawing:
    """The share of images on which each two runs predict the same class."""
    labels = run_labels(groups)
    agreement = 100 * (1 - groups.churn.matrix)
    np.fill_diagonal(agreement, np.nan)  # a run agrees with itself
    low, high = np.nanmin(agreement), np.nanmax(agreement)

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        image = axes.imshow(agreement, cmap="cividis", interpolation="none")
        places = np.arange(len(labels))
        shown = places if len(labels) <= 2 * MOST_NUMBERS else places[:: max(len(labels) // MOST_NUMBERS, 1)]
        axes.set_xticks(shown, [labels[place] for place in shown])
        axes.set_yticks(shown, [labels[place] for place in shown])
        axes.grid(visible=False)
        border = len(groups.a.runs) - 0.5
        axes.axhline(border, color="white", linewidth=2)
        axes.axvline(border, color="white", linewidth=2)
        if len(labels) <= MOST_NUMBERS:
            for row, column in np.ndindex(agreement.shape):
                if row != column:
                    value = agreement[row, column]
                    colour = "black" if value > (low + high) / 2 else "white"
                    axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=7, color=colour)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, label="same prediction (% of images)")
        bar.outline.set_visible(False)  # type: ignore[operator]

    alt = (
        f"Agreement of each two of {len(labels)} runs, from {low:.1f} % to {high:.1f} % of the images; the white lines"
        " part A from B."
    )
    return draw("agreement", "Agreement of all runs", alt, paint, width=4.4, height=3.6)


def churn_figure(groups: Groups) -> Drawing:
    """Churn of each two runs: within A, within B, and between them."""
    churn = groups.churn
    size = len(groups.a.runs)
    first, second = np.triu_indices(len(churn.matrix), k=1)
    values = 100 * churn.matrix[first, second]
    seeds = np.array([*groups.a.seeds, *groups.b.seeds])
    kinds = {
        "within A": ((second < size), SIDES[0], churn.within_a),
        "within B": ((first >= size), SIDES[1], churn.within_b),
        "between": ((first < size) & (second >= size) & (seeds[first] != seeds[second]), GREEN, churn.between),
    }

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for row, (members, colour, mean) in enumerate(kinds.values()):
            axes.plot(values[members], np.full(members.sum(), row), "o", color=colour, markersize=5, alpha=0.7)
            axes.plot([100 * mean] * 2, [row - 0.25, row + 0.25], color=BLACK, linewidth=1.4)
        noise = 50 * (churn.within_a + churn.within_b)
        axes.axvline(noise, color=GREY, linestyle="--", linewidth=1)
        axes.text(noise, -0.55, " seed noise", color=GREY, fontsize=8, va="top")
        axes.set_yticks(range(3), list(kinds))
        axes.set(ylim=(2.6, -0.6), xlabel="churn (% of images); a dot is a pair of runs, the bar the mean")
        axes.grid(axis="y", visible=False)

    alt = (
        f"Churn of pairs of runs of different seeds: {100 * churn.within_a:.2f} % within A,"
        f" {100 * churn.within_b:.2f} % within B, {100 * churn.between:.2f} % between A and B."
        " The dashed line is the mean of the first two."
    )
    return draw("churn", "Churn within and between the groups", alt, paint, height=2.3)
