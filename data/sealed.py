"""JSON objects that carry the digest of their own content, so that a single changed bit is found when they are read."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SEAL = "content_sha256"
LENGTH = 64  # of a seal, in hexadecimal digits


def seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """The object with its seal: the SHA-256 of all its other keys, whatever their order."""
    read_back = json.loads(json.dumps(content))  # keys that are numbers are strings then, in another order
    return {**content, SEAL: _digest(read_back)}


def is_whole(content: Mapping[str, Any]) -> bool:
    """Whether the seal is that of the content.

    An object without one counts as whole, as older files have none; but not one whose seal stands under another name,
    where the bit that was lost is one of its name's.
    """
    if SEAL in content:
        return content[SEAL] == _digest(content)
    digests = [key for key, value in content.items() if isinstance(value, str) and len(value) == LENGTH]
    return not any(content[key] == _digest(content, key) for key in digests)


def _digest(content: Mapping[str, Any], seal: str = SEAL) -> str:
    """Of all but the seal."""
    rest = {key: value for key, value in content.items() if key != seal}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
