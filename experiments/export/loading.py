"""An exported network back in PyTorch, from its own folder alone."""

import json
from pathlib import Path
from typing import Any

from torch import nn

from experiments import build, weights
from experiments.errors import UserError
from experiments.export.preprocessing import attached
from models.fold import folded

WEIGHTS, DESCRIPTION = "model.safetensors", "config.json"
FORMAT, VERSION = "normlab export", 1
# Weights come from the file: what they start from is of no account.
ANY_START = {"seed": 0, "initialization": {"scheme": "he", "gain": 1.0, "std": 0.01, "zero_gamma": False}}


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
    model = build.network(config, tuple(network["image_shape"]), network["num_classes"])
    if network["folded"]:
        model = folded(model).model
    weights.read(folder / WEIGHTS, model)
    return attached(model, description["preprocessing"]).eval()


def read_description(folder: Path) -> dict[str, Any]:
    """The content of an export's `config.json`.

    Raises:
        UserError: when it is missing, damaged, or of another version.
    """
    path = folder / DESCRIPTION
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path} is missing: {folder} holds no export") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is damaged ({error}); export the run again") from None
    found = (description.get("format"), description.get("version")) if isinstance(description, dict) else (None, None)
    if found != (FORMAT, VERSION):
        raise UserError(f"{path} is {found[0]} {found[1]}, this version of normlab reads {FORMAT} {VERSION}")
    return description
