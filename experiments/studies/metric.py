"""What a number of a study is: of which curve or result, at which point, and how two arms are compared."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from experiments.settings import Strict


class Crossing(Strict):
    """The first point at which a curve has come to a level, between whose neighbours it is interpolated."""

    curve: str
    reaches: float | None = None  # this value
    share_of_last: float | None = None  # or this share of the run's own last value
    falls: bool = False  # whether the level is reached from above

    @model_validator(mode="after")
    def _one_level(self) -> Self:
        if (self.reaches is None) == (self.share_of_last is None):
            raise ValueError("give one of reaches and share_of_last")
        return self


class Take(Strict):
    """What is made of the runs of one seed over the levels of the nested factors."""

    what: Literal["range", "worst", "best", "mean", "largest_level"]
    below: float | None = None  # of largest_level: levels count whose number is below this; null: that have a number


class Metric(Strict):
    """A number of a finished run, or of the runs of one seed over the nested factors.

    `of` names a curve of metrics.csv; `…/*` means the curves of all layers. At a crossing it may also be `step` or
    `seconds` (of training). With at=result it is a key of result.json or of its `final`. With at=modes it is a mode of
    modes.json with its batch size and its score, as in `batch:32/accuracy` (`batch:train` at the batch size of
    training).
    """

    key: str  # by which the ledger names it
    label: str  # with its unit
    of: str
    minus: str | None = None  # another of the same kind, subtracted point by point
    over: Literal["mean", "max", "min"] = "mean"  # what of these, at the point
    at: Literal["first", "last", "mean", "max", "min", "sd", "crossing", "result", "modes"]
    points: int | None = None  # for mean and sd: of the last so many points; null: of all
    when: Crossing | None = None  # of a crossing
    absolute: bool = False
    take: Take | None = None  # null: a number of each run
    diverged: float | None = None  # what a diverged run counts as; null: it has no such number
    percent: bool = False
    better: Literal["higher", "lower", "neither"] = "neither"
    margin: float | None = None  # the smallest difference that matters; of a ratio, the smallest ratio
    ratio: bool = False  # whether arms are compared by their ratio

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.at == "crossing") != (self.when is not None):
            raise ValueError("at: crossing needs `when`, and nothing else has it")
        if self.points is not None and self.at not in ("mean", "sd"):
            raise ValueError("points belongs to at: mean and at: sd")
        if self.margin is not None and not self.margin > (1 if self.ratio else 0):
            raise ValueError(f"margin={self.margin} must be above {1 if self.ratio else 0}")
        if self.diverged is not None and self.ratio and self.diverged <= 0:
            raise ValueError(f"diverged={self.diverged} has no ratio to another number: give one above 0")
        if self.diverged is not None and self.take is not None and self.take.what == "largest_level":
            raise ValueError("take: largest_level leaves out the levels that diverged: it has no `diverged`")
        if self.take is not None and self.take.what in ("worst", "best") and self.better == "neither":
            raise ValueError(f"take: {self.take.what} needs `better`")
        return self


class Pair(Strict):
    """A number of two arms together: one value for each independent unit of their seeds."""

    key: str
    label: str
    of: Literal["excess_churn"]
    arms: Annotated[list[str], Field(min_length=2, max_length=2)]
    percent: bool = False
    better: Literal["higher", "lower", "neither"] = "neither"
    margin: float | None = None
