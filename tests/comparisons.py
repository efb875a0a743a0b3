"""Comparisons made by the script, and what they left."""

import json
from pathlib import Path
from typing import Any

from html_of_pages import Page

from scripts import compare

GROUPS = ("norm=bn,none", "batch_size=8")
PAIR = (*GROUPS, "seed=1")


def compared(outputs: Path, *words: str) -> Path:
    """The folder that the script leaves; it must say where that is."""
    out = outputs.parent / f"comparison of {'-'.join(words)}".replace("=", " ")
    assert compare.main([*words, f"paths.outputs={outputs}", f"out={out}"]) == 0
    return out


def numbers(folder: Path) -> Any:
    return json.loads((folder / "comparison.json").read_text())


def page(folder: Path) -> Page:
    return Page((folder / "index.html").read_text())
