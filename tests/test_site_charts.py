"""The report's charts: axes, lines with their bands, dots, effects; and what claims look like in words."""

import math
import re

import made_up_studies as made
import pytest

from experiments.site.drawn.axis import axis, log_ticks, round_ticks
from experiments.site.drawn.dots import Published, dots
from experiments.site.drawn.effect import effect
from experiments.site.drawn.lines import LEFT, grouped, panels
from experiments.site.drawn.svg import MOST_LINES, line_style
from experiments.site.rows import amount, in_margins, rows
from experiments.site.run_curves import MOST, line, read_points
from experiments.studies.decided import Decided, Part


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.61, 0.93, [0.7, 0.8, 0.9]),
        (-3, 12, [0, 5, 10]),
        (1234, 1236, [1234, 1234.5, 1235, 1235.5, 1236]),
    ],
)
def test_round_ticks(low, high, expected):
    assert round_ticks(low, high) == pytest.approx(expected)


def test_log_ticks():
    assert log_ticks(0.5, 2000) == [1, 10, 100, 1000]
    assert log_ticks(90, 600) == [100, 200, 500]
    assert len(log_ticks(1e-30, 1e30)) <= 8
    assert len(log_ticks(1.0, 1.3)) >= 2


def test_axes_hold_all_values():
    for values in ([0.2, 0.9], [5.0], [0.0, 0.0], [-2, 7], [1e-3, 1e4], [1e300, 1]):
        found = axis(values)
        assert all(0 <= found.place(value) <= 1 for value in values)
        assert all(found.low <= tick <= found.high for tick, _ in found.ticks)
    assert axis([1e-3, 1e4]).log
    assert not axis([1e-3, 1e4], log=False).log
    assert axis([0.01, 0.5]).low == 0  # no room below what cannot be
    assert next(name for _, name in axis([0.6, 0.9], percent=True).ticks) == "60"


def test_curves_are_read_and_put_together(tmp_path):
    text = "step,epoch,name,value\n0,0,a/b,1\n0,0,a/bc,9\n10,1,a/b,3\n20,1,a/b,nan\n30,1,a/b,1e30\n40,1,a/b,"
    (tmp_path / "metrics.csv").write_text(text)
    found = read_points(tmp_path / "metrics.csv", ["a/b"])
    assert found == {"a/b": {0: 1.0, 10: 3.0}}  # no curve of a longer name, no half line, nothing without bounds
    assert read_points(tmp_path / "absent.csv", ["a/b"]) == {}
    both = line([found["a/b"], {0: 5.0}, {}])
    assert (both.steps, both.mean, both.low, both.high, both.seeds) == ((0, 10), (3, 3), (1, 3), (5, 3), 2)
    assert line([{}]) is None
    long = line([dict.fromkeys(range(1001), 1.0)])
    assert len(long.steps) <= MOST + 1
    assert (long.steps[0], long.steps[-1]) == (0, 1000)


def points_of(path):
    return [tuple(map(float, point)) for point in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]


def test_lines_and_bands():
    arms = {"a · bn": line([{0: 0.0, 100: 1.0}, {0: 0.5, 100: 1.0}]), "a · ln": line([{0: 0.2, 100: 0.4}])}
    arms["b · bn"] = line([{0: 0.1, 100: 0.3}])
    found = panels(arms, "Accuracy", True)
    assert [chart.title for chart in found.charts] == ["a", "b"]
    assert [label for label, _ in found.legend] == ["bn", "ln"]
    first, second = (str(chart.svg) for chart in found.charts)
    assert first.count('class="band') == 1  # of the arm with two seeds
    assert first.count('class="line') == 2
    assert second.count(f'class="line {line_style(0)}"') == 1  # bn has its colour in every panel
    (bn,) = re.findall(rf'<path d="([^"]+)" class="line {line_style(0)}"', first)
    (left, begin), (right, end) = points_of(bn)
    assert (left, left < right, begin > end) == (LEFT, True, True)  # step 0 at the axis, to the right, and up
    assert "bn: 25.00\N{NO-BREAK SPACE}% at step 0, 100.00\N{NO-BREAK SPACE}% at step 100" in first


def test_too_many_lines_are_not_drawn():
    arms = {f"arm {place}": line([{0: 1.0, 1: 2.0}]) for place in range(MOST_LINES + 1)}
    assert panels(arms, "x", False) is None
    arms.popitem()
    styles = [style for _, style in panels(arms, "x", False).legend]
    assert len(set(styles)) == MOST_LINES
    assert panels({"a": line([{0: 1.0}])}, "x", False) is None  # a point is no curve


def test_groups():
    assert grouped(["a · x", "a · y", "b · x"]) == {"a": {"x": "a · x", "y": "a · y"}, "b": {"x": "b · x"}}
    assert grouped(["a", "a · tuned"]) == {"": {"a": "a", "a · tuned": "a · tuned"}}
    assert list(grouped(["a · x", "b · x"])) == [""]


