"""How cost grows with what is counted, and many pictures through a cluster of two processes.

``python -m bench scale`` takes some twenty minutes, ``python -m bench scale --short`` three;
``--record`` writes what is printed to ``docs/benchmarks/scale.txt``.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
import timeit
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch
from torch import nn

from affectome.data import make_recording
from affectome.decoding import RidgeClassifierDecoder
from affectome.dynamics.over_time import decode_over_time
from affectome.evidence import make_split, permutation_test
from affectome.execution import Shards, cut, on_cluster
from affectome.execution.blocks import one_thread
from affectome.execution.plan import duration, size
from affectome.execution.rates import machine
from affectome.execution.shards import pack
from affectome.kernels.selectivity import class_statistics

SIDE, BATCH, IN_SHARD = 64, 50, 500
RECORD = Path(__file__).parents[1] / "docs" / "benchmarks" / "scale.txt"
Work = Callable[[], object]


def trials(n: int) -> Work:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((n, 256), np.float32), rng.integers(0, 3, n)
    return lambda: class_statistics(X, y, n_jobs=1)


def units(n: int) -> Work:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((100, n), np.float32), rng.integers(0, 3, 100)
    return lambda: class_statistics(X, y, n_jobs=1)


def people(n: int) -> Work:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "subject": np.repeat(np.arange(n), 40).astype(str),
            "emotion": np.tile(["fear", "joy"], 20 * n),
            "stimulus": np.tile(np.arange(20).repeat(2), n).astype(str),
        }
    )
    values = rng.standard_normal((len(table), 20, 16), np.float32)
    recording = make_recording(
        values, table, pd.DataFrame({"channel": range(16)}), time=np.arange(20) / 10
    )
    split = make_split(table, table["emotion"].to_numpy(), "stimulus", 5)
    return lambda: decode_over_time(
        recording, "emotion", split, within="subject", n_permutations=100, n_jobs=1
    )


def permutations(n: int) -> Work:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((120, 200)), np.tile(["fear", "joy"], 60)
    split = make_split(pd.DataFrame(index=range(120)), y, "random", 5)
    return lambda: permutation_test(
        RidgeClassifierDecoder(), X, y, split, n_permutations=n, n_jobs=1
    )


def pictures(n: int) -> Work:
    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            for _ in flow(Path(folder), n, lambda done: None):
                pass

    return run


PICTURES, PEOPLE = "pictures (small network)", "people (40 trials, 20 times)"
GROWTH: dict[str, tuple[Callable[[int], Work], list[int], list[int]]] = {
    "trials (of 256 units)": (trials, [10**k for k in (3, 4, 5, 6)], [10**k for k in (3, 4, 5)]),
    "units (of 100 trials)": (units, [10**k for k in (3, 4, 5, 6)], [10**k for k in (3, 4, 5)]),
    PEOPLE: (people, [2, 20, 200, 2000], [2, 20, 100]),
    "permutations (120 trials)": (
        permutations,
        [10**k for k in (2, 3, 4, 5)],
        [10**k for k in (2, 3, 4)],
    ),
    PICTURES: (pictures, [10**k for k in (2, 3, 4, 5)], [100, 1000, 4000]),
}
ON_PAPER = ((PICTURES, 10**6), (PICTURES, 10**9), (PEOPLE, 10**4))


def growth(short: bool) -> Iterator[str]:
    """Time each over its sizes; fit seconds and bytes as a power of the size on the upper half."""
    head = ("what grows", "sizes", "seconds", "exponent", "peak memory", "exponent")
    yield row(*head)
    fitted = {}
    for name, (make, whole, few) in GROWTH.items():
        sizes = few if short else whole
        seconds, peaks = [], []
        for n in sizes:
            work = make(n)
            work()
            seconds.append(min(timeit.repeat(work, number=1, repeat=3)))
            tracemalloc.start()
            work()
            peaks.append(float(tracemalloc.get_traced_memory()[1]))
            tracemalloc.stop()
        slope, memory = (exponent(sizes[-2:], values[-2:]) for values in (seconds, peaks))
        fitted[name] = sizes[-1], seconds[-1], slope
        yield row(
            name,
            " ".join(f"{n:,}" for n in sizes),
            " ".join(f"{s:.2g}" for s in seconds),
            f"{slope:.2f}",
            " ".join(size(p) for p in peaks),
            f"{memory:.2f}",
        )
    for name, n in ON_PAPER:
        largest, took, _ = fitted[name]
        whole_s = duration(took * n / largest)
        yield f"on paper, in proportion to the largest: {n:,} {name}: {whole_s} on one core"


def row(*cells: str) -> str:
    widths = (30, 31, 24, 9, 32, 9)
    name, *others = cells
    return name.ljust(widths[0]) + "".join(
        cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)
    )


def exponent(sizes: list[int], values: list[float]) -> float:
    """Slope of the values against the sizes, both as logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(values, 1e-9)), 1)[0])


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [
        nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.ReLU()) for a, b in pairwise((3, 32, 64, 128))
    ]
    return nn.Sequential(*layers).eval().requires_grad_(False)


