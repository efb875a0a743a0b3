"""Over which axes each norm takes its statistics, and so how many pairs of them there are."""

import torch
from torch import Tensor

from experiments.checks.evidence import Evidence
from experiments.checks.layers import BATCH_NORM, EPS, LAYER_NORM, SAME, largest_difference, output, standardized
from experiments.checks.made_up_numbers import uneven
from models.norms.normalization import Norm


def mean_and_variance_over_the_batch_of_vectors(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 0.7: μ and σ² are taken over the m samples of the batch. Held if so for vectors (N, C)."""
    x = uneven(64, 10)
    difference = largest_difference(output(norm, x), standardized(x, 0, EPS))
    return Evidence(
        holds=difference < SAME,
        sentence=f"For vectors (64, 10) statistics over the 64 samples give the layer's output to {difference:.0e}.",
        numbers={"difference": difference},
    )


def mean_and_variance_over_the_batch_of_feature_maps(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 0.7: μ and σ² are taken over the m samples of the batch, where the listing uses them after convolutions.

    Held if so for maps (N, C, H, W). It is over the positions too (Ioffe & Szegedy 2015, §3.2).
    """
    x = uneven(16, 6, 8, 8)
    x_hat = output(norm, x)
    over_samples = largest_difference(x_hat, standardized(x, 0, EPS))
    over_positions_too = largest_difference(x_hat, standardized(x, (0, 2, 3), EPS))
    return Evidence(
        holds=over_samples < SAME,
        sentence=(
            f"For maps (16, 6, 8, 8) statistics over the 16 images alone are up to {over_samples:.2f} away from the "
            f"layer's output, those over images and positions {over_positions_too:.0e}."
        ),
        numbers={"difference_over_samples": over_samples, "difference_over_positions_too": over_positions_too},
    )


def layer_norm_takes_a_layers_output_as_a_whole(norm: Norm = LAYER_NORM) -> Evidence:
    """Claim 0.17: layer norm normalizes one layer's output.

    Held if it takes one mean and variance of that output, (N, C, H, W). It takes one pair a sample, over C, H, W.
    """
    x = uneven(16, 6, 8, 8)
    y = output(norm, x)
    as_a_whole = largest_difference(y, standardized(x, (0, 1, 2, 3), EPS))
    per_sample = largest_difference(y, standardized(x, (1, 2, 3), EPS))
    return Evidence(
        holds=as_a_whole < SAME,
        sentence=(
            f"One pair of statistics for a layer's whole output is up to {as_a_whole:.2f} away from layer norm, a pair "
            f"for each sample over its channels and positions {per_sample:.0e}."
        ),
        numbers={"difference_as_a_whole": as_a_whole, "difference_per_sample": per_sample},
    )


def batch_norm_splits_the_batch(norm: Norm = BATCH_NORM, parts: int = 4) -> Evidence:
    """Claim 2.4: batch norm splits the batch into smaller batches and normalizes each.

    Held if so for a batch of 32 in 4 parts. That is ghost batch norm; batch norm has one set of statistics a batch.
    """
    x = uneven(32, 10)
    y = output(norm, x)
    in_parts = torch.cat([standardized(part, 0, EPS) for part in x.chunk(parts)])
    split, whole = largest_difference(y, in_parts), largest_difference(y, standardized(x, 0, EPS))
    return Evidence(
        holds=split < SAME,
        sentence=(
            f"Normalizing a batch of 32 in {parts} parts is up to {split:.2f} away from the layer's output, "
            f"normalizing it as one batch {whole:.0e}."
        ),
        numbers={"difference_in_parts": split, "difference_as_one": whole},
    )


def batch_norm_standardizes_each_sample(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 3.1: batch norm brings each sample to mean 0 and variance 1.

    Held if every one of 100 samples of 128 features comes out so. It is each feature, over the samples.
    """
    return _standardizes(output(norm, uneven(100, 128)), "batch norm", of_samples=True)


def layer_norm_standardizes_each_feature(norm: Norm = LAYER_NORM) -> Evidence:
    """Claim 3.2: layer norm brings each feature to mean 0 and variance 1.

    Held if every one of 128 features of 100 samples comes out so. It is each sample, over its features.
    """
    return _standardizes(output(norm, uneven(100, 128)), "layer norm", of_samples=False)


def pairs_of_statistics_in_the_worked_case(batch_norm: Norm = BATCH_NORM, layer_norm: Norm = LAYER_NORM) -> Evidence:
    """Claim 3.12: on 1,000 samples of 128 features in batches of 100, batch norm normalizes 10 vectors, layer norm 128.

    Held if a batch (100, 128) has 10 standardized sets after batch norm and 128 after layer norm.
    """
    x = uneven(100, 128)
    found = {}
    for name, norm in (("batch_norm", batch_norm), ("layer_norm", layer_norm)):
        y = output(norm, x)
        found[name] = _count(y, dim=0) + _count(y, dim=1)
    return Evidence(
        holds=found == {"batch_norm": 10, "layer_norm": 128},
        sentence=(
            f"A batch of 100 samples of 128 features has {found['batch_norm']} pairs of statistics for batch norm and "
            f"{found['layer_norm']} for layer norm."
        ),
        numbers={f"pairs_of_{name}": count for name, count in found.items()},
    )


def _standardizes(y: Tensor, name: str, *, of_samples: bool) -> Evidence:
    samples, features = _count(y, dim=1), _count(y, dim=0)
    return Evidence(
        holds=(samples == len(y)) if of_samples else (features == y.shape[1]),
        sentence=(
            f"After {name}, {samples} of {len(y)} samples and {features} of {y.shape[1]} features have mean 0 and "
            "variance 1."
        ),
        numbers={"samples_standardized": samples, "features_standardized": features},
    )


def _count(y: Tensor, dim: int) -> int:
    """How many of the sets along `dim` have mean 0 and, up to ε, variance 1."""
    variance, mean = torch.var_mean(y, dim=dim, correction=0)
    return int(((mean.abs() < 1e-9) & ((variance - 1).abs() < 1e-3)).sum())
