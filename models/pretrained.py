"""torchvision's published weights of ResNet-18, 34 and 50 with batch norm, for studies of inference without training.

They are fetched once into PyTorch's own cache of weights (`$TORCH_HOME/hub/checkpoints`), or taken from there; the name
of a file ends with the first digits of its SHA-256, which it must have. What training recipe is behind which weights:
https://docs.pytorch.org/vision/stable/models.html. Importing this file imports torchvision.
"""

import hashlib
import logging
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights

log = logging.getLogger("normlab")
# From torchvision's names to those of `TorchvisionResNet`, where a norm belongs to the convolution before it.
RENAMED = (
    (r"^fc\.", "classifier."),
    (r"^(.*)\bbn(\d)\.", r"features.\1conv\2.norm."),
    (r"^(.*\bconv\d)\.", r"features.\1.layer."),
    (r"^(.*\bdownsample)\.1\.", r"features.\1.0.norm."),
    (r"^(.*\bdownsample\.0)\.", r"features.\1.layer."),
)
CLASSIFIER = ("classifier.weight", "classifier.bias")


def address(depth: int, weights: str) -> str:
    """Where the weights of that name for the network of that depth are published.

    Raises:
        ValueError: when there are none of that name.
    """
    published = {one.name: one for one in get_model_weights(f"resnet{depth}")}
    if weights not in published:
        raise ValueError(
            f"model.weights={weights} is not published for ResNet-{depth}: choose {' or '.join(published)}, or null"
        )
    return published[weights].url


def load_pretrained(model: nn.Module, url: str) -> None:
    """Give a `TorchvisionResNet` the weights and running statistics published at `url`.

    The classifier keeps its own where the number of classes is another.

    Raises:
        ValueError: when they cannot be had, are not the published ones, or belong to another network.
    """
    published = {_our_name(name): value for name, value in _fetched(url).items()}
    own = model.state_dict()
    if published["classifier.weight"].shape != own["classifier.weight"].shape:
        log.info("pretrained weights for %d classes: the classifier starts anew", len(published["classifier.weight"]))
        published |= {name: own[name] for name in CLASSIFIER}
    misfits = [name for name in published.keys() | own.keys() if _shape(published, name) != _shape(own, name)]
    if misfits:
        raise ValueError(
            f"model.weights are those of a network with batch norm everywhere, for images of 3 channels; this one "
            f"differs in {len(misfits)} tensors ({min(misfits)} for one): choose norm=bn and model.stem=imagenet, "
            "leave model.norms and model.input_norm as they are, or set model.weights=null"
        )
    model.load_state_dict(published)


def _shape(state: Mapping[str, Tensor], name: str) -> torch.Size | None:
    return state[name].shape if name in state else None


def _our_name(name: str) -> str:
    for theirs, ours in RENAMED:
        name, changed = re.subn(theirs, ours, name)
        if changed:
            return name
    return name


def _fetched(url: str) -> Mapping[str, Tensor]:
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.exists():
        log.info("downloading %s to %s", url, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), progress=False)
        except OSError as error:  # what urllib raises is one too
            reason = " ".join(str(error).split())
            raise ValueError(
                f"model.weights: {url} cannot be fetched ({reason}); fetch it on another machine and put it into "
                f"{path.parent}"
            ) from error
    expected = path.stem.rpartition("-")[2]
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(expected):
        raise ValueError(f"model.weights: {path} is damaged (its SHA-256 begins with {found[:8]}); remove it")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file that is no whole one, or asks for anything but tensors
        raise ValueError(f"model.weights: {path} is no file of weights ({type(error).__name__}); remove it") from error
