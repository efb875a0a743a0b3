"""An LSTM with norms on its three paths, which classifies what comes after the last step.

    (f, i, o, g) = norm_x(W_x x_t) + norm_h(W_h h_{t−1})        each of the four of H units, one norm over all 4H
    c_t = σ(f + 1) ⊙ c_{t−1} + σ(i) ⊙ tanh(g)
    h_t = σ(o) ⊙ tanh(norm_c(c_t)),    c_0 = h_0 = 0,    logits = W h_T + b

The forget gate's 1 keeps c from fading at the start of training (Jozefowicz et al. 2015, §5). γ and β of a norm are
shared by all steps, but every step has a norm layer of its own: what is stored, as running statistics are, is stored
for each step apart, since the distributions of the first steps differ from the later ones'. Windows have one length.

Batch norm: Cooijmans et al. 2016, arXiv 1603.09025, §3 (equations 6 to 8, statistics of each step apart) and §4 (γ
starts at 0.1: at 1 the tanh would saturate). Layer norm: Ba, Kiros & Hinton 2016, arXiv 1607.06450, §3.1 and its
supplement (equations 20 to 22), where γ starts at 1.
"""

import copy

import torch
from torch import Tensor, nn

from models.dropout import DropoutPosition, dropout_at
from models.hidden import HiddenLayer
from models.initialize import AdjustsInitialization
from models.normalized_layer import NormPosition, has_shift
from models.norms.normalization import Norm, Normalization, RunningStatistics
from models.sequence import ImageShape, Steps, make_norm, make_steps, refuse_positions
from models.width import widened

FORGET = 1.0  # added to the forget gate


class NormOfSteps(nn.Module):
    """A norm layer for each step, with the parameters of the first."""

    def __init__(self, norm: nn.Module, length: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList([norm, *(_sharing_parameters(norm) for _ in range(length - 1))])

    def forward(self, x: Tensor, step: int) -> Tensor:
        return self.steps[step](x)


def _sharing_parameters(norm: nn.Module) -> nn.Module:
    """A copy with buffers of its own and the parameters of the original."""
    return copy.deepcopy(norm, {id(parameter): parameter for parameter in norm.parameters()})


class LSTMLayer(HiddenLayer, AdjustsInitialization):
    """Steps (N, T, features) to the last h, (N, H). `dropout` acts on h where it enters the next step."""

    def __init__(
        self, norm: Norm, num_in: int, num_units: int, length: int, dropout: nn.Module, gamma: float | None
    ) -> None:
        super().__init__()
        input_norm, hidden_norm, cell_norm = (make_norm(norm, size * num_units) for size in (4, 4, 1))
        self.num_units, self.gamma = num_units, gamma
        self.input_layer = nn.Linear(num_in, 4 * num_units, bias=not has_shift(input_norm))
        self.hidden_layer = nn.Linear(num_units, 4 * num_units, bias=not has_shift(hidden_norm))
        self.input_norm = NormOfSteps(input_norm, length)
        self.hidden_norm = NormOfSteps(hidden_norm, length)
        self.cell_norm = NormOfSteps(cell_norm, length)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        from_input = self.input_layer(x)  # (N, T, 4H)
        h = from_input.new_zeros(len(x), self.num_units)
        c = h
        for step in range(x.shape[1]):
            from_hidden = self.hidden_layer(self.dropout(h))
            gates = self.input_norm(from_input[:, step], step) + self.hidden_norm(from_hidden, step)
            f, i, o, g = gates.chunk(4, dim=1)  # (N, H) each
            c = torch.sigmoid(f + FORGET) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(self.cell_norm(c, step))
        return h

    def adjust_initialization(self) -> None:
        """γ of every norm starts at `gamma`, or as its paper has it."""
        for norm in self.modules():
            if isinstance(norm, Normalization) and isinstance(norm.weight, Tensor):
                as_published = 0.1 if isinstance(norm, RunningStatistics) else 1.0
                norm.weight.fill_(as_published if self.gamma is None else self.gamma)


class LSTM(nn.Module):
    """Images (N, C, H, W), read as sequences (models/sequence.py), to logits (N, classes)."""

    def __init__(self, steps: Steps, layer: LSTMLayer, last_dropout: nn.Module, classifier: nn.Linear) -> None:
        super().__init__()
        self.steps = steps
        self.layer = layer
        self.last_dropout = last_dropout
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.last_dropout(self.layer(self.steps(x))))


def lstm(
    norm: Norm,
    image_shape: ImageShape,
    num_classes: int,
    *,
    units: int,
    gamma: float | None,
    input_norm: bool,
    norm_position: NormPosition,
    dropout: float,
    dropout_position: DropoutPosition,
    width: float,
) -> nn.Module:
    """An LSTM of `units` times `width` units.

    gamma: what the scales of its norms start at; None is 0.1 for norms over the batch and 1 for others.
    Raises ValueError on an impossible number of units, width or dropout, on norms after the activations, on those that
    standardize weights, and on a norm of codes.
    """
    if units < 1:
        raise ValueError(f"model.units={units} is not positive: give the number of units")
    refuse_positions(norm_position)
    num_units = widened(units, width)
    steps = make_steps(norm, image_shape, num_classes, input_norm)
    inner_dropout = dropout_at("before_norm", dropout, dropout_position)
    layer = LSTMLayer(norm, steps.features, num_units, steps.length, inner_dropout, gamma)
    return LSTM(steps, layer, dropout_at("last", dropout, dropout_position), nn.Linear(num_units, num_classes))
