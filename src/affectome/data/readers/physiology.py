"""Body signals as wristbands and recorders write them: Empatica E4, Shimmer, and plain tables.

- **Empatica E4**: a folder with ``EDA.csv``, ``BVP.csv``, ``TEMP.csv``; the first line is the start
  in unix seconds, the second the rate in Hz, then a value a line.
- **Shimmer** (Consensys): a table with a line of names such as
  ``Shimmer_A1_GSR_Skin_Conductance_CAL`` and a line of units below it.
- **plain**: a table with a column of time (``time_s``, ``timestamp_ms``) and columns named after
  what they hold and its unit: ``eda_uS``, ``bvp``, ``ecg_mV``, ``respiration``, ``temp_C``.

Skin conductance comes out in µS and temperature in °C. Gaps are filled with NaN, so that a sample's
place is its time.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectome.errors import InputError

Array = NDArray[np.float64]
E4 = {"EDA.csv": "eda", "BVP.csv": "pulse", "TEMP.csv": "temperature"}
KINDS = {
    "eda": ("eda", "gsr", "skin_conductance", "skin_resistance", "sc", "scl"),
    "pulse": ("bvp", "ppg", "pulse"),
    "ecg": ("ecg", "ekg"),
    "respiration": ("respiration", "resp", "rsp", "breath", "breathing"),
    "temperature": ("temperature", "temp", "skt"),
}
TIMES = ("time", "timestamp", "seconds", "t")
SECONDS: dict[str, float] = {"": 1.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6}
TO_MICROSIEMENS: dict[str, Callable[[Array], Array]] = {
    "us": lambda x: x,
    "microsiemens": lambda x: x,
    "ns": lambda x: x / 1e3,
    "ms": lambda x: x * 1e3,
    "s": lambda x: x * 1e6,
    "kohm": lambda x: np.divide(1e3, x, out=np.full_like(x, np.nan), where=x > 0),
    "kohms": lambda x: np.divide(1e3, x, out=np.full_like(x, np.nan), where=x > 0),
    "ohm": lambda x: np.divide(1e6, x, out=np.full_like(x, np.nan), where=x > 0),
}
TO_CELSIUS: dict[str, Callable[[Array], Array]] = {
    "c": lambda x: x,
    "degc": lambda x: x,
    "celsius": lambda x: x,
    "f": lambda x: (x - 32) / 1.8,
    "degf": lambda x: (x - 32) / 1.8,
    "k": lambda x: x - 273.15,
}
UNITS = {"eda": ("µS", TO_MICROSIEMENS), "temperature": ("°C", TO_CELSIUS)}
USUAL = {"eda": (0.0, 100.0), "temperature": (0.0, 60.0)}
GAP = 1.5
MOST_FILLED = 20


@dataclass(frozen=True, eq=False)
class Signal:
    """A body signal at an even rate.

    Attributes
    ----------
    kind
        ``"eda"``, ``"pulse"`` (of blood volume), ``"ecg"``, ``"respiration"`` or ``"temperature"``.
    values
        Shape (n,), in ``unit``; NaN where nothing was recorded.
    rate
        Samples a second.
    start_s
        Unix seconds, or seconds as the table counts them.
    unit
        ``"µS"``, ``"°C"``, or empty where the scale does not matter.
    notes
        What was seen on reading, such as gaps.
    """

    kind: str
    values: Array
    rate: float
    start_s: float
    unit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length in seconds, gaps included."""
        return len(self.values) / self.rate


def read_physiology(path: str | Path) -> dict[str, Signal]:
    """Read the body signals of a folder of an E4, or of a table.

    Returns
    -------
    dict
        Kind → signal.

    Raises
    ------
    InputError
        If there is no signal, its clock jumps back, its unit is unknown or impossible, or a cell is
        no number; with file and line.
    """
    source = Path(path)
    if source.is_dir():
        found = [read_e4(source / name) for name in E4 if (source / name).is_file()]
        if not found:
            raise InputError(f"{source} has none of {', '.join(E4)}: no folder of an Empatica E4")
        return {signal.kind: signal for signal in found}
    if not source.is_file():
        raise InputError(f"{source}: there is no such file or folder of body signals")
    if source.name in E4:
        return {E4[source.name]: read_e4(source)}
    return _read_table(source)


