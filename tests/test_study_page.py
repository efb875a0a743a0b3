"""The page of a study: what stands on it, alone and without a request, and the figure of its numbers."""

import json

import matplotlib.pyplot as plt
import pytest
from html_of_pages import Page

from experiments.studies import figure as figure_file
from experiments.studies.cells import cell_text, spread_text
from experiments.studies.figure import metrics_figure
from experiments.studies.grid import grid
from experiments.studies.outcome import numbers_of as numbers_of_study
from experiments.studies.page import study_page
from experiments.studies.runs import read_runs

PROBED = ("probes=[gradient_depth]", "probe_every=1")


METRICS = {key: {"label": f"label {key}", "percent": key == "a"} for key in "ab"}


def numbers_of(*arms):
    """Arms with the values of two metrics, as a summary has them."""
    by_seed = [[dict(zip("0123", values, strict=False)) for values in arm] for arm in arms]
    return {f"arm {n}": {"values": {"a": a, "b": b}} for n, (a, b) in enumerate(by_seed)}


@pytest.fixture
def painted(monkeypatch):
    """painted(arms): the axes of the figure, and its words."""
    kept = []

    def draw(name, title, alt, paint, width, height, caption):
        shown = plt.figure()
        paint(shown)
        kept.append((shown, alt))
        return

    def make(arms):
        monkeypatch.setattr(figure_file, "draw", draw)
        metrics_figure(arms, METRICS)
        shown, alt = kept[-1]
        return shown.axes, alt

    yield make
    plt.close("all")


def test_a_dot_a_seed_and_a_bar_for_the_mean(painted):
    arms = numbers_of(((0.25, 0.75), (1.0, 3.0)), ((), (5000.0,)))
    (first, second), alt = painted(arms)
    dots = [line.get_xydata().tolist() for line in first.lines if line.get_marker() == "o"]
    assert dots == [[[25.0, 0.0], [75.0, 0.0]], []]
    assert [line.get_xydata().tolist() for line in first.lines if line.get_marker() == "|"] == [[[50.0, 0.0]]]
    assert [text.get_text() for text in first.get_yticklabels()] == ["arm 0", "arm 1"]
    assert first.get_ylim()[0] > first.get_ylim()[1]  # the first arm on top
    assert (first.get_xscale(), second.get_xscale()) == ("linear", "log")  # 1 to 5000
    assert "label a: arm 0 50.00 %, arm 1 none. label b: arm 0 2, arm 1 5000" in alt


def test_no_number_no_figure():
    assert metrics_figure(numbers_of(((), ()), ((), ())), METRICS) is None


@pytest.mark.parametrize(
    ("mean", "sd", "share", "text"),
    [
        (None, None, False, "–"),
        (0.0, 0.0, False, "0"),
        (54.0, 0.0, False, "54"),
        (2.34567, None, False, "2.346"),
        (-0.17463, 0.0236, False, "−0.175 ± 0.024"),
        (88.03, 51.74, False, "88 ± 52"),
        (0.5, 0.0123, True, "50.0 ± 1.2\N{NO-BREAK SPACE}%"),
        (0.5, None, True, "50\N{NO-BREAK SPACE}%"),
        (2.3025893, 2e-9, False, "2.302589 ± 0.000000"),
    ],
)
def test_cells(mean, sd, share, text):
    assert spread_text(mean, sd, share) == text


@pytest.mark.usefixtures("blank_figures")
def test_the_page(small_study, train_py, outputs):
    def change(**scales):
        smoke = {"expect": "seconds", "minutes": 1, "seeds": [0, 1], "settings": ["epochs=null", "steps=2", *PROBED]}
        small_study(scales={"smoke": smoke}, charts=["gradient_depth"], question="Is 1 < 2 & so on?")

    change()
    said = train_py("study=small", "scale=smoke", "norm=bn", f"paths.outputs={outputs}")
    assert said.code == 0, said.err
    folder = outputs / "studies" / "small-smoke"
    assert f"page:    {folder / 'index.html'}" in said.out
    text = (folder / "index.html").read_text()
    page = Page(text)
    assert page.mistakes == []
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https:" not in text
    assert not page.all("script")
    assert "Is 1 < 2 & so on?" in page.text
    assert "Only a part of the study was asked for here." in page.text
    assert "Its numbers say nothing about the question." in page.text
    assert "python train.py study=small scale=smoke" in page.text
    arms = ("bn · slow", "bn · fast", "no norm · slow", "no norm · fast")
    assert [arm for arm in arms if arm in page.text] == ["bn · slow", "bn · fast"]
    numbers = json.loads((folder / "summary.json").read_text())
    for arm in numbers["arms"].values():
        assert " ".join(cell_text(arm["values"]["test_accuracy"], True).split()) in page.text
    assert {path.name for path in folder.iterdir()} == {"index.html", "summary.json", "figures"}
    pictures = {f"{name}.{kind}" for name in ("metrics", "gradient_depth") for kind in ("svg", "png")}
    assert {path.name for path in (folder / "figures").iterdir()} == pictures  # of the charts the one that is named
    links = [link["href"] for link in page.all("a") if "runs/" in (link["href"] or "")]
    assert len(links) == 4
    assert all((folder / link / "result.json").exists() for link in links)
    whole = train_py("study=small", "scale=smoke", f"paths.outputs={outputs}")
    assert whole.code == 0
    assert "Only a part" not in (folder / "index.html").read_text()


@pytest.mark.usefixtures("blank_figures")
def test_what_two_arms_have_together_has_its_own_table(small_study, tmp_path):
    found = grid(["study=small", "scale=cpu"])
    runs = read_runs(found.arms)
    numbers = numbers_of_study(found, runs)
    numbers["metrics"]["churn"] = {"label": "disagreement (%)", "percent": True}
    numbers["pairs"] = {"churn": {"bn | ln": {"0": 0.1, "1": 0.3}}}
    text = Page(study_page(found, numbers, runs, tmp_path)[0]).text
    assert "bn | ln disagreement (%) 20 ± 14 % 2" in text


def test_a_folder_that_holds_something_else_is_left_alone(small_study, train_py, outputs):
    folder = outputs / "studies" / "small-smoke"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    said = train_py("study=small", "scale=smoke", "norm=bn", "recipe.lr=0.1", "seed=0", f"paths.outputs={outputs}")
    assert said.code == 2
    assert "notes.txt" in said.err
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (outputs / "runs").exists()  # it is said before anything is trained
