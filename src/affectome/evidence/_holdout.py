"""Which columns of the trials are held out, by name or by the honest default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError
from affectome.evidence._split import Split

COARSE = ("group", "theme", "source")


def held_out(trials: pd.DataFrame, holdout: str | Sequence[str] | None) -> tuple[str, ...]:
    """Names of the columns to hold out; the honest default where ``holdout`` is None."""
    if holdout is not None:
        names = (holdout,) if isinstance(holdout, str) else tuple(holdout)
        if not names:
            raise InputError("holdout is empty; name a column, or 'random' for single rows")
        return names
    named = [c for c in ("subject", "stimulus") if _several(trials, c)]
    coarse = next((c for c in COARSE if _several(trials, c)), None)
    if coarse is not None and "stimulus" in named and _nested(trials["stimulus"], trials[coarse]):
        named[named.index("stimulus")] = coarse
    elif coarse is not None and (
        not named or (named == ["subject"] and not _nested(trials["subject"], trials[coarse]))
    ):
        named.append(coarse)
    named = named or [c for c in ("session", "run") if _several(trials, c)][:1]
    if not named:
        raise InputError(
            "there is nothing to hold out by: the trials name no subject, stimulus, group or "
            "session with two values or more; name a column with holdout=, or ask for "
            "holdout='random' and have the result marked so"
        )
    return tuple(named)


def _several(trials: pd.DataFrame, name: str) -> bool:
    return name in trials and trials[name].nunique() > 1


def _nested(inner: ArrayLike, outer: ArrayLike) -> bool:
    """Whether every value of ``inner`` occurs with one value of ``outer``."""
    pairs = pd.DataFrame({"inner": np.asarray(inner), "outer": np.asarray(outer)})
    return len(pairs.drop_duplicates()) == pairs["inner"].nunique()


def column_of(trials: pd.DataFrame, name: str) -> NDArray[Any]:
    """Values of a column that is there and has no empty rows."""
    if name not in trials:
        has = ", ".join(map(str, trials.columns)) or "no columns"
        raise InputError(f"the trials have no column {name!r} to hold out; they have {has}")
    column = trials[name]
    empty = (column.isna() | (column.astype(str) == "")).to_numpy()
    if empty.any():
        row = int(empty.argmax())
        raise InputError(
            f"the column {name!r} is empty in {int(empty.sum())} of {len(column)} trials, "
            f"the first is trial {row}; fill it, or drop those"
        )
    return column.to_numpy()


def not_nested(columns: Mapping[str, NDArray[Any]]) -> list[str]:
    """Names of the columns that are not already held out with another one."""
    kept: list[str] = []
    names = list(columns)
    for name in names:
        others = kept + names[names.index(name) + 1 :]
        if not any(_nested(columns[name], columns[other]) for other in others):
            kept.append(name)
    return kept


def honest_columns(trials: pd.DataFrame) -> tuple[str, ...]:
    """The columns that the default holds out, none where the trials name none."""
    try:
        return held_out(trials, None)
    except InputError:
        return ()


def independent_groups(trials: pd.DataFrame, split: Split) -> NDArray[np.intp]:
    """What is independent of what: codes (n, 1), or (n, 2) where two held-out columns cross.

    Stretches as long as the gap for time series; single trials where nothing is named.
    """
    if split.kind == "time":
        return _stretches(split)
    names = split.by or honest_columns(trials)
    columns = {name: column_of(trials, name) for name in names if name in trials}
    columns = columns or {name: np.asarray(split.columns[name]) for name in split.by}
    kept = not_nested(columns)[:2]
    if not kept:
        return np.arange(len(trials))[:, None]
    return np.column_stack([pd.factorize(columns[name])[0] for name in kept])


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
