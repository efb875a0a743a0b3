"""What a study is: a question, the arms that are compared, and how much of them is run at each scale.

A study is a file `conf/study/<name>.yaml`. Its arms are all combinations of one level of each factor; a level is a list
of overrides as on the command line. A scale may leave levels out and add overrides: `smoke` shows that the machinery
works, in seconds an arm; `cpu` is for two cores and a few hours at most; `paper` is the published setting, for a GPU.

Factors may be nested: their levels are not compared with one another, but a metric is taken over them for each seed,
such as the largest learning rate that trained. And a setting may be tuned: chosen for each arm on held-out training
images, by runs like any others, before the arm's seeds are run with it.
"""

import itertools
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from experiments.errors import UserError, known, nearest
from experiments.paths import CONF
from experiments.plain_files import read_yaml
from experiments.settings import Strict, explain
from experiments.studies.metric import Metric, Pair

SCALES = ("smoke", "cpu", "paper")
Overrides = list[str]
Levels = Annotated[dict[str, Overrides], Field(min_length=1)]
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
SEPARATOR = " · "  # between the levels in the name of an arm
TUNED = "tuned"  # the last level in the name of a tuned arm


class Tuning(Strict):
    """A setting chosen per arm: the value with the best mean on held-out training images, the first of equals."""

    setting: str  # such as recipe.lr
    only: dict[str, list[str]] = Field(default_factory=dict)  # by factor, the levels whose arms are tuned
    settings: Overrides  # of the runs that choose, beside the arm's own: they hold training images out
    of: Literal["validation_accuracy", "validation_loss"] = "validation_accuracy"


class Evaluation(Strict):
    """Inference modes that are measured on every finished run (scripts/evaluate.py), for metrics at: modes."""

    modes: list[Literal["all", "running", "precise", "batch", "sorted", "whole"]] = Field(default=["all"])
    batch_sizes: list[Annotated[int, Field(ge=1)]]
    shuffles: Annotated[int, Field(ge=1)] = 5
    precise_images: Annotated[int, Field(ge=2)] = 10_000


class Published(Strict):
    """A figure of a paper that stands beside ours."""

    arm: str
    metric: str
    value: float  # in the metric's unit, shares in [0, 1]
    sd: float | None = None
    n: int | None = None
    source: str  # paper and place, and how the setting differs


class Scale(Strict):
    """How much of the study is run."""

    minutes: Annotated[float, Field(gt=0)]  # what it takes on the hardware that `expect` names
    expect: str  # the same in words, and what is run
    seeds: Seeds
    settings: Overrides = Field(default_factory=list)
    levels: dict[str, list[str]] = Field(default_factory=dict)  # by factor, those that are kept
    tuned: dict[str, list[float | int | str]] = Field(default_factory=dict)  # values tried, by the setting
    tuning_seeds: Seeds = Field(default=[0])


