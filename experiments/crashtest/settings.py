"""The settings of the crash test, as its command line gives them."""

from typing import Annotated, Literal

from pydantic import Field

from experiments.script import ScriptPaths
from experiments.settings import Positive, Strict

Name = Literal["study", "joblib", "download", "pack", "report", "evaluate"]
# Of the kills, the share that each command gets.
SHARES: dict[Name, float] = {
    "study": 0.54, "joblib": 0.12, "download": 0.1, "pack": 0.1, "report": 0.08, "evaluate": 0.06
}  # fmt: skip


class CrashSettings(Strict):
    """What is tested, and for how long."""

    parts: list[str] = Field(["kills", "storage", "long_life"], min_length=1)
    kills: Positive = 200
    commands: list[Name] = Field(list(SHARES), min_length=1)
    jobs: Positive = 2
    tolerate: list[str] = Field(default_factory=list)  # patterns of names that may be left behind
    flips: Positive = 40  # bits of each file
    runs: Positive = 200
    warm_up: Positive = 20
    quick: bool = False
    seed: Annotated[int, Field(ge=0)] = 0
    out: Annotated[str, Field(min_length=1)] | None = None
    paths: ScriptPaths = Field(default_factory=ScriptPaths)
