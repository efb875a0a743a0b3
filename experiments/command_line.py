"""From the words of a command line to checked configurations, before anything slow is imported or any folder is made.

Hydra reports a mistake as an exception of several lines and exit code 1. Here every job of the command line, sweeps
included, is composed first, and the first mistake becomes one `UserError` that names the value, what is allowed, and
the nearest match.
"""

import argparse
import importlib.util
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, NoReturn

import hydra
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from experiments import hydra_words
from experiments.errors import UserError, known, nearest
from experiments.paths import CONF
from experiments.settings import Settings

# The preset `ray` has the name of the plugin's own, which cannot join a cluster that is there: Hydra wonders aloud.
warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/ray' is validated against ConfigStore schema")
MOST_RUNS = 100_000  # of one sweep, each of which takes a tenth of a second to plan
# Launchers that Hydra's plugins bring, beside the presets in conf/hydra/launcher.
PLUGIN_LAUNCHERS = {
    "basic": "one run after another (the default)",
    "joblib": "several runs side by side on this machine, as many as it has cores",
}
# Which plugin and which extra of pyproject.toml a launcher needs.
PLUGINS = {
    "ray": ("hydra_plugins.hydra_ray_launcher", "ray"),
    "ray_packed": ("hydra_plugins.hydra_ray_launcher", "ray"),
    "slurm": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "slurm_local": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
}


@dataclass(frozen=True)
class Job:
    """One run that a command line asks for: its overrides and its resolved, checked settings."""

    overrides: tuple[str, ...]
    config: dict


@dataclass(frozen=True)
class Plan:
    """All runs that a command line asks for."""

    jobs: tuple[Job, ...]
    multirun: bool
    where: tuple[str, ...] = ()  # those of the overrides that are Hydra's own, or say where files are
    needs_gpu: bool = False  # the launcher starts no run without a GPU of this machine


def options(group: str) -> dict[str, str]:
    """The options of a configuration group with the one-line description that heads each file.

    Files whose name starts with an underscore are bases that others build on, not options.
    """
    found = {}
    for path in sorted((CONF / group).glob("*.yaml")):
        if not path.stem.startswith("_"):
            first = path.read_text(encoding="utf-8").split("\n", 1)[0]
            found[path.stem] = first.lstrip("# ").strip() if first.startswith("#") else ""
    return PLUGIN_LAUNCHERS | found if group == "hydra/launcher" else found


@cache
def groups() -> tuple[str, ...]:
    """The names of the configuration groups, nested ones with a slash (`hydra/launcher`)."""
    folders = {path.parent.relative_to(CONF).as_posix() for path in CONF.rglob("*.yaml")}
    return tuple(sorted(folders - {"."}))


def plan(arguments: Sequence[str]) -> Plan:
    """Compose and check every run that `arguments` (the words after `python train.py`) ask for.

    Raises:
        UserError: for the first mistake found.
    """
    words = _words(arguments)
    overrides = list(words.overrides)
    with hydra.initialize_config_dir(config_dir=str(CONF), version_base="1.3"):
        parsed = _parse(overrides)
        _check_groups(parsed)
        fixed = [line for line, override in zip(overrides, parsed, strict=True) if not override.is_sweep_override()]
        composed = _compose(fixed)
        hydra_config = composed.hydra
        multirun = bool(words.multirun) or hydra_config.mode == RunMode.MULTIRUN
        if not multirun:
            for line, override in zip(overrides, parsed, strict=True):
                if override.is_sweep_override():
                    raise UserError(f"{line} names several values: add -m (--multirun) to make a run of each")
            return Plan((_job(overrides, composed),), False)  # composing is most of what planning takes
        params = [f"{key}={value}" for key, value in (hydra_config.sweeper.get("params") or {}).items()]
        combinations = _combinations(_parse(params + overrides))
        jobs = tuple(_job(combination, _compose(combination)) for combination in combinations)
        # the sweep itself is these jobs: no other sweeper will hear of it
        where = [line for line in fixed if line.startswith(("hydra.", "hydra/", "paths."))]
        where = [line for line in where if not line.startswith(("hydra.sweeper", "hydra/sweeper"))]
        return Plan(jobs, True, tuple(where), _waits_for_gpu(hydra_config.launcher))


def compose_jobs(lists: Sequence[Sequence[str]]) -> tuple[Job, ...]:
    """One run for each list of overrides, none of which names several values.

    Raises:
        UserError: for the first mistake found.
    """
    with hydra.initialize_config_dir(config_dir=str(CONF), version_base="1.3"):
        for overrides in lists:
            parsed = _parse(list(overrides))
            for line, override in zip(overrides, parsed, strict=True):
                hydra_words.refuse_all(override, line)
            _check_groups(parsed)
        return tuple(_job(list(overrides), _compose(list(overrides))) for overrides in lists)


def compose_launcher(name: str, words: Sequence[str]) -> dict[str, Any]:
    """The settings of a launcher, those of the words `hydra.launcher.…` that it has included."""
    with hydra.initialize_config_dir(config_dir=str(CONF), version_base="1.3"):
        own = [word for word in words if word.startswith("hydra.launcher.")]
        try:
            composed = _compose([f"hydra/launcher={name}", *own])
        except UserError:  # they are another launcher's
            composed = _compose([f"hydra/launcher={name}"])
        found = OmegaConf.to_container(composed.hydra.launcher, resolve=False)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def _waits_for_gpu(launcher: DictConfig) -> bool:
    """Whether Ray, on this machine alone, is to give each run a part of a GPU that it has to find by itself."""
    init, remote = (OmegaConf.select(launcher, f"ray.{part}") or {} for part in ("init", "remote"))
    return bool(remote.get("num_gpus")) and init.get("address") is None and init.get("num_gpus") is None


