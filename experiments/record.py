"""What a run writes while it goes: `metrics.csv` (long form) and TensorBoard's event file, from one place.

`metrics.csv` holds `step,epoch,name,value`, a line a number, and no clock times: it is the same file, byte for byte,
however often the run was interrupted.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from experiments import hparams

HEADER = "step,epoch,name,value\n"
# Curves drawn over one another in TensorBoard's custom scalars.
OVERLAYS = {
    "train against test": {
        "accuracy": ["Multiline", ["accuracy/train", "accuracy/validation", "accuracy/test"]],
        "loss": ["Multiline", ["loss/train", "loss/validation", "loss/test"]],
    },
    "train mode against eval mode, on the test images": {
        "accuracy": ["Multiline", ["train_mode/accuracy", "eval_mode/accuracy"]],
        "loss": ["Multiline", ["train_mode/loss", "eval_mode/loss"]],
    },
}


class Record:
    """The open records of one run.

    Args:
        folder: the run's folder.
        position: the length of `metrics.csv` in bytes at the checkpoint that is resumed; what follows is dropped.
        step: the checkpoint's step; TensorBoard forgets later points.
        overlays: charts beside OVERLAYS, written as these are.
    """

    def __init__(
        self,
        folder: Path,
        position: int | None = None,
        step: int | None = None,
        overlays: dict[str, Any] | None = None,
    ):
        resumed = position is not None and step is not None
        self._csv = open(folder / "metrics.csv", "r+b" if resumed else "wb")  # noqa: SIM115 - closed in close()
        if resumed:
            self._csv.truncate(position)
            self._csv.seek(0, os.SEEK_END)
        else:
            self._csv.write(HEADER.encode())
            for old in folder.glob("events.out.tfevents.*"):
                old.unlink()
        self._board = SummaryWriter(str(folder), purge_step=step + 1 if resumed and step is not None else None)
        if not resumed:
            self._board.add_custom_scalars(OVERLAYS | (overlays or {}))

    def write(self, step: int, epoch: int, values: dict[str, float]) -> None:
        """Record named numbers at an optimizer step."""
        for name, value in values.items():
            self._csv.write(f"{step},{epoch},{name},{value!r}\n".encode())
            self._board.add_scalar(name, value, step)

    def write_timing(self, step: int, values: dict[str, float]) -> None:
        """Numbers that differ from one execution to the next go to TensorBoard alone."""
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def write_histograms(self, step: int, values: dict[str, Tensor]) -> None:
        """Distributions of the numbers in tensors of any shape, for TensorBoard."""
        for name, tensor in values.items():
            finite = tensor.detach().float().flatten()
            finite = finite[finite.isfinite()]
            if len(finite):  # TensorBoard's bins have no place for other numbers
                self._board.add_histogram(name, finite.cpu().numpy(), step)

    def write_image(self, step: int, name: str, pixels: np.ndarray) -> None:
        """An image, uint8 (H, W, 3), for TensorBoard."""
        self._board.add_image(name, pixels, step, dataformats="HWC")

    def begin(self, config: dict[str, Any], group: str) -> None:
        """Announce the run to TensorBoard's HParams table."""
        hparams.begin(self._board, config, group)

    def end(self, diverged: bool) -> None:
        """Tell TensorBoard's HParams table that the run is over."""
        hparams.end(self._board, diverged)

    def flush(self) -> int:
        """Force everything to disk; returns the length of `metrics.csv` in bytes."""
        self._csv.flush()
        os.fsync(self._csv.fileno())
        self._board.flush()
        return self._csv.tell()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._csv.close()
        self._board.close()


class NoRecord(Record):
    """Takes what a run records and keeps nothing: for the processes of a training that do not write."""

    def __init__(self) -> None:
        pass

    def write(self, step: int, epoch: int, values: dict[str, float]) -> None:
        """Nothing."""

    def write_timing(self, step: int, values: dict[str, float]) -> None:
        """Nothing."""

    def write_histograms(self, step: int, values: dict[str, Tensor]) -> None:
        """Nothing."""

    def write_image(self, step: int, name: str, pixels: np.ndarray) -> None:
        """Nothing."""

    def begin(self, config: dict[str, Any], group: str) -> None:
        """Nothing."""

    def end(self, diverged: bool) -> None:
        """Nothing."""

    def flush(self) -> int:
        """Nothing; no bytes."""
        return 0

    def close(self) -> None:
        """Nothing."""
