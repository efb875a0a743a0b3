"""Which functions and classes a configuration may name as `_target_`, and nothing else.

A configuration comes from a command line, from a run's folder or from an export: the name in it is read as the name of
a norm, a network or a dataset of this project. No module outside of the group's own package is imported for it, what a
module has imported from elsewhere is not reached, and what is found must have the form that its group has.
"""

import dataclasses
import importlib
import importlib.util
import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from data.dataset import Dataset
from experiments.errors import UserError, nearest

_PATH = re.compile(r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\.(?P<name>[A-Za-z]\w*)", re.ASCII)


@dataclass(frozen=True)
class _Form:
    """What the targets of a group are like.

    package: where their modules lie, not in folders below it; takes: the parameters before the settings, which are all
    keyword-only; gives: what a function returns, or None where the target is a dataclass whose objects are called.
    """

    package: str
    takes: tuple[str, ...]
    gives: type | None


FORMS = {
    "norm": _Form("models.norms", (), None),
    "model": _Form("models", ("norm", "image_shape", "num_classes"), nn.Module),
    "dataset": _Form("data", ("root",), Dataset),
}


def find(group: str, path: str) -> Callable[..., Any]:
    """What `path`, such as `models.norms.batch_norm.BN`, names in a group: norm, model or dataset.

    Raises:
        UserError: when it is outside of the group's package, does not exist, or is something else.
    """
    form, shown = FORMS[group], f"{group}._target_={path}"
    match = _PATH.fullmatch(path)
    package, _, stem = match["module"].rpartition(".") if match else ("", "", "")
    if match is None or package != form.package:
        where = f"{form.package}."
        raise UserError(f"{shown} is refused: only names under {where} may be built, written {where}FILE.NAME")
    if importlib.util.find_spec(match["module"]) is None:
        raise UserError(f"{shown} does not exist in this version of normlab: {package} has no module {stem}")
    try:
        module = importlib.import_module(match["module"])
    except Exception as error:  # a file of one's own that is yet to be mended
        raise UserError(f"{shown} cannot be imported ({type(error).__name__}: {error})") from error
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}
    found = own.get(match["name"])
    if found is None:
        other = "is refused: it comes from elsewhere" if hasattr(module, match["name"]) else "does not exist"
        hint = nearest(match["name"], own)
        raise UserError(f"{shown} {other}; {match['module']} itself has {', '.join(own)}. {hint}".rstrip())
    if not _fits(found, form):
        raise UserError(f"{shown} is refused: {match['name']} is no {group}; take that of conf/{group}")
    return found


def _fits(value: Any, form: _Form) -> bool:
    if form.gives is None:
        called = any("__call__" in vars(one) for one in getattr(value, "__mro__", ()))
        fits = inspect.isclass(value) and dataclasses.is_dataclass(value) and called
    else:
        fits = inspect.isfunction(value) and typing.get_type_hints(value).get("return") is form.gives
    if not fits:
        return False
    parameters = list(inspect.signature(value).parameters.values())
    settings = parameters[len(form.takes) :]
    return tuple(one.name for one in parameters[: len(form.takes)]) == form.takes and all(
        one.kind is one.KEYWORD_ONLY and one.annotation is not one.empty for one in settings
    )
