"""The curves in the event files of a run, as TensorBoard shows them."""

import logging
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, value) of each point by the curve's name, of all event files in the folder in their order."""
    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it tells at length of each point that was written again
    read = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {name: [(point.step, point.value) for point in read.Scalars(name)] for name in read.Tags()["scalars"]}
