"""A small causal Transformer that classifies what comes after the last step.

    h = W x + positions                                  of each step, d values
    h ← h + attention(norm(h)),  h ← h + W_2 relu(W_1 norm(h) + b_1) + b_2    in each block, W_1 of 4d rows
    logits = W norm(h_T) + b

Attention: softmax(Q Kᵀ / √(d/heads)) V of each head over a step and those before it (Vaswani et al. 2017,
arXiv 1706.03762, §3.2), with the sines and cosines of §3.5 as positions. The norms stand at the beginning of the
branches and before the classifier (pre-norm: Xiong et al. 2020, arXiv 2002.04745, §3), where a norm over the batch
takes the statistics of a feature over all samples and steps, and any other takes every step's d features alone.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.dropout import DropoutPosition, dropout_at
from models.hidden import HiddenLayer
from models.normalized_layer import NormPosition
from models.norms.normalization import Norm, RunningStatistics
from models.sequence import ImageShape, Steps, make_norm, make_steps, refuse_positions
from models.width import widened


class TokenNorm(nn.Module):
    """A norm on steps (N, T, d)."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm
        # Such a layer must see which steps belong to one sample: its statistics are also taken over groups of samples.
        self.over_batch = isinstance(norm, RunningStatistics)

    def forward(self, x: Tensor) -> Tensor:
        if self.over_batch:
            return self.norm(x.transpose(1, 2)[..., None]).squeeze(3).transpose(1, 2)  # as (N, d, T, 1)
        return self.norm(x.flatten(0, 1)).view(x.shape)


class Attention(nn.Module):
    """Causal self-attention, (N, T, d) to the same shape."""

    def __init__(self, num_features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inward = nn.Linear(num_features, 3 * num_features)
        self.outward = nn.Linear(num_features, num_features)

    def forward(self, x: Tensor) -> Tensor:
        split = self.inward(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (3, N, heads, T, d/heads)
        query, key, value = split.unbind(0)
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])  # (N, heads, T, T)
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        weights = scores.masked_fill(later, -math.inf).softmax(dim=3)
        return self.outward((weights @ value).transpose(1, 2).flatten(2))


class Block(HiddenLayer):
    """Attention and two layers, each around a shortcut: (N, d, T, 1) to the same, `dropout` after the ReLU."""

    num_layers: ClassVar[int] = 4  # value, outward, first, second

    def __init__(self, norm: Norm, num_features: int, heads: int, dropout: nn.Module) -> None:
        super().__init__()
        self.attention_norm = TokenNorm(make_norm(norm, num_features))
        self.attention = Attention(num_features, heads)
        self.norm = TokenNorm(make_norm(norm, num_features))
        self.first = nn.Linear(num_features, 4 * num_features)
        self.relu = nn.ReLU()
        self.dropout = dropout
        self.second = nn.Linear(4 * num_features, num_features)

    def forward(self, x: Tensor) -> Tensor:
        h = tokens(x)
        h = h + self.attention(self.attention_norm(h))
        inner = self.first(self.norm(h)).flatten(0, 1)  # (N·T, 4d): a ReLU's channels are found in the second place
        inner = self.dropout(self.relu(inner)).view(*h.shape[:2], -1)
        return maps(h + self.second(inner))


def tokens(x: Tensor) -> Tensor:
    """(N, d, T, 1), the form that hidden representations have everywhere, to (N, T, d)."""
    return x.squeeze(3).transpose(1, 2)


def maps(h: Tensor) -> Tensor:
    """(N, T, d) to (N, d, T, 1)."""
    return h.transpose(1, 2)[..., None]


class Transformer(nn.Module):
    """Images (N, C, H, W), read as sequences (models/sequence.py), to logits (N, classes)."""

    positions: Tensor

    def __init__(
        self,
        steps: Steps,
        embedding: nn.Linear,
        blocks: list[Block],
        norm: TokenNorm,
        last_dropout: nn.Module,
        classifier: nn.Linear,
    ) -> None:
        super().__init__()
        self.steps = steps
        self.embedding = embedding
        self.blocks = nn.ModuleList(blocks)
        self.norm = norm
        self.last_dropout = last_dropout
        self.classifier = classifier
        self.register_buffer("positions", waves(steps.length, embedding.out_features), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        h = maps(self.embedding(self.steps(x)) + self.positions)
        for block in self.blocks:
            h = block(h)
        last = self.norm(tokens(h))[:, -1]  # a norm over the batch has statistics of all steps here too
        return self.classifier(self.last_dropout(last))


MOST_BLOCKS = 1000  # a block takes a millisecond to make


def waves(length: int, num_features: int) -> Tensor:
    """(T, d): sin(t / 10000^(2k/d)) at place 2k, the cosine at 2k + 1."""
    place = torch.arange(num_features)
    rate = 10000.0 ** (-2 * (place // 2) / num_features)
    angle = torch.arange(length)[:, None] * rate
    return torch.where(place % 2 == 0, angle.sin(), angle.cos())


def transformer(
    norm: Norm,
    image_shape: ImageShape,
    num_classes: int,
    *,
    features: int,
    blocks: int,
    heads: int,
    input_norm: bool,
    norm_position: NormPosition,
    dropout: float,
    dropout_position: DropoutPosition,
    width: float,
) -> nn.Module:
    """A Transformer of `blocks` blocks on `features` times `width` features a step.

    Raises ValueError on impossible numbers of features, blocks or heads, an impossible width or dropout, on norms after
    the activations, on those that standardize weights, and on a norm of codes.
    """
    refuse_positions(norm_position)
    size = widened(features, width)
    if not 1 <= blocks <= MOST_BLOCKS:
        raise ValueError(f"model.blocks={blocks} is not between 1 and {MOST_BLOCKS}: give the number of blocks")
    if heads < 1 or size % heads:
        raise ValueError(f"model.heads={heads} does not divide the {size} features: give a number that does")
    steps = make_steps(norm, image_shape, num_classes, input_norm)
    chain = [Block(norm, size, heads, dropout_at("before_norm", dropout, dropout_position)) for _ in range(blocks)]
    return Transformer(
        steps,
        nn.Linear(steps.features, size),
        chain,
        TokenNorm(make_norm(norm, size)),
        dropout_at("last", dropout, dropout_position),
        nn.Linear(size, num_classes),
    )
