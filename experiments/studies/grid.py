"""From `study=NAME scale=SCALE` and a few more words to the study's runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments import identity
from experiments.command_line import Job, Plan, compose_jobs, plan
from experiments.errors import UserError, known, nearest
from experiments.identity import EXECUTION
from experiments.studies.study import SEPARATOR, TUNED, Study, load
from experiments.studies.tuning import Tried, Value, tried, tuning_overrides
from experiments.written import written


@dataclass(frozen=True)
class Grid:
    """A study's runs at a scale, or those of them that were asked for."""

    name: str
    study: Study
    scale: str
    plan: Plan  # every run that is known so far, those of the tuning included, each once
    arms: dict[str, list[Job]]  # each arm's runs, by seed; a tuned arm's once its value is chosen
    tuning: dict[str, Tried]  # by arm
    narrowed: bool  # whether some of the study's runs were left out

    @property
    def waiting(self) -> bool:
        """Whether there will be more runs once those of the tuning are over."""
        return any(not one.over for one in self.tuning.values())


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
    everything = study.arms(scale)
    composed = compose_jobs([[*overrides, *own] for overrides in everything.values()])
    chosen = {
        arm: job
        for arm, job in zip(everything, composed, strict=True)
        if all(_value(job.config, key) in values for key, values in wanted.items())
    }
    if not chosen:
        words = [f"{key}={','.join(values)}" for key, values in wanted.items()]
        raise UserError(f"{name} has no arm with {' '.join(words)}. Its arms: {', '.join(everything)}")
    arms = {arm: _seeded(job, seeds) for arm, job in chosen.items()}
    tuning = {arm: _tried(study, scale, arm, own) for arm in study.tuned(scale) if arm in arms}
    arms |= _tuned_arms(study, scale, tuning, own, seeds)
    narrowed = len(chosen) < len(everything) or seeds != all_seeds
    # every arm's first seed before any second one, then what the tuning needs
    in_turn = [jobs[place] for place in range(len(seeds)) for jobs in arms.values()]
    in_turn += [job for one in tuning.values() for jobs in one.jobs.values() for job in jobs]
    once = {identity.name(job.config): job for job in in_turn}
    runs = Plan(tuple(once.values()), True, (*launcher, *own), needs_gpu)
    return Grid(name, study, scale, runs, arms, tuning, narrowed)


def _seeded(job: Job, seeds: Sequence[int]) -> list[Job]:
    """A run for each seed."""
    return [Job((*job.overrides, f"seed={seed}"), {**job.config, "seed": seed}) for seed in seeds]


def _tried(study: Study, scale: str, arm: str, own: Sequence[str]) -> Tried:
    """The runs by which an arm's setting is chosen."""
    overrides: dict[tuple[Value, int], list[str]] = tuning_overrides(study, scale, arm)
    composed = compose_jobs([[*words, *own] for words in overrides.values()])
    return tried(study, dict(zip(overrides, composed, strict=True)))


def _tuned_arms(
    study: Study, scale: str, tuning: dict[str, Tried], own: Sequence[str], seeds: Sequence[int]
) -> dict[str, list[Job]]:
    """The runs of the arms whose value is chosen, with that value."""
    known_values = {arm: one for arm, one in tuning.items() if one.chosen is not None}
    composed = compose_jobs(
        [[*study.arms(scale)[arm], f"{one.setting}={one.chosen}", *own] for arm, one in known_values.items()]
    )
    return {f"{arm}{SEPARATOR}{TUNED}": _seeded(job, seeds) for arm, job in zip(known_values, composed, strict=True)}


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
    return written(value)