def read_e4(file: Path) -> Signal:
    """Read one file of an Empatica E4.

    Raises
    ------
    InputError
        If its first two lines are not a start and a rate, or there is nothing below them.
    """
    kind = E4[file.name]
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
        numbers = [line.strip().split(",")[0].strip() for line in lines if line.strip()]
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not text; export it from Empatica again") from error
    values = _numbers(file, numbers, 1)
    if len(values) < 3 or not values[0] > 1e8 or not 0 < values[1] <= 2000:
        raise InputError(
            f"{file}: an E4 file has the start in unix seconds in line 1, the rate in Hz in line 2 "
            f"and values from line 3; got {', '.join(numbers[:3]) or 'nothing'}"
        )
    unit = UNITS[kind][0] if kind in UNITS else ""
    _check_usual(file, kind, values[2:], unit)
    return Signal(kind, values[2:], float(values[1]), float(values[0]), unit)


def _read_table(file: Path) -> dict[str, Signal]:
    names, units, rows, first = _cells(file)
    time: Array | None = None
    columns: dict[str, tuple[Array, str]] = {}
    for place, (name, unit) in enumerate(zip(names, units, strict=True)):
        what, given = _role(name, unit)
        if what is None:
            continue
        cells = [row[place].strip() if place < len(row) else "" for row in rows]
        if what == "time" and time is None:
            time = _seconds(file, _numbers(file, cells, first, name), given)
        elif what != "time" and what not in columns:
            columns[what] = _converted(file, what, _numbers(file, cells, first, name), given, name)
    if time is None:
        raise InputError(
            f"{file} has no column of time; name it time_s or timestamp_ms; it has "
            f"{', '.join(names)}"
        )
    if not columns:
        raise InputError(
            f"{file} has no body signal; columns are named {', '.join(KINDS)} with their unit, "
            f"such as eda_uS; it has {', '.join(names)}"
        )
    return _evenly(file, time, columns, first)


def _cells(file: Path) -> tuple[list[str], list[str], list[list[str]], int]:
    """Names, units where a line of them stands below, rows, and the number of the first row."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not a table of text; export it as CSV") from error
    skip = 1 if lines and lines[0].strip('"').startswith("sep=") else 0
    if len(lines) < skip + 2:
        raise InputError(f"{file} is empty: a table of body signals has names and rows")
    separator = next((s for s in "\t;," if s in lines[skip]), ",")
    try:
        rows = list(csv.reader(lines[skip:], delimiter=separator))
    except csv.Error as error:
        raise InputError(f"{file} is not a table of text: {error}; export it again") from error
    while rows[0] and not rows[0][-1].strip():
        rows = [row[: len(rows[0]) - 1] for row in rows]
    if len(rows) < 2:
        raise InputError(f"{file} is empty: a table of body signals has names and rows")
    names = [name.strip() for name in rows[0]]
    below = [cell.strip() for cell in rows[1]]
    if len(below) >= len(names) and not any(re.match(r"[-+.\d]", cell) for cell in below):
        return names, below[: len(names)], rows[2:], skip + 3
    return names, [""] * len(names), rows[1:], skip + 2


def _role(name: str, unit: str) -> tuple[str | None, str]:
    """What a column holds and in which unit, by its name; None for what is not read."""
    plain = name.lower().replace("µ", "u").replace("μ", "u")
    inside = re.search(r"[\[(]\s*([^\])]*)[\])]", plain)
    stem = re.sub(r"[\[(].*?[\])]", "", plain).strip(" _")
    given = unit.lower().replace("µ", "u").replace("μ", "u") or (inside.group(1) if inside else "")
    given = given.replace("°", "deg").replace("*", "").strip().removeprefix("deg").strip()
    if "uncal" in stem or stem.endswith("_raw"):
        return None, given
    stem = re.sub(r"^shimmer_[^_]+_|_cal$", "", stem)
    words = re.split(r"[^a-z]+", stem)
    if words[0] in TIMES:
        return "time", given or next((w for w in words[1:] if w in SECONDS and w), "")
    for kind, known in KINDS.items():
        if any(k in words or k in stem for k in known if "_" in k or k in words):
            table = UNITS[kind][1] if kind in UNITS else {}
            stated = given or next((w for w in reversed(words[1:]) if w in table), "")
            if kind == "eda" and not stated and "resistance" in words:
                stated = "kohm"
            return kind, stated
    return None, given


def _converted(file: Path, kind: str, values: Array, unit: str, name: str) -> tuple[Array, str]:
    if kind not in UNITS:
        return values, unit
    wanted, table = UNITS[kind]
    if unit and unit.replace(" ", "") not in table:
        raise InputError(
            f"{file}, column {name!r}: the unit {unit!r} is not known; {kind} is read in "
            f"{', '.join(table)}"
        )
    converted = table[unit.replace(" ", "")](values) if unit else values
    _check_usual(file, kind, converted, wanted if unit else "")
    return converted, wanted


def _check_usual(file: Path, kind: str, values: Array, unit: str) -> None:
    """Refuse values that can't be in the unit they are taken to be in."""
    if kind not in USUAL or not np.isfinite(values).any():
        return
    low, high = USUAL[kind]
    middle = float(np.nanmedian(values))
    if not low <= middle <= high:
        taken = unit or f"{UNITS[kind][0]} (no unit is stated)"
        raise InputError(
            f"{file}: the median {kind} is {middle:g}, impossible in {taken}; say the unit in the "
            f"column's name, such as {'eda_nS or eda_kOhm' if kind == 'eda' else 'temp_F'}"
        )


