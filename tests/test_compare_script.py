"""scripts/compare.py around its page: missing images, failing steps, mistakes; figures are left blank here."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from comparisons import PAIR, compared, numbers, page
from conftest import ROOT, Made
from edited_results import edit_result

from experiments.compare import files
from scripts import compare

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture
def own(lab: Path, tmp_path: Path) -> Path:
    """A copy of the runs that a test may damage."""
    return Path(shutil.copytree(lab, tmp_path / "outputs"))


def test_a_run_and_itself_never_disagree(finished: Made, tmp_path: Path) -> None:
    out = tmp_path / "same"
    assert compare.main([str(finished.folder), str(finished.folder), f"out={out}"]) == 0
    assert numbers(out)["numbers"]["agreement"]["churn"] == 0
    assert numbers(out)["numbers"]["disagreements"] == []
    text = page(out).text
    assert "the two predict the same class for every image" in text
    assert "None that can change a result" in text


def to_cifar10(outputs: Path, data: Path) -> None:
    """Say in every run's settings that its images are CIFAR-10's, in a folder that does not hold them."""
    settings = yaml.safe_load((ROOT / "conf/dataset/cifar10.yaml").read_text())
    for path in (outputs / "runs").glob("*/config.yaml"):
        config = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump(config | {"dataset": settings, "paths": {"data": str(data), "outputs": "o"}}))
        edit_result(path.parent)


def test_without_the_dataset_the_page_says_so_and_has_everything_else(own: Path, tmp_path: Path) -> None:
    to_cifar10(own, tmp_path / "no data")
    folder = compared(own, *PAIR)
    parsed = page(folder)
    assert "The images themselves are not shown" in parsed.text
    assert "paths.data=DIR" in parsed.text
    assert parsed.all("img") == []
    assert len(parsed.all("svg")) == 12
    assert not (folder / "figures/images.png").exists()
    assert not (tmp_path / "no data").exists() or not list((tmp_path / "no data").rglob("*.npy"))


def test_images_that_are_not_the_tested_ones_are_not_shown(own: Path) -> None:
    for path in (own / "runs").glob("*/config.yaml"):
        config = yaml.safe_load(path.read_text())
        config["dataset"]["num_test"] = 20
        path.write_text(yaml.safe_dump(config))
        edit_result(path.parent)
    assert "are not those that the runs were tested on" in page(compared(own, *PAIR)).text


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the last step of writing fail."""

    def fail(*_: object) -> None:
        raise OSError("no space left")

    return lambda: monkeypatch.setattr(files, "_write_events", fail)


def test_a_failing_step_leaves_what_was_there(own: Path, failing: Callable[[], None]) -> None:
    words = [*PAIR, f"paths.outputs={own}"]
    failing()
    with pytest.raises(OSError, match="no space left"):
        compare.main(words)
    assert not (own / "comparisons").exists()


def test_an_earlier_comparison_is_replaced_whole_or_not_at_all(
    own: Path, failing: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*PAIR, f"paths.outputs={own}"]
    assert compare.main(words) == 0
    (folder,) = (own / "comparisons").iterdir()
    assert str(folder / "index.html") in capsys.readouterr().out
    (folder / "figures" / "old.svg").write_text("old")
    before = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    failing()
    with pytest.raises(OSError, match="no space left"):
        compare.main(words)
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert list((own / "comparisons").iterdir()) == [folder]


def test_the_same_comparison_again_has_the_same_bytes_and_nothing_old(own: Path) -> None:
    folder = compared(own, *PAIR)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.suffix in (".html", ".json")}
    (folder / "figures" / "old.svg").write_text("old")
    assert compared(own, *PAIR) == folder
    assert {path: path.read_bytes() for path in before} == before
    assert not (folder / "figures" / "old.svg").exists()
    assert len(list(folder.glob("events.out.tfevents.*"))) == 1


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["norm=bn,ln", "batch_size=8"], "has norm=ln"),
        (["norm=bn,none", "paths.runs=x"], "paths.runs is not a setting of this script"),
        (["norm=bn,none", "--force"], "--force is not an option here"),
        ([*PAIR, "out={own}/notes"], "holds mine.txt, which is not from here"),
        ([*PAIR, "out={own}/notes/mine.txt"], "mine.txt is a file; name a folder"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    own: Path, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "notes").mkdir()
    (own / "notes" / "mine.txt").write_text("mine")
    before = sorted(path.name for path in own.rglob("*"))
    assert compare.main([*(word.format(own=own) for word in words), f"paths.outputs={own}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert part in error
    assert sorted(path.name for path in own.rglob("*")) == before


def test_damaged_curves_are_one_line(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (own / "runs").glob("*-none-seed1-*/metrics.csv"):
        path.write_text("step,epoch,name,value\n1,1,accuracy/test\n")
    assert compare.main([*PAIR, f"paths.outputs={own}"]) == 2
    assert "metrics.csv is damaged" in capsys.readouterr().err
    assert not (own / "comparisons").exists()


def test_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["--help"]) == 0
    assert "scripts/compare.py RUN_A RUN_B" in capsys.readouterr().out
    assert compare.main([]) == 2
