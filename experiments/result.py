"""`result.json`, a finished run's last file, whose presence means finished. Reading it takes no PyTorch."""

import json
from pathlib import Path
from typing import Any

SCHEMA = 1


def read(folder: Path) -> dict[str, Any] | None:
    """The content of a finished run's `result.json`, or None."""
    try:
        return json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
