"""Which version of the code computed a result: a digest of every file of ours that computes and was loaded for the run.

Two runs are of one version where every file that both loaded has the same digest: a norm added beside them changes
nothing, a change of the loop does. Comments and docstrings do not count, nor does code that only records and shows.
"""

import ast
import hashlib
import logging
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

JOINED = "+"  # between the digests of a module that has changed while a run was interrupted
log = logging.getLogger("normlab")
# What computes: the packages, and the modules of `experiments`, with all that is below them.
COMPUTING = (
    "data",
    "models",
    "experiments.compilation",
    "experiments.evaluate",
    "experiments.inference",
    "experiments.loop",
    "experiments.optimizer",
    "experiments.probes",
    "experiments.probing",
    "experiments.recorded_step",
    "experiments.schedule",
    "experiments.scores",
    "experiments.step",
)


def loaded() -> dict[str, str]:
    """Eight hexadecimal digits for each computing module that this process has imported, by the module's name.

    Call it once the parts of a run are built: its norm, network, data and probes are imported then.
    """
    found = {}
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path is not None and any(name == part or name.startswith(f"{part}.") for part in COMPUTING):
            found[name] = digest(Path(path))
    return found


@cache
def digest(path: Path) -> str:
    """Eight hexadecimal digits of a file's code, without its comments, docstrings and layout."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:8]


def continued(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The versions of a run that was begun with `before` and is resumed with `now`.

    Of a module that has changed meanwhile both digests stand there, `before+now`; a warning names it.
    """
    changed = {name: before[name] for name in now if name in before and now[name] not in before[name].split(JOINED)}
    if changed:
        log.warning(
            "the code has changed since the checkpoint (%s): the result will say so, and no verdict is made of it; "
            "remove the folder to start the run anew",
            ", ".join(sorted(changed)),
        )
    mixed = {name: digests for name, digests in before.items() if JOINED in digests}
    mixed |= {name: f"{digests}{JOINED}{now[name]}" for name, digests in changed.items()}
    return {**before, **now, **mixed}


def differing(versions: Iterable[Mapping[str, str]]) -> list[str]:
    """The modules of which the given results had more than one version, together or one of them alone; sorted."""
    seen: dict[str, set[str]] = {}
    for version in versions:
        for name, digest in version.items():
            seen.setdefault(name, set()).update(digest.split(JOINED))
    return sorted(name for name, digests in seen.items() if len(digests) > 1)
