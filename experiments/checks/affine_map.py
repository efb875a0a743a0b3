"""γ and β: how many there are, where they start, and what moves them."""

import torch
from torch import Tensor, nn

from experiments.checks.evidence import Evidence
from experiments.checks.layers import BATCH_NORM, EPS, largest_difference, layer, output
from experiments.checks.made_up_numbers import normal, seeded, uneven
from models.norms.normalization import Norm


def gamma_and_beta_follow_from_the_statistics(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 0.8: γ = σ/√(2σ² + ε) and β = μ/√(2σ² + ε).

    They are free parameters. Held if a layer's γ and β are these values after batches of three scales were seen.
    """
    asked, differences = [], []
    for scale in (0.1, 1.0, 10.0):
        x = scale * (2 + normal(256, 8))
        one = layer(norm, x)
        one(x)
        weight, bias = _affine(one)
        variance, mean = torch.var_mean(x, dim=0, correction=0)
        divisor = (2 * variance + EPS).sqrt()
        asked.append((variance.sqrt() / divisor).mean().item())
        differences.append(largest_difference(weight, variance.sqrt() / divisor))
        differences.append(largest_difference(bias, mean / divisor))
    return Evidence(
        holds=max(differences) < 1e-3,
        sentence=(
            f"On data of three scales the formula gives γ = {min(asked):.4f} to {max(asked):.4f}, which is 1/√2, while "
            f"the layer's γ and β are {weight.mean().item():g} and {bias.mean().item():g} after it saw them, up to "
            f"{max(differences):.2f} away."
        ),
        numbers={
            "smallest_gamma_of_the_formula": min(asked),
            "largest_gamma_of_the_formula": max(asked),
            "gamma_of_the_layer": weight.mean().item(),
            "beta_of_the_layer": bias.mean().item(),
            "largest_difference": max(differences),
        },
    )


def gamma_starts_random(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 2.7: γ starts as random normal numbers.

    Held if the γ of 256 channels differ at the start.
    """
    with seeded():
        weight, _ = _affine(layer(norm, normal(2, 256)))
    smallest, largest = weight.min().item(), weight.max().item()
    return Evidence(
        holds=largest > smallest,
        sentence=f"At the start γ lies between {smallest:g} and {largest:g} over 256 channels.",
        numbers={"smallest_gamma": smallest, "largest_gamma": largest},
    )


def normalization_is_complete_without_gamma_and_beta(norm: Norm = BATCH_NORM) -> Evidence:
    """Claims 2.6 and 3.4: (x − μ)/√(σ² + ε) is the whole of batch norm.

    Held if the layer has no parameters. It has two a channel, so that it can represent every scale and shift, the
    identity included (Ioffe & Szegedy 2015, §3).
    """
    x = uneven(128, 8)
    one = layer(norm, x)
    learned = sum(parameter.numel() for parameter in one.parameters())
    without = largest_difference(output(norm, x), x)
    with_affine = without
    if learned:
        weight, bias = _affine(one)
        variance, mean = torch.var_mean(x, dim=0, correction=0)
        with torch.no_grad():
            weight.copy_((variance + EPS).sqrt())
            bias.copy_(mean)
            with_affine = largest_difference(one(x), x)
    return Evidence(
        holds=learned == 0,
        sentence=(
            f"A layer of 8 channels learns {learned} parameters; without them its output is up to {without:.1f} away "
            f"from its input, with γ = √(σ² + ε) and β = μ it is the identity to {with_affine:.0e}."
        ),
        numbers={"parameters": learned, "from_identity_without": without, "from_identity_with": with_affine},
    )


def affine_map_is_per_datum_and_positive(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 4.15: a·y + b has an a > 0 and a b of its own for every datum of every feature map.

    Held if the layer has as many pairs as values, and if gradient descent on γ towards the target −x̂ leaves γ > 0.
    """
    x = normal(64, 5)
    one = layer(norm, x)
    weight, _ = _affine(one)
    target = -output(norm, x)
    optimizer = torch.optim.SGD(one.parameters(), lr=0.25)
    for _ in range(40):
        optimizer.zero_grad()
        (one(x) - target).square().sum(dim=1).mean().backward()
        optimizer.step()
    pairs, gamma = weight.numel(), weight.detach().mean().item()
    return Evidence(
        holds=pairs == x.numel() and bool((weight > 0).all()),
        sentence=(
            f"64 samples of 5 features have {pairs} pairs, one a channel, not {x.numel()}, and γ goes from 1 to "
            f"{gamma:.3f} by gradient descent where that is asked of it."
        ),
        numbers={"pairs": pairs, "values": x.numel(), "gamma_learned": gamma},
    )


def _affine(one: nn.Module) -> tuple[Tensor, Tensor]:
    weight, bias = one.weight, one.bias
    assert isinstance(weight, Tensor)
    assert isinstance(bias, Tensor)
    return weight, bias
