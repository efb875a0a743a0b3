"""The figures of a page as files beside it."""

from collections.abc import Sequence
from pathlib import Path

from experiments import atomic
from experiments.report.figures import Drawing

FIGURES = "figures"


def write_figures(folder: Path, drawings: Sequence[Drawing]) -> None:
    """Each figure as SVG and PNG in a new folder FIGURES in `folder`."""
    place = folder / FIGURES
    place.mkdir()
    for drawing in drawings:
        atomic.write_text(place / f"{drawing.name}.svg", drawing.svg)
        atomic.write(place / f"{drawing.name}.png", lambda file, png=drawing.png: file.write(png))  # type: ignore[misc]
