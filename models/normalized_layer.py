"""A layer with weights, its norm and its activation: the unit that every network here is made of."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from models.hidden import HiddenLayer
from models.norms.normalization import Normalization, NormWithActivation
from models.weight_standardization import require_several_inputs, with_standardized_weight

NormPosition = Literal["before", "after"]


def has_shift(module: nn.Module) -> bool:
    """Whether the module adds a learned shift, which makes a bias directly before it redundant."""
    return getattr(module, "bias", None) is not None


class NormalizedLayer(HiddenLayer):
    """A convolution or linear layer, a norm, and a ReLU.

    norm_position before:  y = relu(norm(layer(x))), or y = norm(layer(x)) with activation=False
    norm_position after:   y = norm(relu(layer(x)))

    The layer carries a bias exactly where no shift follows directly: the norm has none, or the ReLU stands between.
    A norm that is an activation too (`NormWithActivation`) has no ReLU beside it, and is a norm alone where there would
    be none; after a ReLU it has no place, and ValueError is raised. Where the norm asks for it, the layer's weights are
    standardized (models/weight_standardization.py); ValueError is raised where there is one weight an output.

    make_layer: called once with bias=True or bias=False; makes the layer with the weights.
    """

    def __init__(
        self,
        make_layer: Callable[..., nn.Conv2d | nn.Linear],
        norm: nn.Module,
        norm_position: NormPosition = "before",
        *,
        activation: bool = True,
    ) -> None:
        super().__init__()
        if isinstance(norm, NormWithActivation):
            if norm_position == "after":
                raise ValueError(
                    f"model.norm_position=after has no meaning with {type(norm).__name__}, norm and activation in one: "
                    "choose model.norm_position=before, or another norm"
                )
            if not activation:
                norm.drop_activation()
            activation = False
        self.norm_position = norm_position
        self.layer = make_layer(bias=norm_position == "after" or not has_shift(norm))
        self.norm = norm
        self.standardizes_weights = isinstance(norm, Normalization) and norm.standardizes_weights
        if self.standardizes_weights:
            require_several_inputs(self.layer)
        self.relu = nn.ReLU() if activation or norm_position == "after" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = with_standardized_weight(self.layer, x) if self.standardizes_weights else self.layer(x)
        return self.norm(self.relu(x)) if self.norm_position == "after" else self.relu(self.norm(x))
