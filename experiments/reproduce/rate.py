"""How fast a device trains: as a benchmark measured it on networks of several sizes, or as it is given for one."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.benchmark import result
from experiments.command_line import plan
from experiments.errors import UserError
from experiments.reproduce.cost import Cost, Costs

KEPT = Path(__file__).resolve().parents[1] / "results" / "benchmark"
REFERENCE = ["model=resnet20", "norm=bn", "dataset=cifar10"]  # what a rate that is given belongs to


@dataclass(frozen=True)
class Measured:
    """A network that was measured."""

    model: str
    norm: str
    operations: float  # of training, an image
    rate: float  # images a second


class Rate:
    """Operations a second, which differ from one network to the next."""

    def __init__(self, measured: list[Measured], origin: str) -> None:
        self._measured, self.origin = measured, origin

    @classmethod
    def given(cls, images_per_second: float) -> "Rate":
        """Of ResNet-20 + bn at 32 pixels; other networks are taken to do as many operations a second."""
        network = Costs().of(plan(REFERENCE).jobs[0].config).network
        measured = Measured("resnet20", "bn", network.training, images_per_second)
        return cls([measured], f"{images_per_second:,.0f} images/s of ResNet-20 + bn at 32 pixels, as given")

    @classmethod
    def of_benchmark(cls, path: Path) -> "Rate":
        """What scripts/benchmark.py wrote.

        Raises:
            UserError: when the file is no such one, or has no rates of training.
        """
        content = result.read(path)
        measured = _networks(content)
        if not measured:
            raise UserError(f"{path} has no rates of training; run scripts/benchmark.py with parts=[training], or more")
        reference = next((one for one in measured if (one.model, one.norm) == ("resnet20", "bn")), measured[0])
        name = content["hardware"]["device_name"]
        shown = f"{name}: {reference.rate:,.0f} images/s of {reference.model} + {reference.norm}, and others"
        return cls(measured, f"{shown}, measured in {path}")

    def seconds(self, config: dict[str, Any], cost: Cost) -> float:
        """How long a run takes: at the operations a second of its own network where that was measured, with its norm
        rather than with another, else of that which is the nearest in operations an image."""
        near = min(
            self._measured,
            key=lambda one: (
                one.model != config["model"]["name"],
                abs(math.log(one.operations / cost.network.training)) > math.log(2),
                one.norm != config["norm"]["name"],
                abs(math.log(one.operations / cost.network.training)),
            ),
        )
        return cost.operations / (near.operations * near.rate)


def _measured(case: dict[str, Any]) -> Measured | None:
    try:
        operations = case["facts"]["bare"]["flops_per_image"]["training"]
        rate = case["rates"]["normlab"]["median"]
    except (KeyError, TypeError):
        return None
    return Measured(case["case"]["model"], case["case"]["norm"], operations, rate)


def _networks(content: dict[str, Any]) -> list[Measured]:
    cases = (content.get("training") or {}).get("cases") or {}
    return [one for case in cases.values() if (one := _measured(case)) is not None]


def newest(outputs: Path) -> Path:
    """The newest file of a benchmark of networks on this machine, else of those that come with normlab."""
    for folder in (outputs / "benchmark", KEPT):
        found = [(path, result.read(path)) for path in sorted(folder.glob("*.json"))]
        rated = [(path, content) for path, content in found if _networks(content)]
        if rated:
            return max(rated, key=lambda one: one[1]["began"])[0]
    raise UserError("there is no benchmark: run scripts/benchmark.py, or give rate=N, images/s of ResNet-20 + bn")