def test_dots():
    arms = {"bn": [0.25, 0.75], "a very long name of an arm that has no room": [], "ln": [0.5]}
    chart = dots("accuracy", arms, is_share=True, published={"ln": [Published(0.6, 0.1)]})
    text = str(chart.svg)
    assert text.count('class="seed"') == 3
    assert text.count('class="mean"') == 2
    assert text.count('class="published"') == 2  # a diamond and its spread
    centres = [float(found) for found in re.findall(r'cx="([\d.]+)"', text)]
    means = [float(found) for found in re.findall(r'<path d="M([\d.]+) [^"]*" class="mean"', text)]
    assert means[0] == pytest.approx((centres[0] + centres[1]) / 2, abs=0.1)
    assert means[1] == pytest.approx(centres[2])
    assert "<title>a very long name of an arm that has no room</title>" in text
    assert chart.words == "bn 50.00\N{NO-BREAK SPACE}%; a very long name of an arm that has no room none; " \
        "ln 50.00\N{NO-BREAK SPACE}%"  # fmt: skip
    assert dots("accuracy", {"bn": []}) is None
    ratio = str(dots("steps", {"bn": [1.0, 2.0, 4.0]}, is_ratio=True).svg)
    low, middle, high = (float(found) for found in re.findall(r'cx="([\d.]+)"', ratio))
    assert middle - low == pytest.approx(high - middle, abs=0.2)  # doubles are as far apart anywhere


def numbers(**changes):
    return {"effect": 2.0, "low": 1.0, "high": 3.0, "margin": 1.0, "ratio": False, "effect_text": "+2",
            "interval_text": "[+1, +3]", "unit": "", "margin_text": "1", **changes}  # fmt: skip


def test_an_effect_beside_zero_and_its_margin():
    text = str(effect(numbers()))
    (dot,) = re.findall(r'cx="([\d.]+)"', text)
    (zero,) = re.findall(r'<path d="M([\d.]+) [^"]*" class="zero"', text)
    left, width = map(float, re.search(r'x="([\d.]+)" y="3" width="([\d.]+)"', text).groups())
    assert float(zero) == pytest.approx(left + width / 2, abs=0.1)
    assert float(dot) - float(zero) == pytest.approx(width, abs=0.2)  # two margins from zero
    ratio = str(effect(numbers(effect=0.5, low=0.25, high=1.0, margin=2.0, ratio=True)))
    assert float(re.findall(r'cx="([\d.]+)"', ratio)[0]) < 90 < float(re.findall(r'd="M([\d.]+)', ratio)[0]) + 0.1
    assert effect(numbers(low=None)) == ""
    assert effect(numbers(high=math.inf)) == ""


@pytest.mark.parametrize(
    ("value", "ratio", "shares", "text"),
    [
        (0.0312, False, True, "+3.12"),
        (-0.0312, False, True, "−3.12"),
        (1.104, True, False, "×1.104"),
        (-0.123456, False, False, "−0.123"),
        (12.3456, False, False, "+12.3"),
        (0.0, False, False, "0"),
        (None, True, True, "–"),
    ],
)
def test_amounts(value, ratio, shares, text):
    assert amount(value, ratio, shares) == text


def test_effects_in_margins():
    assert in_margins(made.verdict(effect=-0.006)) == pytest.approx(-2)
    assert in_margins(made.verdict(effect=0.25, margin=2.0, ratio=True)) == pytest.approx(-2)
    assert in_margins(made.verdict(effect=0.0, margin=2.0, ratio=True)) is None


def test_rows_name_units_and_pages():
    summaries = {("moments", "cpu"): {**made.summary(), "source": "local"}}
    first, _, check, missing, note = rows(made.decided(), summaries)
    accuracy, steps = first["parts"]
    assert (accuracy["metric"], accuracy["link"], accuracy["numbers"]["unit"]) == (
        "test accuracy (%)", "studies/moments-cpu.html", " points",
    )  # fmt: skip
    assert (steps["numbers"]["effect_text"], steps["numbers"]["unit"], steps["tag"]) == (
        "×1.1",
        "",
        "real but negligible",
    )
    assert check["parts"][0]["link"] == "checks.html#some_check"
    assert missing["parts"][0]["link"] == "index.html#study-dropout"  # there is no page yet
    assert note["parts"] == []


def test_rows_name_what_is_compared():
    summaries = {("moments", "cpu"): {**made.summary(), "source": "local"}}
    tests = (
        made.study_test(arms=["bn", ["ln", "no norm"]]),
        made.study_test(minus=["ln", "no norm"]),
        made.study_test(arms=["bn"], reference=0.5),
        made.study_test(metric="steps", outcome="divergence", margin=0.2),
    )
    parts = tuple(Part(one, "supported", None, "", made.verdict(), scale="cpu", source="local") for one in tests)
    (row,) = rows([Decided(made.claim("0.1", tests=tests), "supported", "cpu", parts)], summaries)
    best, minus, alone, diverged = row["parts"]
    assert best["against"] == "bn against the best of ln, no norm"
    assert minus["against"] == "bn against no norm, less ln against no norm"
    assert alone["against"] == "bn against 0.5"
    assert (diverged["metric"], diverged["numbers"]["effect_text"]) == ("share of diverged runs", "+3.12")
    assert diverged["numbers"]["unit"] == " points"
