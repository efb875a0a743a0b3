"""Windows of a text: cut where they say, the next character as their label, nothing tested that was trained on."""

import hashlib
import sys
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import words_of

from data import text as module
from data.text import help_texts, text

SETTINGS = {"window": 7, "num_train": 3000, "num_test": 400}


def made(**settings):
    return text("unused", **SETTINGS | settings)


def strings(dataset, split) -> list[str]:
    """Each window with the character after it."""
    back = {"space": " ", "newline": "\n"}
    characters = np.array([back.get(name, name) for name in dataset.classes])
    windows = np.concatenate((split.images[:, 0, :, 0], split.labels[:, None]), axis=1)
    return ["".join(row) for row in characters[windows]]


@pytest.fixture
def made_up(monkeypatch):
    """made_up(content): a Python whose help is this."""
    return lambda content: monkeypatch.setattr(module, "help_texts", lambda: content)


def test_windows_are_the_text_s_own():
    dataset, content = made(), help_texts()
    assert dataset.image_shape == (1, 1, 7)
    assert dataset.num_classes == len(set(content)) <= 96
    for split in (dataset.train, dataset.test):
        assert all(window in content for window in strings(dataset, split))
    assert dataset.digests["text"] == hashlib.sha256(content.encode()).hexdigest()
    assert dataset.codes


def test_chunks_are_for_training_or_for_testing(made_up):
    """Every chunk of 2,500 characters has a letter of its own."""
    made_up("".join("abcdefghij"[place // 2500] for place in range(25_000)))
    train, test = (strings(made(), split) for split in (made().train, made().test))
    assert set("".join(train)) == set("abcdefghi")
    assert set("".join(test)) == {"j"}
    assert all(len(set(window)) == 1 for window in train)  # none across two chunks


def test_every_place_is_taken_where_as_many_are_asked_for(made_up):
    made_up("".join(chr(33 + place % 89) for place in range(25_000)))
    places = 2500 - 7
    dataset = made(num_test=places)
    found = strings(dataset, dataset.test)
    assert found[0] == "".join(chr(33 + (22_500 + k) % 89) for k in range(8))
    assert found[-1] == "".join(chr(33 + k % 89) for k in range(25_000 - 8, 25_000))
    with pytest.raises(ValueError, match=r"dataset\.num_test=2494 is not between 1 and \d+"):
        made(num_test=2494)


def test_windows_begin_at_evenly_spaced_places(made_up):
    made_up("".join(chr(33 + place % 89) for place in range(25_000)))
    dataset = made(num_test=50)
    begins = [ord(window[0]) for window in strings(dataset, dataset.test)]
    assert {(later - earlier) % 89 for earlier, later in pairwise(begins)} == {49, 50}


def test_paragraphs_stand_once_and_other_characters_are_replaced(monkeypatch):
    topics = {"b": "one\n\n two  words\n\nthree", "a": "two words\n\n“four” – ünf"}
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", SimpleNamespace(topics=topics))
    assert help_texts() == "two words\n\n?four? ? ?nf\n\none\n\nthree"


def test_little_of_what_is_tested_was_trained_on():
    dataset = made(window=32, num_train=300_000, num_test=2000)
    known = set(strings(dataset, dataset.train))
    assert np.mean([window in known for window in strings(dataset, dataset.test)]) < 0.1


@pytest.mark.parametrize("absent", [None, SimpleNamespace()])
def test_a_python_without_the_text_is_told(monkeypatch, absent):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", absent)
    with pytest.raises(ValueError, match=r"pydoc_data/topics\.py.*lacks"):
        made()


@pytest.mark.parametrize(("key", "value"), [("window", 0), ("window", 1001), ("num_train", 0), ("num_test", 10**6)])
def test_sizes_out_of_range_are_refused(key, value):
    with pytest.raises(ValueError, match=f"dataset.{key}={value} is not between 1 and"):
        made(**{key: value})


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("dataset.scaling=unit", "dataset.scaling=unit"),
        ("dataset.augmentation.horizontal_flip=true", "dataset.augmentation"),
        ("model.input_norm=true", "model.input_norm=true"),
        ("model.norm_position=after", "model.norm_position=after"),
        ("probes=[corruptions]", "probes=[corruptions] corrupts pictures"),
    ],
)
def test_codes_stay_as_they_are(train_py, outputs, word, said):
    words = [one for one in words_of(outputs) if not one.startswith("dataset")]
    found = train_py(*words, "dataset=text", "model=lstm", word)
    assert found.code == 2
    assert found.err.count("\n") == 1
    assert said in found.err
    assert not (outputs / "runs").exists()
