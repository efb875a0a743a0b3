"""The state of a run on disk: two generations, each written atomically, read without executing anything.

A checkpoint holds what training changes (weights, buffers, optimizer, scaler, random number generators, step) and how
far the run's records had come, so that a resumed run continues with the same bits and its records hold every point
once.
"""

import io
import logging
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from experiments import atomic
from experiments.errors import UserError
from experiments.step import State

SCHEMA = 1
CURRENT, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"

log = logging.getLogger("normlab")


def save(folder: Path, state: State, extra: dict[str, Any]) -> None:
    """Write the newest generation; the one before it is kept as `checkpoint.previous.pt`.

    Args:
        extra: plain values and tensors that the caller wants back on resumption.
    """
    device = state.loss.device
    content = {
        "schema": SCHEMA,
        "step": state.step,
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "generator": torch.get_rng_state(),
        "device_generator": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "extra": extra,
    }
    # in memory first: PyTorch's own writer tells a full disk by an error that says nothing of it
    whole = io.BytesIO()
    torch.save(content, whole)
    fresh = folder / f".{CURRENT}.tmp"
    atomic.write(fresh, lambda file: file.write(whole.getbuffer()))
    if (folder / CURRENT).exists():
        os.replace(folder / CURRENT, folder / PREVIOUS)
    os.replace(fresh, folder / CURRENT)


class Unfit(Exception):
    """A checkpoint that reads well does not go with what else is in its folder."""


def load(folder: Path, check: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any] | None:
    """The newest generation that can be used, or None where there is none.

    Args:
        check: raises Unfit for a content that does not fit.

    Raises:
        UserError: when generations exist and none can be read, or when another version of normlab wrote them.
    """
    found = [path for path in (folder / CURRENT, folder / PREVIOUS) if path.exists()]
    for path in found:
        try:
            content = _read(path)
            if content["schema"] == SCHEMA and check is not None:
                check(content)
        except Exception as error:  # a damaged file can fail in any way
            reason = str(error) if isinstance(error, Unfit) else type(error).__name__
            log.warning("%s cannot be used (%s); trying an older one", path, reason)
            continue
        if content["schema"] != SCHEMA:
            raise UserError(
                f"{path} has schema {content['schema']}, this version reads {SCHEMA}; remove {folder} to start anew"
            )
        return content
    if found:
        raise UserError(f"no checkpoint in {folder} can be used; remove the folder to start the run anew")
    return None


def _read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint. It is a zip file, whose checksums `torch.load` alone does not compare."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(damaged)
    return torch.load(path, map_location="cpu", weights_only=True)


def restore(content: dict[str, Any], state: State) -> dict[str, Any]:
    """Put a loaded checkpoint into `state`; returns the caller's `extra`."""
    state.model.load_state_dict(content["model"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.scaler.load_state_dict(content["scaler"])
    state.step = content["step"]
    torch.set_rng_state(content["generator"])
    if content["device_generator"] is not None and state.loss.device.type == "cuda":
        torch.cuda.set_rng_state(content["device_generator"], state.loss.device)
    return content["extra"]
