"""Charts of probes: what stands on their axes, from made-up curves."""

import math

import numpy as np
import pytest
from made_up_curves import curve, filled, layers, line_of, numbers, painted

from experiments.report import figures
from experiments.report.charts import Band, Chart, Curves, HeatMap, Profile, Spectrum
from experiments.report.drawn.panels import COLOURS
from experiments.report.drawn_charts import draw_chart, sketch_chart

ONE = Curves(name="one", title="One", label="β", metrics={"a": "p/a"})
TWO = Curves(name="two", title="Two", label="share", metrics={"first": "p/a", "second": "p/b"})
BAND = Band(name="band", title="Band", label="loss (nats)", low="p/low", high="p/high", middle="p/middle")
PROFILE = Profile(name="profile", title="Profile", label="norm", quantity="p/q")
HEAT = HeatMap(name="heat", title="Map", label="norm", quantity="p/q")
SPECTRUM = Spectrum(name="spectrum", title="Test", label="loss", quantity="p/q", x_label="rate", x_log=True)
ALL = (TWO, BAND, PROFILE, HEAT, SPECTRUM)


def test_one_arm_has_a_line_a_metric() -> None:
    run = {"p/a": curve((0, 1.0), (5, 3.0)), "p/b": curve((0, 2.0), (5, 0.5))}
    sketch, (axes,) = painted(TWO, {"bn": [run]})
    assert line_of(axes, "first") == ([0, 5], [1, 3])
    assert line_of(axes, "second") == ([0, 5], [2, 0.5])
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("step", "share", "linear")
    assert len({line.get_color() for line in axes.get_lines()}) == 2
    assert sketch.alt == "first: 1 at step 0, 3 at step 5; second: 2 at step 0, 0.5 at step 5."
    assert filled(axes) == []


def test_several_arms_have_a_panel_a_metric_and_a_line_an_arm_with_the_range_over_seeds() -> None:
    seeds = [{"p/a": curve((0, 1.0), (5, 3.0)), "p/b": curve((0, 1.0))}, {"p/a": curve((0, 2.0), (5, 7.0))}]
    sketch, axes = painted(TWO, {"bn": seeds, "ln": [{"p/a": curve((0, 4.0), (5, 4.0))}]})
    assert [axis.get_title(loc="left") for axis in axes] == ["first", "second"]
    assert line_of(axes[0], "bn") == ([0, 5], [1.5, 5])
    assert line_of(axes[0], "ln") == ([0, 5], [4, 4])
    assert {(0, 1), (0, 2), (5, 3), (5, 7)} <= filled(axes[0])[0]
    assert len(filled(axes[0])) == 1
    assert [line.get_label() for line in axes[1].get_lines()] == ["bn"]
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert [axis.get_ylabel() for axis in axes] == ["share", ""]
    assert "means over seeds" in sketch.caption
    colours = {line.get_label(): line.get_color() for axis in axes for line in axis.get_lines()}
    assert colours["bn"] != colours["ln"]


def test_a_seed_that_ended_early_counts_as_long_as_it_is_there() -> None:
    seeds = [{"p/a": curve((0, 1.0))}, {"p/a": curve((0, 3.0), (5, 8.0))}]
    _, (axes,) = painted(ONE, {"bn": seeds, "ln": seeds[:1]})
    assert line_of(axes, "bn") == ([0, 5], [2, 8])


def test_what_no_axis_can_show_is_left_out_and_counted() -> None:
    run = {"p/a": curve((0, 1.0), (1, math.inf), (2, math.nan), (3, -4.0), (4, 10.0))}
    sketch, (axes,) = painted(ONE, {"bn": [run]})
    assert numbers(axes.get_lines()[0].get_ydata()) == [1, None, None, -4, 10]
    assert sketch.alt == "a: 1 at step 0, 10 at step 4, lowest −4 at step 3 (2 not drawable)."
    log = Curves(name="log", title="Log", label="β", metrics={"a": "p/a"}, log=True)
    sketch, (axes,) = painted(log, {"bn": [run]})
    assert axes.get_yscale() == "log"
    assert numbers(axes.get_lines()[0].get_ydata()) == [1, None, None, None, 10]
    assert "(3 not drawable)" in sketch.alt


