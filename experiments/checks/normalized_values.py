"""What values come out of the normalization itself, before γ and β."""

from collections.abc import Callable

import torch
from torch import Tensor

from experiments.checks.evidence import Evidence
from experiments.checks.layers import BATCH_NORM, output, standardized
from experiments.checks.made_up_numbers import normal
from models.norms.normalization import Norm

BATCH_SIZES = (2, 8, 32, 128, 512)


def normalized_values_stay_in_a_fixed_range(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 0.4: batch norm maps its input into a fixed range.

    It fixes two moments. With mean 0 and variance 1 over m values, one value is at most √(m − 1), which a single
    outlier reaches: the range depends on the batch. Held if the outlier is mapped to the same value at every m.
    """
    largest, of_draws = {}, {}
    for size in BATCH_SIZES:
        outlier = torch.zeros(size, 1, dtype=torch.float64)
        outlier[0] = 1e4
        largest[size] = output(norm, outlier).abs().max().item()
        of_draws[size] = output(norm, normal(size, 2000, seed=size) ** 3).abs().max().item()  # heavy tails
    small, large = BATCH_SIZES[0], BATCH_SIZES[-1]
    bound = (large - 1) ** 0.5
    return Evidence(
        holds=max(largest.values()) - min(largest.values()) < 1e-3,
        sentence=(
            f"One outlier among m values is mapped to {largest[small]:.3f} at m = {small} and to {largest[large]:.3f} "
            f"at m = {large}, where √(m − 1) = {bound:.3f}: the range depends on the batch."
        ),
        numbers={f"largest_of_{size}": value for size, value in largest.items()}
        | {f"largest_draw_of_{size}": value for size, value in of_draws.items()}
        | {f"bound_of_{large}": bound},
    )


def normalized_values_have_small_variance_and_large_mean(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 2.3: batch norm gives a layer inputs of small variance and large mean.

    Held if, of features with mean 5 and standard deviation 2, every one has a mean above 1 and a variance below 1/2
    after it.
    """
    x = 5 + 2 * normal(256, 16)
    variance, mean = torch.var_mean(output(norm, x), dim=0, correction=0)
    return Evidence(
        holds=bool((mean > 1).all() and (variance < 0.5).all()),
        sentence=(
            f"Features of mean {x.mean().item():.2f} and variance {x.var().item():.2f} leave the normalization with "
            f"means within {mean.abs().max().item():.0e} of 0 and variances of {variance.mean().item():.5f}."
        ),
        numbers={
            "mean_before": x.mean().item(),
            "variance_before": x.var().item(),
            "largest_absolute_mean": mean.abs().max().item(),
            "smallest_variance": variance.min().item(),
            "largest_variance": variance.max().item(),
        },
    )


def epsilon_prevents_vanishing_gradients(
    normalize: Callable[[Tensor, float], Tensor] = lambda x, eps: standardized(x, 0, eps),
) -> Evidence:
    """Claim 0.9: ε is there against vanishing gradients.

    It keeps the division safe. Held if the gradient with respect to the input gets larger by ε = 1e-5, on features of
    standard deviation 1e-4, 1e-2 or 1, under a random linear loss.
    """
    directions, base = normal(64, 16, seed=1), normal(64, 16)

    def gradient(spread: float, eps: float) -> Tensor:
        x = (spread * base).requires_grad_()
        (found,) = torch.autograd.grad((normalize(x, eps) * directions).sum(), x)
        return found

    spreads = (1e-4, 1e-2, 1.0)
    without = [gradient(spread, 0.0).norm().item() for spread in spreads]
    with_eps = [gradient(spread, 1e-5).norm().item() for spread in spreads]
    constant = torch.ones(64, 16, dtype=torch.float64)
    lost = {eps: (~normalize(constant, eps).isfinite()).sum().item() for eps in (0.0, 1e-5)}
    return Evidence(
        holds=any(b > a for a, b in zip(without, with_eps, strict=True)),
        sentence=(
            f"With ε = 1e-5 the gradient is {with_eps[0] / without[0]:.3f} times the one without ε at a standard "
            f"deviation of 1e-4 and {with_eps[2] / without[2]:.6f} times at 1; what ε prevents is dividing a constant "
            f"feature by 0 ({lost[0.0]} of {constant.numel()} values not finite without it, {lost[1e-5]} with it)."
        ),
        numbers={f"gradient_ratio_at_{s:g}": b / a for s, a, b in zip(spreads, without, with_eps, strict=True)}
        | {"not_finite_without_eps": lost[0.0], "not_finite_with_eps": lost[1e-5]},
    )
