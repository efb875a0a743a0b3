"""What becomes of files on a bad disk: they end too soon, hold something else, or have lost a bit."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

Damage = Callable[[bytes], bytes]
GARBAGE = b"<html>not found</html>"


def flipped(content: bytes, bit: int) -> bytes:
    """The same with one bit turned over."""
    raw = bytearray(content)
    raw[bit // 8] ^= 1 << bit % 8
    return bytes(raw)


def damages(path: Path, flips: int, draw: random.Random) -> Iterator[tuple[str, bytes | None]]:
    """What the file may hold afterwards, each with the name of the damage; None is a file that is gone.

    Args:
        flips: how many single bits are turned over, each alone, at places drawn from the whole file.
    """
    content = path.read_bytes()
    yield "gone", None
    yield "empty", b""
    yield "half of it", content[: len(content) // 2]
    yield "without its last byte", content[:-1]
    yield "garbage", GARBAGE
    for _ in range(flips):
        yield "one bit", flipped(content, draw.randrange(8 * len(content)))
