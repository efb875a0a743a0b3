"""`scripts/reproduce.py plan`: what a scale would take, and what each launcher would make of it; nothing is run."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from experiments import identity, result
from experiments.benchmark.hardware import cores
from experiments.command_line import compose_launcher, missing_extra, options
from experiments.progress import duration
from experiments.reproduce.cost import Costs
from experiments.reproduce.rate import Rate, newest
from experiments.reproduce.settings import Wanted
from experiments.reproduce.work import StudyWork
from experiments.studies.grid import Grid, grid

HOUR = 3600.0


@dataclass(frozen=True)
class Planned:
    """A run, or one of those that a study's tuning will ask for."""

    name: str
    images: int
    seconds: float
    disk: int
    over: bool  # whether it is finished already


def show_plan(parts: Sequence[StudyWork], wanted: Wanted) -> None:
    """Print the plan of some studies.

    Raises:
        UserError: when the rate cannot be had.
    """
    outputs = Path(wanted.outputs)
    rate = (
        Rate.given(wanted.rate) if wanted.rate is not None else Rate.of_benchmark(wanted.benchmark or newest(outputs))
    )
    costs = Costs()
    seen: set[str] = set()
    found: dict[str, list[Planned]] = {}
    for part in tqdm(parts, unit="study", leave=False, disable=not sys.stderr.isatty()):
        runs = planned(grid(part.command(wanted.passed_on)), costs, rate)
        found[part.name] = [run for run in runs if run.name not in seen]  # what several studies share is made once
        seen |= {run.name for run in runs}
    print("\n".join(_table(found, str(wanted.scale))))
    print(f"\nrate: {rate.origin}; other networks by their floating-point operations, evaluation included, probes not")
    arrays = sum((size.train + size.test) * math.prod(size.image_shape) for size in set(costs.sizes.values()))
    print(
        f"disk: {_bytes(sum(run.disk for run in _every(found)))} of run folders, {_bytes(arrays)} of prepared images\n"
    )
    print("\n".join(launchers([run for run in _every(found) if not run.over], wanted.passed_on)))


def planned(study: Grid, costs: Costs, rate: Rate) -> list[Planned]:
    """The runs of a study; those of a tuned arm whose value is not chosen yet are as long as with any other."""

    def of(config: dict[str, Any], name: str, over: bool) -> Planned:
        cost = costs.of(config, study.study.evaluation)
        return Planned(name, cost.images, rate.seconds(config, cost), cost.disk, over)

    configs = [job.config for job in study.plan.jobs]
    runs = [of(one, identity.name(one), result.read(identity.folder(one)) is not None) for one in configs]
    for arm, tried in study.tuning.items():
        if not tried.over:
            jobs = study.arms[arm]
            runs += [of(job.config, f"{study.name} {arm} tuned, seed {job.config['seed']}", False) for job in jobs]
    return runs


def _every(found: dict[str, list[Planned]]) -> list[Planned]:
    return [run for runs in found.values() for run in runs]


def _table(found: dict[str, list[Planned]], scale: str) -> list[str]:
    width = max(len(name) for name in found)
    lines = [f"{'scale=' + scale:<{width}}   runs  finished        images  device-hours   longest run      disk"]
    rows = {**found, "all": _every(found)} if len(found) > 1 else found
    for name, runs in rows.items():
        over, hours = sum(run.over for run in runs), sum(run.seconds for run in runs) / HOUR
        images = sum(run.images for run in runs)
        longest = duration(max((run.seconds for run in runs), default=0.0))
        lines.append(
            f"{name:<{width}}  {len(runs):>5,}  {over:>8,}  {images / 1e6:>10,.1f} M  {hours:>12,.1f}"
            f"  {longest:>12}  {_bytes(sum(run.disk for run in runs)):>8}"
        )
    return lines


def _bytes(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def launchers(left: Sequence[Planned], words: Sequence[str]) -> list[str]:
    """What each launcher would do with the runs that are left."""
    lines = [f"hydra/launcher, for the {len(left):,} runs that are left:"]
    for name in options("hydra/launcher"):
        extra = missing_extra(name)
        needs = "" if extra is None else f' (first: pip install -e ".[{extra}]")'
        lines.append(f"  {name:<12} {_doing(compose_launcher(name, words), left)}{needs}")
    return lines


def _doing(launcher: dict[str, Any], left: Sequence[Planned]) -> str:
    whole = sum(run.seconds for run in left)
    kind = launcher["_target_"].rpartition(".")[2]
    if kind == "JoblibLauncher":
        jobs = launcher["n_jobs"] if launcher["n_jobs"] > 0 else cores()
        return f"{jobs} runs at a time on this machine, which share its device: about as long"
    if kind == "SlurmLauncher":
        return _slurm(launcher, left)
    if kind == "LocalLauncher":
        return f"{len(left):,} processes on this machine, all at once: for a few runs alone"
    if kind == "RayLauncher":
        return _ray(launcher["ray"]["remote"], whole)
    return f"one run after another on one device: {_days(whole)}"


def _ray(each: dict[str, Any], whole: float) -> str:
    share = each["num_gpus"]
    if 0 < share < 1:
        return f"{math.floor(1 / share)} runs at a time on each GPU there is, as long as its memory suffices"
    wants = f"{each['num_cpus']:g} CPU" + (f" and {share:g} GPU" if share else "")
    return f"as many runs at a time as the cluster has {wants} for: with d devices {_days(whole)} / d"


def _slurm(launcher: dict[str, Any], left: Sequence[Planned]) -> str:
    at_once = min(launcher["array_parallelism"], max(len(left), 1))
    limit = 60.0 * launcher["timeout_min"]
    longest = max((run.seconds for run in left), default=0.0)
    takes = max(longest, sum(run.seconds for run in left) / at_once)
    over = [math.ceil(run.seconds / limit) - 1 for run in left if run.seconds > limit]
    text = f"an array of {len(left):,} jobs, {at_once:,} at a time with a device each: {_days(takes)} at best"
    if over:
        limit_said = f"timeout_min={launcher['timeout_min']}"
        text += f"; {len(over):,} runs are longer than {limit_said} and go back to the queue, up to {max(over)} times"
        if max(over) > launcher["max_num_timeout"]:
            text += f", more than max_num_timeout={launcher['max_num_timeout']}: raise one of the two"
    return text


def _days(seconds: float) -> str:
    return f"{seconds / 24 / HOUR:,.1f} days" if seconds > 48 * HOUR else duration(seconds)