class Study(Strict):
    """A study's file."""

    question: str
    claims: list[str]
    settings: Overrides
    factors: Annotated[dict[str, Levels], Field(min_length=1)]
    leave_out: list[list[str]] = Field(default_factory=list)  # arms that hold all levels of one of these do not exist
    nested: list[str] = Field(default_factory=list)  # factors, by name
    tuning: Tuning | None = None
    evaluation: Evaluation | None = None
    metrics: Annotated[list[Metric], Field(min_length=1)]
    pairs: list[Pair] = Field(default_factory=list)
    published: list[Published] = Field(default_factory=list)
    charts: list[str] | None = None  # of those of its probes; null shows all
    scales: dict[Literal["smoke", "cpu", "paper"], Scale]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        keys = [metric.key for metric in self.metrics]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise ValueError(f"two metrics have the key {twice}")
        for metric in self.metrics:
            if metric.take is not None and not self.nested:
                raise ValueError(f"the metric {metric.key} takes over nested factors, and there are none")
        for label, scale in self.scales.items():
            if any(setting != (self.tuning and self.tuning.setting) for setting in scale.tuned):
                raise ValueError(f"scales.{label}.tuned names a setting that tuning does not")
        return self

    def levels(self, scale: str, factors: list[str]) -> list[tuple[str, ...]]:
        """The combinations of levels of the given factors at a scale, in order, without those left out."""
        chosen = self.scales[scale]  # type: ignore[index]
        kept = [[level for level in self.factors[one] if level in chosen.levels.get(one, [level])] for one in factors]
        found = itertools.product(*kept)
        return [combination for combination in found if not self._left_out(combination)]

    def _left_out(self, combination: tuple[str, ...]) -> bool:
        return any(set(out) <= set(combination) for out in self.leave_out)

    def arms(self, scale: str) -> dict[str, Overrides]:
        """The overrides of each arm at a scale, without a seed, by the arm's name; those of nested factors included."""
        shared = [*self.settings, *self.scales[scale].settings]  # type: ignore[index]
        arms = {}
        for combination in self.levels(scale, list(self.factors)):
            own = [
                word for one, level in zip(self.factors, combination, strict=True) for word in self.factors[one][level]
            ]
            arms[SEPARATOR.join(combination)] = [*shared, *own]
        return arms

    def reduced(self, scale: str) -> dict[str, list[str]]:
        """The names of arms without the levels of the nested factors, each with the arms that it stands for."""
        found: dict[str, list[str]] = {}
        outer = [one not in self.nested for one in self.factors]
        for combination in self.levels(scale, list(self.factors)) if self.nested else []:
            name = SEPARATOR.join(level for level, kept in zip(combination, outer, strict=True) if kept)
            found.setdefault(name, []).append(SEPARATOR.join(combination))
        return found

    def tuned(self, scale: str) -> list[str]:
        """The arms for which the setting is tuned at a scale."""
        if self.tuning is None or not self.scales[scale].tuned:  # type: ignore[index]
            return []
        only = [self.tuning.only.get(one) for one in self.factors]
        combinations = self.levels(scale, list(self.factors))
        return [
            SEPARATOR.join(combination)
            for combination in combinations
            if all(kept is None or level in kept for kept, level in zip(only, combination, strict=True))
        ]

    def names(self, scale: str) -> list[str]:
        """All arms that a verdict may name at a scale: the arms, the reduced ones, and the tuned ones."""
        tuned = [f"{arm}{SEPARATOR}{TUNED}" for arm in self.tuned(scale)]
        return [*self.arms(scale), *self.reduced(scale), *tuned]

    def metric(self, key: str) -> Metric | Pair | None:
        """The metric, or the number of pairs, with a key."""
        numbers: list[Metric | Pair] = [*self.metrics, *self.pairs]
        return next((one for one in numbers if one.key == key), None)


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
        study = Study.model_validate(read_yaml(path, "mend it"))
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error)}") from None
    _check_levels(study, path.as_posix())
    _check_arms(study, path.as_posix())
    return study


def _check_levels(study: Study, path: str) -> None:
    """Every factor and level that the file names elsewhere exists."""
    choices = {f"scales.{label}.levels": scale.levels for label, scale in study.scales.items()}
    if study.tuning is not None:
        choices["tuning.only"] = study.tuning.only
    for where, chosen in choices.items():
        for factor, kept in chosen.items():
            levels = study.factors.get(factor)
            if levels is None:
                raise UserError(f"{path}: {where}.{factor} is no factor. {known(study.factors)}")
            for level in kept:
                if level not in levels:
                    raise UserError(f"{path}: {where} keeps {factor}: {level}, which is no level. {known(levels)}")
    for factor in study.nested:
        if factor not in study.factors:
            raise UserError(f"{path}: nested: {factor} is no factor. {known(study.factors)}")
    everything = {level for levels in study.factors.values() for level in levels}
    for level in (level for out in study.leave_out for level in out):
        if level not in everything:
            raise UserError(f"{path}: leave_out names {level}, which is no level. {known(everything)}")


def _check_arms(study: Study, path: str) -> None:
    """Every arm that the file names exists at some scale, as does every metric."""
    arms = list(dict.fromkeys(name for scale in study.scales for name in study.names(scale)))
    for arm in (*(one.arm for one in study.published), *(arm for pair in study.pairs for arm in pair.arms)):
        if arm not in arms:
            raise UserError(f"{path}: the arm {arm} does not exist. {nearest(arm, arms)}{known(arms)}")
    for one in study.published:
        if study.metric(one.metric) is None:
            keys = [metric.key for metric in study.metrics]
            raise UserError(
                f"{path}: published names the metric {one.metric}. {nearest(one.metric, keys)}{known(keys)}"
            )
