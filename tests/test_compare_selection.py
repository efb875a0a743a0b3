"""Which runs a comparison takes: by name, by pattern, by two values of a setting; one clear line for each mistake."""

import shutil
from pathlib import Path

import pytest
from edited_results import edit_result
from runs_of_logits import logits, run_of

from experiments.compare.differing import ABSENT, same, shown
from experiments.compare.naming import folder_name, short_names
from experiments.compare.selection import Selection, select
from experiments.errors import UserError
from experiments.script import split


def chosen(lab: Path, *words: str) -> Selection:
    return select(split(words), lab)


def named(lab: Path, pattern: str) -> str:
    (found,) = (lab / "runs").glob(pattern)
    return found.name


def seeds_and_norms(selection: Selection) -> list[list[tuple[str, int]]]:
    return [[(run.config["norm"]["name"], run.seed) for run in side] for side in (selection.a, selection.b)]


@pytest.fixture
def own(lab: Path, tmp_path: Path) -> Path:
    """A copy of the runs that a test may damage."""
    return Path(shutil.copytree(lab, tmp_path / "outputs"))


def batches_of(lab: Path, size: int) -> str:
    """The name of the run with bn, seed 0 and batches of `size`."""
    return chosen(lab, "norm=bn,none", "seed=0", "batch_size=8").a[0].name if size == 8 else _other(lab)


def _other(lab: Path) -> str:
    eight = batches_of(lab, 8)
    return next(path.name for path in (lab / "runs").glob("*-bn-seed0-*") if path.name != eight)


def test_two_names_are_a_pair(lab: Path) -> None:
    selection = chosen(lab, named(lab, "*-none-seed1-*"), named(lab, "*-bn-seed1-*"))
    assert selection.is_pair
    assert seeds_and_norms(selection) == [[("none", 1)], [("bn", 1)]]


def test_a_run_may_be_compared_with_itself(lab: Path) -> None:
    name = named(lab, "*-none-seed1-*")
    selection = chosen(lab, name, str(lab / "runs" / name))
    assert selection.is_pair
    assert selection.differing == []
    assert short_names(selection) == ("A", "B")


