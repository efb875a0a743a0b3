"""The file that a benchmark leaves: everything that was measured, with what it was measured on."""

import json
import re
from pathlib import Path
from typing import Any

from experiments import atomic
from experiments.errors import UserError
from experiments.plain_files import read_json

KIND = "normlab benchmark"
SCHEMA = 1


def stem(content: dict[str, Any], folder: Path | None, outputs: Path) -> Path:
    """Where the files go, without their endings: `<outputs>/benchmark/<device>-<commit>`, or in `folder` if given."""
    if folder is not None:
        return folder / "benchmark"
    device = re.sub(r"[^a-z0-9]+", "-", str(content["hardware"]["device_name"]).lower()).strip("-")
    return outputs / "benchmark" / f"{device}-{(content['commit'] or 'unknown')[:10]}"


def write(path: Path, content: dict[str, Any]) -> None:
    """Write the JSON file, whole or not at all; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read(path: Path) -> dict[str, Any]:
    """The content of a benchmark's file.

    Raises:
        UserError: when there is none, or when it is something else.
    """
    try:
        content = read_json(path, "name the JSON file of a benchmark")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); name the JSON file of a benchmark") from None
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise UserError(f"{path} is no benchmark; name the JSON file that a benchmark wrote")
    if content.get("schema") != SCHEMA:
        raise UserError(f"{path} has schema {content.get('schema')}, this version of normlab reads {SCHEMA}")
    return content
