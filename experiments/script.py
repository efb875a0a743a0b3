"""The command line of the scripts: names first, then `key=value` settings; one clear line for each mistake."""

from experiments import quiet_start  # before the others, see there

# isort: split
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from data.broken import BrokenImage
from data.plain_files import Unreadable, parse_yaml
from experiments.errors import UserError, known, nearest
from experiments.host import keep_memory
from experiments.machine_limits import explained
from experiments.paths import default_outputs
from experiments.printable import one_line
from experiments.progress import console_log
from experiments.settings import Strict, explain
from experiments.storage import faults_told

S = TypeVar("S", bound=BaseModel)


class ScriptPaths(Strict):
    """Where a script looks, as its setting `paths`."""

    data: Annotated[str, Field(min_length=1)] | None = None  # of the datasets; None: where the run had them
    # bare names of runs are looked for in its `runs`
    outputs: Annotated[str, Field(min_length=1)] = Field(default_factory=default_outputs)


@dataclass(frozen=True)
class Words:
    """What was written behind a script's name."""

    names: tuple[str, ...]  # runs, or patterns of them
    values: dict[str, str]  # the settings, as they were written


def run(description: str, arguments: Sequence[str], command: Callable[[Words], None], needs_words: bool = True) -> int:
    """Run a script's `command`; returns its exit code.

    Args:
        needs_words: whether a script called without any argument shows its help instead of working.

    0: done. 2: a mistake of the user's, 1: the disk refused something, either in one line on standard error. Anything
    else that is raised is a bug and passes.
    """
    quiet_start.over()
    if (needs_words and not arguments) or "-h" in arguments or "--help" in arguments:
        print(description.strip())
        return 0 if arguments else 2
    keep_memory()
    try:
        with console_log(None), faults_told(), explained(UserError):
            command(split(arguments))
    except (UserError, BrokenImage) as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return getattr(error, "code", UserError.code)
    except KeyboardInterrupt:
        return 130
    finally:
        quiet_start.ended()
    return 0


def split(arguments: Iterable[str]) -> Words:
    """Names and settings apart.

    Raises:
        UserError: for an option with dashes, a setting without a value, and a setting given twice.
    """
    names: list[str] = []
    values: dict[str, str] = {}
    for word in arguments:
        key, sign, value = word.partition("=")
        if word.startswith("-"):
            raise UserError(f"{word} is not an option here: settings are written key=value, and --help lists them")
        if not sign or "/" in key:  # a folder's name may hold an equals sign; a setting's key holds no slash
            names.append(word)
        elif not key or not value:
            raise UserError(f"{word!r} is not a setting: write key=value")
        elif key in values:
            raise UserError(f"{key} is given twice, as {key}={values[key]} and {word}; give it once")
        else:
            values[key] = value
    return Words(tuple(names), values)


def as_setting(arguments: Sequence[str], option: str) -> list[str]:
    """The arguments with `--option VALUE` and `--option=VALUE` as the setting `option=VALUE` that they are."""
    words = list(arguments)
    if f"--{option}" in words[:-1]:
        place = words.index(f"--{option}")
        words[place : place + 2] = [f"{option}={words[place + 1]}"]
    return [word.removeprefix("--") if word.startswith(f"--{option}=") else word for word in words]


def settings(values: dict[str, str], kind: type[S]) -> S:
    """The script's settings, checked: `kind` is a strict pydantic model with a default for each.

    A field that is such a model itself (`paths: ScriptPaths`) has dotted keys on the command line (`paths.data`).

    Raises:
        UserError: one line on the first that is unknown or not valid.
    """
    fields = list(_keys(kind))
    read: dict[str, Any] = {}
    for key, text in values.items():
        if key not in fields:
            raise UserError(f"{key} is not a setting of this script. {nearest(key, fields)}{known(fields)}")
        group, _, name = key.rpartition(".")
        try:
            (read.setdefault(group, {}) if group else read)[name] = parse_yaml(text)
        except Unreadable:
            raise UserError(f"{key}={text} cannot be read; write key=value, lists as [a,b]") from None
    try:
        return kind.model_validate(read)
    except ValidationError as error:
        raise UserError(explain(error)) from None


def _keys(kind: type[BaseModel]) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from (f"{name}.{key}" for key in inner.model_fields)
        else:
            yield name
