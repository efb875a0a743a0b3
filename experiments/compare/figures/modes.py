"""Accuracy against the number of test images whose statistics a network is given, A and B in one figure."""

from typing import TYPE_CHECKING

from experiments.compare.modes import Modes
from experiments.report.axes import batch_size_axis
from experiments.report.figures import SIDES, Drawing, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = (("batch", "shuffled", "-", "o"), ("sorted", "sorted by class", (0, (3, 1.5)), "s"))


def batch_figure(modes: Modes, names: tuple[str, str]) -> list[Drawing]:
    """M3 solid and M4 dashed, over the batch size on a logarithmic axis; M1 dotted. None where there are no batches."""
    if not any(row.kind in ("batch", "sorted") for row in modes.rows):
        return []

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for side, (name, colour) in enumerate(zip(names, SIDES, strict=True)):
            for kind, words, dashes, marker in LINES:
                rows = [row for row in modes.rows if row.kind == kind]
                points = [(row.batch_size, 100 * mean) for row in rows if (mean := row.accuracy[side].mean) is not None]
                if points:
                    axes.plot(
                        *zip(*points, strict=True), color=colour, linestyle=dashes, marker=marker, markersize=3.5,
                        label=f"{name}, {words}",
                    )  # fmt: skip
            running = [row.accuracy[side].mean for row in modes.rows if row.kind == "running"]
            if running and running[0] is not None:
                axes.axhline(100 * running[0], color=colour, linestyle=":", linewidth=1.2, label=f"{name}, running")
        sizes = sorted({row.batch_size for row in modes.rows if row.kind in ("batch", "sorted") and row.batch_size})
        batch_size_axis(axes, sizes)
        axes.set_ylabel("test accuracy (%)")
        figure.legend(loc="outside lower left", ncols=2, handlelength=2.6)

    alt = (
        "Test accuracy on the statistics of test batches, over their size: shuffled (M3) solid, sorted by class (M4)"
        " dashed, and on running statistics (M1) dotted. The numbers are in the table."
    )
    return [draw("modes_by_batch", "Accuracy by batch size", alt, paint, height=3.4)]
