"""Predictions that are reported: configurations by trials, read from a CSV in long or wide form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from affectome.audit.clean import read_labels
from affectome.audit.tables import Notes, read_table
from affectome.data.roles import role_of
from affectome.errors import InputError

VALUE = re.compile(r"(prediction|score)s?(?:[\s_.:-]+(.+))?", re.IGNORECASE)
TRIAL = ("id", "row")
OWN = ("split", "fold", "threshold", "truth", *TRIAL)
VALIDATION = frozenset(["val", "valid", "validation", "dev"])
TRAINING = frozenset(["train", "training"])
MOST_CONFIGURATIONS = 5000


@dataclass(frozen=True)
class Predictions:
    """What every configuration found for every trial.

    Attributes
    ----------
    file
        Where they were read from.
    y, classes
        Class numbers or ratings, shape (n,); names of the classes, empty for ratings.
    configurations, columns
        Names of the configurations, ``"layer = 7"``, and of the columns that make them.
    found
        Class numbers, estimates, or ranks of decision values; shape (n_configurations, n).
    scores
        Whether ``found`` are decision values.
    thresholds
        Threshold that each trial's decision value was held against, shape (n,); or None.
    parts
        What shared a threshold: the fold of each trial, codes (n,).
    validation
        Trials that were there to choose on, bool, shape (n,).
    groups, over
        What is independent, codes (n,), and what that is in words.
    warnings
        What a reader must know.
    """

    file: str
    y: np.ndarray
    classes: tuple[str, ...]
    configurations: tuple[str, ...]
    columns: tuple[str, ...]
    found: np.ndarray
    scores: bool
    thresholds: np.ndarray | None
    parts: np.ndarray
    validation: np.ndarray
    groups: np.ndarray
    over: str
    warnings: list[str] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Number of trials."""
        return len(self.y)


def read_predictions(
    path: str | Path, row_groups: tuple[np.ndarray, str] | None = None
) -> Predictions:
    """Read predictions of one or more configurations for the same trials.

    Parameters
    ----------
    path
        CSV or TSV with ``id`` or ``row``, ``truth``, and ``prediction`` or ``score`` columns
        (one, or one a configuration). ``split``, ``fold`` and ``threshold`` are known; another
        column whose values differ within a trial is part of the configuration, one that names
        people or stimuli says what is independent.
    row_groups
        Groups of the rows of the audited table and their name, taken where the file names none:
        the table's first row is row 2.

    Raises
    ------
    InputError
        If a column is missing, a trial comes twice or lacks a configuration, a truth changes, or
        decision values have more than two classes to part.
    """
    table = read_table(Path(path), "truth", (), Notes()).rename(columns=str)
    table.columns = pd.Index([c if c.lower() not in OWN else c.lower() for c in map(str, table)])
    trial = next((name for name in TRIAL if name in table), None)
    if trial is None or "truth" not in table:
        raise InputError(
            f"{path} needs a column id (or row) and a column truth beside its predictions; its "
            f"columns are {', '.join(table.columns[:12])}"
        )
    table, scores, warnings = _long(table, str(path))
    if table["truth"].isna().any() or table["found"].isna().any():
        bad = int(np.flatnonzero(table[["truth", "found"]].isna().any(axis=1))[0])
        raise InputError(f"{path}: truth or prediction is missing in row {bad + 2}")
    table = table[~_lower(table, "split").isin(TRAINING)].reset_index(drop=True)
    first = table.groupby(trial, sort=False).first()
    if (table.groupby(trial)["truth"].nunique() > 1).any():
        name = table.groupby(trial)["truth"].nunique().idxmax()
        raise InputError(f"{path}: the truth of {trial} {name} is not always the same")
    columns = _configuration(table, trial)
    named = "found" if not columns else _named(table, columns)
    wide = _pivot(table.assign(configuration=named), trial, str(path)).loc[first.index]
    _, y, classes = read_labels(first["truth"].rename("truth"), warnings)
    thresholds = None
    if scores and len(classes) != 2:
        raise InputError(
            f"{path}: decision values (score) part two classes, but truth has {len(classes)}; give "
            "predictions instead"
        )
    if scores and "threshold" in columns:
        held = table.assign(found=table["found"].astype(float) >= table["threshold"].astype(float))
        wide = _pivot(held.assign(configuration=named), trial, str(path)).loc[first.index]
        found, scores = wide.to_numpy(int).T, False
    elif scores:
        found = np.stack([rankdata(column) for column in wide.to_numpy(float).T])
        if "threshold" in table:
            thresholds = rank_of(wide.to_numpy(float)[:, 0], first["threshold"].to_numpy(float))
    else:
        found = _codes(wide, y, classes, str(path))
    groups, over = _groups(first, trial, row_groups, warnings)
    fold = first["fold"] if "fold" in first else pd.Series(0, index=first.index)
    return Predictions(
        str(path), y, classes, tuple(map(str, wide.columns)), tuple(columns), found, scores,
        thresholds, pd.factorize(fold)[0], _lower(first, "split").isin(VALIDATION).to_numpy(),
        groups, over, warnings,
    )  # fmt: skip


