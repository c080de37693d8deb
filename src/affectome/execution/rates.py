"""How fast this machine does a piece of work: measured once, kept in the user's cache."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from joblib import effective_n_jobs

from affectome.data.outputs import OutputError, write_json
from affectome.errors import AffectomeError
from affectome.execution.blocks import jobs_or_all, run_blocks
from affectome.packages import cache_folder

FILE = "rates.json"
ROUNDS, SAMPLED = 2, 16
CPU = Path("/proc/cpuinfo")


def rate(
    name: str, measure: Callable[[int | None], Mapping[str, float]], n_jobs: int | None = None
) -> Mapping[str, float]:
    """Give measured numbers of a piece of work, from the cache or by measuring them now.

    Parameters
    ----------
    name
        Of the work, with all that its speed depends on beside the machine.
    measure
        Called with ``n_jobs`` where nothing is in the cache.
    n_jobs
        Blocks at once, of which cores and memory are shared.
    """
    file = cache_folder().parent / FILE
    known = _known(file)
    place = f"{machine()}, {effective_n_jobs(jobs_or_all(n_jobs))} at once"
    numbers = known.get(place, {}).get(name)
    if numbers is None:
        numbers = dict(measure(n_jobs))
        known.setdefault(place, {})[name] = numbers
        with contextlib.suppress(OutputError):  # a cache that can't be written is measured again
            write_json(file, known)
    return numbers


def seconds_each(
    work: Callable[..., Any], block: tuple[Any, ...], items: int, n_jobs: int | None = None
) -> float:
    """Time a block in threads, as many at once as there are jobs, and give seconds an item.

    Parameters
    ----------
    work, block
        As in :func:`affectome.execution.run_blocks`; the first run, which compiles and loads, isn't
        timed.
    items
        Items in the block.
    n_jobs
        Blocks at once.
    """
    work(*block)
    count = ROUNDS * effective_n_jobs(jobs_or_all(n_jobs))
    begun = time.perf_counter()
    for _ in run_blocks(work, [block] * count, n_jobs, threads=True):
        pass
    return (time.perf_counter() - begun) / (count * items)


def sampled(
    work: Callable[[Any], object], files: Sequence[Any], n_jobs: int | None = None
) -> tuple[float, float]:
    """Time some of many files, and give the seconds and bytes that all of them take.

    Parameters
    ----------
    work
        What is done to each; those that it refuses count, too.
    files
        Paths. Others count as nothing to read.
    n_jobs
        Files at once.
    """
    some = files[:: -(-len(files) // SAMPLED)] if files else []
    begun = time.perf_counter()
    held = 0
    for file in some:
        with contextlib.suppress(AffectomeError):
            work(file)
        with contextlib.suppress(OSError, TypeError):
            held += os.stat(file).st_size
    share = len(files) / max(1, len(some))
    seconds = (time.perf_counter() - begun) * share
    return seconds / effective_n_jobs(jobs_or_all(n_jobs)), held * share


def machine() -> str:
    """Name this machine by its processor and the number of its cores."""
    name = platform.processor() or platform.machine()
    if CPU.is_file():
        lines = CPU.read_text(encoding="utf-8", errors="replace").splitlines()
        told = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = told[0] if told else name
    return f"{name} × {os.cpu_count()}"


def _known(file: Path) -> dict[str, dict[str, dict[str, float]]]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
