"""Which statistics a norm takes when it predicts, and what it has to store for that."""

from collections.abc import Callable

import torch
from torch import nn

from experiments.checks.evidence import Evidence
from experiments.checks.layers import BATCH_NORM, LAYER_NORM, largest_difference, layer
from experiments.checks.listing_norm import ListingNorm
from experiments.checks.made_up_numbers import normal, seeded, uneven
from models.norms.batch_norm import BN
from models.norms.normalization import Norm


def layer_norm_must_store_statistics(norm: Norm = LAYER_NORM) -> Evidence:
    """Claim 3.10: layer norm cannot compute its statistics on the fly and has to store them.

    Held if the layer stores any number besides γ and β, or its output differs between the modes.
    """
    stored, change = _stored_and_change(norm)
    return Evidence(
        holds=stored > 0 or change > 0,
        sentence=(
            f"Layer norm of 16 channels stores {stored} numbers besides γ and β, and its output changes by {change:g} "
            "from training to evaluation."
        ),
        numbers={"stored": stored, "change_between_modes": change},
    )


def batch_norm_needs_no_stored_statistics(norm: Norm = BATCH_NORM) -> Evidence:
    """Claim 3.10: batch norm, unlike layer norm, computes its statistics as it goes and stores none.

    Held if the layer stores no number besides γ and β, and its output is the same in both modes.
    """
    stored, change = _stored_and_change(norm)
    return Evidence(
        holds=stored == 0 and change == 0,
        sentence=(
            f"Batch norm of 16 channels stores {stored} numbers besides γ and β, a mean and a variance for each "
            f"channel and a count, and after one batch its output changes by up to {change:.2f} from training to "
            "evaluation."
        ),
        numbers={"stored": stored, "change_between_modes": change},
    )


def _stored_and_change(norm: Norm) -> tuple[int, float]:
    """Values stored for 16 channels, and the largest change of the output from training to evaluation mode."""
    x = uneven(32, 16)
    one = layer(norm, x)
    with torch.no_grad():
        trained = one(x)
        evaluated = one.eval()(x)
    return sum(buffer.numel() for buffer in one.buffers()), largest_difference(trained, evaluated)


def one_set_of_statistics_serves_both_modes(
    listing: Callable[[int], nn.Module] = lambda num_channels: ListingNorm(num_channels, dim=0),
) -> Evidence:
    """Claim 2.9: the same statistics, those of the input at hand, serve in training and in evaluation.

    Held if what a network with that layer predicts for an image in evaluation does not depend on the other images of
    the batch, and is not lost for an image alone. The statistics are taken over the batch here, as the text has it;
    over the last axis, as the listing takes them, the layer would not be batch norm
    (`listing_moments_over_the_last_axis_is_batch_norm`).
    """
    width, classes = 32, 10
    x = normal(200, width).float()
    companions = [normal(7, width, seed=seed).float() + seed % 3 for seed in range(1, 6)]

    def predictions(norm: Callable[[int], nn.Module]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of each image with five sets of companions (5, 200, classes), and alone (200, classes)."""
        with seeded():
            network = nn.Sequential(nn.Linear(width, 64), norm(64), nn.ReLU(), nn.Linear(64, classes))
        with torch.no_grad():
            network(x)  # one batch in training, for norms that keep running statistics
            network.eval()
            together = [torch.stack([network(torch.cat([one[None], others]))[0] for one in x]) for others in companions]
            return torch.stack(together), torch.cat([network(one[None]) for one in x])

    logits, alone = predictions(listing)
    running, _ = predictions(BN(momentum=0.1, eps=1e-5, affine=True, sync=False))
    change = (logits.max(0).values - logits.min(0).values).max().item()
    change_running = (running.max(0).values - running.min(0).values).max().item()
    flips = (logits.argmax(-1) != logits.argmax(-1)[0]).any(0).double().mean().item()
    outputs_alone = len({tuple(row) for row in alone.tolist()})
    return Evidence(
        holds=change < 1e-4 and outputs_alone > 1,
        sentence=(
            f"With the batch's statistics in evaluation the predicted class of {100 * flips:.0f} % of the images "
            f"changes with the seven others of the batch, and {len(x)} images alone get {outputs_alone} different "
            f"outputs; with running statistics the largest change of a logit is {change_running:g}."
        ),
        numbers={
            "largest_change_of_a_logit": change,
            "share_of_changed_predictions": flips,
            "different_outputs_alone": outputs_alone,
            "largest_change_with_running_statistics": change_running,
        },
    )


def momentum_has_an_effect_in_the_listing(
    listing: Callable[[int, float], nn.Module] = lambda num_channels, momentum: ListingNorm(
        num_channels, dim=0, momentum=momentum
    ),
) -> Evidence:
    """Claim 2.9: the layer takes a momentum, as if it kept moving averages.

    Held if, after 20 batches in training, its output in evaluation differs between momentum .1 and .9.
    """

    def change(norm: Callable[[int, float], nn.Module]) -> float:
        outputs = []
        for momentum in (0.1, 0.9):
            with seeded():
                one = norm(8, momentum).double()
            with torch.no_grad():
                for step in range(20):
                    one(uneven(32, 8, seed=10 * step))
                outputs.append(one.eval()(normal(32, 8)))
        return largest_difference(*outputs)

    of_listing = change(listing)
    of_batch_norm = change(
        lambda channels, momentum: BN(momentum=momentum, eps=1e-3, affine=True, sync=False)(channels)
    )
    return Evidence(
        holds=of_listing > 0,
        sentence=(
            f"Between momentum .1 and .9 the listing's layer differs by {of_listing:g} in evaluation, batch norm with "
            f"running statistics by up to {of_batch_norm:.2f}."
        ),
        numbers={"change_of_the_listing": of_listing, "change_of_batch_norm": of_batch_norm},
    )
