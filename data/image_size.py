"""How many pixels an image file claims to have, read from its head before any memory is taken for them."""

from collections.abc import Sequence

LARGEST = 178_956_970  # pixels, where Pillow refuses an image too; the largest cameras make 151 million
JPEG = b"\xff\xd8\xff"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the markers of segments that say the size
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment


def jpeg_size(content: Sequence[int]) -> tuple[int, int] | None:
    """Height and width of a JPEG file, found as decoders find them; None where nothing says them."""
    place, end = 2, len(content)
    while place < end:
        while place < end and content[place] != 0xFF:  # what stands between segments is passed over
            place += 1
        while place < end and content[place] == 0xFF:
            place += 1
        if place + 8 > end:
            return None
        marker, place = content[place], place + 1
        if marker in _FRAMES:
            return _number(content, place + 3), _number(content, place + 5)
        if marker not in _BARE and marker != 0:
            place += max(_number(content, place), 2)
    return None


def _number(content: Sequence[int], place: int) -> int:
    return int(content[place]) << 8 | int(content[place + 1])
