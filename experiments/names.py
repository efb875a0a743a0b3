"""The names of a run's parts, of which the name of its folder is made."""

from typing import Any

from experiments.errors import UserError
from experiments.written import written

LONGEST = 64  # bytes; a file system takes 255 for the three of them with seed and hash


def check_names(config: dict[str, Any]) -> None:
    """See that norm, model and dataset have names that a folder's name can hold.

    Raises:
        UserError: for the first that has not.
    """
    for group in ("norm", "model", "dataset"):
        name = config[group].get("name")
        whole = isinstance(name, str) and 0 < len(name.encode(errors="surrogateescape")) <= LONGEST
        if not whole or not name.isprintable() or any(sign in name for sign in "/\\"):
            shown = written(name)[:LONGEST]
            raise UserError(
                f"{group}.name={shown!r}: name it in up to {LONGEST} bytes, printable and without a slash, for the "
                "run's folder is named after it"
            )
