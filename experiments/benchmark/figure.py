"""The benchmark as a figure: rates, ratios against what is aimed at, and growth."""

from typing import TYPE_CHECKING, Any

from experiments.report.figures import BLACK, BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, Drawing, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONTENDERS = {  # rate: label, colour, marker
    "usual": ("the usual way", ORANGE, "s"),
    "normlab": ("normlab", BLUE, "o"),
    "bare": ("bare network", GREEN, "D"),
    "limit": ("limit of matrix products", GREY, "|"),
}
RATIOS = {
    "training / usual": ("training / usual", ORANGE, "s"),
    "epoch / usual": ("epoch / usual", VERMILION, "s"),
    "training / bare": ("training / bare", GREEN, "D"),
    "epoch / bare": ("epoch / bare", SKY, "D"),
    "training / limit": ("training / limit", GREY, "|"),
}
ROW = 0.24  # inches of a case


def picture(content: dict[str, Any]) -> Drawing | None:
    """Rates and ratios side by side, growth below; None where neither was measured."""
    cases = (content.get("training") or {}).get("cases", {})
    growth = content.get("growth") or {}
    if not cases and not growth:
        return None
    heights = ([1.7 + ROW * len(cases)] if cases else []) + ([2.4] if growth else [])

    def paint(figure: "Figure") -> None:
        rows = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        if cases:
            left, right = rows[0].subfigures(1, 2, width_ratios=(1.15, 1))
            _rates(left.subplots(), cases)
            _ratios(right.subplots(), cases)
            left.legend(loc="outside lower center", ncols=2)  # two rows in both, so that the panels are level
            right.legend(loc="outside lower center", ncols=3)
        if growth:
            for axis, (name, points) in zip(
                rows[-1].subplots(1, len(growth), squeeze=False)[0], growth.items(), strict=True
            ):
                _growth(axis, name, points)

    alt = "Images a second of training for each network and norm: the usual way, normlab, the bare network and the "
    alt += "limit of matrix products; normlab's rate over the others'; and normlab's time for an image against sizes."
    return draw("benchmark", "Throughput", alt, paint, width=8.4, height=sum(heights))


def _rates(axis: "Axes", cases: dict[str, Any]) -> None:
    for name, (label, colour, marker) in CONTENDERS.items():
        _dots(axis, [case["rates"].get(name) for case in cases.values()], label, colour, marker)
    _log_axis(axis)
    axis.set_xlabel("images/s of training")
    axis.set_title("Images a second")
    _case_axis(axis, list(cases))


def _ratios(axis: "Axes", cases: dict[str, Any]) -> None:
    for name, (label, colour, marker) in RATIOS.items():
        _dots(axis, [case["ratios"].get(name) for case in cases.values()], label, colour, marker)
    for row, case in enumerate(cases.values()):
        for name, aim in case["aims"].items():
            axis.plot([aim], [row], "|", color=RATIOS[name][1], markersize=14, markeredgewidth=1.5)
    axis.axvline(1, color=BLACK, linewidth=0.8)
    _log_axis(axis)
    axis.set_xlabel("normlab's rate over theirs (bars: what is aimed at)")
    axis.set_title("Ratios")
    _case_axis(axis, [""] * len(cases))


def _log_axis(axis: "Axes") -> None:
    """A logarithmic horizontal axis with plain numbers."""
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    steps = (1, 2, 5) if high / low < 300 else (1,)
    ticks = [step * 10**power for power in range(-4, 9) for step in steps if low <= step * 10**power <= high]
    axis.set_xticks(ticks, [_short(tick) for tick in ticks])
    axis.minorticks_off()


def _short(number: float) -> str:
    """0.1, 10, 20k, 1M."""
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{sign}"
    return f"{number:g}"


def _case_axis(axis: "Axes", labels: list[str]) -> None:
    """A row a case, the first at the top."""
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.5, -0.5)


def _dots(axis: "Axes", values: list[dict[str, float] | None], label: str, colour: str, marker: str) -> None:
    """A dot a case at its median, with a line from the smallest to the largest."""
    rows = [row for row, value in enumerate(values) if value is not None]
    there = [value for value in values if value is not None]
    if not there:
        return
    axis.hlines(rows, [one["min"] for one in there], [one["max"] for one in there], color=colour, linewidth=1)
    axis.plot([one["median"] for one in there], rows, marker, color=colour, label=label, markersize=5, linestyle="none")


def _growth(axis: "Axes", name: str, points: dict[str, Any]) -> None:
    sizes = [int(size) for size in points]
    for key, label, colour in (
        ("training_seconds_per_image", "training", BLUE),
        ("epoch_seconds_per_image", "whole epoch", GREEN),
    ):
        spreads = [point[key] for point in points.values()]
        axis.plot(sizes, [1e3 * one["median"] for one in spreads], "o-", color=colour, label=label, markersize=4)
        axis.fill_between(
            sizes,
            [1e3 * one["min"] for one in spreads],
            [1e3 * one["max"] for one in spreads],
            color=colour,
            alpha=0.15,
        )
    axis.set_xscale("log", base=2)
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axis.minorticks_off()
    axis.set_ylim(bottom=0)
    axis.set_xlabel(name)
    axis.set_ylabel("ms an image")
    axis.set_title(f"Time against {name}")
    axis.legend()