def _numbers(file: Path, cells: Iterable[str], first: int, name: str = "") -> Array:
    given = pd.Series(list(cells), dtype=str)
    empty = given.str.lower().isin(["", "nan", "na", "null"])
    values = pd.to_numeric(given.mask(empty), errors="coerce")
    bad = np.flatnonzero(values.isna() & ~empty)
    if bad.size:
        where = f"line {first + int(bad[0])}" + (f", column {name!r}" if name else "")
        raise InputError(f"{file} {where}: {given[bad[0]]!r} is not a number; mend or empty it")
    return values.to_numpy(dtype=float)


def _seconds(file: Path, time: Array, unit: str) -> Array:
    if unit not in SECONDS:
        raise InputError(f"{file}: time is in s or ms; got {unit!r}")
    seconds = time * SECONDS[unit]
    if not unit and np.nanmedian(seconds) > 1e11:  # unix milliseconds
        seconds = seconds / 1e3
    return seconds


def _evenly(
    file: Path, time: Array, columns: dict[str, tuple[Array, str]], first: int
) -> dict[str, Signal]:
    """Lay samples out at an even rate, with NaN where time was lost."""
    known = np.isfinite(time)
    time, lines = time[known], np.flatnonzero(known) + first
    steps = np.diff(time)
    if len(time) < 3 or not (steps > 0).any():
        raise InputError(f"{file} holds {len(time)} samples with a time: too few for a signal")
    back = np.flatnonzero(steps < 0)
    if back.size:
        k = int(back[0])
        raise InputError(
            f"{file} line {lines[k + 1]}: the clock jumps back by {-steps[k]:.3g} s; it was reset: "
            "cut the file there and read the parts"
        )
    step = float(np.median(steps[steps > 0]))
    # The mean over unbroken steps: a median that is off by a millionth loses samples in an hour.
    step = float(steps[(steps > 0) & (steps < GAP * step)].mean())
    places = np.round((time - time[0]) / step).astype(int)
    n = int(places[-1]) + 1
    if n > MOST_FILLED * len(time):
        raise InputError(
            f"{file}: {len(time)} samples of {step:.3g} s span {time[-1] - time[0]:.0f} s; the "
            "clock was reset or the recording interrupted: cut the file and read the parts"
        )
    lost = steps[steps > GAP * step + 1e-9] - step
    notes = (f"{len(lost)} gaps, {lost.sum():.1f} s in all",) if len(lost) else ()
    found = {}
    for kind, (values, unit) in columns.items():
        even = np.full(n, np.nan)
        even[places] = values[known]
        found[kind] = Signal(kind, even, 1 / step, float(time[0]), unit, notes)
    return found
