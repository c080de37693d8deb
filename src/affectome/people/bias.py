"""Whom a model reads worse: scores by group, and gaps with intervals.

Groups are columns of the user's own table; none is ever inferred. Each group is held against all
others of its column. All gaps that are printed together are corrected together (Bonferroni), so
that of tables without a gap one in twenty shows one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError
from affectome.evidence import Score, score
from affectome.evidence.quick import normal_reach
from affectome.evidence.scores import contrast, independent_difference
from affectome.people.cards import Metric

METRICS = ("accuracy", "mean recall")
FEWEST = 10
MOST_GROUPS = 20


@dataclass(frozen=True)
class GroupScores:
    """One group of one column.

    Attributes
    ----------
    column, group
        Name of the column and value in it.
    n
        Readings of it.
    score, others
        Of the group, and of all others of the column.
    gap
        Score of the others less that of the group: above 0 where it is read worse. Its interval
        holds for all gaps of the table at once.
    """

    column: str
    group: str
    n: int
    score: Score
    others: Score
    gap: Score

    @property
    def found(self) -> bool:
        """Whether the group is read worse than the others."""
        return self.gap.interval is not None and self.gap.interval[0] > 0

    @property
    def sentence(self) -> str:
        """What a card says of it."""
        a, b = self.score.value, self.others.value
        low, high = self.gap.interval or (np.nan, np.nan)
        return (
            f"{self.column} = {self.group}: {self.score.metric} {a:.2f} against {b:.2f}, a gap of "
            f"{self.gap.value:.2f} [{low:.2f}, {high:.2f}]"
        )


@dataclass(frozen=True)
class Bias:
    """Scores of all groups of all columns.

    Attributes
    ----------
    rows
        One a group and metric.
    over
        What the intervals are drawn over.
    left_out
        Why a group or column has no row.
    """

    rows: Sequence[GroupScores]
    over: str
    left_out: Sequence[str] = ()

    @property
    def found(self) -> list[str]:
        """Sentences on the groups that are read worse, for a card's first line."""
        return [row.sentence for row in self.rows if row.found]

    def to_frame(self) -> pd.DataFrame:
        """Give the table: a row a group and metric."""
        return pd.DataFrame(
            {
                "column": row.column,
                "group": row.group,
                "n": row.n,
                "metric": row.score.metric,
                **_numbers("", row.score),
                **_numbers("others", row.others),
                **_numbers("gap", row.gap),
            }
            for row in self.rows
        )

    def to_dict(self) -> dict[str, Any]:
        """Give all as it goes into ``result.json``."""
        return {
            "schema": 1,
            "over": self.over,
            "found": self.found,
            "left_out": list(self.left_out),
            "groups": [
                {
                    "column": row.column,
                    "group": row.group,
                    "n": row.n,
                    "score": row.score.to_dict(),
                    "others": row.others.to_dict(),
                    "gap": row.gap.to_dict(),
                    "found": row.found,
                }
                for row in self.rows
            ],
        }


def bias(
    y_true: ArrayLike,
    y_hat: ArrayLike,
    columns: pd.DataFrame,
    subjects: ArrayLike | None = None,
    over: str = "readings",
) -> Bias:
    """Score each group of each column, and its gap to the others.

    Parameters
    ----------
    y_true, y_hat
        Labels and what a model said, shape (n_readings,).
    columns
        A column of groups each, (n_readings, n_columns); missing values are left out.
    subjects
        Who is read, shape (n_readings,): what is independent. By default each reading is.
    over
        What is independent, in words.

    Raises
    ------
    InputError
        If there is nothing to compare.
    """
    y, found = np.asarray(y_true).astype(str), np.asarray(y_hat).astype(str)
    who = np.arange(len(y)) if subjects is None else np.asarray(subjects)
    asked: list[tuple[str, str, NDArray[np.bool_], NDArray[np.bool_]]] = []
    left_out = []
    for name in columns:
        column, values = str(name), columns[name]
        known = values.notna().to_numpy()
        sizes = values[known].astype(str).value_counts()
        if len(sizes) > MOST_GROUPS:
            left_out.append(
                f"{column} has {len(sizes)} values; groups are at most {MOST_GROUPS}: bin numbers "
                "beforehand"
            )
            continue
        for group, n in sizes.sort_index().items():
            inside = known & (values.astype(str) == group).to_numpy()
            outside = known & ~inside
            if min(n, outside.sum()) < FEWEST:
                left_out.append(f"{column} = {group}: {n} readings, fewer than {FEWEST}")
            else:
                asked.append((column, str(group), inside, outside))
    if not asked:
        raise InputError(f"no group can be compared: {'; '.join(left_out) or 'there is none'}")
    groups_of = Counter(column for column, *_ in asked)
    # Of two groups the one gap is the other's, turned around.
    tests = sum(1 if n == 2 else n for n in groups_of.values()) * len(METRICS)
    inflation = normal_reach(tests) / normal_reach()
    rows = [
        _compared(metric, column, group, y, found, who, inside, outside, inflation, over)
        for column, group, inside, outside in asked
        for metric in METRICS
    ]
    return Bias(rows, f"{len(np.unique(who))} {over}", left_out)


