"""The digests by which results of different code are told apart."""

import sys
from types import ModuleType

import pytest

from experiments import code_versions
from experiments.code_versions import differing, loaded

SOURCE = '"""What it does."""\n\n\ndef double(x):\n    """Twice x."""\n    return 2 * x  # of course\n'


@pytest.fixture
def digest_of(tmp_path, monkeypatch):
    """The digest of a module `models.made_up` of the given text."""

    def digest(text: str) -> str:
        code_versions.digest.cache_clear()
        module = ModuleType("models.made_up")
        module.__file__ = str(tmp_path / "made_up.py")
        (tmp_path / "made_up.py").write_text(text)
        monkeypatch.setitem(sys.modules, "models.made_up", module)
        return loaded()["models.made_up"]

    return digest


def test_words_and_layout_do_not_count(digest_of):
    first = digest_of(SOURCE)
    assert len(first) == 8
    assert digest_of("def double(x):\n    return 2*x\n") == first
    assert digest_of(SOURCE.replace("2 * x", "3 * x")) != first


def test_a_run_records_what_computed_it(made):
    code = made().result["environment"]["code"]
    assert {"data.synthetic", "experiments.loop", "experiments.step", "models.norms.batch_norm"} <= set(code)
    assert not any(name.startswith(("experiments.report", "experiments.studies", "experiments.job")) for name in code)


def test_what_only_one_loaded_does_not_differ():
    assert differing([{"a": "1", "b": "2"}, {"a": "1", "c": "3"}, {}]) == []
    assert differing([{"a": "1", "b": "2"}, {"b": "3", "a": "1"}, {"c": "4"}]) == ["b"]
