"""Representational similarity: does a population arrange the conditions as a model does.

Each subject's conditions (stimuli, emotions) span a matrix of dissimilarities. Models are matrices
over the same conditions: equal or different emotion, distance in valence, or those of another
system, such as the layers of a network or another region.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist, squareform
from sklearn.covariance import LedoitWolf

from affectome.data import check_recording, trial_table
from affectome.data.roles import role_of
from affectome.data.shown import Shown, new_axes, plot_scores
from affectome.errors import InputError, no_column, unknown
from affectome.evidence import Score, belongs_to, model_scores
from affectome.kernels import rdm
from affectome.kernels.rsa import noise_ceiling

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURES = {"correlation": rdm.correlation, "squared_euclidean": rdm.squared_euclidean}
CROSSED = "crossnobis"


@dataclass(frozen=True, repr=False)
class Rdms(Shown):
    """Dissimilarities between the conditions, subject by subject.

    Attributes
    ----------
    values
        Upper triangles row by row, shape (n_subjects, n_conditions (n_conditions - 1) / 2).
    subjects
        Names.
    conditions
        One row a condition that all subjects have: its name as ``condition``, and every column of
        the trials that is constant within it.
    """

    values: np.ndarray
    subjects: tuple[str, ...]
    conditions: pd.DataFrame

    @property
    def _title(self) -> str:
        return f"Rdms of {len(self.conditions)} conditions in {len(self.subjects)} subjects"

    @property
    def _lines(self) -> list[str]:
        names = [str(name) for name in self.conditions["condition"]]
        more = [f"and {len(names) - 8} more"] if len(names) > 8 else []
        told = ", ".join([*names[:8], *more])
        return [f"in this order: {told}", f"known of them: {', '.join(map(str, self.conditions))}"]

    def square(self) -> pd.DataFrame:
        """Give the mean over subjects as a square table, labelled by the conditions."""
        names = list(self.conditions["condition"])
        return pd.DataFrame(squareform(self.values.mean(axis=0), checks=False), names, names)

    def to_frame(self) -> pd.DataFrame:
        """Give a row a subject and pair of conditions."""
        names = self.conditions["condition"].to_numpy()
        first, second = np.triu_indices(len(names), 1)
        return pd.DataFrame(
            {
                "subject": np.repeat(self.subjects, len(first)),
                "first": np.tile(names[first], len(self.subjects)),
                "second": np.tile(names[second], len(self.subjects)),
                "dissimilarity": self.values.ravel(),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean over subjects as a matrix."""
        axes = new_axes(ax, 4.0)
        square = self.square()
        shown = axes.imshow(square, cmap="cividis")
        axes.figure.colorbar(shown, ax=axes, label="dissimilarity")
        if len(square) <= 24:
            axes.set_yticks(range(len(square)), [str(name) for name in square.index])
        axes.set_xlabel("condition")
        return axes


@dataclass(frozen=True, repr=False)
class Rsa(Shown):
    """How well models describe the dissimilarities of the data.

    Attributes
    ----------
    scores
        Name of the model → mean similarity over people, its interval over people and conditions,
        and its p from exchanged conditions.
    ceiling
        Lower and upper bound of what the true model could reach; None with a single subject.
    n_conditions, n_subjects
        Sizes.
    method
        How matrices are compared.
    """

    scores: Mapping[str, Score]
    ceiling: tuple[float, float] | None
    n_conditions: int
    n_subjects: int
    method: str

    @property
    def _title(self) -> str:
        return f"Rsa of {self.n_conditions} conditions in {self.n_subjects} subjects: {self.method}"

    @property
    def _lines(self) -> list[str]:
        lines = [f"{name}: {one.words}" for name, one in self.scores.items()]
        if self.ceiling is not None:
            lines.append(f"noise ceiling {self.ceiling[0]:.2f} to {self.ceiling[1]:.2f}")
        return lines

    def to_frame(self) -> pd.DataFrame:
        """Give a row a model: similarity, interval and p."""
        return pd.DataFrame(
            {
                "model": name,
                "similarity": one.value,
                "low": None if one.interval is None else one.interval[0],
                "high": None if one.interval is None else one.interval[1],
                "p": one.p,
            }
            for name, one in self.scores.items()
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the models' similarities, with the noise ceiling as a band."""
        marks = [(name, one.value, one.interval) for name, one in self.scores.items()]
        axes = plot_scores(ax, marks, f"similarity ({self.method})", 0.0)
        if self.ceiling is not None:
            axes.axvspan(*self.ceiling, color="0.5", alpha=0.2, linewidth=0)
        return axes

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            "models": [{"model": name} | one.to_dict() for name, one in self.scores.items()],
            "noise_ceiling": None if self.ceiling is None else list(self.ceiling),
            "n_conditions": self.n_conditions,
            "n_subjects": self.n_subjects,
            "method": self.method,
        }


