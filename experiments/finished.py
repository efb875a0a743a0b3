"""Finished runs, read back from their folders: what they are, what they predicted, and the network itself."""

import glob
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn

from data.dataset import Dataset
from data.split_images import SplitImages
from data.views import AnyAugmentation
from experiments import build, checkpoint, identity, result
from experiments.device import configure, resolve
from experiments.errors import UserError, nearest
from experiments.evaluate import Evaluation
from experiments.host import set_threads
from experiments.settings import Settings


@dataclass(frozen=True)
class FinishedRun:
    """A run whose folder holds a result: never a diverged one."""

    folder: Path
    config: dict[str, Any]  # resolved settings, with those that joined since at the value that means what was done
    result: dict[str, Any]
    test: Evaluation  # in the official order of the test images used
    validation: Evaluation | None  # on the held-out training images, where there are any

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def group(self) -> str:
        """The configuration's name without its seed."""
        return identity.group(self.config)

    @property
    def seed(self) -> int:
        return self.config["seed"]

    @property
    def outputs(self) -> Path:
        """The outputs folder that the run stands in."""
        return self.folder.parent.parent


@dataclass(frozen=True)
class Restored:
    """A finished run's network and images, live on a device."""

    model: nn.Module  # a copy of the checkpoint's weights and buffers, in training mode
    dataset: Dataset
    splits: dict[str, SplitImages]  # train, test, and validation where images were held out
    augmentation: AnyAugmentation  # of the training images
    settings: Settings
    device: torch.device


def find_runs(pattern: str, outputs: Path) -> list[Path]:
    """The run folders that a path, a run's name or a glob pattern means, sorted.

    A pattern with a slash is taken from the current folder, a bare one from `outputs`/runs too.

    Raises:
        UserError: when nothing matches.
    """
    # a trailing slash comes from the shell's completion
    places = [Path(pattern), outputs / "runs" / pattern]
    found: set[Path] = set()
    for place in places:
        matches = [place] if place.exists() else [Path(match) for match in glob.glob(str(place))]
        found |= {match for match in matches if match.is_dir()}
    # the same folder named in two ways is one
    unique = {match.resolve(): match for match in sorted(found)}
    runs = sorted(match for match in unique.values() if (match / "config.yaml").exists())
    if runs:
        return runs
    if unique:
        raise UserError(f"{next(iter(unique.values()))} holds no run: it has no config.yaml")
    there = sorted(path.name for path in (outputs / "runs").glob("*") if path.is_dir())
    hint = nearest(pattern, there) or f"{outputs / 'runs'} holds {len(there)} runs; name one, or quote a pattern of *"
    raise UserError(f"no run matches {pattern!r}. {hint}".rstrip())


def find_run(pattern: str, outputs: Path) -> Path:
    """The one run that `pattern` means.

    Raises:
        UserError: when none or several match.
    """
    found = find_runs(pattern, outputs)
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:3]) + (", …" if len(found) > 3 else "")
        raise UserError(f"{pattern!r} matches {len(found)} runs ({names}); name one of them")
    return found[0]


def open_run(folder: Path) -> FinishedRun:
    """Read a finished run.

    Raises:
        UserError: one line, when the run is not finished, has diverged, was written by another version of normlab, or
            when one of its files is missing or damaged.
    """
    try:
        found = result.read(folder)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{folder / 'result.json'} is damaged ({error}); remove it and repeat the run") from None
    if found is None:
        raise UserError(f"{folder} is not finished: it has no result.json; give its command again to finish it")
    if not isinstance(found, dict) or found.get("schema") != result.SCHEMA:
        schema = found.get("schema") if isinstance(found, dict) else None
        raise UserError(f"{folder / 'result.json'} has schema {schema}, this version of normlab reads {result.SCHEMA}")
    if found["status"] != "finished":
        raise UserError(f"{folder} has {found['status']} at step {found['diverged_at']}: it has no final predictions")
    config = read_config(folder)
    test, validation = _predictions(folder / "predictions.npz")
    return FinishedRun(folder, config, found, test, validation)


def restore(run: FinishedRun, device: str = "auto", data: str | None = None) -> Restored:
    """The run's network with the weights of its checkpoint, and its images, on a device.

    Args:
        data: the folder of the datasets, where it is not the one that the run was made with.

    Raises:
        UserError: when the checkpoint or the images cannot be had.
    """
    config = run.config if data is None else {**run.config, "paths": {**run.config["paths"], "data": data}}
    settings = Settings.check({**config, "device": device})
    build.check_leaves(config)
    place = resolve(settings.device, settings.precision)
    set_threads(None)  # the run's own number was for its machine
    configure(place, settings.tf32)
    content = checkpoint.load(run.folder)
    if content is None:
        raise UserError(f"{run.folder} has no checkpoint.pt; remove the folder and repeat the run")
    dataset = build.dataset(config)
    model = build.model(config, dataset)
    try:
        model.load_state_dict(content["model"])
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{run.folder / 'checkpoint.pt'} does not fit the run's network: {reason}") from None
    model = model.to(place).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    splits = build.splits(config, dataset, place)
    return Restored(model, dataset, splits, build.augmentation(config), settings, place)


def read_config(folder: Path) -> dict[str, Any]:
    """A run's resolved settings, with those that joined since at the value that means what was done.

    Raises:
        UserError: when `config.yaml` is missing or damaged.
    """
    path = folder / "config.yaml"
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({type(error).__name__}); remove {folder} and repeat the run") from None
    if not isinstance(config, dict):
        raise UserError(f"{path} holds no settings; remove {folder} and repeat the run")
    return {**identity.NEUTRAL, **identity.EARLIER_EXECUTION, **config}


def _predictions(path: Path) -> tuple[Evaluation, Evaluation | None]:
    """What last_files.py wrote: predictions on the test images, and on the validation images where there are any."""
    remedy = f"remove {path.parent} and repeat the run"
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise UserError(f"{path} is missing; {remedy}") from None
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({type(error).__name__}); {remedy}") from None
    splits: dict[str, Evaluation] = {}
    for split, prefix in (("test", ""), ("validation", "validation_")):
        logits, labels = arrays.get(f"{prefix}logits"), arrays.get(f"{prefix}labels")
        if logits is None and labels is None and split == "validation":
            continue
        if logits is None or labels is None or logits.ndim != 2 or labels.shape != logits.shape[:1]:
            raise UserError(f"{path} holds no {split} logits and labels that fit each other; {remedy}")
        splits[split] = Evaluation(torch.from_numpy(logits).float(), torch.from_numpy(labels).long())
    return splits["test"], splits.get("validation")
