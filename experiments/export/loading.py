"""An exported network back in PyTorch, from its own folder alone."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from experiments import build, weights
from experiments.errors import UserError
from experiments.export.preprocessing import attached
from experiments.plain_files import read_json
from experiments.settings import Positive, explain
from models.fold import folded

WEIGHTS, DESCRIPTION = "model.safetensors", "config.json"
FORMAT, VERSION = "normlab export", 1
# Weights come from the file: what they start from is of no account.
ANY_START = {"seed": 0, "initialization": {"scheme": "he", "gain": 1.0, "std": 0.01, "zero_gamma": False}}


class _Loose(BaseModel):
    """Checks what is read here; other keys pass."""

    model_config = ConfigDict(extra="ignore", strict=True)


class _Network(_Loose):
    norm: dict[str, Any]
    model: dict[str, Any]
    image_shape: Annotated[list[Positive], Field(min_length=3, max_length=3)]
    num_classes: Positive
    folded: bool


class _Preprocessing(_Loose):
    included: bool
    offset: list[float]
    factor: list[float]


class _Description(_Loose):
    network: _Network
    preprocessing: _Preprocessing


def load(folder: str | Path) -> nn.Module:
    """The network of `model.safetensors` and `config.json` in `folder`, on the CPU, in evaluation mode.

    It takes what `config.json` calls `input` and returns logits (N, classes), float32.

    Raises:
        UserError: when a file is missing, damaged, of another version, or does not fit the other one.
    """
    folder = Path(folder)
    description = read_description(folder)
    network = description["network"]
    config = {"norm": network["norm"], "model": network["model"], **ANY_START}
    try:
        model = build.network(config, tuple(network["image_shape"]), network["num_classes"])
    except (RuntimeError, MemoryError, OverflowError) as error:  # of sizes that no machine has room for
        reason = " ".join(str(error).split())
        raise UserError(f"{folder / DESCRIPTION} describes no network that can be built ({reason[:200]})") from None
    if network["folded"]:
        model = folded(model).model
    weights.read(folder / WEIGHTS, model, description.get("files", {}).get(WEIGHTS, {}).get("sha256"))
    return attached(model, description["preprocessing"]).eval()


def read_description(folder: Path) -> dict[str, Any]:
    """The content of an export's `config.json`.

    Raises:
        UserError: when it is missing, damaged, or of another version.
    """
    path = folder / DESCRIPTION
    try:
        description = read_json(path, "export the run again")
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path} is missing: {folder} holds no export") from None
    found = (description.get("format"), description.get("version")) if isinstance(description, dict) else (None, None)
    if found != (FORMAT, VERSION):
        raise UserError(f"{path} is {found[0]} {found[1]}, this version of normlab reads {FORMAT} {VERSION}")
    try:
        _Description.model_validate(description)
    except ValidationError as error:
        raise UserError(f"{path} is damaged ({explain(error)}); export the run again") from None
    return description
