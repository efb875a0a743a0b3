"""The part `storage`: every file that normlab reads again, damaged in every way; nothing of it may become a number.

For each damage of each file what reads it either refuses in one line, or goes on from an older generation or makes the
file anew, with the same outcome to the bit. A bit that changes nothing of what is read (in the padding of an archive,
for one) counts apart.
"""

import random
import shutil
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from experiments.crashtest.artefacts import ARTEFACTS, Artefact, quiet
from experiments.crashtest.damage import damages
from experiments.crashtest.full_disk import full_disks
from experiments.crashtest.settings import CrashSettings

REFUSED, SAME, WRONG, BROKE = "refused in one line", "the same outcome", "another outcome", "a traceback"


def measure(settings: CrashSettings, folder: Path) -> dict[str, Any]:
    """Damage everything; then run on disks that are full and on one that may only be read, where one can be mounted."""
    draw = random.Random(settings.seed)
    counts: dict[str, Counter[str]] = {}
    faults: list[str] = []
    for artefact in ARTEFACTS:
        counts[artefact.name] = found = Counter[str]()
        with quiet():
            outcomes = damaged(artefact, folder / artefact.name.replace(" ", "_"), settings.flips, draw)
        for damage, outcome, told in outcomes:
            found[outcome] += 1
            if outcome in (WRONG, BROKE):
                faults.append(f"{artefact.name}, {damage}: {outcome} {told}".rstrip())
        print(f"{artefact.name}: {dict(found)}", flush=True)
    disks = full_disks(folder / "full_disk")
    faults += disks["faults"]
    total = sum(found.total() for found in counts.values())
    refused, same = (sum(found[key] for found in counts.values()) for key in (REFUSED, SAME))
    return {
        "damages": {name: dict(found) for name, found in counts.items()},
        "disks": disks,
        "table": [
            f"{total} damaged files: {refused} refused in one line, {same} with the same outcome to the bit, "
            f"{total - refused - same} read wrongly or with a traceback",
            *disks["table"],
        ],
        "faults": faults,
    }


def damaged(artefact: Artefact, folder: Path, flips: int, draw: random.Random) -> list[tuple[str, str, str]]:
    """(damage, outcome, what was said) for each damage of each of the artefact's files."""
    whole, place = folder / "whole", folder / "damaged"
    whole.mkdir(parents=True)
    artefact.make(whole)
    shutil.copytree(whole, place, symlinks=True)
    expected = artefact.read(place)
    found = []
    files = sorted(path for pattern in artefact.files for path in whole.glob(pattern) if path.is_file())
    for path in files:
        name = path.relative_to(whole)
        for damage, content in damages(path, flips, draw):
            _laid_anew(whole, place)
            if content is None:
                (place / name).unlink()
            else:
                (place / name).write_bytes(content)
            outcome, told = _outcome(artefact, place, expected)
            found.append((f"{name.name} {damage}", outcome, told))
    return found


def _laid_anew(whole: Path, place: Path) -> None:
    """The same files with the same times: what is kept about folders goes by these."""
    shutil.rmtree(place)
    shutil.copytree(whole, place, symlinks=True)
    for path in sorted(whole.rglob("*"), reverse=True):
        shutil.copystat(path, place / path.relative_to(whole), follow_symlinks=False)


def _outcome(artefact: Artefact, place: Path, expected: str) -> tuple[str, str]:
    try:
        return (SAME, "") if artefact.read(place) == expected else (WRONG, "")
    except ValueError as error:  # UserError among them
        lines = str(error).splitlines()
        return (REFUSED, lines[0]) if len(lines) == 1 else (BROKE, str(error))
    except Exception:
        return BROKE, traceback.format_exc()
