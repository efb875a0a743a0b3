"""Objects with their digest: every bit of their text."""

import json

from data.plain_files import Unreadable, parse_json
from data.sealed import SEAL, is_whole, seal

CONTENT = {"schema": 1, "numbers": {"a": 0.1, "b": None}, "names": ["bn", "ln"], "digest": "0" * 64, "clean": True}


def test_no_bit_is_lost_unseen():
    """Those of the seal's own name among them; where a blank becomes another one, the content is the same."""
    text = (json.dumps(seal(CONTENT), indent=1) + "\n").encode()
    whole, passed = parse_json(text.decode()), 0
    for bit in range(8 * len(text)):
        damaged = bytearray(text)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            assert parse_json(damaged.decode()) == whole, bytes(damaged)
            passed += 1
        except (Unreadable, UnicodeDecodeError):
            continue
    assert passed < 8 * len(text) / 100


def test_older_files_have_no_seal():
    assert is_whole(CONTENT)
    assert is_whole({})
    assert seal(CONTENT).keys() - CONTENT.keys() == {SEAL}