@pytest.mark.parametrize("chart", [ONE, PROFILE, BAND], ids=lambda chart: chart.name)
def test_an_arm_has_its_colour_in_every_chart(chart: Chart) -> None:
    run = {"p/a": curve((0, 1.0)), "p/low": curve((0, 1.0)), "p/high": curve((0, 2.0)), "p/q/001.x": curve((0, 1.0))}
    _, (axes,) = painted(chart, {"none": [{}], "bn": [run]})
    assert {line.get_color() for line in axes.get_lines()} == {COLOURS[1]}
    _, (axes, *_) = painted(chart, {"a · none": [{}], "a · bn": [run], "b · bn": [run]})
    assert {line.get_color() for line in axes.get_lines()} == {COLOURS[1]}


def test_an_arm_that_explodes_makes_the_axis_logarithmic() -> None:
    calm = {"p/a": curve((0, 2.0), (5, 1.0)), "p/low": curve((0, 1.0)), "p/high": curve((0, 2.0))}
    calm |= layers("p/q", {0: [1.0, 2.0, 3.0]})
    wild = {"p/a": curve((0, 2.0), (5, 1e8)), "p/low": curve((0, 1.0)), "p/high": curve((0, 1e8))}
    wild |= layers("p/q", {0: [1.0, 1e8, 3.0]})
    for chart in (ONE, BAND, PROFILE):
        sketch, (axes, *_) = painted(chart, {"bn": [calm], "none": [wild]})
        assert axes.get_yscale() == "log"
        assert "The axis is logarithmic, as the values reach from 1 to 1e+08." in sketch.caption
        sketch, (axes, *_) = painted(chart, {"bn": [calm], "ln": [calm]})
        assert axes.get_yscale() == "linear"
        assert "logarithmic" not in sketch.caption
    wild["p/a"] = curve((0, -2.0), (5, 1e8))
    _, (axes,) = painted(ONE, {"bn": [calm], "none": [wild]})
    assert axes.get_yscale() == "linear"


def test_an_arm_far_below_the_others_is_shown_in_decades() -> None:
    calm, far = layers("p/q", {0: [-4.0, 3.0, 2.0]}), layers("p/q", {0: [-300.0, -40.0, -4.0]})
    sketch, (axes,) = painted(PROFILE, {"bn": [calm], "none": [far]})
    assert axes.get_yscale() == "symlog"
    assert "Beyond ±8 the axis is logarithmic." in sketch.caption
    ticks = axes.get_yticks().tolist()
    assert {-100.0, 0.0} < set(ticks)
    assert len([tick for tick in ticks if abs(tick) <= 8]) >= 3
    assert axes.get_ylim()[0] < -300 < 3 < axes.get_ylim()[1]
    sketch, (axes,) = painted(PROFILE, {"bn": [calm], "ln": [calm]})
    assert (axes.get_yscale(), "Beyond" in sketch.caption) == ("linear", False)


def test_bands_stand_side_by_side_on_the_same_axes() -> None:
    def run(low: float, high: float) -> dict:
        names = {"low": low, "high": high, "middle": (low + high) / 2}
        return {f"p/{name}": curve((0, value), (5, value + 1)) for name, value in names.items()}

    arms = {"bn": [run(1, 2), run(1, 4)], **{f"arm {number}": [run(0, 9)] for number in range(4)}}
    sketch, axes = painted(BAND, arms)
    assert [axis.get_title(loc="left") for axis in axes] == list(arms)
    assert {(0, 1), (0, 3), (5, 2), (5, 4)} <= filled(axes[0])[0]  # the mean over seeds of either end
    assert [numbers(line.get_ydata()) for line in axes[0].get_lines()] == [[1, 2], [3, 4], [2, 3]]
    assert len({axis.get_ylim() for axis in axes}) == len({axis.get_xlim() for axis in axes}) == 1
    rows = {round(axis.get_subplotspec().rowspan.start) for axis in axes}  # type: ignore[union-attr]
    assert rows == {0, 1}
    assert "bn: from 1 at step 0, 2 at step 5, up to 3 at step 0, 4 at step 5, with 2 at step 0" in sketch.alt


def test_an_end_of_a_band_that_is_infinite_is_marked() -> None:
    run = {"p/low": curve((0, 1.0), (1, 1.0), (2, 1.0)), "p/high": curve((0, 2.0), (1, math.inf), (2, 2.0))}
    sketch, (axes,) = painted(BAND, {"none": [run]})
    (marks,) = [line for line in axes.get_lines() if line.get_marker() == "^"]
    assert numbers(marks.get_xdata()) == [1]
    assert "Triangles" in sketch.caption
    assert not any(y > 2 for _, y in filled(axes)[0])


