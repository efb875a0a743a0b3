"""The curves of a run, read back from its `metrics.csv`."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments import result
from experiments.errors import UserError
from experiments.record import HEADER


@dataclass(frozen=True)
class Curve:
    """One number over a run, each array (points,)."""

    step: np.ndarray  # optimizer steps done
    epoch: np.ndarray  # epochs begun
    value: np.ndarray


def read_curves(folder: Path) -> dict[str, Curve]:
    """Every curve of the run in `folder`, by name (`accuracy/test`, `loss/train`, …).

    Of a run that goes on, what stands in the file so far: half a line at its end is left out.

    Raises:
        UserError: when the file is missing or damaged.
    """
    path = folder / "metrics.csv"
    content = result.file_of(folder, path.name, result.read(folder))
    points: dict[str, list[tuple[int, int, float]]] = {}
    try:
        text = content.decode()
        if not text.startswith(HEADER):
            raise ValueError("its first line is not the one expected")
        lines = text[len(HEADER) : text.rindex("\n") + 1].splitlines()
        for step, epoch, name, value in csv.reader(lines):
            points.setdefault(name, []).append((int(step), int(epoch), float(value)))
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); remove {folder} and repeat the run") from None
    return {name: Curve(*(np.array(column) for column in zip(*rows, strict=True))) for name, rows in points.items()}
