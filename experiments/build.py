"""From a checked configuration to the objects of a run: dataset, norm, network, optimizer settings.

A leaf group (`norm`, `model`, `dataset`) names the function that it configures as `_target_`. Only those of this
project are accepted (experiments/trusted.py), and every setting is checked against its signature before it is called.
"""

import dataclasses
import inspect
import json
import logging
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch import nn

from data.augmentation import Augmentation
from data.dataset import Dataset, Images, Split
from data.decoded_images import DecodedImages
from data.decoding import workers
from data.device_images import DeviceImages
from data.file_split import FileSplit
from data.scaling import Scaling
from data.split_images import SplitImages
from data.streamed_images import StreamedImages
from data.subsets import select
from data.views import AnyAugmentation, ViewAugmentation
from experiments import identity, trusted
from experiments.device import free_memory
from experiments.errors import UserError, known, nearest
from experiments.evaluate import batch_statistics
from experiments.host import number_of_workers
from experiments.machine_limits import remedy
from experiments.settings import explain
from experiments.written import written
from models.build import ImageShape, build_model
from models.initialize import Initialization

log = logging.getLogger("normlab")
# Settings of every dataset that are not its loader's: which images are used, and how they become numbers.
SELECTION = ("train_size", "test_size", "validation")
LARGEST = 1e38  # of what float32 holds
ROOM = 0.5  # share of the free memory that images may take; the rest is for the network
PREPROCESSING = ("scaling", "mean", "std", "augmentation")


def check_leaves(config: dict) -> None:
    """Check the settings of the norm, the model and the dataset, as far as that goes without the data.

    Raises:
        UserError: one line on the first mistake.
    """
    norm(config)
    target(config, "model", leave=("norms",))
    target(config, "dataset", leave=(*SELECTION, *PREPROCESSING))
    augmentation(config)
    for group, left in (("model", ("norms",)), ("dataset", (*SELECTION, *PREPROCESSING))):
        for key in left:
            if key not in config[group]:
                raise UserError(f"{group}.{key} is missing from the configuration")
    if not isinstance(config["model"]["norms"], str):
        raise UserError(f"model.norms={written(config['model']['norms'])}: choose all, none, first:K or last:K")


def norm(config: dict) -> Callable[[int], nn.Module]:
    """The norm factory: `norm(num_channels)` is a layer."""
    factory, settings = target(config, "norm")
    return _call("norm", factory, **settings)


def augmentation(config: dict) -> AnyAugmentation:
    """The dataset's augmentation, of the kind that its images take, or none where the recipe says so."""
    chosen = config["dataset"]["augmentation"]
    kind: type[Augmentation | ViewAugmentation] = ViewAugmentation if "resized_crop" in chosen else Augmentation
    settings = _checked(kind, chosen, "dataset.augmentation.")
    made = _call("dataset.augmentation", kind, **settings)
    return made if config["recipe"]["augment"] else kind.none()


def dataset(config: dict) -> Dataset:
    """The dataset with its subsets chosen; fetched first where it is not on disk."""
    load, settings = target(config, "dataset", leave=(*SELECTION, *PREPROCESSING))
    chosen = {key: config["dataset"][key] for key in SELECTION}
    chosen = _checked(select, chosen, "dataset.")
    whole = _call("dataset", load, root=Path(config["paths"]["data"]), **settings)
    return _call("dataset", select, whole, **chosen)


def check_codes(config: dict, images: Dataset) -> None:
    """Refuse to scale or augment values that are codes, which would make other codes of them, or none.

    Raises:
        UserError: when the settings ask for it.
    """
    if not images.codes:
        return
    name, scaling = config["dataset"]["name"], config["dataset"]["scaling"]
    if scaling != "raw":
        raise UserError(f"dataset.scaling={scaling}: the values of {name} are codes of characters; leave it at raw")
    if augmentation(config) != Augmentation.none():
        raise UserError(f"dataset.augmentation: the values of {name} are codes of characters; switch all of it off")


def model(config: dict, images: Dataset) -> nn.Module:
    """The network for a dataset, initialized, on the CPU."""
    return network(config, images.image_shape, images.num_classes)


def network(config: dict, image_shape: ImageShape, num_classes: int) -> nn.Module:
    """The network for images of `image_shape`, (C, H, W), initialized, on the CPU."""
    function, settings = target(config, "model", leave=("norms",))
    initialization = _call("initialization", Initialization, **config["initialization"])
    return _call(
        "model",
        build_model,
        function,
        settings,
        norm(config),
        image_shape=image_shape,
        num_classes=num_classes,
        keep=str(config["model"]["norms"]),
        initialization=initialization,
        seed=config["seed"],
    )


def start_from_published_weights(model: nn.Module) -> None:
    """Give the initialized network the weights that its settings name, where they name some.

    Raises:
        UserError: when they cannot be had, or belong to another network.
    """
    url = getattr(model, "pretrained", None)
    if url is not None:
        from models.pretrained import load_pretrained  # imports torchvision

        _call("model", load_pretrained, model, url)


