"""Work ahead: let a slow source fill while what it gave is being used."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T], n: int = 2) -> Iterator[T]:
    """Take items from an iterator in a thread of their own, at most ``n`` before they are needed.

    This helps where the iterator leaves the interpreter while it works, as decoders do. What it
    raises is raised here, in its turn, and the thread ends with this iterator, or when the last
    reference to it goes.

    Parameters
    ----------
    items
        The source; only the thread touches it from now on.
    n
        How many items may wait, which bounds the memory they take.
    """
    end = object()
    thread = ThreadPoolExecutor(1, "ahead")
    try:
        waiting = deque(thread.submit(next, items, end) for _ in range(n))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(thread.submit(next, items, end))
            yield item  # type: ignore[misc]
    finally:
        thread.shutdown(cancel_futures=True)
