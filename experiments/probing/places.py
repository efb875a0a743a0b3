"""What probes of the places of norms share: what they say where there is none, and the batch that passes through."""

import logging
from collections.abc import Callable

from torch import Tensor, nn

from experiments.probing.layers import Layer, norm_layers, norm_places, observed
from experiments.probing.live import Live
from experiments.step import autocast

log = logging.getLogger("normlab")


def say_what_applies(probe: str, model: nn.Module, without_norms: str) -> None:
    """One line where the network has no norm: what is measured at the places of norms, or that there are none."""
    if not norm_places(model):
        log.info("probe %s: this network has no norm layer and no place for one: nothing is measured", probe)
    elif not norm_layers(model):
        log.info("probe %s: this network has no norm layer: %s", probe, without_norms)


def look_at_coming_batch(live: Live, network: nn.Module, look: Callable[[str, Layer, Tensor, Tensor], None]) -> None:
    """Let the coming batch pass through the network, which is as it stands, under `look` at its places of norms."""
    places = norm_places(network)
    if places:
        x, _ = live.surroundings.coming_batch(live.step)
        with observed(places, look), autocast(x.device, live.surroundings.settings.precision):
            network(x)
