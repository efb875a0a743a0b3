"""What a run writes while it goes: `metrics.csv` (long form) and TensorBoard's event file, from one place.

`metrics.csv` holds `step,epoch,name,value`, a line a number, and no clock times: it is the same file, byte for byte,
however often the run was interrupted.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from experiments import hparams
from experiments.checkpoint import Unfit

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


@dataclass(frozen=True)
class Written:
    """How far `metrics.csv` has come: its length in bytes, and the SHA-256 of these.

    Checkpoints from before digests were kept have none.
    """

    position: int
    digest: str | None

    @classmethod
    def of(cls, extra: dict[str, Any]) -> "Written":
        """What a checkpoint says of it."""
        return cls(extra["position"], extra.get("metrics"))

    def as_extra(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"position": self.position, "metrics": self.digest}


def require_records(folder: Path, loaded: dict[str, Any]) -> None:
    """See that a run's `metrics.csv` begins with what had been written at a checkpoint.

    Raises:
        Unfit: where it does not.
    """
    written, path = Written.of(loaded["extra"]), folder / "metrics.csv"
    content = path.read_bytes()[: written.position] if path.exists() else b""
    if len(content) < written.position or written.digest not in (None, hashlib.sha256(content).hexdigest()):
        raise Unfit("metrics.csv does not begin with what was recorded until then")


class Record:
    """The open records of one run.

    Args:
        folder: the run's folder.
        written: how far `metrics.csv` was at the checkpoint that is resumed; what follows is dropped.
        step: the checkpoint's step; TensorBoard forgets later points.
        overlays: charts beside OVERLAYS, written as these are.
    """

    def __init__(
        self,
        folder: Path,
        written: Written | None = None,
        step: int | None = None,
        overlays: dict[str, Any] | None = None,
    ):
        resumed = written is not None and step is not None
        self._csv = open(folder / "metrics.csv", "r+b" if resumed else "wb")  # noqa: SIM115 - closed in close()
        self._digest = hashlib.sha256()
        if written is not None and resumed:
            self._digest.update(self._csv.read(written.position))
            self._csv.truncate(written.position)
            self._csv.seek(0, os.SEEK_END)
        else:
            self._add(HEADER)
            for old in folder.glob("events.out.tfevents.*"):
                old.unlink()
        self._board = SummaryWriter(str(folder), purge_step=step + 1 if resumed and step is not None else None)
        if not resumed:
            self._board.add_custom_scalars(OVERLAYS | (overlays or {}))

    def write(self, step: int, epoch: int, values: dict[str, float]) -> None:
        """Record named numbers at an optimizer step."""
        for name, value in values.items():
            self._add(f"{step},{epoch},{name},{value!r}\n")
            self._board.add_scalar(name, value, step)

    def _add(self, text: str) -> None:
        line = text.encode()
        self._csv.write(line)
        self._digest.update(line)

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

    def flush(self) -> Written:
        """Force everything to disk; returns how far `metrics.csv` has come."""
        self._csv.flush()
        os.fsync(self._csv.fileno())
        self._board.flush()
        return Written(self._csv.tell(), self._digest.hexdigest())

    def close(self) -> None:
        """Flush and close, both files even where the disk takes no more."""
        try:
            self.flush()
        finally:
            try:
                self._csv.close()
            finally:
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

    def flush(self) -> Written:
        """Nothing; no bytes."""
        return Written(0, None)

    def close(self) -> None:
        """Nothing."""
