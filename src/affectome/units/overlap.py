"""Do the same units prefer the same classes in a second set of trials?

In each set the tenth of the units is taken that differs most between the classes, and those that
both choices share with the same preference are counted. Units are no lottery tickets: where a few
directions drive a whole layer, two choices that have nothing to do with each other share many units
or none. So the count is held against that of rearranged labels: in each of many draws the labels of
both sets trade places as their designs say, units are chosen anew and counted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from affectome.data import trial_table, unit_table
from affectome.data.shown import Shown, plot_counts
from affectome.errors import InputError, no_column
from affectome.evidence import Null, exchange_for, fdr, tested
from affectome.evidence.design import factors_of
from affectome.units._alike import alikeness, shared_factors, weights
from affectome.units._rearranged import (
    Arrangements,
    arrangements,
    explained,
    held_constant,
    preferred,
)
from affectome.units.selectivity import Selectivity, prepared, selectivity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILES = ("file", "file_name", "picture")
DRAWS = 1000
SHARE = 0.1
ANY = "any"


@dataclass(frozen=True, eq=False, repr=False)
class Overlap(Shown):
    """Units that are among the strongest for the same class in two sets, against chance.

    Attributes
    ----------
    table
        For each place a row a class, and one with ``preferred`` = ``"any"``: the column asked for
        with ``by``, ``units``, ``chosen_a``, ``chosen_b``, ``shared``, ``expected`` (mean
        over draws), ``p``, ``q`` (over places, for each kind of row) and ``why`` there is no p
        (empty where there is one). The last four are missing where there is no p.
    shared
        Whether each unit is chosen in both sets with the same preference, shape (n_units,).
    first, second
        Selectivity in either set.
    null
        What was rearranged; None where nothing could be.
    """

    table: pd.DataFrame
    shared: NDArray[np.bool_] = field(repr=False)
    first: Selectivity
    second: Selectivity
    null: Null | None

    @property
    def _title(self) -> str:
        return f"Overlap: {int(self.shared.sum()):,} of {self.shared.size:,} units in both sets"

    @property
    def _lines(self) -> list[str]:
        lines = []
        for row in self.table[self.table["preferred"] == ANY].to_dict(orient="records"):
            place = str(next(iter(row.values())))
            told = f"{place}: {row['shared']:g} shared"
            if row["why"]:
                lines.append(f"{told}; {row['why']}")
            else:
                lines.append(f"{told}, {row['expected']:.1f} by chance, p = {row['p']:.3f}")
        return lines[:6]

    def to_frame(self) -> pd.DataFrame:
        """Give the table, a row a place and class."""
        return self.table.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw shared units beside those that chance shares, place by place."""
        rows = self.table[self.table["preferred"] == ANY]
        axes = plot_counts(ax, rows.set_index(rows.columns[0])["shared"], "units in both sets")
        axes.plot(rows["expected"], [-place for place in range(len(rows))], "|", color="C1", ms=14)
        return axes


@dataclass(frozen=True, eq=False)
class _Side:
    """One set: responses, real labels and rearranged ones, and which share of units is taken."""

    X: NDArray[np.floating]
    drawn: Arrangements
    weighed: Arrangements
    found: Selectivity
    share: float

    def choose(self, inside: NDArray[np.intp]) -> NDArray[np.int16]:
        """Class that each chosen unit prefers, -1 for the others, shape (n_rows, n_inside)."""
        X, count = self.X[:, inside], max(1, int(self.share * inside.size))
        share = np.concatenate([found for _, found in explained(X, self.weighed)], axis=1)
        if len(share) > 1:
            usual = share[1:].mean(axis=0)
            share /= np.where(usual > 0, usual, 1.0)
        prefers = preferred(X, self.drawn).astype(np.int16)
        others = np.argsort(-share, axis=1, kind="stable")[:, count:]
        np.put_along_axis(prefers, others, -1, axis=1)
        return prefers


