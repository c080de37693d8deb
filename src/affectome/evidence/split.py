"""The Split: folds of trials that can't be made if training and test share something."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from affectome.data.shown import Shown, new_axes
from affectome.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
KINDS = ("group", "double", "blocked", "time", "random", "given")


@dataclass(frozen=True, eq=False, repr=False)
class Split(Shown):
    """Folds of trials that are proved disjoint when they are made.

    Attributes
    ----------
    kind
        ``"group"``, ``"double"`` (several columns at once), ``"blocked"`` (sessions or runs),
        ``"time"`` (blocks of time with a purge gap), ``"random"`` or ``"given"``.
    by
        Columns of which no value is both in training and in test of any fold.
    folds
        Pairs ``(train, test)`` of row numbers.
    columns
        Column → its values, shape (n_trials,); those named in ``by`` are needed for the proof.
        For ``kind="time"`` the column ``time`` holds seconds and ``run`` the run each trial is of.
    gap
        Seconds that lie at least between a training and a test trial of the same run
        (``kind="time"`` only).

    Raises
    ------
    InputError
        If a fold is empty on one side, lists a row twice, or shares a row or a value of a held-out
        column between its sides, or if training and test are nearer in time than ``gap``.
    """

    kind: str
    by: tuple[str, ...]
    folds: tuple[Fold, ...] = field(repr=False)
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    gap: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"the kind of a split is one of {', '.join(KINDS)}; got {self.kind!r}")
        if not self.folds:
            raise InputError("a split needs at least one fold; got none")
        folds = tuple((_rows(train), _rows(test)) for train, test in self.folds)
        object.__setattr__(self, "folds", folds)
        for number, (train, test) in enumerate(folds):
            _prove_rows(number, train, test)
        for name in self.by:
            if name not in self.columns:
                raise InputError(f"the values of the held-out column {name!r} are not given")
            _prove_column(name, np.asarray(self.columns[name]), folds)
        if self.kind == "time":
            _prove_gap(self.columns, folds, self.gap)

    def __iter__(self) -> Iterator[Fold]:
        return iter(self.folds)

    def __len__(self) -> int:
        return len(self.folds)

    @property
    def _title(self) -> str:
        held = " and ".join(self.by) or ("stretches of time" if self.kind == "time" else "nothing")
        return f"Split({self.kind}): {len(self)} folds, held out: {held}"

    @property
    def _stamps(self) -> tuple[str, ...]:
        return ("random split",) if self.random else ()

    @property
    def _lines(self) -> list[str]:
        sizes = [
            _range(train for train, _ in self.folds),
            _range(test for _, test in self.folds),
        ]
        train, test = (f"{a}" if a == b else f"{a} to {b}" for a, b in sizes)
        lines = [f"{train} trials train, {test} are tested in a fold"]
        lines += [f"{name}: {len(pd.unique(self.columns[name]))} groups" for name in self.by]
        return [*lines, *([f"{self.gap:g} s apart"] if self.gap else [])]

    def to_frame(self) -> pd.DataFrame:
        """Give a row a fold: trials on both sides, and which groups are tested."""
        table = pd.DataFrame(
            {
                "fold": range(len(self)),
                "n_train": [train.size for train, _ in self.folds],
                "n_test": [test.size for _, test in self.folds],
            }
        )
        for name in self.by:
            values = np.asarray(self.columns[name])
            table[name] = ["|".join(map(str, pd.unique(values[test]))) for _, test in self.folds]
        return table

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw which trials train (light) and which are tested (dark), a row a fold."""
        axes = new_axes(ax, 0.8 + 0.16 * len(self))
        last = max(int(side.max()) for fold in self.folds for side in fold)
        image = np.zeros((len(self), last + 1))
        for row, (train, test) in zip(image, self.folds, strict=True):
            row[train], row[test] = 0.35, 1.0
        axes.imshow(image, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        axes.set_xlabel("trial")
        axes.set_ylabel("fold")
        return axes

    @property
    def random(self) -> bool:
        """Whether nothing but single rows is held out, so that every figure must say so."""
        return self.kind == "random" or (self.kind == "given" and not self.by)

    @property
    def tested(self) -> NDArray[np.intp]:
        """Rows that are tested in at least one fold, ascending."""
        return np.unique(np.concatenate([test for _, test in self.folds]))

    @property
    def digest(self) -> str:
        """SHA-256 of all row numbers: equal digests, equal folds."""
        sha = hashlib.sha256()
        for train, test in self.folds:
            sha.update(np.array([train.size, test.size], dtype="<i8").tobytes())
            sha.update(train.astype("<i8").tobytes())
            sha.update(test.astype("<i8").tobytes())
        return sha.hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Describe the split for ``manifest.json`` and ``result.json``."""
        return {
            "kind": self.kind,
            "by": list(self.by),
            "random": self.random,
            "gap": self.gap,
            "n_folds": len(self.folds),
            "n_train": _range(train for train, _ in self.folds),
            "n_test": _range(test for _, test in self.folds),
            "sha256": self.digest,
        }


def _range(sides: Iterable[NDArray[np.intp]]) -> list[int]:
    """Smallest and largest number of trials on one side."""
    sizes = [side.size for side in sides]
    return [min(sizes), max(sizes)]


def _rows(rows: ArrayLike) -> NDArray[np.intp]:
    array = np.array(rows)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise InputError(
            f"each side of a fold is a list of row numbers, not empty; got the shape {array.shape} "
            f"of {array.dtype}"
        )
    if array.min() < 0:
        raise InputError("row numbers of a fold count from 0; got a negative one")
    array = array.astype(np.intp)
    array.setflags(write=False)
    return array


def _prove_rows(number: int, train: NDArray[np.intp], test: NDArray[np.intp]) -> None:
    times = np.bincount(np.concatenate([train, test]))
    if times.max() > 1:
        row = int(times.argmax())
        where = "training and test" if row in train and row in test else "one side twice"
        raise InputError(
            f"fold {number} lists row {row} in {where}; a row belongs to one side once"
        )


def apart(values: NDArray[Any], folds: Iterable[Fold]) -> bool:
    """Whether no fold has a value both in training and in test."""
    return _first_shared(values, folds) is None


def _first_shared(values: NDArray[Any], folds: Iterable[Fold]) -> tuple[int, Any] | None:
    codes, levels = pd.factorize(values)
    for number, (train, test) in enumerate(folds):
        learnt = np.zeros(len(levels), dtype=bool)
        learnt[codes[train]] = True
        shared = learnt[codes[test]]
        if shared.any():
            return number, levels[codes[test][shared.argmax()]]
    return None


def _prove_column(name: str, values: NDArray[Any], folds: tuple[Fold, ...]) -> None:
    shared = _first_shared(values, folds)
    if shared is not None:
        raise InputError(
            f"fold {shared[0]} has {name} {shared[1]!s} in training and in test, so the split does "
            f"not hold out {name}; use make_split(holdout={name!r})"
        )


def _prove_gap(columns: Mapping[str, NDArray[Any]], folds: tuple[Fold, ...], gap: float) -> None:
    time, run = np.asarray(columns["time"], dtype=float), np.asarray(columns["run"])
    for number, (train, test) in enumerate(folds):
        for name in np.unique(run[test]):
            learnt = np.sort(time[train][run[train] == name])
            tested = time[test][run[test] == name]
            if not learnt.size:
                continue
            after = np.searchsorted(learnt, tested).clip(0, learnt.size - 1)
            nearest = np.minimum(
                np.abs(learnt[after] - tested), np.abs(learnt[(after - 1).clip(0)] - tested)
            ).min()
            if nearest < gap:
                raise InputError(
                    f"fold {number} tests {nearest:g} s from training, nearer than the gap of "
                    f"{gap:g} s"
                )
