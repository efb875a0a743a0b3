"""What a study is: a question, the arms that are compared, and how much of them is run at each scale.

A study is a file `conf/study/<name>.yaml`. Its arms are all combinations of one level of each factor; a level is a list
of overrides as on the command line. A scale may leave levels out and add overrides: `smoke` shows that the machinery
works, in seconds an arm; `cpu` is for two cores and a few hours at most; `paper` is the published setting, for a GPU.
"""

import itertools
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from experiments.errors import UserError, known, nearest
from experiments.paths import CONF
from experiments.settings import Strict, explain

SCALES = ("smoke", "cpu", "paper")
Overrides = list[str]
Levels = Annotated[dict[str, Overrides], Field(min_length=1)]
SEPARATOR = " · "  # between the levels in the name of an arm


class Metric(Strict):
    """A number of a finished run, which the study's table shows for each arm."""

    label: str  # with its unit
    of: str  # a curve of metrics.csv, or a key of result.json's `final`; `…/*` means the curves of all layers
    over: Literal["mean", "max", "min"] = "mean"  # what of these, at the point
    at: Literal["first", "last", "mean", "max", "min", "result"]  # which point of the curve
    percent: bool = False


class Scale(Strict):
    """How much of the study is run."""

    expect: str  # how long it takes on what
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    settings: Overrides = Field(default_factory=list)
    levels: dict[str, list[str]] = Field(default_factory=dict)  # by factor, those that are kept


class Study(Strict):
    """A study's file."""

    question: str
    claims: list[str]
    settings: Overrides
    factors: Annotated[dict[str, Levels], Field(min_length=1)]
    metrics: list[Metric]
    charts: list[str] | None = None  # of those of its probes; null shows all
    scales: dict[Literal["smoke", "cpu", "paper"], Scale]

    def arms(self, scale: str) -> dict[str, Overrides]:
        """The overrides of each arm at a scale, without a seed, by the arm's name."""
        chosen = self.scales[scale]  # type: ignore[index]
        levels = [
            [(name, words) for name, words in found.items() if name in chosen.levels.get(factor, found)]
            for factor, found in self.factors.items()
        ]
        arms = {}
        for combination in itertools.product(*levels):
            name = SEPARATOR.join(level for level, _ in combination)
            arms[name] = [*self.settings, *chosen.settings, *(word for _, words in combination for word in words)]
        return arms


def names() -> list[str]:
    """The studies that there are: the files of conf/study."""
    return sorted(path.stem for path in (CONF / "study").glob("*.yaml"))


def load(name: str) -> Study:
    """A study by its name.

    Raises:
        UserError: when there is none of that name, or its file lacks something or holds something unknown.
    """
    if name not in names():
        raise UserError(f"study={name} does not exist. {nearest(name, names())}{known(names())}")
    path = CONF / "study" / f"{name}.yaml"
    try:
        study = Study.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error)}") from None
    for label, scale in study.scales.items():
        for factor, kept in scale.levels.items():
            levels = study.factors.get(factor)
            if levels is None:
                raise UserError(f"{path}: scales.{label}.levels.{factor} is no factor. {known(study.factors)}")
            for level in kept:
                if level not in levels:
                    raise UserError(f"{path}: {label} keeps {factor}: {level}, which is no level. {known(levels)}")
    return study