def splits(config: dict, images: Dataset, device: torch.device) -> dict[str, SplitImages]:
    """The dataset's splits for the device: `train`, `test`, and `validation` where there is one."""
    settings = preprocessing(config, images)
    found = {"train": images.train, "test": images.test, "validation": images.validation}
    return {
        name: _call("dataset", _held, split, device, config["workers"], settings)
        for name, split in found.items()
        if split is not None
    }


def _held(split: Images, device: torch.device, count: int | None, settings: dict[str, Any]) -> SplitImages:
    """Images as they can be had: on the device where it has room, else from a map of their file, or from many files."""
    if isinstance(split, FileSplit):
        return DecodedImages(split, device, workers(number_of_workers(count)), **settings)
    assert isinstance(split, Split)
    if split.images.nbytes > ROOM * free_memory(device):
        log.info("%.1f GB of images stay on the disk and go to %s by batches", split.images.nbytes / 1e9, device)
        return StreamedImages(split, device, **settings)
    return DeviceImages(split, device, **settings)


def preprocessing(config: dict, images: Dataset) -> dict[str, Any]:
    """How pixels become numbers: `scaling`, and `mean` and `std` per channel, the dataset's own unless set."""
    own = {"mean": images.mean, "std": images.std}
    chosen = {key: config["dataset"][key] for key in ("scaling", *own)}
    chosen |= {key: list(value) for key, value in own.items() if not chosen[key]}
    return _checked(Scaling, chosen, "dataset.")


def check_batch_of_one(network: nn.Module, images: Dataset) -> None:
    """Refuse a network that cannot train on one image at a time: a norm over the batch has nothing to compare it with.

    Raises:
        UserError: when a forward pass of one image in training mode is refused by a layer.
    """
    try:
        with batch_statistics(network), torch.no_grad():
            network(torch.zeros(1, *images.image_shape))
    except ValueError as error:
        raise UserError(f"batch_size=1: {' '.join(str(error).split())}") from error


def target(config: dict, group: str, leave: tuple[str, ...] = ()) -> tuple[Callable[..., Any], dict]:
    """What a leaf group configures, and its checked settings without those in `leave`."""
    leaf = config[group]
    function = trusted.find(group, str(leaf.get("_target_")))
    for key in ("name", *leave):
        if key not in leaf:
            raise UserError(f"{group}.{key} is missing from the configuration")
    settings = {key: value for key, value in leaf.items() if key not in ("name", "_target_", *leave)}
    taken = inspect.signature(function).parameters
    # of runs and exports from before a setting joined
    settings = {key: value for key, value in identity.NEUTRAL_LEAVES[group].items() if key in taken} | settings
    return function, _checked(function, settings, f"{group}.")


def _checked(function: Callable[..., Any], settings: dict, prefix: str) -> dict:
    """`settings` converted to the annotated types of `function`'s parameters."""
    hints = typing.get_type_hints(function.__init__ if inspect.isclass(function) else function)
    parameters = [name for name, p in inspect.signature(function).parameters.items() if p.kind is p.KEYWORD_ONLY]
    if inspect.isclass(function):  # a dataclass: all its fields are settings
        parameters = list(inspect.signature(function).parameters)
    checked: dict[str, Any] = {}
    needed = inspect.signature(function).parameters
    for key in parameters if dataclasses.is_dataclass(function) or not inspect.isclass(function) else ():
        if key not in settings and needed[key].default is inspect.Parameter.empty:
            raise UserError(f"{prefix}{key} is missing from the configuration")
    for key, value in settings.items():
        if key not in parameters:
            raise UserError(f"{prefix}{key} is not a setting here. {nearest(key, parameters)}{known(parameters)}")
        adapter = TypeAdapter(hints[key], config=ConfigDict(strict=True))
        try:
            # By way of JSON, whose strict mode takes a list for a tuple and an integer for a float, and nothing looser.
            checked[key] = adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            raise UserError(explain(error, prefix + key)) from None
        _refuse_boundless(prefix + key, checked[key])
    return checked


def _refuse_boundless(key: str, value: Any) -> None:
    """Refuse numbers that no setting of a leaf can have, whatever its own bounds: infinities, sizes of 64 bits."""
    for number in value if isinstance(value, list | tuple) else (value,):
        if isinstance(number, float) and not abs(number) < LARGEST:
            raise UserError(f"{key}={written(number)}: must be a finite number below {LARGEST:g}")
        if isinstance(number, int) and not -(2**31) < number < (2**63 if key.endswith("seed") else 2**31):
            raise UserError(f"{key}={written(number)}: must be less than 2147483648")


def _call(what: str, function: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
    """Call, and turn the `ValueError` by which our constructors refuse a value into the user's one line.

    A file that cannot be had is one too.
    """
    try:
        return function(*arguments, **settings)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{what}: {error.strerror or error}: {error.filename}") from error
    except ValueError as error:
        line = remedy(error.__cause__ or error) or " ".join(str(error).split())
        raise UserError(line if line.startswith(f"{what}.") else f"{what}: {line}") from error
