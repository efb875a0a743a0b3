"""`result.json`, a finished run's last file, whose presence means finished. Reading it takes no PyTorch.

It carries its own digest and those of the files beside it that hold what the run found, so that a truncated file or a
flipped bit is named and never read as a number. Results of schema 1, which have no digests, are read too.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.sealed import SEAL
from experiments.errors import UserError
from experiments.plain_files import read_json

SCHEMA = 2
READ = (1, 2)
# Files of a finished run whose digests its result holds, with what makes each of them anew.
BOTH = "remove it and result.json, and give the run's command again, which makes both anew from the checkpoint"
REMEDIES = {
    "config.yaml": BOTH,
    "metrics.csv": "remove the folder and repeat the run",
    "predictions.npz": BOTH,
}
ANEW = "remove it and give the run's command again, which makes it anew from the checkpoint"


def read(folder: Path) -> dict[str, Any] | None:
    """The content of a finished run's `result.json`, or None.

    Raises:
        UserError: when the file is damaged, or another version of normlab wrote it.
    """
    path = folder / "result.json"
    try:
        content = read_json(path, ANEW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not isinstance(content, dict) or content.get("schema") not in READ:
        schema = content.get("schema") if isinstance(content, dict) else None
        versions = " and ".join(map(str, READ))
        raise UserError(
            f"{path} has schema {schema}, this version of normlab reads {versions}; if it is not of a newer version, "
            f"{ANEW}"
        )
    if content["schema"] > 1 and not (SEAL in content and "files" in content):
        raise UserError(f"{path} is damaged (it lacks digests); {ANEW}")
    return content


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of the files that a result vouches for, by their names."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in REMEDIES}


def file_of(folder: Path, name: str, found: Mapping[str, Any] | None) -> bytes:
    """The content of a run's file, as its result vouches for it.

    Args:
        found: the run's result; None of a run that goes on, whose files nothing vouches for yet.

    Raises:
        UserError: when the file is missing, cannot be read, or is not what the run wrote.
    """
    path = folder / name
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing; {REMEDIES[name]}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); {REMEDIES[name]}") from None
    expected = (found or {}).get("files", {}).get(name)
    if expected is not None and hashlib.sha256(content).hexdigest() != expected:
        raise UserError(f"{path} is damaged (it is not what the run wrote); {REMEDIES[name]}")
    return content
