"""What the probes of runs found, a section a probe: charts, last values, cost. For the page of a run and of a study."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments import probes
from experiments.probe_pages.docs import Docs, docs
from experiments.report.charts import Chart, HeatMap, Profile, Spectrum
from experiments.report.drawn.series import Arms, Runs
from experiments.report.drawn_charts import draw_chart
from experiments.report.figures import Drawing
from experiments.report.page import SPACE, number, short

FEW = 6  # arms, whose costs are told one by one
Results = Mapping[str, Sequence[dict[str, Any] | None]]


@dataclass(frozen=True)
class Table:
    """Names of rows and columns, and the cells as they are read."""

    caption: str
    first: str  # above the names of the rows
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Section:
    """A probe and what it found."""

    name: str
    docs: Docs
    drawings: tuple[Drawing, ...]
    table: Table | None
    cost: str  # a sentence; empty where no run is finished


def probe_sections(
    arms: Arms, names: Sequence[str], results: Results | None = None, chosen: Collection[str] | None = None
) -> list[Section]:
    """A section for each of the probes `names`.

    Args:
        arms: the curves of each arm's runs, as `draw_chart` takes them.
        results: the content of the same runs' result.json, None of a run that is not finished.
        chosen: the names of the charts that are drawn; None draws all.
    """
    return [_section(name, arms, results or {}, chosen) for name in names]


def _section(name: str, arms: Arms, results: Results, chosen: Collection[str] | None) -> Section:
    charts: Sequence[Chart] = getattr(probes.module(name), "CHARTS", ())
    shown = [chart for chart in charts if chosen is None or chart.name in chosen]
    drawings = tuple(drawing for chart in shown if (drawing := draw_chart(chart, arms)) is not None)
    return Section(name, docs(name), drawings, _table(arms, scalars(name, arms, charts)), _cost(name, results))


def scalars(probe: str, arms: Arms, charts: Sequence[Chart] = ()) -> list[str]:
    """The probe's metrics that are not of a layer or another place, in the order in which they were recorded."""
    prefix = f"{probe}/"
    names = dict.fromkeys(name for runs in arms.values() for run in runs for name in run if name.startswith(prefix))
    placed = tuple(f"{chart.quantity}/" for chart in charts if isinstance(chart, HeatMap | Profile | Spectrum))
    # names of layers hold their depth or their path, and so a point
    return [name for name in names if not name.startswith(placed) and "." not in name]


def _table(arms: Arms, names: Sequence[str]) -> Table | None:
    """First and last values of a single arm, last ones of several; rows are what there is more of."""
    if not names:
        return None
    short_names = [name.split("/", 1)[1] for name in names]
    several = any(len(runs) > 1 for runs in arms.values())
    spread = "; mean ± standard deviation over seeds" if several else ""
    if len(arms) == 1:
        (runs,) = arms.values()
        cells = [tuple(_value(runs, name, at) for at in (0, -1)) for name in names]
        caption = f"The first and the last value{spread}"
        return Table(caption, "", ("first", "last"), tuple(zip(short_names, cells, strict=True)))
    caption = f"The last value{spread}; a dash: not measured"
    if len(arms) > len(names):
        cells = [tuple(_value(runs, name, -1) for name in names) for runs in arms.values()]
        return Table(caption, "", tuple(short_names), tuple(zip(arms, cells, strict=True)))
    cells = [tuple(_value(runs, name, -1) for runs in arms.values()) for name in names]
    return Table(caption, "", tuple(arms), tuple(zip(short_names, cells, strict=True)))


def _value(runs: Runs, name: str, place: int) -> str:
    values = np.array([run[name].value[place] for run in runs if name in run])
    if not len(values):
        return "–"
    with np.errstate(all="ignore"):  # infinities among them have no spread
        mean, spread = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None
    return short(mean) if spread is None else f"{short(mean)} ± {short(float(f'{spread:.2g}'))}"


def _cost(name: str, results: Results) -> str:
    """How long the probe took, in seconds and as a share of the training beside it; means over the runs of an arm."""
    costs: dict[str, tuple[float, float]] = {}
    for arm, contents in results.items():
        pairs = [
            (content["probe_seconds"][name], content["train_seconds"])
            for content in contents
            if content and name in content.get("probe_seconds", {})
        ]
        if pairs:
            seconds = sum(pair[0] for pair in pairs)
            costs[arm] = seconds / len(pairs), 100 * seconds / max(sum(pair[1] for pair in pairs), 1e-9)
    if not costs:
        return ""
    if len(costs) > FEW:
        low, high = (pick(seconds for seconds, _ in costs.values()) for pick in (min, max))
        least, most = (pick(share for _, share in costs.values()) for pick in (min, max))
        shares = f"{_share(least)} to {_share(most)} of the training time"
        return f"It took {_seconds(low)} to {_seconds(high)} a run, {shares}."
    parts = [
        f"{_seconds(seconds)}{f' in {arm}' if len(results) > 1 else ''} ({_share(share)})"
        for arm, (seconds, share) in costs.items()
    ]
    return f"It took {', '.join(parts)}; in brackets as a share of the training time."


def _seconds(seconds: float) -> str:
    return f"{number(seconds, 1)}{SPACE}s"


def _share(percent: float) -> str:
    return f"{number(percent, 0 if percent >= 10 else 1)}{SPACE}%"