def found_gaps(gaps: Sequence[tuple[Metric, Metric, Metric, str]]) -> list[str]:
    """Name the groups that are read worse, where the interval of the gap leaves zero out.

    Each entry holds the gap, the better read, the worse read, and who they are.
    """
    said = []
    for found, better, worse, who in gaps:
        if found.interval is not None and found.interval[0] > 0:
            low, high = found.interval
            said.append(
                f"{who}: {worse.name} {worse.value:.2f} against {better.value:.2f}, a gap of "
                f"{found.value:.2f} [{low:.2f}, {high:.2f}]"
            )
    return said


def gap(better: Metric, worse: Metric, name: str) -> Metric:
    """Difference of two groups that share nothing, as an entry of a card."""
    assert better.interval is not None
    assert worse.interval is not None
    value, interval = independent_difference(
        better.value, better.interval, worse.value, worse.interval
    )
    return Metric(f"gap of {worse.name}", value, interval, worse.on, worse.over, name)


def _compared(
    metric: str,
    column: str,
    group: str,
    y: NDArray[Any],
    found: NDArray[Any],
    who: NDArray[Any],
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    inflation: float,
    over: str,
) -> GroupScores:
    one, other = (_score(metric, y, found, who, part, 1.0, over) for part in (inside, outside))
    if np.intersect1d(who[inside], who[outside]).size:
        both = inside | outside
        true, said = _asked(metric, y[both], found[both])
        apart = contrast(
            "balanced_accuracy", true, said, outside[both], who[both], inflation=inflation
        )
        value, interval = apart.value, apart.interval
    else:
        wide = [_score(metric, y, found, who, part, inflation, over) for part in (outside, inside)]
        value, interval = other.value - one.value, None
        if wide[0].interval is not None and wide[1].interval is not None:
            value, interval = independent_difference(
                other.value, wide[0].interval, one.value, wide[1].interval
            )
    n_groups = min(one.n_groups, other.n_groups)
    apart = Score(f"gap of {metric}", value, interval, None, n_groups, one.over)
    return GroupScores(column, group, int(inside.sum()), one, other, apart)


def _score(
    metric: str,
    y: NDArray[Any],
    found: NDArray[Any],
    who: NDArray[Any],
    part: NDArray[np.bool_],
    inflation: float,
    over: str,
) -> Score:
    true, said = _asked(metric, y[part], found[part])
    one = score("balanced_accuracy", true, said, who[part], inflation=inflation)
    words = f"{len(np.unique(who[part]))} {over}"
    return Score(metric, one.value, one.interval, None, one.n_groups, words)


def _asked(metric: str, y: NDArray[Any], found: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Accuracy is the recall of a single class: right ones."""
    if metric == "accuracy":
        return np.ones(len(y), dtype=int), (y == found).astype(int)
    return y, found


def _numbers(name: str, found: Score) -> dict[str, float]:
    low, high = found.interval or (np.nan, np.nan)
    names = [f"{name}_{part}".strip("_") for part in ("score", "low", "high")]
    return dict(zip(names, (found.value, low, high), strict=True))