def test_patterns_are_groups(own: Path) -> None:
    shutil.rmtree(own / "runs" / batches_of(own, 4))
    selection = chosen(own, "*-none-*", "*-bn-*")
    assert not selection.is_pair
    assert seeds_and_norms(selection) == [[("none", 0), ("none", 1)], [("bn", 0), ("bn", 1)]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["norm=bn,none", "batch_size=8"], [[("bn", 0), ("bn", 1)], [("none", 0), ("none", 1)]]),
        (["batch_size=4,8", "norm=bn", "seed=0"], [[("bn", 0)], [("bn", 0)]]),
        (["seed=1,0", "norm=none", "model=small_cnn", "dataset.image_size=8"], [[("none", 1)], [("none", 0)]]),
        (["norm=bn,none", "batch_size=8.0", "seed=0", "model.width=2.5e-1"], [[("bn", 0)], [("none", 0)]]),
        (["norm=none,bn", "steps=null", "batch_size=8", "recipe.augment=true", "seed=0"], [[("none", 0)], [("bn", 0)]]),
    ],
)
def test_two_values_of_a_setting_split_the_runs(lab: Path, words: list[str], expected: list) -> None:
    assert seeds_and_norms(chosen(lab, *words)) == expected


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["a"], ["1 names are given", "run A and run B", "quotes"]),
        (["a", "b", "c"], ["3 names are given (a, b, c)"]),
        (["*-bn-*", "*-none-*", "seed=0"], ["seed=0 beside names of runs"]),
        (["*-bm-*", "*-none-*"], ["no run matches '*-bm-*'"]),
        (["*-bn-*", "*-none-*"], ["*-bn-*", "2 configurations", "batch_size", "choose one configuration"]),
        (["norm=bn,none"], ["norm=bn means runs of 2 configurations", "batch_size (", "8", "4"]),
        (["*-none-*", "*-none-seed*"], ["is on both sides", "name each run once"]),
        (["*-bn-seed1-*", "*-none-*"], ["*-bn-seed1-* is one run and *-none-* is 2 runs"]),
        (["norm=bn"], ["no setting names two values", "norm=bn,ln"]),
        (["norm=bn,none", "seed=0,1"], ["norm=bn,none seed=0,1 names other than two"]),
        (["norm=bn,ln,none"], ["norm=bn,ln,none names other than two"]),
        (["norm=bn,ln", "batch_size=8"], ["has norm=ln; there are bn, none"]),
        (["norm=bn,none", "batch_size=16"], ["has batch_size=16; there are 4, 8"]),
        (
            ["norm=bn,none", "batch_size=4"],
            ["none under", "has batch_size=4; there are 8", "of the runs with norm=none"],
        ),
        (["norm=bn,none", "batchsize=8"], ["batchsize is not a setting", "Did you mean batch_size?"]),
        (["norm=bn,none", "initialization=he"], ["it is a group of settings", "initialization.scheme"]),
        (["norm=bn,none", "batch_size=[8"], ["batch_size=[8 cannot be read"]),
    ],
)
def test_mistakes_are_one_line(lab: Path, words: list[str], parts: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        chosen(lab, *words)
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == [], message


def test_no_runs_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no runs; name the folder with paths\.outputs=DIR"):
        chosen(tmp_path, "norm=bn,none")


@pytest.mark.parametrize("words", [["*-none-*", "*-bn-seed1-*"], ["norm=none,bn", "batch_size=8"]])
def test_an_unfinished_run_is_refused_however_it_is_chosen(own: Path, words: list[str]) -> None:
    name = named(own, "*-none-seed1-*")
    (own / "runs" / name / "result.json").unlink()
    with pytest.raises(UserError, match=f"{name} is not finished: it has no result.json"):
        chosen(own, *words)


@pytest.mark.parametrize("words", [["*-none-*", "*-bn-seed1-*"], ["norm=none,bn", "batch_size=8"]])
def test_a_diverged_run_is_refused_however_it_is_chosen(own: Path, words: list[str]) -> None:
    edit_result(own / "runs" / named(own, "*-none-seed1-*"), status="diverged", diverged_at=3)
    with pytest.raises(UserError, match="has diverged at step 3"):
        chosen(own, *words)


def test_a_copy_of_a_run_does_not_count_as_a_second_seed(own: Path) -> None:
    name = named(own, "*-none-seed1-*")
    shutil.copytree(own / "runs" / name, own / "runs" / f"{name}-copy")
    with pytest.raises(UserError, match=r"\*-none-\* means seed 1 twice"):
        chosen(own, "*-none-*", "*-bn-seed1-*")


def test_settings_that_differ_and_the_names_made_of_them(lab: Path) -> None:
    selection = chosen(lab, "norm=bn,none", "batch_size=8")
    rows = {row.key: row.values for row in selection.differing}
    assert rows == {"norm": ("bn", "none"), "norm.momentum": (0.1, ABSENT), "norm.eps": (1e-5, ABSENT)} | {
        "norm.affine": (True, ABSENT)
    }
    assert short_names(selection) == ("A · bn", "B · none")
    seeds = chosen(lab, "seed=0,1", "norm=none")
    assert short_names(seeds) == ("A · seed=0", "B · seed=1")
    sizes = chosen(lab, batches_of(lab, 8), batches_of(lab, 4))
    assert short_names(sizes) == ("A · batch_size=8", "B · batch_size=4")


def test_what_was_only_written_down_is_no_part_of_a_name() -> None:
    probed, plain = run_of(logits(1), "probes=[modes]"), run_of(logits(2), "norm=none")
    selection = Selection((probed,), (plain,))
    assert "probes" in {row.key for row in selection.differing}
    assert short_names(selection) == ("A · bn", "B · none")


def test_folders_are_named_for_both_sides_and_never_shared(lab: Path, tmp_path: Path) -> None:
    pair = chosen(lab, "norm=bn,none", "batch_size=8", "seed=0")
    assert folder_name(pair, lab) == f"{pair.a[0].name}--{pair.b[0].name}"
    groups = chosen(lab, "norm=bn,none", "batch_size=8")
    assert folder_name(groups, lab) == f"{groups.a[0].group}-seeds0.1--{groups.b[0].group}-seeds0.1"
    copy = Path(shutil.copytree(lab / "runs" / pair.a[0].name, tmp_path / "runs" / pair.a[0].name))
    elsewhere = chosen(lab, pair.a[0].name, str(copy))
    itself = chosen(lab, pair.a[0].name, pair.a[0].name)
    assert folder_name(elsewhere, lab) != folder_name(itself, lab)
    odd = Path(shutil.copytree(copy, tmp_path / "runs" / f"a b:{'x' * 120}"))
    name = folder_name(chosen(lab, str(odd), pair.a[0].name), lab)
    assert len(name) < 200
    assert not set(name) & set(' :/\\*"')


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (True, True, True),
        (0, False, False),
        (None, None, True),
        (None, 0, False),
        ([0.9, 1], [0.9, 1.0], True),
        ([1], [1, 2], False),
        ("he", "he", True),
    ],
)
def test_values_are_compared_as_yaml_values(one: object, other: object, equal: bool) -> None:
    assert same(one, other) is equal


def test_values_are_shown_as_they_are_typed() -> None:
    values = [None, True, 1e-5, 0.1, 128, [0.9, 0.999], "he", ABSENT]
    assert [shown(value) for value in values] == ["null", "true", "1e-05", "0.1", "128", "[0.9,0.999]", "he", "–"]
