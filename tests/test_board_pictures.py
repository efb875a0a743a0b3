"""The charts of probes in TensorBoard: there at the end of a run, and never in its way."""

import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiments.probes import gradient_depth
from experiments.report import drawn_charts
from experiments.report.charts import Band, Spectrum

SHORT = ("epochs=1", "probes=[gradient_depth]", "probe_every=4")


def images(folder) -> dict[str, list[int]]:  # type: ignore[no-untyped-def]
    """Tags of the run's images, each with its steps."""
    board = EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()
    return {tag: [image.step for image in board.Images(tag)] for tag in board.Tags()["images"]}


def test_a_run_ends_with_the_pictures_of_its_probes(made, capsys):
    run = made(*SHORT)
    assert images(run.folder) == {"probes/gradient_depth": [8], "probes/gradient_depth_map": [8]}
    board = EventAccumulator(str(run.folder), size_guidance={"images": 0}).Reload()
    assert board.Images("probes/gradient_depth")[0].width == round(4.2 * 180)
    assert "not in TensorBoard" not in capsys.readouterr().out


@pytest.mark.usefixtures("blank_figures")
def test_bands_and_spectra_are_pictures_too_and_what_was_not_measured_is_none(made, monkeypatch):
    low, high = "gradient_depth/slope", "gradient_depth/factor"
    charts = (
        *gradient_depth.CHARTS,
        Band(name="band", title="Band", label="x", low=low, high=high),
        Spectrum(name="spectrum", title="Spectrum", label="x", quantity="gradient_depth/rate", x_label="x"),
    )
    monkeypatch.setattr(gradient_depth, "CHARTS", charts)
    assert set(images(made(*SHORT).folder)) == {"probes/gradient_depth", "probes/gradient_depth_map", "probes/band"}


@pytest.mark.usefixtures("blank_figures")
def test_a_diverged_run_has_them_at_its_last_step(made):
    run = made(*SHORT, "divergence_loss=1e-6", "log_every=3")
    assert run.result["status"] == "diverged"
    assert images(run.folder) == {"probes/gradient_depth": [3], "probes/gradient_depth_map": [3]}


def test_a_picture_that_fails_costs_a_warning_and_changes_nothing(made, monkeypatch, capsys):
    sketch_chart = drawn_charts.sketch_chart

    def fail(chart, arms):
        if chart.name == "gradient_depth":
            raise ValueError("no\nink")
        return sketch_chart(chart, arms)

    whole = made(*SHORT)
    rows = (whole.folder / "metrics.csv").read_bytes()
    for path in whole.folder.iterdir():
        path.unlink()
    capsys.readouterr()
    monkeypatch.setattr(drawn_charts, "sketch_chart", fail)
    run = made(*SHORT)
    said = [line for line in capsys.readouterr().out.splitlines() if "TensorBoard:" in line]
    assert said == ["the chart gradient_depth is not in TensorBoard: ValueError: no ink"]
    assert run.result["status"] == "finished"
    assert (run.folder / "metrics.csv").read_bytes() == rows
    assert set(images(run.folder)) == {"probes/gradient_depth_map"}


def test_without_matplotlib_a_run_ends_all_the_same(made, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "experiments.report.drawn_charts", None)  # cannot be imported
    run = made(*SHORT)
    assert run.result["status"] == "finished"
    assert images(run.folder) == {}
    assert capsys.readouterr().out.count("the charts of probes are not in TensorBoard: ModuleNotFoundError") == 1


@pytest.mark.parametrize("words", [(), ("probes=[modes]",)])
def test_runs_without_such_charts_draw_nothing(made, monkeypatch, capsys, words):
    monkeypatch.delattr(drawn_charts, "sketch_chart")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # cannot be imported
    assert images(made("epochs=1", *words).folder) == {}
    assert "not in TensorBoard" not in capsys.readouterr().out