def rdms(
    recording: xr.DataArray,
    condition: str = "stimulus",
    measure: str = "correlation",
    parts: str = "run",
) -> Rdms:
    """Compute a matrix of dissimilarities for each subject.

    Parameters
    ----------
    recording
        Dims (trial, unit); trials of a person (the column that names people) and condition are
        averaged.
    condition
        Column of the conditions.
    measure
        ``"correlation"``, ``"squared_euclidean"`` or ``"crossnobis"``: distances across
        independent parts of the data, in the metric of the noise within a condition and part
        (Ledoit-Wolf), zero on average where two conditions do not differ.
    parts
        Column of the independent parts (runs, sessions) for crossnobis.

    Raises
    ------
    InputError
        If a column is missing, there is time, fewer than three conditions are shared by all
        subjects, or crossnobis misses a condition in a part or repeated trials of it.
    """
    X = check_recording(recording).values
    trials = trial_table(recording)
    if "time" in recording.dims:
        raise InputError("dissimilarities take one value a trial; average over a window first")
    if condition not in trials:
        raise no_column("the trials have", condition, trials)
    if measure not in (*MEASURES, CROSSED):
        raise unknown("measure", measure, (*MEASURES, CROSSED))
    if measure == CROSSED and parts not in trials:
        raise InputError(f"crossnobis needs a column {parts!r} of parts; there are {list(trials)}")
    people = [c for c in trials if role_of(str(c)) == "subject"]
    people.sort(key=lambda c: trials[c].nunique() < 2)  # a file's name, where a table names people
    subject = trials[people[0]] if people else pd.Series("all", index=trials.index)
    counts = pd.crosstab(trials[condition], subject)
    shared = counts.index[(counts > 0).all(axis=1)]
    if len(shared) < 3:
        raise InputError(
            f"{len(shared)} values of {condition!r} are shared by all {counts.shape[1]} subjects; "
            "three or more are needed"
        )
    found = []
    for name in counts.columns:
        rows = ((subject == name) & trials[condition].isin(shared)).to_numpy()
        patterns, cells = pd.DataFrame(X[rows]), trials.loc[rows].reset_index(drop=True)
        if measure == CROSSED:
            found.append(_crossnobis(patterns, cells[parts], cells[condition], str(name)))
        else:
            means = patterns.groupby(cells[condition]).mean()
            found.append(MEASURES[measure](means.loc[shared].to_numpy()))
    values = np.stack(found)
    if not np.isfinite(values).all():
        pattern = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise InputError(
            f"subject {counts.columns[pattern]!s} has a condition whose pattern is constant; drop "
            "it or take squared_euclidean"
        )
    table = _conditions(trials, condition, list(shared))
    return Rdms(values, tuple(map(str, counts.columns)), table)


def _crossnobis(
    patterns: pd.DataFrame, parts: pd.Series, conditions: pd.Series, subject: str
) -> np.ndarray:
    cells = patterns.groupby([parts, conditions])
    means = cells.mean()
    n_parts, n_conditions = parts.nunique(), conditions.nunique()
    if n_parts < 2 or len(means) < n_parts * n_conditions:
        raise InputError(
            f"crossnobis needs every condition in each of two or more parts; subject {subject} has "
            f"{len(means)} of {n_conditions} conditions x {n_parts} values of {parts.name!r}"
        )
    noise = (patterns - cells.transform("mean")).to_numpy()
    if len(noise) == len(means):
        raise InputError(
            f"crossnobis takes the noise from repeated trials of a condition in a part; subject "
            f"{subject} has one each"
        )
    noise *= np.sqrt(len(noise) / (len(noise) - len(means)))
    precision = LedoitWolf(assume_centered=True).fit(noise).precision_
    return rdm.crossnobis(means.to_numpy().reshape(n_parts, n_conditions, -1), precision)


def category_model(labels: ArrayLike) -> np.ndarray:
    """Model: conditions of the same label are alike (0), others differ (1); upper triangle.

    Examples
    --------
    >>> af.category_model(["joy", "joy", "fear"])
    array([0., 1., 1.])
    """
    names = np.asarray(labels)
    return (names[:, None] != names)[np.triu_indices(names.size, 1)].astype(float)