def look(first: int, count: int) -> bytes:
    """Make pictures from their numbers and run them through the network, one batch at a time."""
    network = small_network()
    found = []
    for begin in range(first, first + count, BATCH):
        rng = np.random.default_rng(begin)
        n = min(BATCH, first + count - begin)
        pixels = torch.from_numpy(rng.standard_normal((n, 3, SIDE, SIDE), np.float32))
        found.append(network(pixels).mean(dim=(2, 3)).numpy())
    return pack(values=np.concatenate(found))


def shards_of(n: int) -> list[range]:
    return cut(n, BATCH, max(10, n // IN_SHARD))


def flow(folder: Path, n: int, progress: Callable[[int], None]) -> Iterator[bytes]:
    parts = shards_of(n)
    blocks = [(part.start, len(part)) for part in parts]
    yield from Shards(folder / "shards", {"n": n}, len(parts)).run(look, blocks, progress=progress)


def through_a_cluster(n: int) -> Iterator[str]:
    """Run n pictures in a plain loop and on two processes; compare seconds, memory and bytes."""
    parts = shards_of(n)
    look(0, BATCH)
    begun, worked = time.perf_counter(), time.process_time()
    with one_thread():
        plain = [look(part.start, len(part)) for part in parts]
    alone, alone_cpu = time.perf_counter() - begun, time.process_time() - worked
    with tempfile.TemporaryDirectory() as folder, on_cluster("local:2"):
        list(flow(Path(folder) / "first", 20 * BATCH, lambda done: None))
        own = psutil.Process()
        workers = [
            one
            for one in own.children(recursive=True)
            if "--multiprocessing-fork" in " ".join(one.cmdline())
        ]
        seen: dict[int, list[float]] = {}

        def watch(done: int) -> None:
            seen[done] = [float(one.memory_info().rss) for one in (own, *workers)]

        before = sum(cpu_of(one) for one in workers)
        begun = time.perf_counter()
        cluster = list(flow(Path(folder), n, watch))
        took = time.perf_counter() - begun
        cpu = sum(cpu_of(one) for one in workers) - before
    same = cluster == plain
    tenth, last = seen[len(parts) // 10], seen[len(parts)]
    yield (
        f"{n:,} pictures in {len(parts)} shards: plain loop {alone:.1f} s ({alone_cpu:.1f} s of "
        f"processor), two processes {took:.1f} s ({cpu:.1f} s), {alone / took:.2f}x; processor "
        f"time {cpu / alone_cpu - 1:+.1%}; the same bytes: {same}"
    )
    names = ("client and scheduler", "worker 1", "worker 2")
    for name, a, b in zip(names, tenth, last, strict=True):
        yield f"memory of {name}: {size(a)} after a tenth, {size(b)} at the end, {b / a - 1:+.1%}"


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main(words: list[str] | None = None) -> None:
    words = words or []
    short = "--short" in words
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    lines = [
        f"python -m bench scale{' --short' if short else ''}, {datetime.now(UTC):%Y-%m-%d}, "
        f"commit {commit}",
        f"{machine()}, {size(psutil.virtual_memory().total)}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} before it began",
    ]
    print("\n".join(lines), flush=True)
    for part in (growth(short), through_a_cluster(10_000 if short else 100_000)):
        for line in part:
            lines.append(line)
            print(line, flush=True)
    if "--record" in words:
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        RECORD.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
