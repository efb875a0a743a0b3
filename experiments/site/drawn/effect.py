"""An effect with its interval on a line, beside zero and the smallest difference that matters."""

import math
from typing import Any

from markupsafe import Markup

from experiments.site.drawn.axis import Axis
from experiments.site.drawn.svg import circle, segment, svg

WIDTH, HEIGHT, SIDE = 180.0, 26.0, 6.0


def effect(numbers: dict[str, Any]) -> Markup:
    """The picture of a verdict's numbers (experiments/site/rows.py); empty where there is no interval.

    Ratios lie on a logarithmic line, so that halves and doubles are as far from 1.
    """
    found = [numbers[key] for key in ("effect", "low", "high", "margin")]
    if any(value is None or not math.isfinite(value) for value in found):
        return Markup("")
    if numbers["ratio"]:
        if min(found) <= 0:
            return Markup("")
        found = [math.log(value) for value in found]
    middle, low, high, margin = found
    reach = 1.1 * max(abs(low), abs(high), 1.5 * margin)
    line = Axis(-reach, reach)
    label = f"{numbers['effect_text']} {numbers['interval_text']}{numbers['unit']}, margin {numbers['margin_text']}"
    y = HEIGHT / 2
    parts = [
        f'<rect x="{_at(line, -margin):.1f}" y="3" width="{_at(line, margin) - _at(line, -margin):.1f}" '
        f'height="{HEIGHT - 6:g}" class="margin"/>',
        segment(_at(line, 0), 1, _at(line, 0), HEIGHT - 1, "zero"),
        segment(_at(line, low), y, _at(line, high), y, "interval"),
        circle(_at(line, middle), y, 4, "estimate"),
    ]
    return svg(WIDTH, HEIGHT, label, parts, "effect")


def _at(line: Axis, value: float) -> float:
    return SIDE + line.place(value) * (WIDTH - 2 * SIDE)
