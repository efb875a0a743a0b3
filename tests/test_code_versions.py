"""The digests by which results of different code are told apart."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from killed_runs import killed_after_saving

from experiments import code_versions, loop
from experiments.code_versions import continued, differing, loaded
from experiments.job import perform
from experiments.studies.summary import mixed

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


def test_a_module_that_changed_while_a_run_was_interrupted_has_both_digests(caplog):
    before = {"a": "1", "b": "2", "gone": "9"}
    assert continued(before, {"a": "1", "b": "2", "new": "5"}) == before | {"new": "5"}
    assert not caplog.text
    once = continued(before, {"a": "1", "b": "3"})
    assert once == before | {"b": "2+3"}
    assert "the code has changed since the checkpoint (b)" in caplog.text
    assert continued(once, {"a": "1", "b": "3"}) == once
    assert continued(once, {"a": "1", "b": "4"})["b"] == "2+3+4"
    assert continued(once, {"a": "1", "b": "2"}) == once  # changed back: what was computed meanwhile stays
    assert differing([once]) == ["b"]
    assert differing([once, once]) == ["b"]


def test_a_run_that_is_resumed_by_other_code_says_so_and_no_verdict_is_made_of_it(compose, monkeypatch, caplog):
    config = compose("epochs=3")
    killed_after_saving(monkeypatch, config, 1)
    honest = code_versions.digest
    changed = Path(loop.__file__)
    monkeypatch.setattr(code_versions, "digest", lambda path: "0badc0de" if path == changed else honest(path))
    result = perform(config)
    assert "the code has changed since the checkpoint (experiments.loop)" in caplog.text
    assert result["environment"]["code"]["experiments.loop"] == f"{honest(changed)}+0badc0de"
    assert mixed([result]) == ["experiments.loop"]
