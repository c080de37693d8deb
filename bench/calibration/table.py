"""Run all cells and write docs/calibration.md."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path

from joblib import Parallel, delayed

import bench.calibration
from bench.calibration.cell import Cell, Count, share, verdict

HELPERS = {"cell", "designs", "table"}
HEAD = """# Calibration: how often each p and interval is wrong

Every p and interval that a command prints is tried here on data whose truth is known.
*False alarms* counts data sets without an effect in which p ≤ .05 (at most 6.5 % of them, or an
interval that includes 5 %), *coverage* counts 95 % intervals that hold the truth (92 to 98 %),
*power* the data sets in which a planted effect is found.
Where no arrangement of the labels is valid there is no p: *refused* says in how many data sets.
Intervals of the shares are exact binomial ones.

    python -m bench calibration evidence --only "p: 5 people" --sets 300 --out docs/calibration.md

runs one cell and writes its row anew; without a name all cells are run, which takes many hours of
processor time, mostly in slow dynamics. Rows that were not run stay as they were.

| statistic | design | counted | share | 95 % | data sets | refused | |
|---|---|---|---|---|---|---|---|
"""
COLUMNS = 8
FOOT = "\n## Where it is off\n"
"""What stands below this line is written by hand and kept."""


def all_cells(modules: Iterable[str] = ()) -> list[Cell]:
    """Cells of the named modules, or of all."""
    names = tuple(modules) or sorted(
        m.name for m in pkgutil.iter_modules(bench.calibration.__path__) if m.name not in HELPERS
    )
    found: list[Cell] = []
    for name in names:
        found += importlib.import_module(f"bench.calibration.{name}").cells()
    return found


def row(cell: Cell, count: Count) -> str:
    """One line of the table."""
    refused = f"{count.refused}" if count.refused else ""
    if count.refused == count.sets:
        return f"| {cell.statistic} | {cell.design} | {cell.kind} | | | {count.sets} | all | no p |"
    value, low, high = share(count)
    return (
        f"| {cell.statistic} | {cell.design} | {cell.kind} | {100 * value:.1f} % | "
        f"{100 * low:.1f}–{100 * high:.1f} % | {count.sets} | {refused} | "
        f"{verdict(cell.kind, count)} |"
    )


def main(arguments: list[str] | None = None) -> None:
    """Count, print and write."""
    parser = argparse.ArgumentParser(prog="python -m bench calibration")
    parser.add_argument("modules", nargs="*", help="evidence, units, …; all by default")
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="cells whose statistic or design holds this")
    parser.add_argument("--out", type=Path, help="where to write, such as docs/calibration.md")
    asked = parser.parse_args(arguments)
    cells = [
        cell
        for cell in all_cells(asked.modules)
        if asked.only in f"{cell.statistic}: {cell.design}"
    ]
    done = Parallel(n_jobs=asked.n_jobs, return_as="generator")(
        delayed(cell.run)(asked.sets) for cell in cells
    )
    for cell, count in zip(cells, done, strict=True):
        line = row(cell, Count(*count))
        print(line, flush=True)
        if asked.out is not None:
            write(asked.out, rows_of(asked.out) | {_key(line): line})


def rows_of(path: Path) -> dict[str, str]:
    """Rows that a page holds, by statistic, design and what is counted."""
    if not path.exists():
        return {}
    lines = path.read_text().splitlines()
    return {_key(line): line for line in lines if line.count("|") == COLUMNS + 1}


def write(path: Path, told: dict[str, str]) -> None:
    """Write the page: rows of all cells that were ever run, in the order of the cells."""
    keys = [_key(row(cell, Count(0, 1, 0))) for cell in all_cells()]
    foot = ""
    if path.exists():
        foot = path.read_text().partition(FOOT)[2]
    rows = "\n".join(told[key] for key in keys if key in told)
    path.write_text(f"{HEAD}{rows}\n{FOOT}{foot}")


def _key(line: str) -> str:
    return "|".join(part.strip() for part in line.split("|")[1:4])
