"""Memory that a piece of work will take, compared with what is free, before the work starts."""

from __future__ import annotations

import os
from pathlib import Path

from affectome.errors import InputError

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
    """Bytes that can still be had; all of the machine's where the system doesn't say."""
    listing = Path("/proc/meminfo")
    if listing.is_file():
        for line in listing.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024
    return float(os.sysconf("SC_PAGE_SIZE")) * float(os.sysconf("SC_PHYS_PAGES"))
