"""What the charts of the report are written with: elements of SVG in HTML, in the colours of the style sheet."""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from experiments.site.drawn.axis import Axis

COLOURS, DASHES = 8, 4  # classes c0 … c7 and d0 … d3 of site.css: 32 lines that can be told apart, in grey too
MOST_LINES = COLOURS * DASHES


@dataclass(frozen=True)
class Chart:
    """A chart with its words."""

    svg: Markup
    title: str
    words: str  # its numbers, for those who cannot see it


def svg(width: float, height: float, label: str, parts: Iterable[str], style: str = "chart") -> Markup:
    """A picture that takes the width it is given and is read out as `label`."""
    return Markup(  # noqa: S704 - parts are numbers and words that were escaped
        f'<svg class="{style}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def text(x: float, y: float, words: str, style: str = "", title: str = "") -> str:
    """Words at a point; `style`: classes, among them `end` and `middle` for where they are anchored."""
    hover = f"<title>{escape(title)}</title>" if title else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{_class(style)}>{hover}{escape(words)}</text>'


def segment(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """A straight line."""
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"{_class(style)}/>'


def polyline(points: Iterable[tuple[float, float]], style: str, title: str = "") -> str:
    """A line through points, with `title` where the pointer rests on it."""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    hover = f"<title>{escape(title)}</title>" if title else ""
    return f'<path d="M{path}"{_class(style)}>{hover}</path>'


def circle(x: float, y: float, radius: float, style: str) -> str:
    """A dot."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"{_class(style)}/>'


def line_style(place: int) -> str:
    """The classes of the line at a place of the legend."""
    return f"c{place % COLOURS} d{(place // COLOURS + place) % DASHES}"


def grid(x: Axis, y: Axis, left: float, top: float, right: float, bottom: float) -> Iterable[str]:
    """Lines at the ticks of both axes, with their names, of a chart between these places."""
    for value, name in y.ticks:
        height = bottom - y.place(value) * (bottom - top)
        yield segment(left, height, right, height, "grid")
        yield text(left - 6, height + 4, name, "end tick")
    for value, name in x.ticks:
        across = left + x.place(value) * (right - left)
        yield segment(across, bottom, across, bottom + 4, "grid")
        yield text(across, bottom + 17, name, "middle tick")


def _class(style: str) -> str:
    return f' class="{style}"' if style else ""
