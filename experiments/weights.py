"""A network's weights and buffers as a safetensors file, which executes nothing when it is read."""

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from experiments import atomic
from experiments.errors import UserError


def write(path: Path, model: nn.Module, about: dict[str, Any]) -> None:
    """Write the state of `model` under its own names; `about` goes into the file's metadata, as JSON."""
    # safetensors stores neither tensors that are not contiguous (channels_last) nor those that share their memory
    state = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in model.state_dict().items()}
    # one entry: safetensors writes several in a random order, and the same weights shall be the same bytes
    content = safetensors.torch.save(state, {"normlab": json.dumps(about)})
    atomic.write(path, lambda file: file.write(content))


def read(path: Path, model: nn.Module, digest: str | None = None) -> None:
    """Put the content of `path` into `model`.

    Args:
        digest: the SHA-256 that the file must have, where it is known: safetensors itself keeps none.

    Raises:
        UserError: when the file is missing, damaged, or of another network.
    """
    try:
        content = path.read_bytes()
        if digest is not None and hashlib.sha256(content).hexdigest() != digest:
            raise UserError(f"{path} is damaged (it is not what was written); make it again")
        model.load_state_dict(safetensors.torch.load(content))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; make it again") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"{path} is damaged ({error}); make it again") from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} does not fit the network that is described beside it: {reason}") from None
