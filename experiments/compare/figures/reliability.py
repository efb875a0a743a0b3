"""Reliability diagrams: how often a network is right where it is so and so sure, and how many images are there."""

from typing import TYPE_CHECKING

import numpy as np

from experiments.predictions.calibration import Reliability
from experiments.report.figures import BLACK, GREY, Drawing, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reliability_figure(name: str, title: str, diagram: Reliability, colour: str, most: int) -> Drawing:
    """Accuracy over confidence, with the gap to the diagonal hatched and the counts below.

    Args:
        most: the largest count of the figures that stand side by side: they share their scale.
    """

    def paint(figure: "Figure") -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        some = diagram.counts > 0
        left, width = diagram.edges[:-1], np.diff(diagram.edges)
        place = {"align": "edge", "width": width[some]}
        accuracy, confidence = diagram.accuracy[some], diagram.confidence[some]
        top.bar(left[some], accuracy, color=colour, edgecolor="white", linewidth=0.8, label="right", **place)
        top.bar(
            left[some], confidence - accuracy, bottom=accuracy, color="none", edgecolor=BLACK, hatch="////",
            linewidth=0.6, label="gap to the confidence", **place,
        )  # fmt: skip
        top.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfect")
        top.set(xlim=(0, 1), ylim=(0, 1), ylabel="share right", title=f"{title}: ECE {100 * diagram.error:.2f} %")
        figure.legend(loc="outside lower left", ncols=3, handlelength=1.6)
        bottom.bar(left, diagram.counts, align="edge", width=width, color=colour, edgecolor="white", linewidth=0.8)
        bottom.set(ylim=(0, most * 1.05 or 1), xlabel="confidence", ylabel="images")
        bottom.yaxis.set_major_locator(_few_ticks())
        bottom.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")

    worst = int(np.argmax(np.abs(diagram.accuracy - diagram.confidence) * diagram.counts))
    alt = (
        f"ECE {100 * diagram.error:.2f} %. The bin that adds most to it, confidence {diagram.edges[worst]:.2f} to"
        f" {diagram.edges[worst + 1]:.2f}, holds {diagram.counts[worst]:,} images; the network is"
        f" {100 * diagram.confidence[worst]:.1f} % sure of them and {100 * diagram.accuracy[worst]:.1f} % right."
    )
    return draw(name, title, alt, paint, height=3.7)


def _few_ticks():  # type: ignore[no-untyped-def]
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=3, integer=True)
