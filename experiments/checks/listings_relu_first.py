"""Document 004's listing: a convolution with ReLU and then batch norm."""

from collections.abc import Callable, Mapping

from torch import nn

from experiments.checks import attempt
from experiments.checks.evidence import Evidence
from experiments.checks.layer_order import order_of
from experiments.checks.made_up_numbers import normal

IMPORTED: Mapping[str, object] = {"nn": nn}
# what the listing uses beyond that, each with a line of our own that uses it
LINES = {
    "in_channels": "nn.Conv2d(in_channels, 8, 3)",
    "out_channels": "nn.Conv2d(3, out_channels, 3)",
    "kernel_size": "nn.Conv2d(3, 8, kernel_size)",
    "F": "F.relu",
}


def listing_relu_first_puts_batch_norm_before_the_relu(
    make: Callable[[], nn.Sequential] = lambda: nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.BatchNorm2d(16)),
) -> Evidence:
    """Claim 4.25: the listing shows how batch norm is used in a convolutional network.

    Held if the norm stands before the ReLU, as in Ioffe & Szegedy 2015, §3.2: the layer then puts out nothing negative
    and the convolution's bias is without effect.
    """
    return order_of(make, normal(32, 3, 10, 10)).evidence("layer", "convolution's bias")


def listing_relu_first_defines_its_names(names: Mapping[str, object] = IMPORTED) -> Evidence:
    """Claim 4.25: the listing can be run as it stands.

    Held if what it uses is defined with what it imports: the sizes of the convolution, and the functions under F.
    """
    errors = {name: attempt.run(line, names) for name, line in LINES.items()}
    missing = [name for name, error in errors.items() if isinstance(error, NameError)]
    return Evidence(
        holds=not any(errors.values()),
        sentence=(
            f"Of the {len(LINES)} names that the listing uses, {len(missing)} are not defined"
            f"{': ' if missing else ''}{', '.join(missing)}."
        ),
        numbers={"used": len(LINES), "missing": len(missing)},
    )
