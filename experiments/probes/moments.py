"""What each norm layer makes of the coming training batch: means, variances and extremes, and its scale and shift.

Of x̂, which is what the layer computes with γ = 1 and β = 0 in training mode, over the sets of values that the layer
itself normalizes (`Normalization.sets`: channels for bn, samples for ln, …):
    moments/xhat_mean/<layer>          largest |mean| of a set: 0 but for rounding
    moments/xhat_variance_min/<layer>  smallest variance of a set, σ²/(σ² + ε): below 1 where a set hardly varies (σ² is
                                       not far above ε), and 0 for a set that is constant
    moments/xhat_variance_max/<layer>  the largest: 1 at most, but for rounding
    moments/xhat_largest/<layer>       max |x̂|, which is √(m − 1) at most in sets of m values
Of y, the layer's output, per channel over images and positions:
    moments/y_mean/<layer>             root mean square over the channels of their means
    moments/y_variance/<layer>         mean over the channels of their variances
    moments/y_largest/<layer>          max |y|
Of γ and β, over their elements:
    moments/gamma_mean/<layer>, gamma_sd, gamma_min, gamma_max, beta_mean, beta_sd, beta_min, beta_max
    moments/gamma_negative/<layer>     share of γ below 0

Variances are the population's, sd their root; none of these has a unit but y, whose unit is the layer's. The batch
passes through in training mode, as in the coming step, dropout included. x̂ is left out where a set is a single value
(instance norm of a vector does nothing) and where a norm does not aim at mean 0 and variance 1 (`rms`; see
`Normalization.standardizes`), γ and β where a layer has none. A layer without a norm has y alone, at the
place where a norm would stand: `none` can be compared with `bn`. Fixup has no such place, and nothing is measured.
Histograms of γ, β and y. One forward pass, in which the norms are computed twice.

Sources: Ioffe & Szegedy 2015, arXiv 1502.03167, §3 and Algorithm 1 (x̂ has mean 0 and variance 1); the bound √(m − 1) is
Samuelson's inequality (1968).
"""

import copy

import torch
from torch import Tensor, nn

from experiments.inference.moments import statistics
from experiments.probing.channels import in_float64, spread
from experiments.probing.layers import Layer, norm_places
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.probing.places import look_at_coming_batch, say_what_applies
from experiments.report.charts import HeatMap, Profile
from models.norms.normalization import Normalization

VALUES = 50_000  # of y in a histogram
CHARTS = (
    HeatMap(
        name="moments_y_variance",
        title="Variance after the norm, by depth and step",
        label="mean variance of the channels",
        quantity="moments/y_variance",
        log=True,
    ),
    Profile(
        name="moments_y_mean",
        title="Channel means after the norm",
        label="root mean square over channels",
        quantity="moments/y_mean",
    ),
    Profile(
        name="moments_gamma_mean",
        title="Scale γ by depth",
        label="mean γ",
        quantity="moments/gamma_mean",
    ),
)


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe for a network."""
    say_what_applies("moments", model, "y is measured where norms would stand, nothing else")
    return Moments(model, surroundings)


class Moments(Probe):
    """One forward pass, and twice its norms."""

    def __init__(self, model: nn.Module, surroundings: Surroundings) -> None:
        self.steps = surroundings.steps_worth(forward=3 * surroundings.settings.batch_size) if norm_places(model) else 0

    @torch.no_grad()
    def measure(self, live: Live) -> Measured:
        network, found = live.copied_network(), Measured()
        norms = [place.module for place in norm_places(network) if isinstance(place.module, Normalization)]
        plain = {norm: without_affine(norm) for norm in norms if norm.standardizes}  # copied before the hooks are there

        def look(name: str, layer: Layer, x: Tensor, y: Tensor) -> None:
            values = moments_of_output(y)
            if isinstance(layer.module, Normalization):
                if layer.module.standardizes:
                    values |= moments_of_sets(layer.module.sets(plain[layer.module](x)))
                for called, parameter in (("gamma", layer.module.weight), ("beta", layer.module.bias)):
                    if isinstance(parameter, Tensor):
                        values |= moments_of_parameter(called, parameter)
                        found.histograms[f"moments/{called}/{name}"] = parameter.detach().clone()
            found.values.update({f"moments/{quantity}/{name}": value for quantity, value in values.items()})
            found.histograms[f"moments/y/{name}"] = spread(y.flatten(), VALUES).clone()

        look_at_coming_batch(live, network, look)
        return found


def without_affine(norm: Normalization) -> Normalization:
    """A copy of a norm layer that computes x̂: its γ is 1 and its β 0."""
    plain = copy.deepcopy(norm)
    for parameter, value in ((plain.weight, 1.0), (plain.bias, 0.0)):
        if isinstance(parameter, Tensor):
            parameter.data.fill_(value)
    return plain


def moments_of_sets(sets: Tensor) -> dict[str, float]:
    """Of x̂ in sets (number of sets, values in one); nothing where a set is a single value."""
    if sets.shape[1] == 1:
        return {}
    sets = in_float64(sets)
    variances = sets.var(dim=1, correction=0)
    return {
        "xhat_mean": sets.mean(dim=1).abs().max().item(),
        "xhat_variance_min": variances.min().item(),
        "xhat_variance_max": variances.max().item(),
        "xhat_largest": sets.abs().max().item(),
    }


def moments_of_output(y: Tensor) -> dict[str, float]:
    """Of a layer's output (N, C) or (N, C, H, W)."""
    channels = statistics(y)
    return {
        "y_mean": channels.mean.square().mean().sqrt().item(),
        "y_variance": channels.var.mean().item(),
        "y_largest": y.abs().max().item(),
    }


def moments_of_parameter(called: str, parameter: Tensor) -> dict[str, float]:
    """Of γ (called gamma) or β (called beta), of any shape."""
    elements = in_float64(parameter)
    values = {
        f"{called}_mean": elements.mean().item(),
        f"{called}_sd": elements.std(correction=0).item(),
        f"{called}_min": elements.min().item(),
        f"{called}_max": elements.max().item(),
    }
    return values | ({"gamma_negative": (elements < 0).double().mean().item()} if called == "gamma" else {})
