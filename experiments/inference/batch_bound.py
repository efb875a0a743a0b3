"""Networks whose predictions depend on the batch in evaluation too: modes and exports have no meaning for them."""

from torch import nn

from experiments.errors import UserError
from models.norms.normalization import Normalization


def batch_bound_layers(model: nn.Module) -> list[str]:
    """The norm layers that take the batch's statistics in evaluation, by their path; empty for most networks."""
    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, Normalization)]
    return [name for name, layer in layers if layer.depends_on_batch]


def refuse_batch_bound(model: nn.Module, what: str) -> None:
    """Raise UserError if a prediction of the network for an image depends on the images beside it.

    Args:
        what: what cannot be done with such a network, to begin the sentence.
    """
    layers = batch_bound_layers(model)
    if layers:
        raise UserError(
            f"{what}: {layers[0]} normalizes with the batch's statistics in evaluation too, so that an image has no "
            "prediction of its own; choose a run with another norm"
        )
