"""Progress is a callback: the rooms below the command line know nothing of progress bars."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as ``progress(step, done, total)`` with the name of the step and counts of its parts."""


def silent(step: str, done: int, total: int) -> None:
    """Report nothing."""
