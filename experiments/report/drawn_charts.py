"""Charts (experiments/report/charts.py) drawn from the curves of runs: of one, or of the arms of a study with seeds."""

from experiments.report.charts import Band, Chart, Curves, HeatMap, Profile, Spectrum
from experiments.report.drawn import band, curves, heat_map, looks
from experiments.report.drawn.series import Arms
from experiments.report.figures import Drawing, Sketch


def draw_chart(chart: Chart, arms: Arms) -> Drawing | None:
    """The figure of a chart.

    Args:
        arms: the curves of each arm's runs, one a seed, by what the arm is called. Names with a common part before
            ` · ` (`plain · bn 56`) share a panel.

    Returns None where no run has numbers of it that can be drawn.
    """
    found = sketch_chart(chart, arms)
    return None if found is None else found.drawn()


def sketch_chart(chart: Chart, arms: Arms) -> Sketch | None:
    """The same, yet to be drawn.

    Raises:
        TypeError: for a kind of chart that has no figure here.
    """
    match chart:
        case Curves():
            return curves.sketch(chart, arms)
        case Band():
            return band.sketch(chart, arms)
        case Profile():
            return looks.profile(chart, arms)
        case Spectrum():
            return looks.spectrum(chart, arms)
        case HeatMap():
            return heat_map.sketch(chart, arms)
    raise TypeError(f"charts of the kind {type(chart).__name__} cannot be drawn")
