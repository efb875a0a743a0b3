"""The process that computes: memory that it keeps, and threads that suit what else runs beside it."""

import ctypes
import os
import platform
from pathlib import Path

# glibc's mallopt parameters (malloc.h).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NEVER = 2**31 - 1


def keep_memory() -> None:
    """Let freed memory stay with the process, in large pages, instead of going back to the system at every step.

    A training step allocates its activations anew. By default glibc returns blocks of megabytes to the kernel as soon
    as they are freed, and the next step pays for every page again: for ResNet-20 17,000 to 47,000 page faults a step,
    a tenth of its time on two cores. Does nothing where the C library is another. To be called before PyTorch is
    imported, which reads its own setting once; values that the user has set stand.
    """
    if platform.system() != "Linux":
        return
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # PyTorch: ask for large pages for tensors of 2 MiB and more
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = ctypes.CDLL(None).mallopt
    # No block apart from the heap, however large: those go back when they are freed, and a threshold for them ends at
    # 32 MiB, less than the activations of one layer in evaluation.
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, NEVER)


def set_threads(wanted: int | None) -> None:
    """Compute with `wanted` threads, or (None) with PyTorch's own number, capped by the processors that we may use.

    Launchers that run several jobs side by side say by OMP_NUM_THREADS how many threads each may have, and PyTorch has
    read it. What neither sees is a container's share of processor time: with one thread for each of a large machine's
    cores on a share of two, most of the time would go into waiting.
    """
    import torch

    if wanted is None:
        share = processor_share()
        wanted = torch.get_num_threads() if share is None else max(1, min(torch.get_num_threads(), round(share)))
    if wanted != torch.get_num_threads():
        torch.set_num_threads(wanted)


def processor_share(group: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Processors' worth of time that the control group grants (version 2, or 1), or None where it is unlimited."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (group / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (group / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return int(quota) / int(period) if quota.isdigit() else None  # `max` or -1: no limit


def number_of_workers(wanted: int | None) -> int:
    """Processes beside this one: `wanted`, or (None) one for each processor that we may use."""
    if wanted is not None:
        return wanted
    share = processor_share()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable if share is None else max(1, min(usable, round(share)))
