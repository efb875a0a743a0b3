"""The layers of a network, found by their type and named by depth and path: `005.blocks.1.second.norm`.

The depth of a layer is the number of layers with weights (convolutions and linear layers) from the input up to it, its
own included; those of a shortcut do not count. Names sort by depth.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from models.hidden import HiddenLayer
from models.normalized_layer import NormalizedLayer
from models.norms.normalization import Normalization, RunningStatistics

WEIGHTS = (nn.Conv2d, nn.Linear)


@dataclass(frozen=True)
class Layer:
    """A layer in a network."""

    path: str
    depth: int
    module: nn.Module

    @property
    def name(self) -> str:
        """Depth and path, as it stands in the names of measurements."""
        return f"{self.depth:03d}.{self.path}"


def hidden_layers(model: nn.Module) -> list[Layer]:
    """The chain of units whose outputs are the hidden representations (models/hidden.py), from input to output."""
    found: list[Layer] = []
    for layer in _layers(model):
        inside = found and layer.path.startswith(f"{found[-1].path}.")
        if isinstance(layer.module, HiddenLayer) and not inside:
            found.append(layer)
    return found


def norm_layers(model: nn.Module) -> list[Layer]:
    """The norm layers."""
    return [layer for layer in _layers(model) if isinstance(layer.module, Normalization)]


def norm_places(model: nn.Module) -> list[Layer]:
    """Where norms stand or would: the `norm` of each NormalizedLayer, the identity or not, and every other norm layer.

    Networks that differ in their norms alone have the same places by the same names, but for a norm on the images
    themselves, which is a place where it is a norm.
    """
    inside = {module.norm for module in model.modules() if isinstance(module, NormalizedLayer)}
    return [layer for layer in _layers(model) if layer.module in inside or isinstance(layer.module, Normalization)]


def weight_layers(model: nn.Module) -> list[Layer]:
    """Convolutions and linear layers, the classifier and those of shortcuts included."""
    return [layer for layer in _layers(model) if isinstance(layer.module, WEIGHTS)]


def scale_invariant_weights(model: nn.Module) -> list[Layer]:
    """Convolutions and linear layers whose weight may be multiplied by any c > 0 and change nothing, eps aside.

    They stand directly before a norm that divides by their own scale (Ioffe & Szegedy 2015, arXiv 1502.03167, §3.3).
    """
    units = [layer.module for layer in _layers(model) if isinstance(layer.module, NormalizedLayer)]
    invariant = {unit.layer for unit in units if _divides_out_scale(unit)}
    return [layer for layer in weight_layers(model) if layer.module in invariant]


def _divides_out_scale(unit: NormalizedLayer) -> bool:
    """Whether norm(c W x + b) = norm(W x + b) for every c > 0."""
    norm = unit.norm
    if unit.standardizes_weights:
        return True
    if unit.norm_position != "before" or not isinstance(norm, Normalization):
        return False
    if not norm.removes_scale:
        return False
    if norm.needs_positions and isinstance(unit.layer, nn.Linear):
        return False  # it leaves vectors as they are
    # A bias stays beside what is scaled, unless every channel's own mean is taken off, and the bias with it.
    return unit.layer.bias is None or norm.needs_positions or isinstance(norm, RunningStatistics)


def parameter_depths(model: nn.Module) -> dict[str, int]:
    """The depth of every parameter's layer, by the parameter's name: a norm's is that of the layer before it."""
    return {
        f"{layer.path}.{name}".lstrip("."): layer.depth
        for layer in _layers(model)
        for name, _ in layer.module.named_parameters(recurse=False)
    }


def relu_layers(model: nn.Module) -> list[Layer]:
    """The ReLUs. One module may act at several places (see `observed`)."""
    return [layer for layer in _layers(model) if isinstance(layer.module, nn.ReLU)]


def _layers(model: nn.Module) -> list[Layer]:
    """Every module once, in the order of definition, which is that of the forward pass."""
    found: list[Layer] = []

    def visit(module: nn.Module, path: str, depth: int, deepest: int) -> int:
        place = len(found)
        found.append(Layer(path, depth, module))
        if isinstance(module, WEIGHTS):
            depth = min(depth + 1, deepest)
        # What a unit holds beyond its number of layers stands in its shortcut.
        end = min(depth + module.num_layers, deepest) if isinstance(module, HiddenLayer) else deepest
        for name, child in module.named_children():
            depth = visit(child, f"{path}.{name}".lstrip("."), depth, end)
        found[place] = Layer(path, depth, module)
        return depth

    visit(model, "", 0, sys.maxsize)
    unique: dict[nn.Module, Layer] = {}
    for layer in found:
        unique.setdefault(layer.module, layer)
    return list(unique.values())


@contextmanager
def observed(layers: list[Layer], look: Callable[[str, Layer, Tensor, Tensor], None]) -> Iterator[None]:
    """Inside, `look(name, layer, input, output)` is called after every forward pass through each of the layers.

    The name is the layer's own; from a module's second call within one `observed` on, ` (2)`, ` (3)`, … is added.
    Outputs may be changed in place later on (torchvision's ReLU does that): what is kept of them has to be a copy.
    """
    calls: dict[str, int] = {}

    def hook(layer: Layer) -> Callable[[nn.Module, Any, Any], None]:
        def call(module: nn.Module, inputs: Any, output: Any) -> None:
            calls[layer.name] = count = calls.get(layer.name, 0) + 1
            look(layer.name if count == 1 else f"{layer.name} ({count})", layer, inputs[0], output)

        return call

    handles = [layer.module.register_forward_hook(hook(layer)) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def by_layer(quantity: str, values: Mapping[str, float]) -> dict[str, float]:
    """`quantity/<layer>` for each: the names of a measurement in metrics.csv and TensorBoard."""
    return {f"{quantity}/{layer}": value for layer, value in values.items()}
