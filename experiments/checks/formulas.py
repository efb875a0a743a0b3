"""The documents' formulas of the normalization, against the layers that networks are trained with."""

from collections.abc import Callable

import torch
from torch import Tensor

from experiments.checks.evidence import Evidence
from experiments.checks.layers import BATCH_NORM, EPS, LAYER_NORM, SAME, largest_difference, output, standardized
from experiments.checks.made_up_numbers import normal, uneven
from models.norms.batch_norm import BN
from models.norms.normalization import Norm, RunningStatistics


def scaled_and_shifted_by_statistics(x: Tensor) -> Tensor:
    """γ (x − μ) + β with γ = σ/√(2σ² + ε) and β = μ/√(2σ² + ε), per column."""
    variance, mean = torch.var_mean(x, dim=0, correction=0)
    divisor = (2 * variance + EPS).sqrt()
    return variance.sqrt() / divisor * (x - mean) + mean / divisor


def output_formula_without_division_normalizes(
    formula: Callable[[Tensor], Tensor] = scaled_and_shifted_by_statistics, depth: int = 10
) -> Evidence:
    """Claims 0.8 and 0.10: batch norm puts out γ(x − μ) + β, with γ and β computed from σ and μ.

    Held if every feature has mean 0 and variance 1 after one such layer. What happens without that is seen by stacking
    layers: the mean is divided by σ each time while σ shrinks, so it compounds. (Many more than ten layers cannot be
    computed like this: the mean is then so large beside σ that float64 loses the deviations from it.)
    """
    x = 1 + normal(256, 16)
    once = y = formula(x)
    for _ in range(depth - 1):
        y = formula(y)
    mean_once, mean_deep = (layer.mean(dim=0).abs().max().item() for layer in (once, y))
    variance = once.var(dim=0, correction=0)
    mean_right = standardized(once, 0, EPS).mean(dim=0).abs().max().item()
    return Evidence(
        holds=mean_once < 1e-6 and largest_difference(variance, torch.ones_like(variance)) < 1e-3,
        sentence=(
            f"One layer leaves means of up to {mean_once:.2f} and variances of {variance.mean().item():.2f}, and after "
            f"{depth} layers the largest mean is {mean_deep:,.0f}; the division by √(σ² + ε) leaves {mean_right:.0e}."
        ),
        numbers={
            "largest_mean_after_one": mean_once,
            "variance_after_one": variance.mean().item(),
            f"largest_mean_after_{depth}": mean_deep,
            "largest_mean_after_division": mean_right,
        },
    )


def worked_example_of_one_value(norm: Callable[[int], RunningStatistics] | None = None) -> Evidence:
    """Claim 1.11: with μ = .5, σ² = .2, γ = 2, β = .1 and ε = 1e-4 the formulas give x̂ and y.

    Held if the layer in evaluation mode, given these statistics and parameters, puts out at x = 1 what they give.
    """
    normalized = (1 - 0.5) / (0.2 + 1e-4) ** 0.5
    expected = 2 * normalized + 0.1
    one = (norm or BN(momentum=0.1, eps=1e-4, affine=True, sync=False))(1).double().eval()
    assert one.weight is not None
    assert one.bias is not None
    with torch.no_grad():
        one.running_mean.fill_(0.5)
        one.running_var.fill_(0.2)
        one.weight.fill_(2)
        one.bias.fill_(0.1)
        y = one(torch.ones(1, 1, dtype=torch.float64)).item()
    return Evidence(
        holds=abs(y - expected) < SAME,
        sentence=(
            f"x = 1 gives x̂ = {normalized:.4f} and y = {expected:.4f} by the formulas; the layer puts out {y:.4f}."
        ),
        numbers={"x_hat": normalized, "y": expected, "y_of_the_layer": y},
    )


def sigma_under_the_root_is_the_variance(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 3.4: the divisor is √(σ_B + ε), where σ_B is the mean squared deviation, which is usually written σ².

    Held if that is the layer's x̂. Read with σ_B as a standard deviation, as its sign suggests, it is another map.
    """
    x = uneven(64, 8)
    variance, mean = torch.var_mean(x, dim=0, correction=0)
    x_hat = output(norm, x)
    as_variance = largest_difference(x_hat, (x - mean) / (variance + EPS).sqrt())
    as_deviation = largest_difference(x_hat, (x - mean) / (variance.sqrt() + EPS).sqrt())
    return Evidence(
        holds=as_variance < SAME,
        sentence=(
            f"With the mean squared deviation under the root the formula is the layer's to {as_variance:.0e}; with a "
            f"standard deviation in its place it would be off by up to {as_deviation:.2f}."
        ),
        numbers={"difference_as_variance": as_variance, "difference_as_deviation": as_deviation},
    )


def formulas_over_samples_and_over_features(batch_norm: Norm = BATCH_NORM, layer_norm: Norm = LAYER_NORM) -> Evidence:
    """Claim 3.11: batch norm averages over the N samples, layer norm over the H features, with the same formulas.

    Held if both are the layers' x̂, for 100 samples of 128 features.
    """
    x = uneven(100, 128)
    over_samples = largest_difference(output(batch_norm, x), standardized(x, 0, EPS))
    over_features = largest_difference(output(layer_norm, x), standardized(x, 1, EPS))
    return Evidence(
        holds=max(over_samples, over_features) < SAME,
        sentence=(
            f"On 100 samples of 128 features the formula over N is batch norm to {over_samples:.0e} and the formula "
            f"over H is layer norm to {over_features:.0e}."
        ),
        numbers={"difference_over_samples": over_samples, "difference_over_features": over_features},
    )


def normalization_of_a_feature_map(norm: Norm = BATCH_NORM) -> Evidence:
    """Claims 1.5 and 4.14: per feature map, (x − μ)/√(σ² + ε) has mean 0 and variance 1.

    Held if the layer's x̂ is that formula over images and positions, and has these moments in every channel.
    """
    x = uneven(16, 6, 7, 5)
    x_hat = output(norm, x)
    difference = largest_difference(x_hat, standardized(x, (0, 2, 3), EPS))
    variance, mean = torch.var_mean(x_hat, dim=(0, 2, 3), correction=0)
    off_mean, off_variance = mean.abs().max().item(), (variance - 1).abs().max().item()
    return Evidence(
        holds=difference < SAME and off_mean < SAME and off_variance < 1e-3,
        sentence=(
            f"The layer is the formula to {difference:.0e}; its channels have means within {off_mean:.0e} of 0 and "
            f"variances within {off_variance:.0e} of 1 (which is ε beside σ²)."
        ),
        numbers={"difference": difference, "largest_absolute_mean": off_mean, "largest_variance_error": off_variance},
    )


def dividing_by_the_root_of_squares_gives_unit_scale(
    normalize: Callable[[Tensor], Tensor] = lambda z: z / z.square().sum(dim=0).sqrt(),
) -> Evidence:
    """Claim 4.16: the normalized value is z/√Σz², the sum running over the batch.

    Held if the result has a root mean square of 1, as a normalized feature has, at batches of 4, 64 and 1,024.
    """
    scales = {size: normalize(normal(size, 8)).square().mean().sqrt().item() for size in (4, 64, 1024)}
    return Evidence(
        holds=all(abs(scale - 1) < 1e-3 for scale in scales.values()),
        sentence=(
            "The root mean square of the result is "
            + ", ".join(f"{scale:.4f} for a batch of {size:,}" for size, scale in scales.items())
            + ": 1/√m, which depends on the batch's size."
        ),
        numbers={f"scale_of_{size}": scale for size, scale in scales.items()},
    )
