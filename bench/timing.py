"""Time our way against the peer's in the same run, in turns, and show the ratio of medians."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from threadpoolctl import threadpool_limits


@dataclass(frozen=True)
class Row:
    """One comparison: medians in seconds and the range of their ratio over the runs."""

    work: str
    threads: int
    ours_s: float
    peer_s: float
    ratio: float
    low: float
    high: float
    target: float
    peak_mb: float


def compare(
    work: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    target: float,
    repeats: int = 5,
    peer_share: float = 1.0,
    threads: Iterable[int] = (1, 2),
) -> list[Row]:
    """Run both in turns ``repeats`` times for each thread setting, after one warm-up of ours.

    ``peer_share`` is for a peer that takes minutes: the part of the work that it does (20 of 1,000
    permutations, say, each the same work); its seconds are divided by it.
    """
    rows = []
    for n_threads in threads:
        with threadpool_limits(limits=n_threads):
            ours()
            mine: list[float] = []
            theirs: list[float] = []
            for _ in range(repeats):
                mine.append(_seconds(ours))
                theirs.append(_seconds(peer) / peer_share)
            peak = _peak_mb(ours)
        median = statistics.median(theirs)
        ratios = [their / our for our, their in zip(mine, theirs, strict=True)]
        rows.append(
            Row(
                work,
                n_threads,
                statistics.median(mine),
                median,
                median / statistics.median(mine),
                min(ratios),
                max(ratios),
                target,
                peak,
            )
        )
    return rows


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _peak_mb(function: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def show(rows: Iterable[Row]) -> None:
    """Print one line a row."""
    for r in rows:
        verdict = "ok" if r.ratio >= r.target else "BELOW"
        print(
            f"{r.work:<58} {r.threads} thr  ours {r.ours_s:9.4f} s  peer {r.peer_s:9.3f} s  "
            f"{r.ratio:8.1f}x [{r.low:.1f}-{r.high:.1f}]  target {r.target:g}x {verdict}  "
            f"peak {r.peak_mb:.0f} MB",
            flush=True,
        )
