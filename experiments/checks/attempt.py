"""What happens when a few lines of code run with the names that a listing gives them, and no others."""

from collections.abc import Callable, Mapping


def run(code: str, names: Mapping[str, object]) -> Exception | None:
    """The exception that `code` ends with when only `names` and Python's own are defined, or None."""
    return call(lambda: exec(code, dict(names)))  # noqa: S102 - code that stands in these checks


def call(action: Callable[[], object]) -> Exception | None:
    """The exception that `action` ends with, or None."""
    try:
        action()
    except Exception as error:
        return error
    return None


def words(error: Exception | None) -> str:
    """The exception's type and the first line of its message, or that there was none."""
    if error is None:
        return "it runs"
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0].rstrip('.')}"
