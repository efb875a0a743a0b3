"""Images to show to a finished run's network that need not be those it was trained on: any dataset, any settings."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from data.dataset import Dataset
from data.plain_files import read_yaml
from data.split_images import SplitImages
from experiments import build
from experiments.command_line import options, plan
from experiments.errors import UserError, known, nearest
from experiments.finished import FinishedRun
from experiments.paths import CONF


@dataclass(frozen=True)
class Images:
    """A dataset as a configuration has it, on a device."""

    settings: dict[str, Any]  # of the group `dataset`, resolved
    preprocessing: dict[str, Any]
    dataset: Dataset
    splits: dict[str, SplitImages]


def dataset_settings(run: FinishedRun, words: dict[str, str]) -> dict[str, Any]:
    """The settings of the dataset that `words` ask for, as they are written on the command line of `train.py`.

    Args:
        words: `dataset` (an option of the group, with its defaults; without it, the run's own settings) and any of
            its settings as `dataset.KEY`.

    Raises:
        UserError: for an unknown dataset or setting, and for a value of another type.
    """
    datasets = options("dataset")
    name = words.get("dataset") or _option(run.config["dataset"], datasets)
    if name not in datasets:
        raise UserError(f"dataset={name} does not exist. {nearest(name, datasets)}{known(datasets)}")
    changes = {key: value for key, value in words.items() if key != "dataset"}
    for key, value in changes.items():
        _refuse_several(f"{key}={value}")
    asked = plan([f"dataset={name}", *(f"{key}={value}" for key, value in changes.items())]).jobs[0].config["dataset"]
    if "dataset" in words:
        return asked
    settings = copy.deepcopy(run.config["dataset"])
    for key in changes:
        _copy(asked, settings, key.split(".")[1:])
    return settings


def _option(settings: dict[str, Any], datasets: Iterable[str]) -> str:
    """The option that a run's settings came from, whose name they may have changed (`dataset.name=…`)."""
    if settings["name"] in datasets:
        return settings["name"]
    loaders = {name: read_yaml(CONF / "dataset" / f"{name}.yaml") for name in datasets}
    found = [name for name, leaf in loaders.items() if leaf.get("_target_") == settings["_target_"]]
    return found[0] if found else settings["name"]


def _refuse_several(override: str) -> None:
    """Raises UserError where Hydra's grammar means a sweep, which is for `train.py -m` alone."""
    try:
        (parsed,) = OverridesParser.create().parse_overrides([override])
    except HydraException:
        return  # `plan` says what is wrong with it
    if parsed.is_sweep_override():
        raise UserError(f"{override} names several values; give one (a list is written [a,b])")


def _copy(source: dict[str, Any], target: dict[str, Any], keys: list[str]) -> None:
    """Set `target` to `source` at the nested place `keys`."""
    *outer, last = keys
    for key in outer:
        source, target = source[key], target[key]
    target[last] = copy.deepcopy(source[last])


def load_images(run: FinishedRun, settings: dict[str, Any], data: str | None, device: torch.device) -> Images:
    """The dataset of these settings, preprocessed by its own.

    Args:
        data: the folder of the datasets, where it is not the one that the run was made with.

    Raises:
        UserError: when the settings are impossible, or the images cannot be had.
    """
    paths = run.config["paths"] if data is None else {**run.config["paths"], "data": data}
    config = {**run.config, "dataset": settings, "paths": paths}
    build.check_leaves(config)
    dataset = build.dataset(config)
    return Images(settings, build.preprocessing(config, dataset), dataset, build.splits(config, dataset, device))


def require_same_shape(images: Images, own: Images) -> None:
    """Raises UserError unless the images have the shape of those that the network was made for."""
    found, needed = images.dataset.image_shape, own.dataset.image_shape
    if found != needed:
        shapes = [" x ".join(map(str, shape)) for shape in (found, needed)]
        raise UserError(
            f"dataset={images.settings['name']} has images of {shapes[0]} (channels, height, width), and the run's "
            f"network takes {shapes[1]}; choose a dataset of that shape"
        )


def require_split(images: Images, split: str) -> SplitImages:
    """The images of one split. Raises UserError where the dataset has none, as of validation images by default."""
    if split not in images.splits:
        raise UserError(
            f"split={split}: these settings hold no images out for validation; "
            "set dataset.validation=0.1, or choose split=train"
        )
    return images.splits[split]


def same_source(one: Images, other: Images) -> bool:
    """Whether both test splits are of the same images, whatever their preprocessing."""
    return one.dataset.digests["test_images"] == other.dataset.digests["test_images"]


def same_test_images(one: Images, other: Images) -> bool:
    """Whether both test splits show a network the same numbers."""
    same_size = one.settings["test_size"] == other.settings["test_size"]
    return same_source(one, other) and same_size and one.preprocessing == other.preprocessing
