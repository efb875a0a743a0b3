"""The settings of the benchmark, as its command line gives them."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from experiments.command_line import options
from experiments.errors import UserError, known, nearest
from experiments.script import ScriptPaths
from experiments.settings import Positive, Strict

Part = Literal["machine", "training", "operators", "growth", "deterministic", "images", "programs"]
Model = Literal["resnet20", "small_cnn", "mlp", "resnet18"]
PARTS: tuple[Part, ...] = get_args(Part)
MODELS: tuple[Model, ...] = get_args(Model)


class BenchmarkSettings(Strict):
    """What is measured, and how thoroughly."""

    parts: list[Part] = Field(list(PARTS), min_length=1)
    models: list[Model] = Field(list(MODELS))
    norms: list[str] = Field(["bn", "ln", "gn", "none"], min_length=1)
    rounds: Positive = 3
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda|cuda:\d+)$")] = "auto"
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    threads: Positive | None = None  # of every contender alike; None: as many as each takes of its own accord
    quick: bool = False
    full: bool = False
    out: Annotated[str, Field(min_length=1)] | None = None
    compare: Annotated[str, Field(min_length=1)] | None = None
    paths: ScriptPaths = Field(default_factory=ScriptPaths)

    def check(self) -> None:
        """See that the norms exist and that the settings go together.

        Raises:
            UserError: otherwise.
        """
        there = options("norm")
        for norm in self.norms:
            if norm not in there:
                raise UserError(f"norms: {norm} does not exist. {nearest(norm, there)}{known(there)}")
        if self.quick and self.full:
            raise UserError("quick=true and full=true: choose one")