def _combinations(parsed: list[Override]) -> list[list[str]]:
    """The overrides of each run of a sweep."""
    try:
        swept = [override for override in parsed if override.is_discrete_sweep()]
        runs = math.prod(sum(1 for _ in islice(one.sweep_string_iterator(), MOST_RUNS + 1)) for one in swept)
        batches = BasicSweeper.split_arguments(parsed, None) if runs <= MOST_RUNS else []
    except (HydraException, ValueError) as error:  # an interval has no values to list, a range no step of 0
        raise UserError(f"{' '.join(str(error).split())}: name the values, as in seed=0,1,2") from None
    if runs > MOST_RUNS:
        raise UserError(f"this sweep holds more than {MOST_RUNS:,} runs: cut it into several")
    found = [list(combination) for batch in batches for combination in batch]
    if not found:
        raise UserError("this sweep holds no run: one of its settings matches nothing")
    return found


def missing_extra(launcher: str) -> str | None:
    """The extra of pyproject.toml that a launcher still needs; None where it can be used."""
    plugin, extra = PLUGINS.get(launcher, (None, None))
    if plugin is None:
        return None
    try:
        return None if importlib.util.find_spec(plugin) else extra
    except ModuleNotFoundError:  # no plugin of Hydra at all is installed
        return extra


def _check_installed(launcher: str) -> None:
    """A launcher of an optional package says which command installs it."""
    extra = missing_extra(launcher)
    if extra is not None:
        raise UserError(f"hydra/launcher={launcher} is not installed; install it with: pip install -e '.[{extra}]'")


def _words(arguments: Sequence[str]) -> argparse.Namespace:
    """Hydra's own reading of the words, whose complaint becomes one line."""
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        misplaced = "unrecognized" in message and ": -" not in message
        hint = "write -m before all settings" if misplaced else "python train.py --help lists what there is"
        raise UserError(f"{message} ({hint})")

    parser.error = refuse  # type: ignore[method-assign]
    words = parser.parse_args(list(arguments))
    for name in ("config_name", "config_path", "config_dir"):
        value = getattr(words, name)
        if value is not None:
            option = f"--{name.replace('_', '-')}={value}"
            raise UserError(f"{option} is not used here: a new option of a group is a file conf/GROUP/OPTION.yaml")
    return words


def _job(overrides: list[str], composed: DictConfig) -> Job:
    with open_dict(composed):
        del composed["hydra"]
    config = resolved(composed)
    Settings.check(config)
    return Job(tuple(overrides), config)


def resolved(config: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain values, its interpolations filled in."""
    try:
        plain = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        line = f"{error.full_key}: {str(error).splitlines()[0]}"
        raise UserError(f"{line}; ${{KEY}} stands for another setting's value") from None
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _parse(overrides: list[str]) -> list[Override]:
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())  # which glob(...) asks for the options
    parsed: list[Override | None] = []
    for line in overrides:
        try:
            parsed += parser.parse_overrides([line])
        except (HydraException, RecursionError):
            parsed.append(None)
        if parsed[-1] is None or not parsed[-1].key_or_group:
            raise UserError(f"{line!r} is not an override: write key=value, as in norm=ln or epochs=4")
        hydra_words.check(parsed[-1], line)
    return [override for override in parsed if override is not None]


def _check_groups(parsed: list[Override]) -> None:
    """Every option chosen for a group exists, and no group is taken away."""
    for override in parsed:
        group = override.key_or_group
        if group not in groups():
            continue
        if override.is_delete():
            raise UserError(
                f"~{group} would leave the run without a {group}. {_none_hint(group)}{known(options(group))}"
            )
        swept = override.is_discrete_sweep()
        chosen = override.sweep_string_iterator() if swept else [override.value()]
        for value in chosen:
            allowed = options(group)
            if value is None:
                raise UserError(f"{group}=null is not an option of {group}. {_none_hint(group)}{known(allowed)}")
            if str(value) not in allowed:
                raise UserError(f"{group}={value} does not exist. {nearest(str(value), allowed)}{known(allowed)}")
            if group == "hydra/launcher":
                _check_installed(str(value))


def _none_hint(group: str) -> str:
    return "A network without a norm is norm=none. " if group == "norm" else ""


def _compose(overrides: list[str]) -> DictConfig:
    """What Hydra composes, its own part included; exceptions become one line on the override that caused them."""
    try:
        return hydra.compose("config", overrides=overrides, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_diagnose(overrides, error)) from None


def _diagnose(overrides: list[str], error: Exception) -> str:
    """Which override it was, found by composing without it."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    chosen = [line for line, override in zip(overrides, parsed, strict=True) if override.key_or_group in groups()]
    try:
        keys = settings_keys(resolved(hydra.compose("config", overrides=chosen)))
    except (HydraException, OmegaConfBaseException):
        return " ".join(str(error).split())
    for override in parsed:
        key = override.key_or_group
        if key.startswith("hydra.launcher.") and f"'{key}'" in str(error):
            return f"{key} is not a setting of this launcher; choose another too, as in hydra/launcher=slurm"
        if key not in groups() and key not in keys and not key.startswith("hydra."):
            where = [name for name in keys if name.rpartition(".")[0] == key.rpartition(".")[0]]
            names = where if "." in key else [*groups(), *where]
            return f"{key} is not a setting of this run. {nearest(key, [*groups(), *keys])}{known(names or keys)}"
    return " ".join(str(error).split())


def settings_keys(settings: dict[str, Any], prefix: str = "") -> list[str]:
    """All dotted keys that hold a value, in order."""
    names: list[str] = []
    for key, value in settings.items():
        if isinstance(value, dict):
            names += settings_keys(value, f"{prefix}{key}.")
        elif key != "_target_":
            names.append(f"{prefix}{key}")
    return names
