"""Which runs a command compares: one against one, or the seeds of one configuration against those of another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.compare import filters
from experiments.compare.differing import Differing, differing
from experiments.errors import UserError
from experiments.finished import FinishedRun, find_runs, open_run
from experiments.script import Words


@dataclass(frozen=True)
class Selection:
    """The runs of side A and of side B, in the order of their seeds: one each, or two or more each."""

    a: tuple[FinishedRun, ...]
    b: tuple[FinishedRun, ...]

    @property
    def is_pair(self) -> bool:
        """Whether one run is compared with one, rather than a group with a group."""
        return len(self.a) == 1

    @property
    def differing(self) -> list[Differing]:
        """All settings in which A and B differ; the seed counts between two runs alone."""
        return differing([self.a[0].config, self.b[0].config], seed=self.is_pair)


def select(words: Words, outputs: Path) -> Selection:
    """The runs that a command names: two names or patterns, or settings of which one has two values.

    Raises:
        UserError: one line, when a name matches nothing, a run is not finished, a side holds several configurations or
            a seed twice, a run stands on both sides, or one run would be compared with several.
    """
    if words.names and words.values:
        written = " ".join(f"{key}={value}" for key, value in words.values.items())
        raise UserError(f"{written} beside names of runs: name two runs, or choose both sides by settings alone")
    if words.values:
        found = filters.split(words.values, outputs)
        asked, folders = found.words, [found.a, found.b]
    else:
        asked, folders = _named(words.names, outputs)
    return _checked([tuple(open_run(folder) for folder in side) for side in folders], asked)


def _named(names: Sequence[str], outputs: Path) -> tuple[tuple[str, str], list[tuple[Path, ...]]]:
    if len(names) != 2:
        raise UserError(
            f"{len(names)} names are given ({', '.join(names[:3])}{', …' if len(names) > 3 else ''}): name run A and"
            " run B, and put patterns in quotes, as in 'A-*' 'B-*'"
        )
    return (names[0], names[1]), [tuple(find_runs(name, outputs)) for name in names]


def _checked(sides: list[tuple[FinishedRun, ...]], asked: tuple[str, str]) -> Selection:
    a, b = (tuple(sorted(side, key=lambda run: (run.seed, run.name))) for side in sides)
    for side, word in zip((a, b), asked, strict=True):
        _check_seeds(side, word)
    if len(a) == len(b) == 1:
        return Selection(a, b)
    both = {run.folder.resolve() for run in a} & {run.folder.resolve() for run in b}
    if both:
        raise UserError(f"{sorted(both)[0].name} is on both sides, {asked[0]} and {asked[1]}: name each run once")
    if 1 in (len(a), len(b)):
        raise UserError(
            f"{asked[0]} is {_count(a)} and {asked[1]} is {_count(b)}: compare one run with one, or two and more seeds"
            " with two and more"
        )
    return Selection(a, b)


def _check_seeds(side: Sequence[FinishedRun], word: str) -> None:
    """One configuration, each seed once."""
    by_group = {run.group: run for run in side}
    if len(by_group) > 1:
        rows = differing([run.config for run in by_group.values()], seed=False)
        listed = [f"{row.key} ({', '.join(dict.fromkeys(row.shown))})" for row in rows]
        more = ", …" if len(listed) > 4 else ""
        example = f"{rows[0].key}={rows[0].shown[0]}"
        raise UserError(
            f"{word} means runs of {len(by_group)} configurations, which differ in {', '.join(listed[:4])}{more}:"
            f" choose one configuration, by settings such as {example}, or by names"
        )
    by_seed: dict[int, FinishedRun] = {}
    for run in side:
        if run.seed in by_seed:
            raise UserError(
                f"{word} means seed {run.seed} twice, {by_seed[run.seed].folder} and {run.folder}: name each run once"
            )
        by_seed[run.seed] = run


def _count(side: Sequence[FinishedRun]) -> str:
    return "one run" if len(side) == 1 else f"{len(side)} runs"