def distance_model(ratings: ArrayLike) -> np.ndarray:
    """Model: Euclidean distance of ratings, shape (n_conditions,) or (n_conditions, n_ratings).

    Examples
    --------
    >>> af.distance_model([1.0, 3.0, 6.0])
    array([2., 5., 3.])
    """
    values = np.asarray(ratings, dtype=float)
    return np.asarray(pdist(values.reshape(len(values), -1)))


def model_of(model: ArrayLike | pd.DataFrame, name: str, conditions: Sequence[Any]) -> np.ndarray:
    """Bring a model to the upper triangle over the conditions, in their order.

    Parameters
    ----------
    model
        Upper triangle; a square matrix, rows and columns in the order of ``conditions``; or a
        square frame whose index and columns are conditions, in any order and with others among
        them.
    name
        For messages.
    conditions
        Names, shape (n_conditions,).

    Raises
    ------
    InputError
        If the size is wrong, a condition is missing or there twice, the matrix is not symmetric or
        its diagonal not 0, or it does not vary.
    """
    names = [str(c) for c in conditions]
    n = len(names)
    if isinstance(model, pd.DataFrame):
        model = _ordered(model, name, names)
    values = np.asarray(model, dtype=float)
    if values.ndim == 2:
        if values.shape != (n, n):
            raise InputError(
                f"the model {name!r} has the shape {values.shape}; a matrix of {n} × {n} "
                f"conditions is needed, in the order {names[0]}, {names[1]}, …"
            )
        if not np.allclose(values, values.T, equal_nan=True) or np.any(np.diag(values) != 0):
            raise InputError(
                f"the model {name!r} is no matrix of dissimilarities: it has to be symmetric, "
                "with 0 on its diagonal"
            )
        values = values[np.triu_indices(n, 1)]
    if values.shape != (n * (n - 1) // 2,) or not np.ptp(values) > 0:
        raise InputError(
            f"the model {name!r} has the shape {np.shape(model)}; it needs {n * (n - 1) // 2} "
            f"finite values that vary, one for each pair of {n} conditions"
        )
    return values


def _ordered(frame: pd.DataFrame, name: str, conditions: Sequence[str]) -> np.ndarray:
    labelled = frame.rename(index=str, columns=str)
    for side in (labelled.index, labelled.columns):
        missing = [c for c in conditions if c not in side]
        if missing:
            raise InputError(
                f"the model {name!r} has no condition {missing[0]!r} ({len(missing)} of "
                f"{len(conditions)} are missing); it has {', '.join(map(str, side[:4]))}, …"
            )
        if not side.is_unique:
            raise InputError(f"the model {name!r} names {side[side.duplicated()][0]!r} twice")
    return labelled.loc[list(conditions), list(conditions)].to_numpy(dtype=float)


def rsa(
    data: Rdms,
    models: Mapping[str, ArrayLike | pd.DataFrame],
    *,
    method: str = "correlation",
    n_permutations: int = 1000,
    random_state: int = 0,
) -> Rsa:
    """Compare models with the subjects' matrices.

    Parameters
    ----------
    data
        From :func:`rdms`.
    models
        Name → upper triangle, square matrix or labelled frame, as :func:`model_of` takes it.
    method
        ``"correlation"``, ``"cosine"`` or ``"spearman"``.
    n_permutations
        Arrangements of a model's conditions under the null; conditions of a theme move together.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there is no model, or one can't be brought to the conditions.
    """
    if not models:
        raise InputError("no model was given to compare with")
    conditions = data.conditions
    stack = np.stack(
        [model_of(model, name, list(conditions["condition"])) for name, model in models.items()]
    )
    theme = belongs_to(conditions, "condition", "stimulus")
    scores = model_scores(
        stack,
        data.values,
        method,
        themes=None if theme is None else conditions[theme].to_numpy(),
        n_permutations=n_permutations,
        random_state=random_state,
    )
    ceiling = noise_ceiling(data.values, method) if len(data.subjects) > 1 else None
    named = dict(zip(models, scores, strict=True))
    return Rsa(named, ceiling, len(conditions), len(data.subjects), method)


def _conditions(trials: pd.DataFrame, condition: str, shared: list[Any]) -> pd.DataFrame:
    grouped = trials.groupby(condition)
    once = (grouped.nunique() == 1).all()
    constant = [str(c) for c in once.index[once]]
    table = grouped[constant].first().loc[shared].reset_index()
    return table.rename(columns={condition: "condition"})
