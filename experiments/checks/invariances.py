"""What each norm is blind to and what it is not: affine maps of features, of samples, and the scale of the weights.

Without ε the invariances are exact, so they are computed in float64 with an ε that vanishes. How far the usual ε = 1e-5
is from that is given beside it.
"""

from typing import Literal

import torch

from experiments.checks.evidence import Evidence
from experiments.checks.layers import (
    BATCH_NORM,
    EXACT_BATCH_NORM,
    EXACT_LAYER_NORM,
    LAYER_NORM,
    largest_difference,
    layer,
    output,
)
from experiments.checks.made_up_numbers import normal, uneven
from models.norms.normalization import Norm

EXACT = 1e-9  # rounding of float64, after numbers in the tens


def batch_norm_changes_with_a_features_scale_and_shift(
    norm: Norm = EXACT_BATCH_NORM, usual: Norm = BATCH_NORM
) -> Evidence:
    """Claim 3.18: batch norm is sensitive to the input's distribution, here to the features' scales and shifts.

    Held if its output in training changes when every feature gets a positive scale and a shift of its own.
    """
    return _sensitive("batch norm", norm, usual, of="feature")


def batch_norm_changes_with_a_samples_scale_and_shift(
    norm: Norm = EXACT_BATCH_NORM, usual: Norm = BATCH_NORM
) -> Evidence:
    """Claim 3.18: batch norm is sensitive to the input's distribution, here to the samples' scales and shifts.

    Held if its output in training changes when every sample gets a positive scale and a shift of its own.
    """
    return _sensitive("batch norm", norm, usual, of="sample")


def layer_norm_changes_with_a_samples_scale_and_shift(
    norm: Norm = EXACT_LAYER_NORM, usual: Norm = LAYER_NORM
) -> Evidence:
    """Claim 3.18: layer norm is sensitive to the input's distribution, here to the samples' scales and shifts.

    Held if its output changes when every sample gets a positive scale and a shift of its own.
    """
    return _sensitive("layer norm", norm, usual, of="sample")


def layer_norm_changes_with_a_features_scale_and_shift(
    norm: Norm = EXACT_LAYER_NORM, usual: Norm = LAYER_NORM
) -> Evidence:
    """Claim 3.18: layer norm is sensitive to the input's distribution, here to the features' scales and shifts.

    Held if its output changes when every feature gets a positive scale and a shift of its own.
    """
    return _sensitive("layer norm", norm, usual, of="feature")


def norms_change_with_the_scale_of_the_weights(
    batch_norm: Norm = EXACT_BATCH_NORM, layer_norm: Norm = EXACT_LAYER_NORM, factor: float = 10.0
) -> Evidence:
    """Claims 3.18 and 4.11: large initial weights W make large outputs and gradients.

    Held if the output of batch norm or layer norm after xWᵀ changes when W becomes 10 W. It does not, and the gradient
    with respect to W is divided by 10 (Ioffe & Szegedy 2015, §3.3).
    """
    x, weights, target = uneven(64, 20), normal(12, 20, seed=3), normal(64, 12, seed=4)
    changes, ratios = {}, {}
    for name, norm in (("batch_norm", batch_norm), ("layer_norm", layer_norm)):
        outputs, gradients = [], []
        for scale in (1.0, factor):
            w = (scale * weights).requires_grad_()
            y = layer(norm, target)(x @ w.T)
            (gradient,) = torch.autograd.grad((y - target).tanh().square().sum(), w)
            outputs.append(y.detach())
            gradients.append(gradient)
        changes[name] = largest_difference(*outputs)
        ratios[name] = (gradients[1].norm() / gradients[0].norm()).item()
    return Evidence(
        holds=max(changes.values()) > EXACT,
        sentence=(
            f"With weights {factor:g} times as large the output changes by {changes['batch_norm']:.0e} after batch "
            f"norm and by {changes['layer_norm']:.0e} after layer norm, and the weights' gradient is "
            f"{ratios['batch_norm']:.4f} and {ratios['layer_norm']:.4f} times as large."
        ),
        numbers={f"change_with_{name}": value for name, value in changes.items()}
        | {f"gradient_ratio_with_{name}": value for name, value in ratios.items()},
    )


def _sensitive(name: str, norm: Norm, usual: Norm, *, of: Literal["sample", "feature"]) -> Evidence:
    """Whether the output changes with a positive scale and a shift of each sample, or of each feature."""
    x = uneven(64, 20)
    shape = (64, 1) if of == "sample" else (1, 20)
    scale, shift = normal(*shape, seed=5).exp(), 3 * normal(*shape, seed=6)
    change = largest_difference(output(norm, x), output(norm, scale * x + shift))
    change_usual = largest_difference(output(usual, x), output(usual, scale * x + shift))
    return Evidence(
        holds=change > EXACT,
        sentence=(
            f"With a scale of {scale.min().item():.2f} to {scale.max().item():.1f} and a shift of its own for each "
            f"{of}, the output of {name} changes by up to {change:.1e} ({change_usual:.1e} with ε = 1e-5)."
        ),
        numbers={"largest_change": change, "largest_change_with_usual_eps": change_usual},
    )
