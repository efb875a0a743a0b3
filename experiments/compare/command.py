"""`scripts/compare.py`: from the words of a command line to the folder of a comparison."""

import logging
import shlex
from collections.abc import Sequence
from pathlib import Path

import torch

from experiments.compare import files, numbers
from experiments.compare.groups import Groups, compare_groups
from experiments.compare.groups_page import groups_page
from experiments.compare.naming import folder_name, short_names
from experiments.compare.pair import Pair, compare_pair
from experiments.compare.pair_page import pair_page
from experiments.compare.selection import Selection, select
from experiments.environment import environment
from experiments.errors import UserError
from experiments.job import tensorboard_command
from experiments.paths import default_outputs
from experiments.script import Words

# Settings of the script; all others are settings of runs.
OWN = ("out", "paths.data", "paths.outputs")
PLACE = "comparisons"

log = logging.getLogger("normlab")


def compare(words: Words, arguments: Sequence[str]) -> Path:
    """Compare what `words` name; returns the folder that was written.

    Args:
        arguments: the words as they were typed, for the page to repeat.

    Raises:
        UserError: one line on the first mistake; nothing was written then.
    """
    own = {key: value for key, value in words.values.items() if key in OWN}
    for key in words.values:
        if key.startswith("paths.") and key not in OWN:
            raise UserError(f"{key} is not a setting of this script. Known: {', '.join(OWN)}")
    chosen = {key: value for key, value in words.values.items() if key not in OWN}
    outputs = Path(own.get("paths.outputs", default_outputs()))
    selection = select(Words(words.names, chosen), outputs)
    root = outputs if "paths.outputs" in own else selection.a[0].outputs
    folder = Path(own["out"]) if "out" in own else root / PLACE / folder_name(selection, root)
    files.check_place(folder)

    found: Pair | Groups
    names = short_names(selection)
    command = shlex.join(["python", "scripts/compare.py", *arguments])
    about = environment(torch.device("cpu"))
    if selection.is_pair:
        found = compare_pair(selection.a[0], selection.b[0])
        built = pair_page(found, selection, names, command, about, own.get("paths.data"))
    else:
        found = compare_groups(selection.a, selection.b)
        built = groups_page(found, selection, names, command, about)
    content = numbers.as_json(found, selection, command, about)
    files.write(folder, built.page, content, built.drawings, numbers.scalars(found))
    log.info("%s", summary(selection, built.headline, folder))
    return folder


def summary(selection: Selection, headline: str, folder: Path) -> str:
    """What is printed at the end: what was compared, what was found, and where to look."""
    lines = [
        f"{letter}: {', '.join(run.name for run in side)}" for letter, side in (("A", selection.a), ("B", selection.b))
    ]
    return "\n".join(
        (
            *lines,
            headline,
            f"  page:    {folder / files.PAGE}",
            f"  numbers: {folder / files.NUMBERS}",
            f"  figures: {folder / files.FIGURES}, and {tensorboard_command(str(folder.parent.parent))}",
        )
    )
