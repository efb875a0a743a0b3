"""Dropout at one of two positions, between which Li et al. 2018 (arXiv 1801.05134) found a difference.

before_norm: inside each block, after its first activation, and so before a norm: the variance that the norm's running
    statistics remember from training is not the one it meets in evaluation ("variance shift").
last: once, before the classifier, after the last norm.
"""

from typing import Literal

from torch import nn

DropoutPosition = Literal["before_norm", "last"]


def dropout_at(position: DropoutPosition, p: float, chosen: DropoutPosition) -> nn.Module:
    """The module that stands at `position`: dropout with probability `p` if that is the chosen one, else the identity.

    Raises ValueError unless 0 <= p < 1.
    """
    if not 0 <= p < 1:
        raise ValueError(
            f"model.dropout={p} is no share of units to drop: give a number from 0 up to, not including, 1"
        )
    return nn.Dropout(p) if p > 0 and position == chosen else nn.Identity()
