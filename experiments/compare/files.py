"""The folder of a comparison: written as a whole, or not at all."""

from collections.abc import Sequence
from pathlib import Path

from experiments import atomic, folders
from experiments.paths import check_outputs
from experiments.report.figure_files import FIGURES, write_figures
from experiments.report.figures import Drawing

PAGE, NUMBERS = "index.html", "comparison.json"
OURS = (PAGE, NUMBERS, FIGURES, "events.out.tfevents.*")


def check_place(folder: Path) -> None:
    """Whether a comparison may be written to `folder`: a new one, or in place of an earlier comparison.

    Raises:
        UserError: when it is a file, cannot be written to, or holds anything that is not a comparison's.
    """
    check_outputs(str(folder), "out")
    folders.check_replaceable(folder, OURS)


def write(folder: Path, page: str, numbers: str, drawings: Sequence[Drawing], scalars: dict[str, float]) -> None:
    """Write the page, the numbers, each figure as SVG and PNG, and all of it for TensorBoard.

    What stood there before is replaced in the end, or left as it was when anything fails.
    """
    with folders.replaced(folder) as fresh:
        write_figures(fresh, drawings)
        atomic.write_text(fresh / PAGE, page)
        atomic.write_text(fresh / NUMBERS, numbers)
        _write_events(fresh, drawings, scalars)


def _write_events(folder: Path, drawings: Sequence[Drawing], scalars: dict[str, float]) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as board:
        for name, value in scalars.items():
            board.add_scalar(f"comparison/{name}", value, 0)
        for drawing in drawings:
            board.add_image(f"comparison/{drawing.name}", drawing.pixels, 0, dataformats="HWC")
