"""What a norm learns, what it stores, and how much of a network that is."""

from collections.abc import Callable

import torch
from torch import nn

from experiments.checks.evidence import Evidence
from experiments.checks.layers import BATCH_NORM, layer
from experiments.checks.made_up_numbers import normal, seeded
from models.norms.none import NoNorm
from models.norms.normalization import Norm, Normalization
from models.resnet import resnet

NOTICEABLE = 0.01  # share of a model's parameters below which nobody would call it smaller


def _resnet20(norm: Norm) -> nn.Module:
    """ResNet-20 with shortcuts of option A for CIFAR-10, as He et al. 2015, §4.2, have it."""
    with seeded():
        return resnet(
            norm, (3, 32, 32), 10,
            depth=20, shortcut="A", branch="standard", input_norm=False, norm_position="before",
            dropout=0.0, dropout_position="before_norm", width=1.0,
        )  # fmt: skip


def learnable_parameters_are_moving_averages(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 0.5: the learnable parameters of batch norm are the moving averages of mean and variance.

    Held if a running statistic has a gradient. γ and β have one; the running statistics are buffers, which move with
    every batch seen in training, without an optimizer.
    """
    x = normal(64, 8) + 1
    one = layer(norm, x)
    learned = dict(one.named_parameters())
    stored = {name: buffer.clone() for name, buffer in one.named_buffers()}
    one(x).square().sum().backward()
    running = [name for name in learned if name.startswith("running")]
    moved = sum(not torch.equal(before, one.get_buffer(name)) for name, before in stored.items())
    return Evidence(
        holds=any(learned[name].grad is not None for name in running),
        sentence=(
            f"The layer learns {', '.join(sorted(learned))}; {moved} of its {len(stored)} stored tensors moved in one "
            f"forward pass without an optimizer, and {len(running)} of what it learns are running statistics."
        ),
        numbers={"learned": len(learned), "stored": len(stored), "moved": moved, "learned_statistics": len(running)},
    )


def mean_and_variance_are_parameters(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 3.17: μ and σ are parameters that have to be optimized well.

    They are statistics of the data. Held if an optimizer's step at rate 0 (nothing optimized) leaves the output for
    other data normalized with the old μ and σ, that is not to mean 0 and variance 1.
    """
    first, other = normal(256, 4), 3 + 5 * normal(256, 4, seed=1)
    one = layer(norm, first)
    one(first)
    with torch.no_grad():
        variance, mean = torch.var_mean(one(other), dim=0, correction=0)
    off = max(mean.abs().max().item(), (variance - 1).abs().max().item())
    return Evidence(
        holds=off > 1e-3,
        sentence=(
            f"A layer that saw data of mean 0 brings data of mean 3 and deviation 5 to mean 0 and variance 1 within "
            f"{off:.0e} at once, with no step of an optimizer."
        ),
        numbers={"largest_error_without_optimizing": off},
    )


def batch_norm_layers_share_their_parameters(network: Callable[[Norm], nn.Module] = _resnet20) -> Evidence:
    """Claims 0.6 and 4.17: all batch-norm layers of a network use the same parameters.

    Held if the layers of ResNet-20 hold one γ between them. Each has its own, a pair a feature map (Ioffe & Szegedy
    2015, §3.2).
    """
    norms = _norms(network(BATCH_NORM))
    different = len({id(norm.weight) for norm in norms})
    return Evidence(
        holds=different == 1 < len(norms),
        sentence=f"The {len(norms)} batch norms of ResNet-20 have {different} different γ.",
        numbers={"layers": len(norms), "different_gammas": different},
    )


def sharing_parameters_shrinks_the_model(network: Callable[[Norm], nn.Module] = _resnet20) -> Evidence:
    """Claims 0.6 and 4.17: sharing γ and β among layers makes the model smaller.

    Held if one pair for all, as wide as the widest layer, would save at least 1 % of ResNet-20's parameters.
    """
    model = network(BATCH_NORM)
    norms = _norms(model)
    total = _count(model)
    pairs = sum(_count(norm) for norm in norms)
    saved = pairs - max(_count(norm) for norm in norms)
    return Evidence(
        holds=saved / total >= NOTICEABLE,
        sentence=(
            f"γ and β are {pairs:,} of the {total:,} parameters of ResNet-20 ({100 * pairs / total:.2f} %); one pair "
            f"for all layers would save {saved:,} ({100 * saved / total:.2f} %)."
        ),
        numbers={"parameters": total, "gamma_and_beta": pairs, "saved": saved, "share_saved": saved / total},
    )


def batch_norm_adds_parameters(norm: Norm = BATCH_NORM, network: Callable[[Norm], nn.Module] = _resnet20) -> Evidence:
    """Claims 0.13 and 1.9: batch norm adds parameters.

    Held if ResNet-20 has more with it than its weights alone. Without a norm its convolutions have biases, which are
    half as many as γ and β; both comparisons are given.
    """
    with_norm, without = network(norm), network(NoNorm())
    added = sum(_count(one) for one in _norms(with_norm))
    weights = _count(with_norm) - added
    total, plain = _count(with_norm), _count(without)
    stored = sum(buffer.numel() for one in _norms(with_norm) for buffer in one.buffers())
    return Evidence(
        holds=added > 0,
        sentence=(
            f"ResNet-20 has {total:,} parameters with batch norm, {added:,} of them γ and β "
            f"(+{100 * added / weights:.2f} %), and stores {stored:,} numbers besides; without a norm, with biases, it "
            f"has {plain:,}."
        ),
        numbers={
            "parameters": total,
            "added": added,
            "share_added": added / weights,
            "parameters_without_a_norm": plain,
            "stored": stored,
        },
    )


def _norms(model: nn.Module) -> list[Normalization]:
    return [module for module in model.modules() if isinstance(module, Normalization)]


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
