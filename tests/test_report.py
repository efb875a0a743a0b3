"""What pages share: numbers as people read them, figures with the same bytes each time, curves read back."""

import math
from pathlib import Path

import numpy as np
import pytest
from conftest import Made
from html_of_pages import Page
from markupsafe import Markup

from experiments.errors import UserError
from experiments.report.figures import draw
from experiments.report.metrics import read_curves
from experiments.report.page import number, p_value, percent, points, render, short, signed

SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (number(1234.5678, 2), "1,234.57"),
        (number(-0.5), "−0.5000"),
        (number(-0.00001, 2), "0.00"),
        (number(math.nan), "–"),
        (number(None), "–"),
        (number(-math.inf), "−∞"),
        (short(0.000123456), "0.0001235"),
        (short(-1.5e-9), "−1.5e−09"),
        (short(2.0), "2"),
        (short(-math.inf), "−∞"),
        (short(math.nan), "NaN"),
        (short(None), "–"),
        (signed(0.25, 1), "+0.2"),
        (signed(-0.25, 2), "−0.25"),
        (signed(0.0001, 2), "0.00"),
        (signed(math.nan), "–"),
        (signed(math.inf), "∞"),
        (percent(0.7187), f"71.87{SPACE}%"),
        (percent(math.nan), "–"),
        (points(-0.0058), "−0.58"),
        (points(None), "–"),
        (p_value(0.5), f"={SPACE}0.50"),
        (p_value(0.034), f"={SPACE}0.034"),
        (p_value(0.0012), f"={SPACE}0.0012"),
        (p_value(1e-9), f"<{SPACE}0.0001"),
        (p_value(math.nan), "–"),
    ],
)
def test_numbers_are_shown_as_people_read_them(shown: str, expected: str) -> None:
    assert shown == expected


def drawn(name: str = "waves", alt: str = "Up & <down>"):  # type: ignore[no-untyped-def]
    def paint(figure) -> None:  # type: ignore[no-untyped-def]
        axes = figure.subplots()
        axes.plot([0, 1, 2], [1, 0, 2], marker="o")
        axes.imshow(np.eye(3), extent=(0, 1, 0, 1))

    return draw(name, "Waves", alt, paint)


def test_the_same_figure_has_the_same_bytes_and_no_date() -> None:
    one, other = drawn(), drawn()
    assert one.svg == other.svg
    assert one.png == other.png
    assert "<dc:date>" not in one.svg


def test_a_figure_on_a_page_links_to_nothing_outside_and_keeps_to_its_own_identifiers() -> None:
    html = drawn().inline
    assert isinstance(html, Markup)
    parsed = Page(html)
    assert parsed.mistakes == []
    assert "http:" not in html
    assert "https:" not in html
    (svg,) = parsed.all("svg")
    assert svg["aria-label"] == "Waves. Up & <down>"
    assert svg["role"] == "img"
    assert "width" not in svg  # it takes the width that it is given
    identifiers = {attributes["id"] for _, attributes in parsed.elements if "id" in attributes}
    assert all(str(one).startswith("waves-") for one in identifiers)
    used = {str(one["href"]) for one in parsed.all("use")}
    assert used
    assert used <= {f"#{one}" for one in identifiers}


def test_a_figures_pixels_are_its_png() -> None:
    pixels = drawn().pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    assert pixels.shape[1] == round(4.2 * 180)
    assert pixels.min() < 128 < pixels.max()


def test_what_is_rendered_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "own.html").write_text(
        '{% extends "base.html" %}{% block title %}{{ name }}{% endblock %}'
        '{% block main %}<p title="{{ name }}">{{ name }}</p>{% endblock %}'
    )
    name = '<script>"&'
    parsed = Page(render("own.html", [tmp_path], name=name))
    assert parsed.mistakes == []
    assert parsed.all("script") == []
    assert parsed.all("p") == [{"title": name}]


def test_curves_are_read_back_as_they_were_written(finished: Made) -> None:
    curves = read_curves(finished.folder)
    for name, curve in curves.items():
        rows = [row for row in finished.metrics if row[2] == name]
        assert list(zip(curve.step, curve.epoch, curve.value, strict=True)) == [
            (row[0], row[1], row[3]) for row in rows
        ]
    assert {"accuracy/test", "train_mode/accuracy", "learning_rate"} <= set(curves)


@pytest.mark.parametrize("content", [None, "", "step,epoch,name,value\n1,1,loss/test,x\n", "a,b\n", "\xff"])
def test_damaged_curves_are_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "metrics.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"metrics\.csv is (missing|damaged).*repeat the run"):
        read_curves(tmp_path)


def test_half_a_line_at_the_end_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,epoch,name,value\n1,1,loss/test,2.5\n2,1,loss/test,1.")
    curve = read_curves(tmp_path)["loss/test"]
    assert (curve.step.tolist(), curve.value.tolist()) == ([1], [2.5])
