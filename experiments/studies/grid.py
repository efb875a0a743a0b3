"""From `study=NAME scale=SCALE` and a few more words to the study's runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.command_line import Job, Plan, compose_jobs, plan
from experiments.errors import UserError, known, nearest
from experiments.identity import EXECUTION
from experiments.studies.study import Study, load


@dataclass(frozen=True)
class Grid:
    """A study's runs at a scale, or those of them that were asked for."""

    name: str
    study: Study
    scale: str
    plan: Plan
    arms: dict[str, list[Job]]  # each arm's runs, by seed
    narrowed: bool  # whether some of the study's runs were left out
    own: tuple[str, ...]  # overrides for all runs that say where and how they are executed
    launcher: tuple[str, ...]  # overrides of Hydra's own settings


def asks_for_study(arguments: Sequence[str]) -> bool:
    """Whether the words after `python train.py` name a study."""
    return any(word.startswith("study=") for word in arguments)


def grid(arguments: Sequence[str]) -> Grid:
    """Compose and check the runs of a study.

    Beside `study` and `scale` there may be settings of the execution (device, threads, paths, the launcher), and values
    of `seed` and of what the study varies, which narrow it: `norm=bn`, `seed=0,1`.

    Raises:
        UserError: for anything else, and for the first mistake found.
    """
    words = [word for word in arguments if word not in ("-m", "--multirun")]
    name, words = _take("study", words)
    scale, words = _take("scale", words)
    assert name is not None
    study = load(name)
    if scale is None or scale not in study.scales:
        given = "scale is missing" if scale is None else f"scale={scale} does not exist for {name}"
        raise UserError(f"{given}: choose one, as in scale=smoke. {known(list(study.scales))}")
    launcher = tuple(word for word in words if word.startswith(("hydra.", "hydra/")))
    own = tuple(word for word in words if _key(word).split(".")[0] in EXECUTION)
    wanted = _wanted(study, name, [word for word in words if word not in (*launcher, *own)])
    all_seeds = study.scales[scale].seeds  # type: ignore[index]
    seeds = _seeds(wanted.pop("seed", None), all_seeds, name, scale)
    needs_gpu = plan(["-m", *launcher, *own]).needs_gpu  # which checks these words too
    arms: dict[str, list[Job]] = {}
    everything = study.arms(scale)
    composed = compose_jobs([[*overrides, *own] for overrides in everything.values()])
    for arm, job in zip(everything, composed, strict=True):
        if all(_value(job.config, key) in values for key, values in wanted.items()):
            arms[arm] = [Job((*job.overrides, f"seed={seed}"), {**job.config, "seed": seed}) for seed in seeds]
    if not arms:
        words = [f"{key}={','.join(values)}" for key, values in wanted.items()]
        raise UserError(f"{name} has no arm with {' '.join(words)}. Its arms: {', '.join(everything)}")
    narrowed = len(arms) < len(everything) or seeds != all_seeds
    # every arm's first seed before any second one
    in_turn = [jobs[place] for place in range(len(seeds)) for jobs in arms.values()]
    return Grid(name, study, scale, Plan(tuple(in_turn), True, needs_gpu), arms, narrowed, own, launcher)


def _take(key: str, words: list[str]) -> tuple[str | None, list[str]]:
    """The value of a word `key=value`, which must stand there once at most, and the other words."""
    found = [word for word in words if word.startswith(f"{key}=")]
    if len(found) > 1 or any("," in word for word in found):
        raise UserError(f"{' '.join(found)}: one {key} at a time; give the command once for each")
    return found[0].partition("=")[2] if found else None, [word for word in words if word not in found]


def _key(word: str) -> str:
    return word.partition("=")[0]


def _wanted(study: Study, name: str, words: list[str]) -> dict[str, list[str]]:
    """The values that narrow the study, by key."""
    varied = {_key(word) for levels in study.factors.values() for level in levels.values() for word in level} | {"seed"}
    wanted = {}
    for word in words:
        key, sign, values = word.partition("=")
        if not sign or key.startswith("-"):
            raise UserError(f"{word!r} is not understood with study={name}: write key=value, as in seed=0,1")
        if key not in varied:
            raise UserError(
                f"{word} would make another study of {name}: only what it varies can be narrowed, and how it is "
                f"executed be set. {nearest(key, varied)}{known(varied)}"
            )
        wanted[key] = values.split(",")
    return wanted


def _seeds(wanted: list[str] | None, all_seeds: list[int], name: str, scale: str) -> list[int]:
    """The study's seeds, or those of them that were asked for."""
    if wanted is None:
        return all_seeds
    for seed in wanted:
        if seed not in map(str, all_seeds):
            seeds = ", ".join(map(str, all_seeds))
            raise UserError(f"seed={seed} is not among the seeds of {name} at scale={scale}: {seeds}")
    return [seed for seed in all_seeds if str(seed) in wanted]


def _value(config: dict[str, Any], key: str) -> str:
    """A setting of a configuration as it is written on the command line; of a group, its name."""
    value: Any = config
    for part in key.split("."):
        value = value[part]
    if isinstance(value, dict):
        value = value["name"]
    return {"True": "true", "False": "false", "None": "null"}.get(str(value), str(value))