def overlap(
    first: xr.DataArray,
    second: xr.DataArray,
    labels: str,
    *,
    by: str | None = None,
    share: float = SHARE,
    n_permutations: int = DRAWS,
    order: str | None = None,
    ignore: Sequence[str] = (),
    random_state: int = 0,
) -> Overlap:
    """Count the units that are among the strongest for the same class in both sets.

    Parameters
    ----------
    first, second
        The same units in two sets of trials that share no stimulus, dims (trial, unit).
    labels
        Trial coordinate with the class.
    by
        Column of the units, such as ``"layer"`` or ``"region"``: each of its values is tested by
        itself. All units together when not given.
    share
        Share of the units of each place that is taken (one unit at least), above 0 and below one
        half.
    n_permutations
        Draws of the labels.
    order
        Column that orders trials in time, as in `affectome.evidence.make_design`.
    ignore
        Columns that do not say what belongs together, nor which stimulus was shown.
    random_state
        Seed.

    Returns
    -------
    Overlap
        The strength of a unit is its η² over the mean of that under rearranged labels, so that no
        unit is strong because its pictures are alike.

    Raises
    ------
    InputError
        If the units or the classes differ, a stimulus is in both sets, or a column does not exist.
    """
    if not 0 < share < 0.5:
        raise InputError(f"share lies above 0 and below .5; got {share}")
    units = _same_units(first, second)
    if by is not None and by not in units:
        raise no_column("the units have", by, units)
    shared = shared_stimuli(trial_table(first), trial_table(second), (*ignore, labels))
    if shared:
        column, values = next(iter(shared.items()))
        raise InputError(
            f"{len(values)} values of {column} are in both sets ({', '.join(values[:3])}"
            f"{', …' if len(values) > 3 else ''}), and units that follow a stimulus would overlap "
            "without any emotion: keep each in one set only"
        )
    sides = [
        _side(part, labels, share, n_permutations, order, ignore, random_state + number)
        for number, part in enumerate((first, second))
    ]
    a, b = (side.found for side in sides)
    if a.classes != b.classes:
        raise InputError(
            f"overlap compares the same classes in two sets; got {', '.join(a.classes)} and "
            f"{', '.join(b.classes)}"
        )
    places = np.full(len(units), "all") if by is None else units[by].to_numpy().astype(str)
    marks = np.zeros(len(units), dtype=bool)
    rows: list[dict[str, Any]] = []
    for place in pd.unique(places):
        inside = np.flatnonzero(places == place)
        chosen = [side.choose(inside) for side in sides]
        marks[inside] = (chosen[0][0] >= 0) & (chosen[0][0] == chosen[1][0])
        of_place = {} if by is None else {by: place}
        rows += [of_place | row for row in _compare(chosen[0], chosen[1], a, b)]
    table = pd.DataFrame(rows)
    summed = (table["preferred"] == ANY).to_numpy()
    table["q"] = np.nan
    for kind in (summed, ~summed):
        table.loc[kind, "q"] = fdr(table.loc[kind, "p"].to_numpy(dtype=float))
    return Overlap(table, marks, a, b, _null(a, b, len(pd.unique(places))))


