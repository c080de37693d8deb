"""The design of a data set: what is independent, what may trade places, how folds are dealt.

It is decided once, from the columns of the trials and what they are for
(:func:`affectome.data.roles.role_of`), and everything that is printed about a data set follows
from it: splits, nulls, the groups that intervals are drawn over, and what is said of who and what
was held out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from affectome.data.roles import role_of
from affectome.errors import InputError
from affectome.evidence.cross_fit import fold_of
from affectome.evidence.exchange import Exchange, Factors, constant_within
from affectome.evidence.labels import check_labels
from affectome.evidence.levels import exchange_of
from affectome.evidence.split import Split
from affectome.evidence.splits import (
    COARSE,
    belongs_to,
    column_of,
    honest_columns,
    make_split,
    named,
    nested,
    not_nested,
    several,
    wrap_splitter,
)

Holdout = str | Sequence[str] | Split | Any | None
ORDER = ("onset", "trial", "trial_order", "time")
SESSIONS = ("session", "run", "block")
NOUNS = {"subject": "people", "stimulus": "stimuli"}


@dataclass(frozen=True, eq=False, repr=False)
class Design:
    """What a data set allows to be said.

    Attributes
    ----------
    trials
        One row a trial.
    y
        Labels or ratings, shape (n_trials,), or 0 and 1 of several labels.
    split
        The folds.
    groups
        What is independent of what, codes (n_trials, 1), or (n_trials, 2) where two columns cross.
    exchange
        What may trade places under the null.
    notes
        One line for each likely column that is not held out.
    one_course
        Whether independent groups are whole runs that all met one order of labels, of which nothing
        may trade places. What drifts alike in all of them moves their scores together, which no
        draw of groups shows: there is no interval.
    """

    trials: pd.DataFrame = field(repr=False)
    y: NDArray[Any] = field(repr=False)
    split: Split
    groups: NDArray[np.intp] = field(repr=False)
    group_names: tuple[str, ...]
    exchange: Exchange
    notes: tuple[str, ...]
    order: str | None = None
    one_course: bool = False

    def __repr__(self) -> str:
        null = self.why_no_p or f"null: {self.exchange.scheme}"
        return "\n  ".join([f"Design, {self.headline}", null, *self.notes])

    @property
    def held(self) -> tuple[str, ...]:
        """Names of the columns that are held out."""
        return self.split.by

    @property
    def routed(self) -> NDArray[np.intp] | None:
        """Groups that nested estimators are given; None where single trials are held out."""
        return self.groups if self.group_names and self.group_names != ("trial",) else None

    @property
    def why_no_p(self) -> str | None:
        """Why there is no p, and no interval where there is none; None where there is a p."""
        why = self.exchange.why_not and f"no p, because {self.exchange.why_not}"
        if why and self.one_course:
            return f"{why}; no interval, because all runs met one order of labels"
        return why

    @property
    def over(self) -> str:
        """What intervals are drawn over, such as ``"12 subject × 16 film"``."""
        sizes = [len(np.unique(column[self.split.tested])) for column in self.groups.T]
        return " × ".join(f"{n} {name}" for n, name in zip(sizes, self.group_names, strict=True))

    @property
    def headline(self) -> str:
        """Who and what was held out, in words."""
        if self.split.random:
            return "held out: single trials at random, so that people and stimuli are on both sides"
        if self.split.kind == "time":
            return f"held out: {len(self.split)} stretches of time, {self.split.gap:g} s apart"
        parts = []
        for name in self.held:
            n = len(np.unique(np.asarray(self.split.columns[name]).astype(str)))
            noun = NOUNS.get(role_of(name) or "")
            parts.append(f"{n} {noun} ({name})" if noun else f"{n} values of {name}")
        return "held out: " + " and ".join(parts)

    def arrange(self, n_draws: int, random_state: int = 0) -> NDArray[Any]:
        """Draw labels under the null, as :meth:`Exchange.draw`."""
        return self.exchange.draw(n_draws, random_state)

    def restricted(self, rows: ArrayLike) -> Design:
        """Give the design of some of the trials, with the same folds.

        Raises
        ------
        InputError
            If no fold trains on every class that is left and tests something.
        """
        chosen = np.asarray(rows)
        y = self.y[chosen]
        place = np.full(len(self.y), -1)
        place[chosen] = np.arange(len(chosen))
        classes = len(np.unique(y)) if y.dtype.kind != "f" and y.ndim == 1 else 0
        folds = []
        for fold in self.split:
            train, test = (place[side][place[side] >= 0] for side in fold)
            if len(test) and len(train) and (not classes or len(np.unique(y[train])) == classes):
                folds.append((train, test))
        if not folds:
            raise InputError("no fold trains on every class that is left")
        columns = {name: np.asarray(v)[chosen] for name, v in self.split.columns.items()}
        split = Split(self.split.kind, self.split.by, tuple(folds), columns, self.split.gap)
        trials = self.trials.iloc[chosen].reset_index(drop=True)
        return make_design(trials, y, split, order=self.order)


def make_design(
    trials: pd.DataFrame,
    y: ArrayLike,
    holdout: Holdout = None,
    *,
    n_splits: int | None = None,
    order: str | None = None,
    random_state: int = 0,
) -> Design:
    """Decide what is held out, what is independent and what may trade places.

    Parameters
    ----------
    trials
        One row a trial.
    y
        Classes or ratings (floats), shape (n_trials,); 0 and 1, (n_trials, n_labels).
    holdout
        Columns as in :func:`make_split`, a Split, pairs (train, test) or a scikit-learn splitter.
    n_splits
        Parts that each held-out column is dealt into.
    order
        Column that says when a trial was. By default ``onset``, ``trial`` or another column whose
        name says so, else the order of the rows; ``"none"`` where rows have no order in time.
    random_state
        Seed of the dealing.

    Raises
    ------
    InputError
        As :func:`make_split`; or if the column of the order is missing or not of numbers.
    """
    labels = check_labels(y, len(trials))
    split = _split_for(holdout, trials, labels, n_splits, random_state)
    factors = factors_of(trials, labels, split, order)
    groups, names = _groups(trials, split)
    exchange = exchange_of(labels, factors, fold_of(split, len(labels)))
    notes = _notes(trials, split)
    course = exchange.one_course and _whole_runs(groups, factors)
    return Design(trials, labels, split, groups, names, exchange, notes, order, course)


def exchange_for(
    trials: pd.DataFrame, y: ArrayLike, *, order: str | None = None, ignore: Sequence[str] = ()
) -> Exchange:
    """Decide what may trade places where there are no folds: in selectivity, overlap, maps.

    Parameters
    ----------
    trials, y, order
        As in :func:`make_design`.
    ignore
        Columns that name nothing that trials have in common.
    """
    labels = check_labels(y, len(trials))
    kept = trials[[name for name in trials if name not in set(ignore)]]
    return exchange_of(labels, factors_of(kept, labels, None, order))


def _whole_runs(groups: NDArray[np.intp], factors: Factors) -> bool:
    """Whether no run is in several groups."""
    run = factors.who if factors.run is None else factors.run
    return run is not None and all(constant_within(column, run) for column in groups.T)


def _groups(trials: pd.DataFrame, split: Split) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """What is independent of what: codes (n, 1), or (n, 2) where two held-out columns cross.

    Stretches as long as the gap for time series; single trials where nothing is named.
    """
    if split.kind == "time":
        return _stretches(split), ("stretch of time",)
    names = split.by or honest_columns(trials)
    columns = {name: column_of(trials, name) for name in names if name in trials}
    columns = columns or {name: np.asarray(split.columns[name]) for name in split.by}
    kept = not_nested(columns)[:2]
    if not kept:
        return np.arange(len(trials))[:, None], ("trial",)
    return np.column_stack([pd.factorize(columns[name])[0] for name in kept]), tuple(kept)


def _stretches(split: Split) -> NDArray[np.intp]:
    time, run = np.asarray(split.columns["time"], dtype=float), np.asarray(split.columns["run"])
    length = split.gap or np.inf
    codes = np.full(time.size, -1)
    for _, test in split:
        for name in np.unique(run[test]):
            rows = test[run[test] == name]
            steps = np.floor((time[rows] - time[rows].min()) / length).astype(int)
            codes[rows] = codes.max() + 1 + steps
    return codes[:, None]


def _split_for(
    holdout: Holdout,
    trials: pd.DataFrame,
    y: NDArray[Any],
    n_splits: int | None,
    random_state: int,
) -> Split:
    """The split that was given, or the one that is asked for."""
    if isinstance(holdout, Split):
        last = max(int(max(train.max(), test.max())) for train, test in holdout)
        if last >= len(trials):
            raise InputError(
                f"the split lists row {last}, but the Recording has {len(trials)} trials; make it "
                "from the same trials"
            )
        return holdout
    if isinstance(holdout, Design):
        return holdout.split
    names = isinstance(holdout, str) or (
        isinstance(holdout, Sequence) and all(isinstance(name, str) for name in holdout)
    )
    if holdout is not None and not names:
        return wrap_splitter(holdout, trials, y)
    return make_split(trials, y, holdout, n_splits, random_state)


def factors_of(
    trials: pd.DataFrame, y: NDArray[Any], split: Split | None, order: str | None = None
) -> Factors:
    """Find what trials have in common, from their columns and from what is held out."""
    if split is not None and split.kind == "time":
        seconds = np.asarray(split.columns["time"], dtype=float)
        return Factors(run=np.asarray(split.columns["run"]), time=seconds, timed=True)
    columns = _columns(trials, split)
    by = () if split is None else split.by
    found: dict[str, str] = {}
    others = [name for name in by if role_of(name) not in ("stimulus", "session", "order")]
    who = named(trials, "subject") or next(iter(others), None)
    if who is not None and several(columns, who):
        found["who"] = who
    fine = named(trials, "stimulus") or next((n for n in by if role_of(n) == "stimulus"), None)
    theme = None if fine is None else belongs_to(columns, fine, "stimulus")
    theme = theme or next((name for name in COARSE if several(columns, name)), None)
    home = None if "who" not in found else belongs_to(columns, found["who"], "session")
    if home is not None:
        found["home"] = home
    if fine is not None and fine != theme and several(columns, fine):
        found["stimulus"] = fine
    codes = {k: pd.factorize(columns[name].to_numpy())[0] for k, name in found.items()}
    if theme is not None:
        _add_theme(codes, found, theme, columns)
    session = next(
        (
            name
            for name in map(str, trials)
            if role_of(name) == "session"
            and several(trials, name)
            and not ("who" in codes and nested(codes["who"], trials[name]))
        ),
        None,
    )
    if session is not None:
        found["session"] = session
        codes["session"] = pd.factorize(columns[session].to_numpy())[0]
    recorded = [codes[k] for k in ("who", "session") if k in codes]
    recorded += [pd.factorize(trials[n])[0] for n in SESSIONS if several(trials, n)]
    run = pd.factorize(pd.MultiIndex.from_arrays(recorded))[0] if recorded else None
    time, timed = _time(trials, order)
    return Factors(**codes, run=run, time=time, timed=timed, names=found)


def _columns(trials: pd.DataFrame, split: Split | None) -> pd.DataFrame:
    """The trials' columns, with those that only the split knows."""
    if split is None:
        return trials
    more = {n: v for n, v in split.columns.items() if n not in trials and len(v) == len(trials)}
    return trials.assign(**{str(n): np.asarray(v) for n, v in more.items()}) if more else trials


