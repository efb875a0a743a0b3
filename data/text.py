"""Next-character prediction on a text that comes with Python: the help texts of its language (pydoc_data/topics.py).

A sample is a window of T characters and its label the character that follows. Characters are stored as codes, uint8, in
the form of an image of one row and one channel, so that everything that takes images takes them. The text differs
between versions of Python: its sha256 stands among the dataset's digests as `text`.
"""

import hashlib
import importlib
from pathlib import Path

import numpy as np

from data.dataset import Dataset, Split, channel_statistics, split_digests

CHUNK = 2500  # characters; every tenth chunk is for testing
UNKNOWN = "?"  # in place of what is neither printable ASCII nor a line's end
NAMES = {" ": "space", "\n": "newline"}


def text(root: Path, *, window: int, num_train: int, num_test: int) -> Dataset:
    """Made in memory; `root` is not used. Images are (1, 1, window) codes; there is a class for each character.

    The text is cut into chunks of 2,500 characters, every tenth of which is for testing. No window reaches over the end
    of a chunk, its label included, so that no test character is ever trained on. In each part the windows begin at
    evenly spaced places; where they are many they overlap. window: characters in a sample, from 1 to 1000.

    Raises ValueError where this Python has no such text, for a window out of range, and for more samples than places.
    """
    if not 1 <= window <= 1000:
        raise ValueError(f"dataset.window={window} is not between 1 and 1000 characters")
    content = help_texts()
    characters = sorted(set(content))
    code_of = {character: code for code, character in enumerate(characters)}
    codes = np.array([code_of[character] for character in content], dtype=np.uint8)
    places = np.arange(len(codes) - window)
    places = places[places // CHUNK == (places + window) // CHUNK]  # a window and its label in one chunk
    for_testing = places // CHUNK % 10 == 9
    train = _windows(codes, places[~for_testing], window, num_train, "num_train")
    test = _windows(codes, places[for_testing], window, num_test, "num_test")
    mean, std = channel_statistics(train.images)
    return Dataset(
        name="text",
        classes=tuple(NAMES.get(character, character) for character in characters),
        train=train,
        test=test,
        validation=None,
        mean=mean,
        std=std,
        digests=split_digests(train, test) | {"text": hashlib.sha256(content.encode()).hexdigest()},
        codes=True,
    )


def help_texts() -> str:
    """The help texts of this Python's language in the order of their names, in printable ASCII and line ends.

    A paragraph that occurs in several of them (two fifths of the text) stands once, where it occurs first; otherwise
    much of what is tested would have been trained on.
    """
    try:
        topics = importlib.import_module("pydoc_data.topics").topics
    except (ImportError, AttributeError) as error:
        raise ValueError(
            "dataset=text reads the help texts in pydoc_data/topics.py, which this installation of Python lacks: "
            "install its standard library whole, or choose another dataset"
        ) from error
    paragraphs: dict[str, str] = {}
    for name in sorted(topics):
        for paragraph in topics[name].split("\n\n"):
            paragraphs.setdefault(" ".join(paragraph.split()), paragraph)
    content = "\n\n".join(paragraphs.values())
    return "".join(one if one == "\n" or " " <= one <= "~" else UNKNOWN for one in content)


def _windows(codes: np.ndarray, places: np.ndarray, window: int, count: int, key: str) -> Split:
    """`count` windows of codes (L,) that begin at some of the places, evenly spaced, and the code after each."""
    if not 1 <= count <= len(places):
        raise ValueError(
            f"dataset.{key}={count} is not between 1 and {len(places)}, the places where a window can begin"
        )
    begins = places[np.arange(count) * len(places) // count]
    images = codes[begins[:, None] + np.arange(window)]  # (N, T)
    return Split(images[:, None, :, None], codes[begins + window])
