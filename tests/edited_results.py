"""Files that a test has changed on purpose: with the digests that such files would have."""

import json
from pathlib import Path
from typing import Any

from data.sealed import SEAL, seal
from experiments import result


def resealed(path: Path, **changes: Any) -> None:
    """Other values in a JSON file, as if it had been written with them."""
    content = {key: value for key, value in json.loads(path.read_text()).items() if key != SEAL}
    path.write_text(json.dumps(seal(content | changes)))


def edit_result(folder: Path, **changes: Any) -> None:
    """Other values in a run's result.json, and the digests of its files as they are now."""
    resealed(folder / "result.json", **{"files": result.digests(folder)} | changes)


def of_schema_1(folder: Path) -> None:
    """As the first release wrote it, without digests."""
    path = folder / "result.json"
    content = json.loads(path.read_text())
    del content["files"], content[SEAL]
    path.write_text(json.dumps(content | {"schema": 1}))
