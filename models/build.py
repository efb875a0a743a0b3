"""From settings to an initialized network."""

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from models.initialize import Initialization, initialize
from models.norms.normalization import Norm, Normalization

ImageShape = tuple[int, int, int]


def build_model(
    function: Callable[..., nn.Module],
    settings: Mapping[str, Any],
    norm: Norm,
    *,
    image_shape: ImageShape,
    num_classes: int,
    keep: str,
    initialization: Initialization,
    seed: int,
) -> nn.Module:
    """A float32 network on the CPU, in training mode, whose initial weights depend on the seed and their names alone.

    function, settings: called as function(norm, image_shape, num_classes, **settings).
    keep: which of the network's places for a norm have one, in the order of the forward pass: all, none, first:K or
    last:K. The others get the identity (and their layers biases). A norm on the input (`input_norm` in the settings)
    is not one of these places, and always stays.

    Leaves the global random number generators as they were. Raises ValueError with one line if the settings are
    impossible, or the network or the norm does not fit images of `image_shape` (channels, height, width).
    """
    norm = copy.deepcopy(norm)  # a factory may keep what its layers share, and networks share nothing
    with torch.random.fork_rng(devices=[]):  # the layers' constructors and dropout draw from the global generator
        make = lambda factory: function(factory, image_shape, num_classes, **settings)  # noqa: E731
        norm_on_input = bool(settings.get("input_norm"))
        places = _count_norms(make) - norm_on_input
        model = make(_Kept(norm, kept_places(keep, places), first_place=-1 if norm_on_input else 0))
        _try_out(model, image_shape)
    initialize(model, initialization, seed)
    return model


def kept_places(keep: str, num_places: int) -> range:
    """The indices of the places that keep their norm, out of `num_places` in the order of the forward pass.

    Raises ValueError unless `keep` is all, none, first:K or last:K with 1 <= K <= num_places.
    """
    if keep in ("all", "none"):
        return range(num_places if keep == "all" else 0)
    form = re.fullmatch(r"(first|last):(\d+)", keep)
    if form is None:
        raise ValueError(f"model.norms={keep} is unknown: choose all, none, first:K or last:K")
    count = int(form[2])
    if not 1 <= count <= num_places:
        raise ValueError(f"model.norms={keep} is out of range: this network has {num_places} places for a norm")
    return range(count) if form[1] == "first" else range(num_places - count, num_places)


class _Kept:
    """A norm factory that makes a norm at the kept places and the identity elsewhere.

    Networks call it in the order of the forward pass; the norm on the input, where there is one, comes first and has
    the index -1.
    """

    def __init__(self, norm: Norm, kept: range, first_place: int) -> None:
        self.norm = norm
        self.kept = kept
        self.place = first_place

    def __call__(self, num_channels: int) -> nn.Module:
        is_kept = self.place in self.kept or self.place < 0
        self.place += 1
        return self.norm(num_channels) if is_kept else nn.Identity()


def _count_norms(make: Callable[[Norm], nn.Module]) -> int:
    """How many norms the network asks for, the one on the input included."""
    asked: list[int] = []

    def count(num_channels: int) -> nn.Module:
        asked.append(num_channels)
        return nn.Identity()

    with torch.device("meta"):  # no memory, no draws
        make(count)
    return len(asked)


@torch.no_grad()
def _try_out(model: nn.Module, image_shape: ImageShape) -> None:
    """One forward pass of two images in training mode, which gives lazy parameters their shapes and finds misfits.

    Buffers (running statistics) keep their values.
    """
    model.train()
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    norms = [module for module in model.modules() if isinstance(module, Normalization) and module.needs_positions]
    saw_map: set[nn.Module] = set()
    hooks = [norm.register_forward_pre_hook(_note_maps(saw_map)) for norm in norms]
    try:
        model(torch.randn(2, *image_shape, generator=torch.Generator().manual_seed(0)))
    except RuntimeError as error:
        shape = "x".join(map(str, image_shape))
        raise ValueError(
            f"this network does not fit images of {shape} (channels, height, width): {str(error).splitlines()[0]}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])
    if norms and not saw_map:
        raise ValueError(
            f"{type(norms[0]).__name__} normalizes over the positions of a feature map, and every one in this network "
            "stands on a vector, where it does nothing: choose norm=ln or norm=bn, or a convolutional model"
        )


def _note_maps(saw_map: set[nn.Module]) -> Callable[[nn.Module, Any], None]:
    def note(module: nn.Module, inputs: Any) -> None:
        if inputs[0].dim() == 4:
            saw_map.add(module)

    return note
