"""A number of every arm at a glance: a dot a seed, a bar for their mean, a hollow diamond for what was published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.report.page import percent, short
from experiments.site.drawn.axis import Axis, axis
from experiments.site.drawn.svg import Chart, circle, polyline, segment, svg, text

WIDTH, ROW, RIGHT, TOP, BOTTOM = 400.0, 19.0, 14.0, 6.0, 24.0
LETTER, LONGEST = 7.2, 205.0  # units that a letter takes on average, and the names of arms at most


@dataclass(frozen=True)
class Published:
    """A figure of a paper; sd is None where the paper has none."""

    value: float
    sd: float | None = None


def dots(
    title: str,
    arms: Mapping[str, Sequence[float]],
    is_share: bool = False,
    is_ratio: bool = False,
    published: Mapping[str, Sequence[Published]] | None = None,
) -> Chart | None:
    """The chart of a metric; None where no arm has a number.

    Args:
        arms: by name, the finite value of each seed.
        is_share: in [0, 1], shown in percent. is_ratio: compared as a ratio, so on a logarithmic axis.
    """
    known = published or {}
    values = [value for found in arms.values() for value in found]
    if not values:
        return None
    theirs = [one.value for arm in arms for one in known.get(arm, ())]
    x = axis([*values, *theirs], log=True if is_ratio and min(values) > 0 else None, percent=is_share)
    left = min(LONGEST, LETTER * max(map(len, arms)) + 8)
    bottom = TOP + ROW * len(arms)
    parts = []
    for value, name in x.ticks:
        across = _across(x, left, value)
        parts += [segment(across, TOP, across, bottom, "grid"), text(across, bottom + 15, name, "middle tick")]
    for place, (arm, found) in enumerate(arms.items()):
        parts += _row(x, left, TOP + ROW * (place + 0.5), arm, found, known.get(arm, ()))
    words = "; ".join(f"{arm} {_mean(found, is_share)}" for arm, found in arms.items())
    return Chart(svg(WIDTH, bottom + BOTTOM, f"{title}, means over seeds. {words}", parts), title, words)


def _row(
    x: Axis, left: float, y: float, arm: str, values: Sequence[float], published: Sequence[Published]
) -> list[str]:
    most = int((left - 8) / LETTER)
    name = arm if len(arm) <= most else f"{arm[: most - 1]}…"
    parts = [text(left - 8, y + 4, name, "end", arm if name != arm else "")]
    for one in published:
        across = _across(x, left, one.value)
        corners = [(across - 5, y), (across, y - 5), (across + 5, y), (across, y + 5), (across - 5, y)]
        parts.append(polyline(corners, "published"))
        if one.sd:
            ends = (max(min(one.value + sign * one.sd, x.high), x.low) for sign in (-1, 1))
            parts.append(polyline([(_across(x, left, end), y) for end in ends], "published"))
    parts += [circle(_across(x, left, value), y, 3.5, "seed") for value in values]
    if values:
        across = _across(x, left, sum(values) / len(values))
        parts.append(segment(across, y - 6, across, y + 6, "mean"))
    return parts


def _across(x: Axis, left: float, value: float) -> float:
    return left + x.place(value) * (WIDTH - RIGHT - left)


def _mean(values: Sequence[float], is_share: bool) -> str:
    if not values:
        return "none"
    mean = sum(values) / len(values)
    return percent(mean) if is_share else short(mean)
