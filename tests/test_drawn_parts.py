"""What charts are put together from: series, groups, colours, panels, labels."""

import math

import numpy as np
from made_up_curves import numbers
from matplotlib.colors import to_hex, to_rgb

from experiments.report.drawn.heat_map import row_labels, thinned
from experiments.report.drawn.panels import COLOURS, colours_of, grid, grouped, wrapped
from experiments.report.drawn.series import drawable, ends, over_seeds


def test_what_can_be_drawn() -> None:
    values = np.array([1.0, 0.0, -1.0, math.nan, math.inf, 1e200])
    assert numbers(drawable(values, log=False)) == [1, 0, -1, None, None, None]
    assert numbers(drawable(values, log=True)) == [1, None, None, None, None, None]
    assert values[4] == math.inf  # a copy


def test_series_in_words() -> None:
    series = over_seeds([(np.array([0, 2, 4, 6]), np.array([5.0, 9.0, -2.0, 6.0]))], False)
    assert series is not None
    assert ends(series) == "5 at step 0, 6 at step 6, lowest −2 at step 4, highest 9 at step 2"
    assert over_seeds([], False) is None


def test_groups_of_arms() -> None:
    runs: list = []
    assert list(grouped({"bn": runs, "ln": runs})) == [""]
    assert list(grouped({"a · bn": runs, "ln": runs})) == [""]
    assert list(grouped({"a · bn": runs, "b · ln": runs})) == [""]
    assert {title: list(arms) for title, arms in grouped({"a · x": runs, "b · x": runs, "a · y": runs}).items()} == {
        "a": ["x", "y"], "b": ["x"],
    }  # fmt: skip


def test_colours_tell_arms_apart() -> None:
    eight = [f"arm {number}" for number in range(8)]
    assert list(colours_of(eight).values()) == list(COLOURS)
    families = colours_of([f"{norm} {depth}" for norm in ("bn", "ln", "none") for depth in (20, 32, 56)])
    assert [families[f"{norm} 20"] for norm in ("bn", "ln", "none")] == [colour.lower() for colour in COLOURS[:3]]
    brightness = [sum(to_rgb(families[f"ln {depth}"])) for depth in (20, 32, 56)]
    assert brightness == sorted(brightness)
    scale = colours_of([f"rate {number}" for number in range(11)])
    assert len({to_hex(colour) for colour in scale.values()}) == 11


def test_panels_fill_rows_evenly() -> None:
    assert [grid(count, 4) for count in (1, 3, 4, 5, 6, 9)] == [(1, 1), (1, 3), (1, 4), (2, 3), (2, 3), (3, 3)]


def test_labels_are_thinned_and_shortened() -> None:
    assert thinned(5, 6) == [0, 1, 2, 3, 4]
    assert thinned(13, 6) == [0, 3, 6, 9, 12]
    assert all(len(thinned(count, 20)) <= 20 for count in range(1, 200))
    assert row_labels(["001.stem.norm", "002.blocks.0.norm"]) == ["001.stem", "002.blocks.0"]
    assert row_labels(["001.a.norm", "002.b.first"]) == ["001.a.norm", "002.b.first"]
    (long,) = row_labels(["054.stages.2.blocks.17.second.convolution"])
    assert long.startswith("054.stages.2")
    assert len(long) <= 26
    assert wrapped("change of the gradient a step away", 1.2).split("\n") == [
        "change of the",
        "gradient a step",
        "away",
    ]
