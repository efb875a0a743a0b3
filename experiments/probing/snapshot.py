"""How the values of some channels are distributed over fixed images: moments and quantiles, small enough to keep."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from experiments.inference.moments import Statistics, statistics
from experiments.probing.channels import constant

CHANNELS = 64  # of a layer at most
POSITIONS = 4  # rows and columns of a feature map at most, so 16 positions
QUANTILES = 99
TINY = 1e-12  # added to a variance that divides


@dataclass(frozen=True)
class Distribution:
    """Of each chosen channel; float32, on the CPU."""

    moments: Tensor  # (2, channels): mean and population variance over all images and positions
    quantiles: Tensor  # (99, channels): at (k − ½)/99, k = 1 … 99, over the images and at most 16 positions

    def shift_from(self, other: "Distribution") -> dict[str, float]:
        """How far this lies from an earlier one, in the earlier one's μ and σ; a mean over channels for each of

            mean         |μ' − μ| / √(σ² + 1e-12)
            variance     |σ²' − σ²| / (σ² + 1e-12)
            wasserstein  W₁ / √(σ² + 1e-12), with W₁ the mean distance of the 99 quantiles

        Channels that did not vary in the earlier one (`constant`) are left out; NaN if that is all.
        """
        mean, variance = other.moments.double()
        varied = ~constant(mean, variance)
        variance = variance + TINY
        now, before = self.moments.double(), other.moments.double()
        w1 = (self.quantiles.double() - other.quantiles.double()).abs().mean(dim=0)
        shifts = {
            "mean": (now[0] - before[0]).abs() / variance.sqrt(),
            "variance": (now[1] - before[1]).abs() / variance,
            "wasserstein": w1 / variance.sqrt(),
        }
        return {quantity: shift[varied].mean().item() for quantity, shift in shifts.items()}


class Collector:
    """Takes up the values of a layer batch by batch."""

    def __init__(self) -> None:
        self._statistics: Statistics | None = None
        self._values: list[Tensor] = []

    def add(self, x: Tensor) -> None:
        """A batch (N, C) or (N, C, H, W), of which copies of a part are kept."""
        x = x[:, chosen_channels(x.shape[1]).to(x.device)].float()
        seen = statistics(x)
        self._statistics = seen if self._statistics is None else self._statistics.combined(seen)
        self._values.append(at_positions(x).cpu())

    def typical(self, percentiles: tuple[int, ...]) -> list[float]:
        """Percentiles of the middle channel, number C // 2 of C."""
        values = torch.cat(self._values)
        middle = values[:, values.shape[1] // 2].double()
        return torch.quantile(middle, torch.tensor(percentiles).double() / 100).tolist()

    def distribution(self) -> Distribution:
        """Of all that was added."""
        assert self._statistics is not None
        moments = torch.stack((self._statistics.mean, self._statistics.var))
        return Distribution(moments.float(), quantiles(torch.cat(self._values)))


def chosen_channels(count: int) -> Tensor:
    """The indices of 64 of so many channels, evenly spread, or of all; the middle one (count // 2) is among them."""
    kept = min(count, CHANNELS)
    return torch.arange(kept) * count // kept


def at_positions(x: Tensor) -> Tensor:
    """The values (N·P, C) of (N, C, H, W) at P ≤ 16 positions, a grid over the map; (N, C) as it is."""
    if x.dim() == 2:
        return x
    rows, columns = (_centres(size).to(x.device) for size in x.shape[2:])
    return x[:, :, rows][:, :, :, columns].movedim(1, -1).flatten(0, 2)


def _centres(size: int) -> Tensor:
    """The middles of four equal parts of an axis, or all its positions."""
    kept = min(size, POSITIONS)
    return (2 * torch.arange(kept) + 1) * size // (2 * kept)


def quantiles(values: Tensor) -> Tensor:
    """The 99 quantiles (99, C) of each column of float32 values (n, C), interpolated linearly between order statistics.

    NumPy sorts: it takes a seventh of PyTorch's time.
    """
    ordered = torch.from_numpy(np.sort(values.T.contiguous().numpy(), axis=1))  # (C, n), NaN last
    place = (torch.arange(QUANTILES).double() + 0.5) / QUANTILES * (ordered.shape[1] - 1)
    low = place.floor().long()
    high = (low + 1).clamp(max=ordered.shape[1] - 1)
    share = (place - low).float()[:, None]
    below, above = ordered[:, low].T, ordered[:, high].T
    return (below + share * (above - below)).contiguous()
