"""What a probe says of itself, for its page: the docstring of its file as a sentence, paragraphs and definitions."""

import inspect
import re
from dataclasses import dataclass

from markupsafe import Markup, escape

from experiments import probes


@dataclass(frozen=True)
class Block:
    """A part of a docstring between blank lines: a paragraph, or where it was indented, names with their meanings."""

    text: Markup = Markup("")  # noqa: RUF009 - an empty string
    rows: tuple[tuple[str, Markup], ...] = ()


@dataclass(frozen=True)
class Docs:
    """A docstring."""

    summary: str  # its first line
    blocks: tuple[Block, ...]  # what follows


def docs(probe: str) -> Docs:
    """What the file of a probe says; it is imported."""
    return parsed(probes.module(probe).__doc__ or "")


def parsed(docstring: str) -> Docs:
    """A docstring taken apart."""
    summary, _, rest = inspect.cleandoc(docstring).partition("\n")
    parts = [part for part in re.split(r"\n[ \t]*\n", rest.strip("\n")) if part.strip()]
    return Docs(summary.strip(), tuple(_definitions(part) if part[0] == " " else _paragraph(part) for part in parts))


def _paragraph(part: str) -> Block:
    return Block(text=_marked(" ".join(part.split())))


def _definitions(part: str) -> Block:
    """Lines of `name  meaning`, two spaces or more apart; deeper ones go on with the meaning before."""
    lines = part.splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    rows: list[tuple[str, str]] = []
    for line in lines:
        if line[indent] != " " or not rows:
            name, *meaning = re.split(r"\s{2,}", line.strip(), maxsplit=1)
            rows.append((name, "".join(meaning)))
        else:
            name, text = rows.pop()
            rows.append((name, f"{text} {line.strip()}".strip()))
    return Block(rows=tuple((name, _marked(text)) for name, text in rows))


def _marked(text: str) -> Markup:
    """HTML, with code where backquotes stand."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped first
