"""The inference modes of both sides in one table: one run a side, several, and files that are missing or damaged."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from comparisons import PAIR, compared, numbers, page

from experiments.compare.figures.modes import batch_figure
from experiments.compare.modes import compare_modes, read_modes
from experiments.finished import FinishedRun, open_run


def row(mode: str, code: str, size: int | None, accuracy: float | None, sd: float | None = None) -> dict[str, Any]:
    """A mode as scripts/evaluate.py writes it; without an accuracy it is one that has no meaning here."""
    scores = None if accuracy is None else {"accuracy": {"mean": accuracy, "sd": sd}, "churn": {"mean": 0.25, "sd": sd}}
    return {"mode": mode, "code": code, "batch_size": size, "scores": scores}


def leave(folder: Path, *rows: dict[str, Any], schema: int = 1) -> None:
    (folder / "modes.json").write_text(json.dumps({"schema": schema, "modes": list(rows)}))


@pytest.fixture
def runs(lab: Path, tmp_path: Path) -> list[FinishedRun]:
    """bn with seed 1, and none with seeds 0 and 1, in a copy."""
    outputs = Path(shutil.copytree(lab, tmp_path / "outputs"))
    patterns = ("*-bn-seed1-*", "*-none-seed0-*", "*-none-seed1-*")
    return [open_run(next((outputs / "runs").glob(pattern))) for pattern in patterns]


def test_modes_stand_in_their_order_with_both_sides(runs: list[FinishedRun]) -> None:
    bn, none, _ = runs
    leave(bn.folder, row("running", "M1", None, 0.9), row("batch", "M3(8)", 8, 0.7, 0.02), row("whole", "M5", 21, 0.8))
    leave(none.folder, row("batch", "M3(2)", 2, None), row("running", "M1", None, 0.6), row("precise", "M2", None, 0.6))
    found = compare_modes([bn], [none])
    assert [one.code for one in found.rows] == ["M1", "M2", "M3(2)", "M3(8)", "M5"]
    m1, m2, m3_2, m3_8, _ = found.rows
    assert m1.difference == pytest.approx(0.3)
    assert (m2.accuracy[0].mean, m2.accuracy[1].mean, m2.difference) == (None, 0.6, None)
    assert m3_2.accuracy[1].mean is None
    assert (m3_8.accuracy[0].mean, m3_8.accuracy[0].sd, m3_8.words) == (0.7, 0.02, "shuffled test batches of 8")
    assert found.evaluated == (1, 1)


def test_several_runs_are_averaged(runs: list[FinishedRun]) -> None:
    bn, *both = runs
    for run, accuracy in zip(both, (0.5, 0.6), strict=True):
        leave(run.folder, row("running", "M1", None, accuracy, 0.3))
    (found,) = compare_modes(both, [bn]).rows
    assert found.accuracy[0].mean == pytest.approx(0.55)
    assert found.accuracy[0].sd == pytest.approx(0.1 / 2**0.5)  # of two values, with n − 1: not that over shuffles
    assert found.accuracy[1].mean is None


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": 2, "modes": []}', '{"schema": 1, "modes": [{}]}'])
def test_a_file_that_cannot_be_read_is_left_out(runs: list[FinishedRun], content: str) -> None:
    (runs[0].folder / "modes.json").write_text(content)
    assert read_modes(runs[0].folder) == {}


@pytest.mark.usefixtures("blank_figures")
def test_the_page_and_the_numbers_hold_the_modes(runs: list[FinishedRun]) -> None:
    bn = runs[0]
    leave(bn.folder, row("running", "M1", None, 0.9123), row("sorted", "M4(2)", 2, 0.7311, 0.0214))
    folder = compared(bn.outputs, *PAIR)
    text = page(folder).text
    assert "M1 running statistics 91.23 % – – 25.00 % –" in text
    assert "M4(2) class-sorted test batches of 2 73.11 % ± 2.14 –" in text
    assert numbers(folder)["modes"]["rows"][1]["accuracy"] == [
        {"mean": 0.7311, "sd": 0.0214},
        {"mean": None, "sd": None},
    ]
    assert (folder / "figures" / "modes_by_batch.svg").exists()
    (bn.folder / "modes.json").unlink()
    assert "Not measured yet" in page(compared(bn.outputs, *PAIR)).text


def test_without_batches_there_is_no_figure_of_batches(runs: list[FinishedRun]) -> None:
    leave(runs[0].folder, row("running", "M1", None, 0.9))
    assert batch_figure(compare_modes(runs[:1], runs[1:]), ("A", "B")) == []
