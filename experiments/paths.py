"""Where results go, and whether they can be written there, found out before anything is computed."""

import os
from pathlib import Path

from experiments.errors import UserError
from experiments.plain_files import read_yaml

CONF = Path(__file__).resolve().parent.parent / "conf"


def default_outputs() -> str:
    """The folder of all runs where none is named, as `conf/config.yaml` says."""
    return _defaults()["outputs"]


def default_data() -> str:
    """The same of the datasets' folder."""
    return _defaults()["data"]


def _defaults() -> dict[str, str]:
    return read_yaml(CONF / "config.yaml", "it comes with normlab: mend it, or fetch it again")["paths"]


def check_outputs(outputs: str, setting: str = "paths.outputs") -> None:
    """Look at the folder `outputs`, or at what exists of the way to it; makes nothing.

    Args:
        setting: what the user gave it by.

    Raises:
        UserError: when it is no folder, or one that cannot be written to.
    """
    path = Path(outputs).absolute()
    existing = next(place for place in (path, *path.parents) if place.exists())
    if not existing.is_dir():
        raise UserError(f"{setting}={outputs}: {existing} is a file; name a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"{setting}={outputs}: {existing} cannot be written to; name another folder")
