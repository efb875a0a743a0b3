"""The part `kills`: commands killed at any moment leave what they leave when nothing disturbs them."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from experiments.crashtest import commands
from experiments.crashtest.chain import Chain, Reference, Tally
from experiments.crashtest.commands import Command
from experiments.crashtest.file_server import serving
from experiments.crashtest.made_up_cifar10 import cifar10_archive, cifar10_arrays
from experiments.crashtest.made_up_photographs import write_photographs
from experiments.crashtest.settings import SHARES, CrashSettings, Name
from experiments.crashtest.shot import aim, start
from experiments.crashtest.victims import Victims

ARCHIVE = "/cifar-10-python.tar.gz"
TRANSFER = 1.5  # seconds that the archive takes
IMAGES_IN_A_FILE = {False: 150, True: 30}  # of the archive's six files; quick or not
PHOTOGRAPHS = {False: 400, True: 60}


def measure(settings: CrashSettings, folder: Path) -> dict[str, Any]:
    """Kill the commands, finish them, and compare what they leave with what undisturbed ones leave."""
    arrays = cifar10_arrays(IMAGES_IN_A_FILE[settings.quick])
    archive = cifar10_archive(arrays)
    with (
        interruptible(),
        serving({ARCHIVE: archive}, speed=len(archive) / TRANSFER) as server,
        ThreadPoolExecutor(settings.jobs) as pool,
        Victims() as victims,
    ):

        def all_of(works: Sequence[Callable[[], Any]]) -> Iterator[Any]:
            waiting: list[Future] = [pool.submit(work) for work in works]
            for one in as_completed(waiting):
                yield one.result()

        chosen = _commands(settings, folder, f"{server.url}{ARCHIVE}", arrays)
        first = chosen[0]
        references = {first.name: undisturbed(first, folder, victims)}
        others = [one for one in chosen[1:] if one.name != "joblib"]
        works = [lambda one=one: (one.name, undisturbed(one, folder, victims)) for one in others]
        references |= dict(all_of(works))
        references["joblib"] = references["study"]  # a launcher changes nothing in what is left
        _say(f"undisturbed: {', '.join(f'{name} {one.seconds:.0f} s' for name, one in references.items())}")
        chains = []
        for name, place, number in _shares(settings):
            command = next(one for one in chosen if one.name == name)
            home, reference = folder / f"{name}-{place}", references[name]
            choose = partial(aim, command, reference.seconds, random.Random(f"{settings.seed} {name} {place}"))
            chain = Chain(command, reference, home, choose, settings.tolerate, victims)
            chains.append(lambda chain=chain, number=number: chain.kill(number))
        tallies = []
        for tally in all_of(chains):
            tallies.append(tally)
            done = sum(one.kills for one in tallies)
            _say(f"{done} of {settings.kills} kills: {tally.command} is done, {len(tally.faults())} faults")
    return _figures(tallies)


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM ends this process as Ctrl-C does, and both reach the processes that it starts.

    A shell starts commands in the background with SIGINT ignored, which would be handed on to every victim.
    """

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, end)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _commands(settings: CrashSettings, folder: Path, url: str, arrays: dict[str, Any]) -> list[Command]:
    """The study, which others begin with, and the commands that are chosen."""
    quick, studied, photographs = settings.quick, folder / "study", folder / "photographs"
    write_photographs(photographs, PHOTOGRAPHS[quick])
    made = {
        "study": commands.study(quick),
        "joblib": commands.side_by_side(quick),
        "download": commands.download(url, arrays),
        "pack": commands.pack(photographs),
        "report": commands.report(studied),
        "evaluate": commands.evaluate(studied),
    }
    return [made[name] for name in made if name == "study" or name in settings.commands]


def undisturbed(command: Command, folder: Path, victims: Victims) -> Reference:
    """Run a command straight through, in a folder of its name.

    Raises:
        RuntimeError: where it fails, for then nothing can be compared.
    """
    place = folder / command.name
    place.mkdir(parents=True)
    command.prepare(place)
    began = time.monotonic()
    ended = start(command, None, place, folder / f"{command.name}-beside", victims)
    if ended.fault is not None:
        raise RuntimeError(f"an undisturbed command {ended.fault}")
    return Reference(place, time.monotonic() - began)


def _shares(settings: CrashSettings) -> list[tuple[Name, int, int]]:
    """The chains, as (command, number of the chain, kills); the study has as many as run side by side."""
    whole = sum(SHARES[name] for name in settings.commands)
    counts = {name: int(settings.kills * SHARES[name] / whole) for name in settings.commands}
    for place in range(settings.kills - sum(counts.values())):
        counts[settings.commands[place % len(counts)]] += 1
    chains: list[tuple[Name, int, int]] = []
    for name, count in counts.items():
        parts = min(settings.jobs, count) if name == "study" else 1
        chains += [(name, part, count // parts + (part < count % parts)) for part in range(parts)]
    return [chain for chain in chains if chain[2]]


def _figures(tallies: Sequence[Tally]) -> dict[str, Any]:
    signals: Counter[str] = sum((one.signals for one in tallies), Counter())
    places: Counter[str] = sum((one.places for one in tallies), Counter())
    left = sorted(f"{one.command}: {name}" for one in tallies for name in one.left_behind)
    figures = {
        "kills": signals.total(),
        "signals": dict(sorted(signals.items())),
        "places": dict(sorted(places.items())),
        "rounds": sum(one.rounds for one in tallies),
        "attempts": sum(one.attempts for one in tallies),
        "differing": sum(len(one.differing) for one in tallies),
        "lost_runs": sum(len(one.lost_runs) for one in tallies),
        "wrong_ends": sum(len(one.wrong_ends) for one in tallies),
    }
    table = [f"  {name.replace('_', ' '):<12} {_words(value)}" for name, value in figures.items()]
    table += [f"  left behind (tolerated): {name}" for name in left]
    faults = [line for one in tallies for line in one.faults()]
    return {**figures, "left_behind": left, "chains": [vars(one) for one in tallies], "table": table, "faults": faults}


def _words(value: Any) -> str:
    return ", ".join(f"{name} {count}" for name, count in value.items()) if isinstance(value, dict) else str(value)


def _say(line: str) -> None:
    print(f"kills: {line}", flush=True)
