"""The charts of a run's probes as images in TensorBoard, which by itself draws curves alone."""

import logging
from collections.abc import Sequence
from pathlib import Path

from experiments import probes
from experiments.record import Record
from experiments.report.charts import Chart, Curves

log = logging.getLogger("normlab")


def write_pictures(record: Record, folder: Path, names: Sequence[str], step: int) -> None:
    """Draw what the probes `names` have recorded in the run's folder, as images `probes/<chart>` at `step`.

    A picture that cannot be drawn costs a warning, never the run.
    """
    charts = [chart for name in names for chart in getattr(probes.module(name), "CHARTS", ())]
    charts = [chart for chart in charts if not isinstance(chart, Curves)]
    if not charts:  # so that no run waits for matplotlib without need
        return
    record.flush()
    for chart in charts:
        try:
            _write(record, folder, chart, step)
        except Exception as error:
            reason = " ".join(str(error).split())
            log.warning("the chart %s is not in TensorBoard: %s: %s", chart.name, type(error).__name__, reason)


def _write(record: Record, folder: Path, chart: Chart, step: int) -> None:
    from experiments.report.drawn_charts import sketch_chart
    from experiments.report.metrics import read_curves

    sketch = sketch_chart(chart, {folder.name: [read_curves(folder)]})
    if sketch is not None:
        record.write_image(step, f"probes/{chart.name}", sketch.pixels())