def _add_theme(
    codes: dict[str, NDArray[np.intp]],
    found: dict[str, str],
    theme: str,
    columns: pd.DataFrame,
) -> None:
    """Themes are what stimuli belong to; without stimuli, what trials of nobody belong to."""
    values = pd.factorize(columns[theme].to_numpy())[0]
    if "stimulus" in codes:
        if nested(codes["stimulus"], values):
            codes["theme"], found["theme"] = values, theme
    elif "who" not in codes:
        codes["stimulus"], codes["theme"] = np.arange(len(values)), values
        found["theme"] = theme
    elif not nested(codes["who"], values):
        codes["stimulus"], found["stimulus"] = values, theme


def _time(trials: pd.DataFrame, order: str | None) -> tuple[NDArray[np.float64] | None, bool]:
    if order == "none":
        return None, False
    if order is not None:
        column = column_of(trials, order)
        if column.dtype.kind not in "iuf":
            raise InputError(
                f"the order {order!r} holds {column.dtype}, not numbers; give seconds or ranks"
            )
        return column.astype(float), True
    likely = [n for n in ORDER if n in trials]
    for name in [*likely, *(n for n in map(str, trials) if role_of(n) == "order")]:
        times = trials[name]
        if pd.api.types.is_numeric_dtype(times) and times.nunique() > 2:
            return times.to_numpy(dtype=float), True
    return np.arange(len(trials), dtype=float), False


def _notes(trials: pd.DataFrame, split: Split) -> tuple[str, ...]:
    """Say which likely columns are on both sides of the split."""
    if split.kind == "time":
        return ()
    held: Mapping[str, NDArray[Any]] = {n: np.asarray(split.columns[n]) for n in split.by}
    lines = []
    for name in map(str, trials.columns):
        if role_of(name) not in NOUNS or name in held or not repeats(trials, name):
            continue
        values = trials[name].to_numpy()
        if any(nested(values, other) for other in held.values()):
            continue
        lines.append(
            f"not held out: {name} ({trials[name].nunique()} values), so the same ones are in "
            "training and test"
        )
    return tuple(lines)


def repeats(trials: pd.DataFrame, name: str) -> bool:
    """Whether values of a column come back, so that they name groups."""
    return several(trials, name) and trials[name].nunique() <= len(trials) / 1.5
