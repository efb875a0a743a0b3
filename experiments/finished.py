"""Finished runs, read back from their folders: what they are, what they predicted, and the network itself."""

import glob
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from data.dataset import Dataset
from data.plain_arrays import read_npz
from data.plain_files import Unreadable
from data.split_images import SplitImages
from data.verification import DamagedData
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
    found = result.read(folder)
    if found is None:
        raise UserError(f"{folder} is not finished: it has no result.json; give its command again to finish it")
    if found["status"] != "finished":
        raise UserError(f"{folder} has {found['status']} at step {found['diverged_at']}: it has no final predictions")
    config = read_config(folder)
    test, validation = read_predictions(folder, found)
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
    configure(place, settings.tf32, settings.deterministic)
    content = checkpoint.load(run.folder)
    if content is None:
        raise UserError(f"{run.folder} has no checkpoint.pt; remove the folder and repeat the run")
    if content["step"] != run.result["steps"]:
        raise UserError(
            f"{run.folder} has a readable checkpoint of step {content['step']} alone, and its result is of step "
            f"{run.result['steps']}; remove the result.json and give the run's command again, which makes it anew"
        )
    dataset = build.dataset(config)
    try:
        dataset.require_whole()
    except DamagedData as error:
        raise UserError(str(error)) from None
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
    config = identity.written(folder)
    if config is None:
        raise UserError(f"{folder / 'config.yaml'} is missing; {result.REMEDIES['config.yaml']}")
    return {**identity.NEUTRAL, **identity.EARLIER_EXECUTION, **config}


def read_predictions(folder: Path, found: Mapping[str, Any] | None) -> tuple[Evaluation, Evaluation | None]:
    """What last_files.py wrote: predictions on the test images, and on the validation images where there are any.

    Args:
        found: the run's result.

    Raises:
        UserError: when the file is missing or damaged.
    """
    path = folder / "predictions.npz"
    remedy = result.REMEDIES[path.name]
    content = result.file_of(folder, path.name, found)
    try:
        arrays = read_npz(io.BytesIO(content))
    except Unreadable as error:
        raise UserError(f"{path} is damaged ({error}); {remedy}") from None
    splits: dict[str, Evaluation] = {}
    for split, prefix in (("test", ""), ("validation", "validation_")):
        logits, labels = arrays.get(f"{prefix}logits"), arrays.get(f"{prefix}labels")
        if logits is None and labels is None and split == "validation":
            continue
        if logits is None or labels is None or logits.ndim != 2 or labels.shape != logits.shape[:1]:
            raise UserError(f"{path} holds no {split} logits and labels that fit each other; {remedy}")
        splits[split] = Evaluation(torch.from_numpy(logits).float(), torch.from_numpy(labels).long())
    return splits["test"], splits.get("validation")