def test_a_profile_shows_the_first_and_the_last_look_over_depth() -> None:
    run = layers("p/q", {0: [1, 2, 3], 4: [7, 7, 7], 9: [4, -math.inf, 6]})
    sketch, (axes,) = painted(PROFILE, {"bn": [run]})
    first, last = axes.get_lines()
    assert (numbers(first.get_xdata()), numbers(first.get_ydata())) == ([1, 2, 3], [1, 2, 3])
    assert numbers(last.get_ydata()) == [4, None, 6]
    assert first.get_linestyle() == "--"
    assert first.get_linewidth() < last.get_linewidth()
    assert last.get_linestyle() == "-"
    assert axes.get_xlabel() == "depth (layers with weights)"
    assert "(step 0); solid: the last (step 9)" in sketch.caption
    assert sketch.alt == (
        "bn: first 1 at depth 1, 3 at depth 3; last 4 at depth 1, 6 at depth 3 (1 not drawable)."
    )  # fmt: skip


def test_a_single_look_is_one_solid_line() -> None:
    sketch, (axes,) = painted(PROFILE, {"bn": [layers("p/q", {0: [1, 2]})]})
    assert [line.get_linestyle() for line in axes.get_lines()] == ["-"]
    assert sketch.caption == "Solid: the last measurement (step 0)."


def test_layers_of_one_depth_are_averaged_and_seeds_put_together() -> None:
    run = {"p/q/001.a": curve((0, 1.0)), "p/q/002.b": curve((0, 2.0)), "p/q/002.shortcut": curve((0, 4.0))}
    other = {**run, "p/q/001.a": curve((0, 3.0)), "p/q/deep/002.b": curve((0, 99.0)), "p/q/total": curve((0, 99.0))}
    _, (axes,) = painted(PROFILE, {"bn": [run, other]})
    assert numbers(axes.get_lines()[0].get_ydata()) == [2, 3]
    assert {(1, 1), (1, 3), (2, 3)} <= filled(axes)[0]


def test_arms_of_one_group_share_a_panel_and_their_colours() -> None:
    arms = {f"{net} · {norm} {depth}": [layers("p/q", {0: [1.0] * depth, 3: [2.0] * depth})]
            for net in ("plain", "residual") for norm in ("bn", "ln", "none") for depth in (2, 3, 4, 5)}  # fmt: skip
    sketch, axes = painted(PROFILE, arms)
    assert [axis.get_title(loc="left") for axis in axes] == ["plain", "residual"]
    solid = [{line.get_label(): line.get_color() for line in axis.get_lines()} for axis in axes]
    solid = [{label: colour for label, colour in one.items() if not label.startswith("_")} for one in solid]
    assert solid[0] == solid[1]
    assert list(solid[0])[:5] == ["bn 2", "bn 3", "bn 4", "bn 5", "ln 2"]
    assert len(set(solid[0].values())) == 12
    assert "residual none 5: first 1 at depth 1" in sketch.alt


def test_a_heat_map_has_the_input_at_the_top_and_one_scale_for_all() -> None:
    run = layers("p/q", {0: [1, 2, 3], 5: [4, 5, math.nan]})
    other = layers("p/q", {0: [10, 20, -30], 5: [0, 0, 0]})
    seeds = [other, layers("p/q", {0: [20, 20, -30]})]
    sketch, axes = painted(HEAT, {"bn": [run], "ln": seeds})
    images = [axis.get_images()[0] for axis in axes]
    assert np.ma.filled(images[0].get_array(), np.nan)[:, 0].tolist() == [1, 2, 3]
    assert np.ma.getmaskarray(images[0].get_array())[2, 1] or np.isnan(images[0].get_array()[2, 1])
    assert images[1].get_array()[:, 0].tolist() == [15, 20, -30]  # the mean over seeds
    assert [image.get_clim() for image in images] == [(-30, 20)] * 2
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["001.blocks.0", "002.blocks.1", "003.blocks.2"]
    assert axes[0].yaxis_inverted()
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["0", "5"]
    assert "highest 20 in 002.blocks.1.norm at step 0" in sketch.alt
    assert "1 of 6 not drawable" in sketch.alt
    assert "Grey" in sketch.caption


