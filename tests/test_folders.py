"""Folders are replaced as a whole or not at all."""

import os
from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.folders import check_replaceable, replaced


def everything(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_new_takes_the_place_of_the_old(tmp_path):
    for content in ("one", "two"):
        with replaced(tmp_path / "a" / "b") as fresh:
            (fresh / content).write_text(content)
            assert not (tmp_path / "a" / "b" / "two").exists()
        assert everything(tmp_path) == {f"a/b/{content}": content}


def test_a_failure_changes_nothing(tmp_path):
    with replaced(tmp_path / "old") as fresh:
        (fresh / "kept").write_text("kept")

    def fail(folder: Path) -> None:
        with replaced(folder) as fresh:
            (fresh / "new").write_text("new")
            raise RuntimeError("half-way")

    for folder in (tmp_path / "old", tmp_path / "not" / "there" / "yet"):
        with pytest.raises(RuntimeError, match="half-way"):
            fail(folder)
    assert everything(tmp_path) == {"old/kept": "kept"}
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_the_old_comes_back_when_the_new_cannot_be_moved(tmp_path, monkeypatch):
    with replaced(tmp_path / "old") as fresh:
        (fresh / "kept").write_text("kept")
    real = os.replace

    def refuse_the_new(source: Path, target: Path) -> None:
        if source.name.endswith(".tmp"):
            raise OSError("no")
        real(source, target)

    monkeypatch.setattr(os, "replace", refuse_the_new)
    with pytest.raises(OSError, match="no"), replaced(tmp_path / "old") as fresh:
        (fresh / "new").write_text("new")
    assert everything(tmp_path) == {"old/kept": "kept"}


def test_what_may_be_replaced(tmp_path):
    check_replaceable(tmp_path / "absent", ["a"])
    (tmp_path / "a").write_text("")
    check_replaceable(tmp_path, ["a", "b"])
    with pytest.raises(UserError, match="holds a"):
        check_replaceable(tmp_path, ["b"])
    with pytest.raises(UserError, match="is a file"):
        check_replaceable(tmp_path / "a", ["a"])
