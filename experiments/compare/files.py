"""The folder of a comparison: written beside its place as a whole, then moved there."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from experiments import atomic
from experiments.errors import UserError
from experiments.paths import check_outputs
from experiments.report.figures import Drawing

PAGE, NUMBERS, FIGURES, EVENTS = "index.html", "comparison.json", "figures", "events.out.tfevents."


def check_place(folder: Path) -> None:
    """Whether a comparison may be written to `folder`: a new one, or in place of an earlier comparison.

    Raises:
        UserError: when it is a file, cannot be written to, or holds anything that is not a comparison's.
    """
    check_outputs(str(folder), "out")
    if folder.exists():
        ours = {PAGE, NUMBERS, FIGURES}
        others = [path.name for path in folder.iterdir() if path.name not in ours and not path.name.startswith(EVENTS)]
        if others:
            raise UserError(f"{folder} holds {sorted(others)[0]}, which is no comparison's; name another with out=DIR")


def write(folder: Path, page: str, numbers: str, drawings: Sequence[Drawing], scalars: dict[str, float]) -> None:
    """Write the page, the numbers, each figure as SVG and PNG, and all of it for TensorBoard.

    What stood there before is replaced in the end, or left as it was when anything fails.
    """
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    former = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        (fresh / FIGURES).mkdir(parents=True)
        for drawing in drawings:
            atomic.write_text(fresh / FIGURES / f"{drawing.name}.svg", drawing.svg)
            atomic.write(fresh / FIGURES / f"{drawing.name}.png", lambda file, png=drawing.png: file.write(png))  # type: ignore[misc]
        atomic.write_text(fresh / PAGE, page)
        atomic.write_text(fresh / NUMBERS, numbers)
        _write_events(fresh, drawings, scalars)
        _swap(fresh, folder, former)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(former, ignore_errors=True)


def _swap(fresh: Path, folder: Path, former: Path) -> None:
    if folder.exists():
        os.replace(folder, former)
    try:
        os.replace(fresh, folder)
    except OSError:
        if former.exists():
            os.replace(former, folder)
        raise


def _write_events(folder: Path, drawings: Sequence[Drawing], scalars: dict[str, float]) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as board:
        for name, value in scalars.items():
            board.add_scalar(f"comparison/{name}", value, 0)
        for drawing in drawings:
            board.add_image(f"comparison/{drawing.name}", drawing.pixels, 0, dataformats="HWC")
