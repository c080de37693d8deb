"""Memory that a piece of work will take, compared with what is free, before the work starts."""

from __future__ import annotations

from pathlib import Path

import psutil

from affectome.errors import InputError

CGROUPS = Path("/sys/fs/cgroup")
CONTAINERS = (
    (CGROUPS / "memory.max", CGROUPS / "memory.current"),
    (CGROUPS / "memory/memory.limit_in_bytes", CGROUPS / "memory/memory.usage_in_bytes"),
)
USUAL = "take fewer trials or units, fewer permutations, or a larger machine"


def check_memory(needed: float, what: str, remedy: str = USUAL) -> None:
    """Refuse work that can't fit.

    Parameters
    ----------
    needed
        Bytes at the peak.
    what
        What is to be done, for the message.
    remedy
        What the user can do.

    Raises
    ------
    InputError
        With both numbers.
    """
    free = free_memory()
    if needed > free:
        raise InputError(
            f"{what} needs about {needed / 1e9:.3g} GB of memory, but {free / 1e9:.3g} GB are "
            f"free; {remedy}"
        )


def free_memory() -> float:
    """Bytes that can still be had: of the machine, its container and the process's own limit."""
    free = [float(psutil.virtual_memory().available)]
    for limit, used in CONTAINERS:
        if limit.is_file() and used.is_file() and limit.read_text().strip().isdecimal():
            free.append(float(limit.read_text()) - float(used.read_text()))
    own = _own_limit()
    if own is not None:
        free.append(own)
    return max(0.0, min(free))


def _own_limit() -> float | None:
    """What the process may still map (``ulimit -v``); None where there is no limit."""
    pages = Path("/proc/self/statm")
    if not pages.is_file():
        return None
    import resource  # noqa: PLC0415 - Windows has none, and no /proc either

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    return float(limit) - float(pages.read_text().split()[0]) * resource.getpagesize()
