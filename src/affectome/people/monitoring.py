"""Is a model still reading what it was measured on? Drift against its card, with an alarm.

What is independent is watched, one reading a person (or file): frames of one film are alike, and
would ring the alarm by themselves. The false-alarm rate is that of :func:`affectome.evidence.drift`
over all quantities together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectome.errors import InputError
from affectome.evidence import Score, score
from affectome.evidence.drift import Drift, binned, drift
from affectome.people.cards import Usual
from affectome.people.reading import DIMENSIONS, Reading

Array = NDArray[np.float64]
N_BINS = 20
FEWEST_REFERENCE = 50
RIGHT = "right"
PLURAL = {"person": "people", "file": "files", "reading": "readings"}
UNITS = tuple(PLURAL)


@dataclass(frozen=True, eq=False)
class Watched:
    """One quantity: its usual bins, where the new values lie in them, and whether they left.

    Attributes
    ----------
    usual_share, share
        Share of the reference and of the new values in each bin, shape (n_bins,).
    units
        Number of the unit that each new value is of, counted from 0, shape (n_values,).
    """

    usual_share: Array
    share: Array
    units: NDArray[np.intp]
    drift: Drift

    @property
    def rang(self) -> int | None:
        """Units that had come when the alarm rang."""
        return None if self.drift.first is None else int(self.units[self.drift.first - 1]) + 1


@dataclass(frozen=True, eq=False)
class Monitored:
    """What came of watching a stream of readings.

    Attributes
    ----------
    over
        What a unit is: ``"person"``, ``"file"`` or ``"reading"``.
    n_units
        How many there were.
    rate
        Chance that any alarm ever rings without a change.
    watched
        Quantity → what became of it.
    left_out
        Quantities that only the reference or only the readings have.
    accuracy
        Of each window of units with labels: first and last unit, and the score.
    """

    over: str
    n_units: int
    rate: float
    watched: Mapping[str, Watched]
    left_out: Sequence[str] = ()
    accuracy: Sequence[tuple[int, int, Score]] = field(default_factory=tuple)

    @property
    def alarms(self) -> dict[str, int]:
        """Quantity → number of units after which its alarm rang, the earliest first."""
        rang = {name: one.rang for name, one in self.watched.items()}
        return dict(sorted(((k, n) for k, n in rang.items() if n is not None), key=lambda i: i[1]))

    def to_dict(self) -> dict[str, Any]:
        """Give all as it goes into ``result.json``."""
        return {
            "schema": 1,
            "over": f"{self.n_units} {PLURAL[self.over]}",
            "false_alarm_rate": self.rate,
            "alarms": self.alarms,
            "quantities": {
                name: {
                    "usual": one.usual_share.tolist(),
                    "now": one.share.tolist(),
                    "rang_after": one.rang,
                    "p": one.drift.p,
                    "null": one.drift.null.to_dict(),
                }
                for name, one in self.watched.items()
            },
            "left_out": list(self.left_out),
            "accuracy": [
                {"from": first, "to": last, **found.to_dict()}
                for first, last, found in self.accuracy
            ],
        }


def quantities(readings: Sequence[Reading], labels: Sequence[str]) -> dict[str, Array]:
    """Numbers to watch, NaN where a reading has none, each of shape (n_readings,).

    Parameters
    ----------
    labels
        Of the model.
    """
    found = {f"label {k}": np.array([float(k in r.labels) for r in readings]) for k in labels}
    found["abstains"] = np.array([float(r.abstains) for r in readings])
    found["highest probability"] = np.array(
        [max(r.emotions.values()) if r.emotions else np.nan for r in readings]
    )
    for name in DIMENSIONS:
        rated = [getattr(r, name) for r in readings]
        if any(one is not None for one in rated):
            found[name] = np.array([np.nan if one is None else one.value for one in rated])
    measured = dict.fromkeys(name for r in readings for name in r.quality if name != "track")
    for name in measured:
        found[f"input {name}"] = np.array([r.quality.get(name, np.nan) for r in readings])
    return found


def usual_of(readings: Sequence[Reading], right: Sequence[bool] | None = None) -> dict[str, Usual]:
    """Keep how readings of held-out data are, for later ones to be watched against.

    Parameters
    ----------
    readings
        One a unit, all of one model.
    right
        Whether the likeliest label of each is right.
    """
    labels = list(dict.fromkeys(label for r in readings for label in r.emotions))
    values = quantities(readings, labels)
    if right is not None:
        values[RIGHT] = np.asarray(right, dtype=float)
    found = {}
    for name, all_of_it in values.items():
        known = all_of_it[np.isfinite(all_of_it)]
        if len(known) >= FEWEST_REFERENCE:
            edges = _edges(known, name == RIGHT or name.startswith(("label ", "abstains")))
            counts = np.bincount(binned(known, edges), minlength=len(edges) + 1)
            found[name] = Usual(edges, tuple(map(int, counts)))
    return found


def likeliest(reading: Reading) -> str | None:
    """Label with the highest probability, also of a reading that abstains."""
    return max(reading.emotions, key=reading.emotions.__getitem__) if reading.emotions else None


def units_of(readings: Sequence[Reading], over: str | None) -> tuple[str, list[list[int]]]:
    """Rows of ``readings`` of each unit, in the order in which units first came.

    Raises
    ------
    InputError
        If a reading has no such field.
    """
    chosen = over or ("person" if all(r.person for r in readings) else "file")
    if over is None and chosen == "file" and not all(r.file and r.row is None for r in readings):
        chosen = "reading"
    if chosen not in UNITS:
        raise InputError(f"what is independent is one of {', '.join(UNITS)}; got {chosen!r}")
    if chosen == "reading":
        return chosen, [[k] for k in range(len(readings))]
    rows: dict[str, list[int]] = {}
    for k, reading in enumerate(readings):
        name = getattr(reading, chosen)
        if not name:
            raise InputError(f"reading {k + 1} names no {chosen}; choose another with --over")
        rows.setdefault(name, []).append(k)
    return chosen, list(rows.values())


def watch(
    readings: Sequence[Reading],
    usual: Mapping[str, Usual],
    truth: Mapping[int, str] | None = None,
    over: str | None = None,
    rate: float = 0.05,
    window: int = 100,
    random_state: int = 0,
) -> Monitored:
    """Watch readings, in the order in which they came.

    Parameters
    ----------
    readings
        Of one model.
    usual
        From the model's card, or `usual_of` earlier readings.
    truth
        Row of a reading → its label, where it has come in.
    over
        What is independent: ``"person"``, ``"file"`` or ``"reading"``; by default the first of
        these that all readings name. Of each unit the middle reading is watched.
    rate
        Chance that any alarm ever rings where nothing changed.
    window
        Units with a label in each window of the rolling accuracy.
    random_state
        Seed of the lots that decide ties.

    Raises
    ------
    InputError
        If there are no readings, or no quantity that the reference knows too.
    """
    if not readings:
        raise InputError("there are no readings to watch")
    chosen, rows = units_of(readings, over)
    middle = [of_one[len(of_one) // 2] for of_one in rows]
    known = [name.removeprefix("label ") for name in usual if name.startswith("label ")]
    values = quantities([readings[k] for k in middle], known)
    if truth:
        values[RIGHT] = np.array(
            [
                np.nan if k not in truth else float(likeliest(readings[k]) == truth[k])
                for k in middle
            ]
        )
    both = [name for name in usual if name in values and np.isfinite(values[name]).any()]
    if not both:
        raise InputError("the reference and the readings have no quantity in common")
    watched = {}
    for name in both:
        there = np.flatnonzero(np.isfinite(values[name]))
        bins = binned(values[name][there], usual[name].edges)
        counts = np.array(usual[name].counts, dtype=float)
        now = np.bincount(bins, minlength=len(counts)) / len(bins)
        found = drift(counts, bins, rate, len(both), random_state)
        watched[name] = Watched(counts / counts.sum(), now, there, found)
    apart = sorted({*usual, *values} - set(both) - (set() if truth else {RIGHT}))
    windows = _rolling(readings, rows, truth or {}, window, chosen)
    return Monitored(chosen, len(rows), rate, watched, apart, windows)


def _rolling(
    readings: Sequence[Reading],
    rows: Sequence[Sequence[int]],
    truth: Mapping[int, str],
    window: int,
    over: str,
) -> list[tuple[int, int, Score]]:
    """Share of right readings in windows of so many units that have labels."""
    labelled = [(unit, [k for k in of_one if k in truth]) for unit, of_one in enumerate(rows)]
    labelled = [(unit, of_one) for unit, of_one in labelled if of_one]
    found = []
    for start in range(0, len(labelled), window):
        part = labelled[start : start + window]
        hits = [float(likeliest(readings[k]) == truth[k]) for _, of_one in part for k in of_one]
        units = [unit for unit, of_one in part for _ in of_one]
        found.append((part[0][0] + 1, part[-1][0] + 1, accuracy(hits, units, over)))
    return found


def accuracy(hits: Sequence[float], units: Sequence[Any], over: str) -> Score:
    """Share of hits, with its interval over units."""
    right = np.asarray(hits, dtype=int)
    name = f"{len(set(units))} {PLURAL[over]}"
    found = score("balanced_accuracy", np.ones(len(right), dtype=int), right, units, over=name)
    return Score("accuracy", found.value, found.interval, None, found.n_groups, found.over)


def _edges(values: Array, yes_or_no: bool) -> tuple[float, ...]:
    """Inner edges of bins: halfway between values where these are few, else quantiles."""
    if yes_or_no:
        return (0.5,)
    distinct = np.unique(values)
    if len(distinct) == 1:
        near = 1e-6 * max(1.0, abs(float(distinct[0])))
        inner = distinct[0] + np.array([-near, near])
    elif len(distinct) <= N_BINS:
        inner = (distinct[1:] + distinct[:-1]) / 2
    else:
        inner = np.quantile(values, np.linspace(0, 1, N_BINS + 1)[1:-1])
    # As many digits as a card is written with, so that values fall where they fell.
    return tuple(np.unique([float(f"{edge:.9g}") for edge in inner]).tolist())
