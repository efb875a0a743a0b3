"""Whether results can be written where they should go, found out before anything is computed."""

import os
from pathlib import Path

from experiments.errors import UserError


def check_outputs(outputs: str) -> None:
    """Look at the folder `outputs`, or at what exists of the way to it; makes nothing.

    Raises:
        UserError: when it is no folder, or one that cannot be written to.
    """
    path = Path(outputs).absolute()
    existing = next(place for place in (path, *path.parents) if place.exists())
    if not existing.is_dir():
        raise UserError(f"paths.outputs={outputs}: {existing} is a file; name a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"paths.outputs={outputs}: {existing} cannot be written to; name another folder")
