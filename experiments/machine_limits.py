"""What a machine cannot do for a run, in one line with the remedy: memory that it has not, deterministic kernels.

PyTorch says both by exceptions of its own, of several kinds and with many lines. The words of their messages are what
tells them apart; PyTorch itself is not imported here, for scripts ask too.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

# Messages of the allocators: of PyTorch for CPUs and GPUs, of CUDA and its libraries, of C++; and of sizes that no
# machine can hold, which are found out while they are multiplied.
NO_MEMORY = re.compile(
    r"can't allocate memory|out of memory|_ALLOC_FAILED|std::bad_alloc|Unable to allocate|"
    r"Storage size calculation overflowed|multiplication overflow|[Ii]nvalid buffer size|exceeds the limit",
)
ASKED = re.compile(r"(?:tried to allocate|Tried to allocate|Unable to allocate) ([\d.]+ ?\w+)")
NO_KERNEL = re.compile(r"(\w+) does not have a deterministic implementation")
CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
LESS = "take a smaller batch_size, model.width, dataset.image_size or evaluation_batch_size, or fewer images"


def remedy(error: BaseException) -> str | None:
    """One line on what was lacking and what helps, or None for an exception of another kind."""
    text = str(error)
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and NO_MEMORY.search(text)):
        return f"not enough memory on {_device(error)}{_asked(text)}: {LESS}"
    if isinstance(error, RuntimeError) and (found := NO_KERNEL.search(text)):
        return f"deterministic=true: PyTorch has no deterministic form of {found[1]} here; set deterministic=false"
    if isinstance(error, RuntimeError) and CUBLAS in text and "deterministic" in text.lower():
        return f"deterministic=true: cuBLAS needs another {CUBLAS}; unset this variable of the environment"
    return None


@contextmanager
def explained(kind: type[Exception], more: str = "") -> Iterator[None]:
    """Turn what the machine cannot do into `kind`, whose message is one line; all else that is raised passes.

    Args:
        more: put behind the line.
    """
    try:
        yield
    except Exception as error:
        line = None if isinstance(error, kind) else remedy(error)
        if line is None:
            raise
        raise kind(line + more) from error


def _device(error: BaseException) -> str:
    """What ran out: the host, unless the message speaks of a GPU."""
    text = str(error)
    if numbered := re.search(r"GPU \d+", text):
        return numbered[0]
    if re.search("CUDA|CUBLAS|CUDNN", text):
        return "the GPU"
    return "the Apple GPU" if "MPS" in text else "the CPU"


def _asked(text: str) -> str:
    found = ASKED.search(text)
    if found is None:
        return ""
    number, unit = re.fullmatch(r"([\d.]+) ?(\w+)", found[1]).groups()  # type: ignore[union-attr]
    return f" ({float(number) / 1e9:,.1f} GB at once)" if unit == "bytes" else f" ({number} {unit} at once)"
