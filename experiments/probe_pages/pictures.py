"""The charts of a run's probes as images in TensorBoard, which by itself draws curves alone."""

import logging
from collections.abc import Sequence
from pathlib import Path

from experiments import probes
from experiments.record import Record
from experiments.report.charts import Curves

log = logging.getLogger("normlab")


def write_pictures(record: Record, folder: Path, names: Sequence[str], step: int) -> None:
    """Draw what the probes `names` have recorded in the run's folder, as images `probes/<chart>` at `step`.

    A picture that cannot be drawn costs a warning, never the run.
    """
    charts = [chart for name in names for chart in getattr(probes.module(name), "CHARTS", ())]
    charts = [chart for chart in charts if not isinstance(chart, Curves)]
    if not charts:  # so that no run waits for matplotlib without need
        return
    try:
        from experiments.report.drawn_charts import sketch_chart
        from experiments.report.metrics import read_curves

        record.flush()
        arms = {folder.name: [read_curves(folder)]}
    except Exception as error:
        _warn("charts of probes are", error)
        return
    for chart in charts:
        try:
            sketch = sketch_chart(chart, arms)
            if sketch is not None:
                record.write_image(step, f"probes/{chart.name}", sketch.pixels())
        except Exception as error:
            _warn(f"chart {chart.name} is", error)


def _warn(what: str, error: Exception) -> None:
    log.warning("the %s not in TensorBoard: %s: %s", what, type(error).__name__, " ".join(str(error).split()))
