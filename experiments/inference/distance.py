"""How far the running statistics of each layer are from the precise ones."""

from collections.abc import Mapping

from torch import nn

from experiments.inference.moments import Statistics
from experiments.inference.precise import running_layers


def distances(model: nn.Module, precise: Mapping[str, Statistics]) -> dict[str, dict[str, float]]:
    """Per layer, over its channels, with σ² + ε for each variance, which is what the layer divides by:

        mean          mean of |μ_run − μ_precise| / √(σ²_precise + ε)
        mean_max      the largest of these
        variance      geometric mean of (σ²_run + ε) / (σ²_precise + ε)
        variance_max  the largest factor between the two variances, whichever is larger, at least 1

    The running variance estimates the unbiased one, the precise is the population's: over batches of m values per
    channel they differ by m/(m − 1) where nothing else does.
    """
    found = {}
    for name, layer in running_layers(model).items():
        mean, var = (tensor.detach().cpu().double() for tensor in (layer.running_mean, layer.running_var))
        exact = precise[name]
        offset = (mean - exact.mean).abs() / (exact.var + layer.eps).sqrt()
        ratio = ((var + layer.eps) / (exact.var + layer.eps)).log()
        found[name] = {
            "mean": offset.mean().item(),
            "mean_max": offset.max().item(),
            "variance": ratio.mean().exp().item(),
            "variance_max": ratio.abs().max().exp().item(),
        }
    return found
