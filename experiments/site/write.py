"""The report's folder: pages whose inputs changed are written, stale ones removed, and nothing else is touched."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from experiments import atomic
from experiments.errors import UserError
from experiments.folders import check_replaceable
from experiments.paths import check_outputs
from experiments.site.pages import MARK, Page
from experiments.site.state import NAME, State, digest, stamp_of

FOLDERS = ("studies", "norms")
LOCK = ".lock"
OURS = ("index.html", "checks.html", NAME, LOCK, atomic.ASIDE, *FOLDERS)


@dataclass(frozen=True)
class Written:
    """What came of the pages."""

    written: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]


def check_place(folder: Path) -> None:
    """Whether a report may be written to `folder`: a new one, or one where a report stands.

    Raises:
        UserError: when it is a file, cannot be written to, or holds anything that is not a report's.
    """
    check_outputs(str(folder), "out")
    check_replaceable(folder, OURS)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Inside, this process alone writes to the folder, which is made where it is missing; another one is waited for.

    What processes have left here that were killed is removed first.

    Raises:
        UserError: when the folder cannot be locked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, fallback_to_soft=False)
    try:
        lock.acquire()
    except OSError as error:
        raise UserError(f"out={folder} cannot be locked ({error.strerror}); name a folder elsewhere") from error
    try:
        for place in (folder, *(folder / name for name in FOLDERS)):
            atomic.clear(place)
        yield
    finally:
        lock.release()


def intact(folder: Path, state: State) -> bool:
    """Whether every page stands as it was written."""
    return bool(state.pages) and all(stamp_of(folder / path) == page["stamp"] for path, page in state.pages.items())


def write_pages(folder: Path, pages: Sequence[Page], state: State, code: str) -> Written:
    """Bring the folder up to date, and `state.pages` with it.

    Args:
        code: a digest of all that makes pages, which each of them depends on.

    Raises:
        UserError: when a file that is no page of a report stands where one would go; nothing was written then.
    """
    known = {page.path: digest([page.inputs, code]) for page in pages}
    due = [page for page in pages if not _current(folder, page.path, known[page.path], state)]
    _check_ours(folder, (page.path for page in due))
    for page in due:
        path = folder / page.path
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(path, page.make())
        state.pages[page.path] = {"inputs": known[page.path], "stamp": stamp_of(path)}
    removed = [path for path in state.pages if path not in known]
    for gone in removed:
        del state.pages[gone]
        if is_ours(folder / gone):
            (folder / gone).unlink()
    return Written(tuple(page.path for page in due), len(pages) - len(due), tuple(removed))


def _current(folder: Path, path: str, inputs: str, state: State) -> bool:
    before = state.pages.get(path)
    return before is not None and before["inputs"] == inputs and before["stamp"] == stamp_of(folder / path)


def _check_ours(folder: Path, paths: Iterable[str]) -> None:
    for path in paths:
        if (folder / path).exists() and not is_ours(folder / path):
            raise UserError(f"{folder / path} is not from here; move it away or name another folder by out=DIR")


def is_ours(path: Path) -> bool:
    """Whether a file is a page of a report."""
    try:
        with open(path, encoding="utf-8") as file:
            return f'content="{MARK}"' in file.read(20_000)
    except (OSError, UnicodeDecodeError):
        return False
