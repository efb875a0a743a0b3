"""Run checks and keep what they found, a JSON file each; those whose code has not changed since are only read.

`outputs`/checks/NAME.json:

    schema, check      1, and the check's name
    holds              whether the claim is right as the documents state it
    sentence, numbers  what was found
    commit, clean      the state of the checkout that found it
    seconds            how long that took
    code, torch        the digest of the code that can change it, and PyTorch's version; other ones: it is run again
"""

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from data.plain_files import Unreadable, read_json
from data.sealed import seal
from experiments import atomic, code_versions
from experiments.checks import registry
from experiments.checks.made_up_numbers import seeded
from experiments.checks.registry import Check
from experiments.environment import environment
from experiments.errors import UserError, known, nearest
from experiments.paths import check_outputs

SCHEMA = 1
KEYS = ("schema", "check", "holds", "sentence", "numbers", "seconds", "commit", "clean", "code", "torch")
log = logging.getLogger("normlab")


def run_checks(names: Sequence[str] | None, outputs: Path) -> list[dict[str, Any]]:
    """Run the checks called `names`, or all for None, in that order; print a line each and return what the files hold.

    Raises:
        UserError: for a name that no check has, before anything is run, and for `outputs` that cannot be written to.
    """
    there = registry.checks()
    chosen = list(there) if names is None else list(dict.fromkeys(names))
    for name in chosen:
        if name not in there:
            raise UserError(f"there is no check {name!r}. {nearest(name, there)}{known(there)}")
    check_outputs(str(outputs))
    folder = outputs / "checks"
    folder.mkdir(parents=True, exist_ok=True)
    state = environment(torch.device("cpu"))
    contents = []
    width = max((len(name) for name in chosen), default=0)
    for name in chosen:
        path, code = folder / f"{name}.json", version(there[name])
        content = read(path)
        current = content is not None and (content["code"], content["torch"]) == (code, torch.__version__)
        if content is None or not current:
            content = _found(name, there[name]) | {
                "commit": state["commit"],
                "clean": state["clean"],
                "code": code,
                "torch": torch.__version__,
            }
            atomic.write_text(path, json.dumps(seal(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        log.info(
            "%-*s  %-5s  %8s  %s",
            width, name, "right" if content["holds"] else "wrong",
            "as before" if current else f"{content['seconds']:.2f} s", content["sentence"],
        )  # fmt: skip
        contents.append(content)
    right = sum(content["holds"] for content in contents)
    log.info(
        "claims checked: %d, right as stated: %d, wrong: %d; in %s", len(contents), right, len(contents) - right, folder
    )
    return contents


def version(check: Check) -> str:
    """Eight hexadecimal digits that change with the code that can change what a check finds."""
    digests = [f"{path.name} {code_versions.digest(path)}" for path in registry.sources(check)]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:8]


def read(path: Path) -> dict[str, Any] | None:
    """What a check left, or None where it has not run, or its file is damaged or of another version's form."""
    try:
        content = read_json(path)
    except (FileNotFoundError, Unreadable):
        return None
    whole = isinstance(content, dict) and content.get("schema") == SCHEMA and set(KEYS) <= set(content)
    return {key: content[key] for key in KEYS} if whole else None


def _found(name: str, check: Check) -> dict[str, Any]:
    began = time.perf_counter()
    with seeded():  # a check seeds what it draws; one that forgot is the same every time all the same
        evidence = check()
    return {
        "schema": SCHEMA,
        "check": name,
        "holds": evidence.holds,
        "sentence": evidence.sentence,
        "numbers": {key: float(value) for key, value in evidence.numbers.items()},
        "seconds": time.perf_counter() - began,
    }