def rank_of(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Where thresholds (n,) lie among the ranks of values (n,): a value is above as before."""
    below = np.searchsorted(np.sort(values), thresholds, side="left")
    return np.asarray(below + 0.5, dtype=float)


def _lower(table: pd.DataFrame, name: str) -> pd.Series:
    if name not in table:
        return pd.Series("", index=table.index)
    return table[name].astype(str).str.strip().str.lower()


def _long(table: pd.DataFrame, path: str) -> tuple[pd.DataFrame, bool, list[str]]:
    """One row a trial and configuration, its value in ``found``; whether values are scores."""
    matches = {c: m for c in map(str, table) if c not in OWN and (m := VALUE.fullmatch(c))}
    if not matches:
        raise InputError(
            f"{path} has neither a column prediction nor a column score; its columns are "
            f"{', '.join(table.columns[:12])}"
        )
    kinds = {m[1].lower() for m in matches.values()}
    if kinds == {"prediction", "score"}:
        # with both, the prediction is what was reported
        matches = {c: m for c, m in matches.items() if m[1].lower() == "prediction"}
        kinds = {"prediction"}
    scores = kinds == {"score"}
    endings = [m[2] or "" for m in matches.values()]
    if len(matches) == 1:
        return table.rename(columns={next(iter(matches)): "found"}), scores, []
    classes = sorted(table["truth"].dropna().astype(str).unique())
    if scores and sorted(endings) == classes:
        values = table[list(matches)].to_numpy(float)
        found = np.array(endings)[values.argmax(axis=1)]
        note = "there is one score a class; the class with the highest is the prediction"
        return table.drop(columns=list(matches)).assign(found=found), False, [note]
    kept = [c for c in table if c not in matches]
    renamed = table.rename(columns={c: m[2] or "first" for c, m in matches.items()})
    names = [e or "first" for e in endings]
    long = renamed.melt(kept, names, var_name="configuration column", value_name="found")
    return long, scores, []


def _configuration(table: pd.DataFrame, trial: str) -> list[str]:
    """Columns whose values differ within a trial, but for its fold."""
    known = {trial, "truth", "found", "fold", "split"}
    differ = table.groupby(trial)[[c for c in table if c not in known]].nunique(dropna=False).max()
    return [str(c) for c in differ.index[differ > 1]]


def _named(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    if list(columns) == ["configuration column"]:
        return table["configuration column"]
    parts = [f"{c} = " + table[c].astype(str) for c in columns]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + ", " + part
    return joined


def _pivot(table: pd.DataFrame, trial: str, path: str) -> pd.DataFrame:
    twice = table.duplicated([trial, "configuration"])
    if twice.any():
        one = table[twice].iloc[0]
        raise InputError(
            f"{path}: {trial} {one[trial]} stands twice with the same configuration; give a column "
            "that tells the two apart, or one row each"
        )
    if table["configuration"].nunique() > MOST_CONFIGURATIONS:
        raise InputError(
            f"{path} holds {table['configuration'].nunique()} configurations; at most "
            f"{MOST_CONFIGURATIONS} are compared"
        )
    order = table["configuration"].unique()
    wide = table.pivot(index=trial, columns="configuration", values="found")[order]
    if wide.isna().any().any():
        row, column = (int(v) for v in np.argwhere(wide.isna().to_numpy())[0])
        raise InputError(
            f"{path}: {trial} {wide.index[row]} has no prediction for {wide.columns[column]}; "
            "configurations are compared on the same trials"
        )
    return wide


def _codes(wide: pd.DataFrame, y: np.ndarray, classes: tuple[str, ...], path: str) -> np.ndarray:
    """Predictions (n_configurations, n) as numbers of classes, or as estimates of ratings."""
    if not classes:
        numbers = wide.apply(pd.to_numeric, errors="coerce")
        if numbers.isna().any().any():
            raise InputError(f"{path}: truth is a rating, but a prediction is no number")
        return numbers.to_numpy(float).T
    number = {c.casefold(): k for k, c in enumerate(classes)}
    found = np.empty(wide.shape[::-1], dtype=int)
    for k, name in enumerate(wide.columns):
        said = wide[name].map(lambda v: str(int(v)) if isinstance(v, float) and v == int(v) else v)
        codes = said.astype(str).str.strip().str.casefold().map(number)
        found[k] = codes.fillna(len(classes)).to_numpy(int)
    if (found == len(classes)).all():
        raise InputError(
            f"{path}: no prediction is one of the classes of truth ({', '.join(classes[:5])})"
        )
    return found


def _groups(
    first: pd.DataFrame,
    trial: str,
    row_groups: tuple[np.ndarray, str] | None,
    warnings: list[str],
) -> tuple[np.ndarray, str]:
    """What is independent: people, stimuli or sessions, groups of the table, or trials."""
    for role in ("subject", "stimulus", "session"):
        for name in map(str, first):
            repeated = 2 <= first[name].nunique() <= len(first) / 1.5
            if role_of(name) == role and repeated:
                return pd.factorize(first[name])[0], str(name)
    if row_groups is not None and trial == "row":
        codes, name = row_groups
        rows = pd.to_numeric(pd.Series(first.index), errors="coerce").to_numpy(float) - 2
        if (np.isfinite(rows) & (rows >= 0) & (rows < len(codes))).all():
            return pd.factorize(codes[rows.astype(int)])[0], name
        warnings.append("rows of the predictions are not rows of the table (its first is row 2)")
    warnings.append(
        "no column of the predictions names people, stimuli or sessions, so that single trials are "
        "halved"
    )
    return np.arange(len(first)), "trials"
