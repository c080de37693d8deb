"""What a run will take, said before it starts, and refused where it can't fit."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from affectome.data.memory import check_memory
from affectome.errors import InputError

PARALLEL = "fewer jobs, fewer inputs, or a larger machine"


@dataclass(frozen=True)
class Step:
    """What one step takes.

    Attributes
    ----------
    name
        Of the step.
    seconds
        Time from its start to its end.
    memory
        Bytes of the process at its peak.
    disk
        Bytes that it writes.
    read
        Bytes that it reads.
    """

    name: str
    seconds: float
    memory: float = 0.0
    disk: float = 0.0
    read: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What a run takes, step by step.

    Attributes
    ----------
    steps
        In their order.
    uncounted
        Steps that are not predicted.
    """

    steps: tuple[Step, ...]
    uncounted: tuple[str, ...] = ()

    @property
    def whole(self) -> Step:
        """The run: sums of time and bytes, the largest memory."""
        return Step(
            "in all",
            sum(one.seconds for one in self.steps),
            max(one.memory for one in self.steps),
            sum(one.disk for one in self.steps),
            sum(one.read for one in self.steps),
        )

    @property
    def line(self) -> str:
        """The plan in one line."""
        whole = self.whole
        but = f", without {', '.join(self.uncounted)}" if self.uncounted else ""
        return (
            f"about {duration(whole.seconds)}, {size(whole.memory)} of memory, "
            f"{size(whole.disk)} of disk, {size(whole.read)} to read{but}"
        )

    @property
    def table(self) -> str:
        """The plan as a table of plain text, a line a step."""
        rows = [("step", "time", "memory", "disk", "read")]
        for one in (*self.steps, self.whole):
            amounts = (size(one.memory), size(one.disk), size(one.read))
            rows.append((one.name, duration(one.seconds), *amounts))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for name, *cells in rows:
            right = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
            lines.append("  ".join([name.ljust(widths[0]), *right]))
        lines += [f"not counted: {', '.join(self.uncounted)}"] if self.uncounted else []
        return "\n".join(lines) + "\n"

    def check(self, folder: str | Path) -> None:
        """Refuse what memory or the disk of a folder can't hold.

        Raises
        ------
        InputError
            With both numbers.
        """
        most = max(self.steps, key=lambda one: one.memory)
        check_memory(most.memory, f"the step {most.name!r}", f"take {PARALLEL}")
        place = Path(folder).absolute()
        while not place.is_dir():
            place = place.parent
        free = shutil.disk_usage(place).free
        if self.whole.disk > free:
            raise InputError(
                f"the run writes about {size(self.whole.disk)} to {folder}, but {size(free)} are "
                "free there; give another --out, or make room"
            )

    def to_dict(self) -> dict[str, Any]:
        """Give seconds and bytes, step by step and in all."""
        return asdict(self) | {"whole": asdict(self.whole)}


def duration(seconds: float) -> str:
    """Give a time in words, with two figures: ``40 s``, ``12 min``, ``7.5 h``, ``3.1 d``."""
    for least, unit, name in ((172_800, 86_400, "d"), (7200, 3600, "h"), (120, 60, "min")):
        if seconds >= least:
            return f"{_two(seconds / unit)} {name}"
    return f"{_two(seconds)} s" if seconds >= 1 else "1 s"


def size(number: float) -> str:
    """Give bytes in words, with two figures at most: ``12 kB``, ``1.4 GB``."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if number >= 0.995 * unit:
            return f"{_two(number / unit)} {name}"
    return f"{_two(number / 1e3)} kB" if number else "0"


def _two(number: float) -> str:
    return f"{number:.1f}" if number < 9.95 else f"{float(f'{number:.2g}'):.0f}"