def shared_stimuli(
    first: pd.DataFrame, second: pd.DataFrame, ignore: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Find stimuli that are in both tables of trials: column → the values that both have.

    Columns are those that say which stimulus was shown and what theme it belongs to, as
    `affectome.evidence.make_design` finds them, and files.
    """
    named = dict.fromkeys(FILES)
    for table in (first, second):
        kept = table[[name for name in table if name not in set(ignore)]]
        names = factors_of(kept, np.zeros(len(kept), dtype=int), None, "none").names
        named |= {names[part]: None for part in ("stimulus", "theme") if part in names}
    found = {}
    for name in named:
        if name in first and name in second and name not in ignore:
            both = set(first[name].dropna().astype(str)) & set(second[name].dropna().astype(str))
            if both:
                found[name] = sorted(both)
    return found


def _same_units(first: xr.DataArray, second: xr.DataArray) -> pd.DataFrame:
    """Give the table of units, or say what tells those of the two sets apart."""
    a, b = unit_table(first), unit_table(second)
    if len(a) != len(b) or set(a.columns) != set(b.columns):
        raise InputError(
            f"overlap compares the same units in two sets; got {len(a)} ({_names(a)}) and {len(b)} "
            f"({_names(b)})"
        )
    if a.shape[1] == 0:
        raise InputError(
            "the units have no coordinates that say which is which; give them one, such as layer "
            "and channel, or region and neuron"
        )
    for name in a.columns:
        other = np.flatnonzero((a[name] != b[name]).to_numpy())
        if other.size:
            row = int(other[0])
            raise InputError(
                f"overlap compares the same units in two sets, but {other.size} of {len(a)} differ "
                f"in {name!r}, such as {a[name].iloc[row]!s} and {b[name].iloc[row]!s}"
            )
    return a


def _names(units: pd.DataFrame) -> str:
    return ", ".join(map(str, units.columns)) or "no coordinates"


def _side(
    recording: xr.DataArray,
    labels: str,
    share: float,
    n_permutations: int,
    order: str | None,
    ignore: Sequence[str],
    random_state: int,
) -> _Side:
    X, codes, classes = prepared(recording, labels)
    found = selectivity(
        recording,
        labels,
        n_permutations=n_permutations,
        order=order,
        ignore=ignore,
        random_state=random_state,
    )
    rows = codes[None]
    if found.why is None:
        exchange = exchange_for(
            trial_table(recording), codes, order=order, ignore=(*ignore, labels)
        )
        rows = np.vstack([rows, exchange.draw(n_permutations, random_state)])
    factors = shared_factors(trial_table(recording), codes, order, (*ignore, labels))
    base = held_constant(len(X), None)
    weighed = weights(base, factors, alikeness(X, factors, random_state))
    drawn, heavy = (arrangements(rows, len(classes), columns) for columns in (base, weighed))
    return _Side(X, drawn, heavy, found, share)


def _compare(
    first: NDArray[np.int16], second: NDArray[np.int16], a: Selectivity, b: Selectivity
) -> list[dict[str, Any]]:
    """Count shared units by class and over all classes, in the real labels and in every draw."""
    rows = []
    n_draws = min(len(first), len(second)) - 1
    for name in (*a.classes, ANY):
        in_a, in_b = (
            (side >= 0) if name == ANY else side == a.classes.index(name)
            for side in (first, second)
        )
        shared = (in_a[: n_draws + 1] & in_b[: n_draws + 1] & (first == second)[: n_draws + 1]).sum(
            axis=1
        )
        why = _why(a, b, in_a, in_b)
        p = np.nan
        if not why:
            p = tested(shared[0], shared[1:], _scheme(a, b), _groups(a, b))[0]
        rows.append(
            {
                "preferred": name,
                "units": first.shape[1],
                "chosen_a": int(in_a[0].sum()),
                "chosen_b": int(in_b[0].sum()),
                "shared": int(shared[0]),
                "expected": float(shared[1:].mean()) if n_draws else np.nan,
                "p": float(p),
                "why": why,
            }
        )
    return rows


def _why(a: Selectivity, b: Selectivity, in_a: NDArray[np.bool_], in_b: NDArray[np.bool_]) -> str:
    """Give the reason why there is no p, empty where there is one."""
    if a.why or b.why:
        return a.why or b.why or ""
    for number, chosen in (("first", in_a), ("second", in_b)):
        if not chosen[0].any():
            return f"no p, because none of the strongest units of the {number} set prefers it"
    return ""


def _scheme(a: Selectivity, b: Selectivity) -> str:
    assert a.null is not None
    assert b.null is not None
    schemes = dict.fromkeys([a.null.scheme, b.null.scheme])
    return f"{' and '.join(schemes)}, in both sets"


def _groups(a: Selectivity, b: Selectivity) -> int:
    assert a.null is not None
    assert b.null is not None
    return min(a.null.n_groups, b.null.n_groups)


def _null(a: Selectivity, b: Selectivity, n_places: int) -> Null | None:
    if a.null is None or b.null is None:
        return None
    n = min(a.null.n_arrangements, b.null.n_arrangements)
    return Null(_scheme(a, b), _groups(a, b), n, f"Benjamini–Hochberg over {n_places} places")