@pytest.mark.parametrize(
    ("centre", "log", "values", "limits"),
    [
        (None, False, [1, 5], (1, 5)),
        (0.0, False, [-1, 5], (-5, 5)),
        (2.0, False, [-1, 1], (-1, 5)),
        (1.0, True, [0.5, 10], (0.1, 10)),
        (None, True, [0.0, 10], (5, 20)),  # zero has no logarithm, and what is left is one number
        (None, False, [3, 3], (2.5, 3.5)),
    ],
)
def test_the_scale_of_colours(centre: float | None, log: bool, values: list[float], limits: tuple) -> None:
    chart = HeatMap(name="heat", title="Map", label="q", quantity="p/q", centre=centre, log=log)
    _, (axes,) = painted(chart, {"bn": [layers("p/q", {0: values})]})
    (image,) = axes.get_images()
    assert image.get_clim() == pytest.approx(limits)
    assert type(image.norm).__name__ == ("LogNorm" if log else "Normalize")
    assert image.get_cmap().name.startswith("viridis" if centre is None else "RdBu")


def test_maps_of_different_layers_are_labelled_by_depth() -> None:
    arms = {"short": [layers("p/q", {0: [1.0] * 3})], "long": [layers("p/q", {0: [1.0] * 40})]}
    _, axes = painted(HEAT, arms)
    labels = [[label.get_text() for label in axis.get_yticklabels()] for axis in axes]
    assert labels[0] == ["1", "2", "3"]
    assert labels[1][:3] == ["1", "3", "5"]
    assert len(labels[1]) == 20


def test_a_spectrum_is_over_the_number_in_the_name() -> None:
    looks = {"1.00e-05": curve((0, 2.3), (8, 2.0)), "1.00e+01": curve((0, 9.0)), "0": curve((0, 1.0), (8, 1.0))}
    looks["3.00e-02"] = curve((0, 2.0), (8, 1.0))
    run = {f"p/q/{rate}": found for rate, found in looks.items()} | {"p/q/steepest": curve((8, 1.0))}
    _, (axes,) = painted(SPECTRUM, {"bn": [run]})
    first, last = axes.get_lines()
    assert numbers(first.get_xdata()) == [1e-5, 3e-2, 10]
    assert (numbers(last.get_xdata()), numbers(last.get_ydata())) == ([1e-5, 3e-2], [2, 1])
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "rate")


NOTHING = {"p/a": curve((0, math.nan)), "p/low": curve((0, math.inf)), "p/high": curve((0, 1.0)),
           "p/q/001.a": curve((0, -math.inf)), "p/q/0.1": curve((0, math.nan))}  # fmt: skip


@pytest.mark.parametrize("chart", ALL, ids=lambda chart: chart.name)
@pytest.mark.parametrize("runs", [[{}], [{"other/a": curve((0, 1.0))}], [NOTHING], []])
def test_without_numbers_there_is_no_chart(chart: Chart, runs: list) -> None:
    assert draw_chart(chart, {"bn": runs}) is None
    assert sketch_chart(chart, {"bn": runs, "ln": runs}) is None


HARD = (math.nan, math.inf, -math.inf, 0.0, -1.0, 1e300, -1e300, 5e-324, 1e99, 2.0)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("chart", ALL, ids=lambda chart: chart.name)
def test_no_value_breaks_a_drawing(chart: Chart, log: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "PNG_DPI", 30)
    points = curve(*enumerate(HARD))
    run = {f"p/{name}": points for name in ("a", "b", "low", "middle", "high")}
    run |= {f"p/q/{place + 1:03d}.x": points for place in range(3)}
    run |= {f"p/q/{rate:g}": curve((0, value), (1, 1.0)) for rate, value in zip(range(1, 11), HARD, strict=True)}
    settings = {**chart.__dict__, "log": log}
    drawing = draw_chart(type(chart)(**settings), {"bn": [run, run], "ln": [run]})
    assert drawing is not None
    assert drawing.name == chart.name
    assert drawing.svg.startswith("<?xml")
    assert len(drawing.pixels) > 20
    assert "nan" not in drawing.alt.lower()


def test_a_kind_that_nobody_draws_is_said() -> None:
    with pytest.raises(TypeError, match="Chart cannot be drawn"):
        draw_chart(Chart(name="x", title="x", label="x"), {})
