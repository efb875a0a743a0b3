"""Curves by step: a panel for each group of arms, a line an arm, a band from the lowest to the highest seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.report.page import percent, short
from experiments.site.drawn.axis import Axis, axis
from experiments.site.drawn.svg import MOST_LINES, Chart, circle, grid, line_style, polyline, svg, text
from experiments.site.run_curves import Line

WIDTH, HEIGHT = 400.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 50.0, 12.0, 10.0, 40.0
GROUP = " · "  # between the factors' levels in the name of an arm
MOST_PANELS = 12


@dataclass(frozen=True)
class Panels:
    """Panels on the same axes, and the legend that they share: labels with the classes of their lines."""

    charts: tuple[Chart, ...]
    legend: tuple[tuple[str, str], ...]


def panels(lines: Mapping[str, Line], title: str, is_share: bool) -> Panels | None:
    """The panels of a curve; None where no arm has two points, or where there are more lines than one can look at."""
    shown = {arm: line for arm, line in lines.items() if len(line.steps) > 1}
    groups = grouped(list(shown))
    labels = list(dict.fromkeys(label for members in groups.values() for label in members))
    if not shown or len(labels) > MOST_LINES or len(groups) > MOST_PANELS:
        return None
    styles = {label: line_style(place) for place, label in enumerate(labels)}
    x = axis([step for line in shown.values() for step in line.steps], log=False)
    x = Axis(0, x.high)
    y = axis([end for line in shown.values() for end in (*line.low, *line.high)], percent=is_share)
    charts = tuple(
        _panel(group, {label: shown[arm] for label, arm in members.items()}, title, x, y, styles)
        for group, members in groups.items()
    )
    return Panels(charts, tuple(styles.items()) if len(labels) > 1 or labels != [""] else ())


def grouped(arms: Sequence[str]) -> dict[str, dict[str, str]]:
    """By the title of each panel its arms, by what is left of their names.

    Arms that share their first level stand together; where no two do, or where a name has one level alone, all stand in
    one panel without a title.
    """
    parts = {arm: arm.partition(GROUP) for arm in arms}
    heads = {head for head, _, _ in parts.values()}
    if not all(tail for _, _, tail in parts.values()) or len(heads) == len(arms):
        return {"": {arm: arm for arm in arms}}
    found: dict[str, dict[str, str]] = {}
    for arm, (head, _, tail) in parts.items():
        found.setdefault(head, {})[tail] = arm
    return found


def _panel(group: str, lines: Mapping[str, Line], title: str, x: Axis, y: Axis, styles: Mapping[str, str]) -> Chart:
    parts = list(grid(x, y, LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3, "step", "middle tick"))
    for label, line in lines.items():
        if line.seeds > 1:
            there = list(zip(line.steps, line.high, strict=True))
            back = list(zip(line.steps, line.low, strict=True))[::-1]
            parts.append(polyline([_at(x, y, *point) for point in [*there, *back]], f"band {styles[label]}"))
    for label, line in lines.items():
        points = [_at(x, y, *point) for point in zip(line.steps, line.mean, strict=True)]
        parts.append(polyline(points, f"line {styles[label]}", f"{label}: {_ends(line, y.percent)}"))
        parts += [circle(*point, 2.5, f"dot {styles[label]}") for point in points] if len(points) < 4 else []
    words = "; ".join(f"{label}: {_ends(line, y.percent)}" for label, line in lines.items())
    name = f"{title}, {group}" if group else title
    return Chart(svg(WIDTH, HEIGHT, f"{name}. {words}", parts), group, words)


def _at(x: Axis, y: Axis, step: float, value: float) -> tuple[float, float]:
    return (
        LEFT + x.place(step) * (WIDTH - RIGHT - LEFT),
        HEIGHT - BOTTOM - y.place(value) * (HEIGHT - BOTTOM - TOP),
    )


def _ends(line: Line, is_share: bool) -> str:
    first, last = (percent(line.mean[at]) if is_share else short(line.mean[at]) for at in (0, -1))
    return f"{first} at step {line.steps[0]:,}, {last} at step {line.steps[-1]:,}"
