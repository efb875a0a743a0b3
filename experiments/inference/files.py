"""What `scripts/evaluate.py` leaves in a run's folder: modes.json, modes.png, modes.svg, an event file."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from data.sealed import seal
from experiments import atomic
from experiments.inference.figure import picture
from experiments.inference.scoring import METRICS

SUFFIX = ".modes"  # of the event file


def write(folder: Path, content: dict[str, Any], step: int) -> list[Path]:
    """Write or replace the files, and remove what a process that was killed here has left; returns their paths.

    Args:
        folder: locked by the caller (experiments.lock), so that nobody else is at it.
        step: the run's last optimizer step, at which TensorBoard shows what has no batch size.
    """
    drawing = picture(content)
    numbers, png, svg = (folder / f"modes.{ending}" for ending in ("json", "png", "svg"))
    atomic.clear(folder)
    atomic.write(png, lambda file: file.write(drawing.png))
    atomic.write_text(svg, drawing.svg)
    events = _write_events(folder, content, step, drawing.pixels)
    atomic.write_text(numbers, json.dumps(seal(content), indent=2, allow_nan=False) + "\n")
    return [numbers, png, svg, events]


def scalars(content: dict[str, Any], step: int) -> list[tuple[str, int, float]]:
    """(name, step, value) of each point: M3 and M4 at the step B, the others at the run's last step."""
    points = []
    for row in content["modes"]:
        if not row["n"] or row["same_as"]:
            continue
        over_batches = row["mode"] in ("batch", "sorted")
        place = {"batch": "by_batch_size/shuffled", "sorted": "by_batch_size/sorted"}.get(row["mode"])
        for metric in METRICS:
            value = row["scores"][metric]["mean"]
            if value is not None:
                name = f"modes/{place or 'final/' + row['mode']}/{metric}"
                points.append((name, row["batch_size"] if over_batches else step, value))
    return points


def _write_events(folder: Path, content: dict[str, Any], step: int, pixels: np.ndarray) -> Path:
    """An event file with the scalars and the picture, moved into place whole; an older one of ours goes."""
    from torch.utils.tensorboard import SummaryWriter

    aside = Path(tempfile.mkdtemp(prefix=".modes.", suffix=".tmp", dir=folder))
    try:
        board = SummaryWriter(str(aside), filename_suffix=SUFFIX)
        for name, place, value in scalars(content, step):
            board.add_scalar(name, value, place)
        board.add_image("modes", pixels, step, dataformats="HWC")
        board.close()
        (made,) = aside.glob("events.out.tfevents.*")
        for old in folder.glob(f"events.out.tfevents.*{SUFFIX}"):
            old.unlink()
        os.replace(made, folder / made.name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder / made.name
