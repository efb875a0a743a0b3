"""How start-up grows with the number of files in conf/: the command line is planned in a copy with more norms."""

import re
import shutil
from pathlib import Path
from statistics import median
from typing import Any

from experiments.benchmark.outside import Program
from experiments.environment import ROOT

ADDED = (0, 100, 400)
QUICK_ADDED = (0, 20)
# what a program needs to plan its command line; no weights, no data
PARTS = ("conf", "experiments", "models", "data")
PROGRAMS = {
    "plan": ["-c", "from experiments.command_line import plan; plan(['norm=bn', 'seed=1'])"],
    "help": ["train.py", "--help"],
}


def measure(folder: Path, rounds: int, quick: bool) -> list[dict[str, Any]]:
    """Seconds of planning a command line and of the help page, `rounds` times each, by the number of norms added."""
    found = []
    for added in QUICK_ADDED if quick else ADDED:
        root = _checkout(folder / f"with-{added}-more", added)
        row: dict[str, Any] = {"added": added}
        for name, words in PROGRAMS.items():
            Program(words, root=root).wait()  # compiles the copied files to bytecode
            row[name] = [Program(words, root=root).wait().seconds for _ in range(rounds)]
        found.append(row)
    return found


def _checkout(root: Path, added: int) -> Path:
    """A copy of this checkout with `added` more norms, which are bn under other names."""
    for part in PARTS:
        left_out = shutil.ignore_patterns("__pycache__", "downloads", "results")
        shutil.copytree(ROOT / part, root / part, ignore=left_out)
    shutil.copy(ROOT / "train.py", root)
    original = (root / "conf/norm/bn.yaml").read_text(encoding="utf-8")
    for index in range(added):
        renamed = re.sub(r"^name: bn$", f"name: bn_{index:04}", original, flags=re.MULTILINE)
        (root / f"conf/norm/bn_{index:04}.yaml").write_text(renamed, encoding="utf-8")
    return root


def lines(measured: list[dict[str, Any]]) -> list[str]:
    """The measurements as a table: medians in seconds."""
    return [
        f"start-up by the number of options, in seconds of whole processes; median of {len(measured[0]['plan'])}",
        f"  {'norms added':>11} {'plan a command':>15} {'--help':>8}",
        *(f"  {row['added']:>11} {median(row['plan']):>15.2f} {median(row['help']):>8.2f}" for row in measured),
    ]
