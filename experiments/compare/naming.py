"""What the sides of a comparison are called: on its page, and in the name of its folder."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.compare.differing import ABSENT, Differing, differing
from experiments.compare.selection import Selection
from experiments.finished import FinishedRun

GROUPS = ("norm", "model", "dataset", "recipe")  # their names say enough without their key
RECORDED = ("probes", "probe_every", "log_every", "train_evaluation")  # what was written down, not what was done
LONGEST_WORD, LONGEST_SIDE = 24, 90


def short_names(selection: Selection) -> tuple[str, str]:
    """`A · bn` and `B · ln`: the letters with what sets the sides apart, in at most two words."""
    rows = _telling(selection.differing)[:2]
    sides = []
    for letter, place in (("A", 0), ("B", 1)):
        words = [word for row in rows if (word := _word(row, place))]
        sides.append(f"{letter} · {', '.join(words)}" if words else letter)
    return sides[0], sides[1]


def arm_names(configs: Sequence[dict[str, Any]]) -> list[str]:
    """What several configurations are called beside each other: `bn, resnet20`, by what sets them apart, seeds aside.

    Two words, or as many as it takes to tell all of them apart; of a single one, its network and its norm.
    """
    if len(configs) == 1:
        return [f"{configs[0]['model']['name']}, {configs[0]['norm']['name']}"]
    found = differing(configs, seed=False)
    telling = _telling(found)
    rows = telling + [row for row in found if row not in telling]
    names = [""] * len(configs)
    for count in range(min(2, len(telling)), len(rows) + 1):
        words = [[_word(row, place) for row in rows[:count]] for place in range(len(configs))]
        names = [", ".join(filter(None, told)) or "–" for told in words]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({names[:place].count(name) + 1})" for place, name in enumerate(names)]


def _telling(rows: Sequence[Differing]) -> list[Differing]:
    """Groups first; what a group's own name implies (`norm.eps` where `norm` differs) and what changes no weight are
    left out.
    """
    rows = [row for row in rows if row.key not in RECORDED]
    groups = [row for key in GROUPS for row in rows if row.key == key]
    implied = tuple(f"{row.key}." for row in groups)
    return groups + [row for row in rows if row not in groups and not row.key.startswith(implied or ("\0",))]


def _word(row: Differing, place: int) -> str:
    if row.values[place] is ABSENT:
        return ""
    value = row.shown[place]
    word = value if row.key in GROUPS else f"{row.key.rpartition('.')[2]}={value}"
    return word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 1]}…"


def folder_name(selection: Selection, outputs: Path) -> str:
    """`<A>--<B>`: the runs' names, or the configurations' with their seeds, safe as a folder's name anywhere."""
    return "--".join(_side(side, outputs) for side in (selection.a, selection.b))


def _side(runs: Sequence[FinishedRun], outputs: Path) -> str:
    name = runs[0].name if len(runs) == 1 else f"{runs[0].group}-seeds{'.'.join(str(run.seed) for run in runs)}"
    safe = re.sub(r"[^A-Za-z0-9._=+-]+", "_", name).strip(".") or "run"
    elsewhere = [run for run in runs if run.outputs.resolve() != outputs.resolve()]
    renamed = len(runs) > 1 and any(f"seed{run.seed}" not in run.name for run in runs)
    if safe == name and len(safe) <= LONGEST_SIDE and not elsewhere and not renamed:
        return safe
    # two comparisons never share a folder: what the name does not tell, the digest does
    told = "\n".join(str(run.folder.resolve() if elsewhere else run.name) for run in runs)
    return f"{safe[: LONGEST_SIDE - 9]}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
