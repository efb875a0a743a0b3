"""What the file of a norm says of it, read from its docstring without importing it: formula, axes, modes, source.

The docstrings have a first line that says what the norm does, an indented block with its formulas, lines with a heading
(`Axes: …`) and paragraphs.
"""

import ast
import inspect
import re
import textwrap
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.plain_files import read_yaml
from experiments.paths import CONF

ROOT = CONF.parent
HEADING = re.compile(r"^([A-Z][\w,]*(?: [\w,]+){0,3}): (?=\S)")  # up to four words before a colon


@dataclass(frozen=True)
class NormDocs:
    """A docstring taken apart."""

    summary: str  # its first line
    formula: str  # the first indented block, line by line
    facts: tuple[tuple[str, str], ...]  # what stands behind headings
    notes: tuple[str, ...]  # the other paragraphs

    def as_values(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def norm_docs(norm: str) -> NormDocs:
    """The docstring of the file that the norm `norm` of conf/norm is made by."""
    target = read_yaml(CONF / "norm" / f"{norm}.yaml")["_target_"]
    return parsed(_docstring(target))


def module_path(target: str) -> Path:
    """The file of `models.norms.layer_norm.LN`."""
    return ROOT.joinpath(*target.split(".")[:-1]).with_suffix(".py")


def _docstring(target: str) -> str:
    return ast.get_docstring(ast.parse(module_path(target).read_text(encoding="utf-8"))) or ""


def parsed(docstring: str) -> NormDocs:
    """A docstring taken apart."""
    summary, _, rest = inspect.cleandoc(docstring).partition("\n")
    formula = ""
    facts: list[tuple[str, str]] = []
    notes: list[str] = []
    for part in re.split(r"\n[ \t]*\n", rest.strip("\n")):
        if part.startswith(" ") and not formula:
            formula = textwrap.dedent(part)
        elif part.strip():
            _take(part, facts, notes)
    return NormDocs(summary.strip(), formula, tuple(facts), tuple(notes))


def _take(part: str, facts: list[tuple[str, str]], notes: list[str]) -> None:
    """Sort the lines of a paragraph: behind a heading, what follows belongs to it until the next one."""
    heading = ""
    words: list[str] = []
    for line in part.splitlines():
        found = HEADING.match(line)
        if found:
            _put(heading, words, facts, notes)
            heading, words = found[1], [line[found.end() :]]
        elif heading and not line.startswith(" ") and words and words[-1].endswith("."):
            _put(heading, words, facts, notes)  # a sentence of its own
            heading, words = "", [line]
        else:
            words.append(line.strip())
    _put(heading, words, facts, notes)


def _put(heading: str, words: list[str], facts: list[tuple[str, str]], notes: list[str]) -> None:
    text = " ".join(words).strip()
    if text and heading:
        facts.append((heading, text))
    elif text:
        notes.append(text)
