"""Values of settings as they are written on the command line."""

from typing import Any

WORDS = {None: "null", True: "true", False: "false"}


def written(value: Any) -> str:
    """null, true and false as YAML has them, everything else as Python prints it."""
    return WORDS[value] if value is None or isinstance(value, bool) else str(value)
