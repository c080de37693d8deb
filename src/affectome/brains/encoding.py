r"""Encoding models: what of the stimulus, the category and the intensity a unit's response follows.

Banded ridge (Dupré la Tour et al. 2022) gives each band of features its own penalty, chosen inside
the training trials,

.. math:: \min_b \lVert Y - \sum_j X_j b_j \rVert^2 + \sum_j \alpha_j \lVert b_j \rVert^2 .

The variance that only band *j* explains is the held-out :math:`R^2` of the full model less that
of the model without it; what is left after all of these is shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from affectome.brains._banded import BandedRidge
from affectome.data import check_recording, trial_table, unit_table
from affectome.data.roles import role_of
from affectome.data.shown import Shown, new_axes
from affectome.errors import InputError
from affectome.evidence import (
    Design,
    NoNullError,
    Null,
    Score,
    belongs_to,
    cross_fit,
    fdr,
    make_design,
    orders_of,
    p_of_each,
    tested,
)
from affectome.progress import Progress, silent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Bands = Mapping[str, np.ndarray]
N_BEST = 10


@dataclass(frozen=True, eq=False, repr=False)
class Encoding(Shown):
    """How well bands of features predict each unit on held-out trials.

    Attributes
    ----------
    units
        One row a unit: its coordinates, ``r``, ``r2``, ``p`` and ``q`` of the full model, and for
        each band ``alone_<band>`` and ``unique_<band>`` (both :math:`R^2`) where there are several.
    bands
        Names.
    predictions
        Out-of-fold predictions of the full model, shape (n_trials, n_units); NaN where a trial was
        never tested.
    overall
        Mean *r* over all units, with its p. It has no interval: folds share training trials
        and units share stimuli, which a bootstrap of people and stimuli does not see.
    null
        How the p of the units were drawn; None where there is none.
    design
        Who and what was held out.
    """

    units: pd.DataFrame
    bands: tuple[str, ...]
    predictions: np.ndarray
    overall: Score
    null: Null | None
    design: Design

    @property
    def _title(self) -> str:
        n = len(self.units)
        if self.n_predicted is None:
            return f"Encoding of {n:,} units by {', '.join(self.bands)}: no p"
        return f"Encoding: {self.n_predicted:,} of {n:,} units are predicted (q < .05)"

    @property
    def _lines(self) -> list[str]:
        unique = [c for c in self.units if str(c).startswith("unique_")]
        return [
            self.design.headline,
            f"bands: {', '.join(self.bands)}; mean over units: {self.overall.words}",
            *(f"{c}: median {self.units[c].median():.3f}" for c in unique),
        ]

    def to_frame(self) -> pd.DataFrame:
        """Give the table, a row a unit."""
        return self.units.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many units reach which *r*."""
        axes = new_axes(ax)
        axes.hist(self.units["r"].dropna(), bins=30, color="C0")
        axes.axvline(0.0, color="0.5", linewidth=1, linestyle="--")
        axes.set_xlabel("r of predicted and measured, held-out trials")
        axes.set_ylabel("units")
        return axes

    @property
    def n_predicted(self) -> int | None:
        """Units predicted at q < .05; None where there is no p."""
        return None if self.null is None else int((self.units["q"] < 0.05).sum())

    def to_dict(self) -> dict[str, Any]:
        """Give medians over units, how many are predicted at q < .05, and the best of them."""
        numbers = [c for c in self.units if str(c).startswith(("alone_", "unique_"))]
        best = self.units.nlargest(N_BEST, "r").to_dict(orient="records")
        claim = {} if self.null is None else {"null": self.null.to_dict()}
        return {
            "held_out": self.design.headline,
            "notes": list(self.design.notes),
            "bands": list(self.bands),
            "n_units": len(self.units),
            "n_predicted": self.n_predicted,
            "overall": self.overall.to_dict(),
            "median_r": float(self.units["r"].median()),
            "median_r2": float(self.units["r2"].median()),
            **{f"median_{c}": float(self.units[c].median()) for c in numbers},
            "best_units": [one | claim for one in best],
        }


def trial_bands(recording: xr.DataArray, stimulus: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Build the bands that a trial table allows: stimulus, category, intensity.

    Parameters
    ----------
    recording
        With ``emotion`` (category), ``intensity`` where it is known, and the columns of
        ``stimulus``, such as brightness or loudness.
    stimulus
        Numeric columns that describe the stimulus.

    Returns
    -------
    dict
        Name → features, shape (n_trials, n_features). Intensity enters for each emotion apart.

    Raises
    ------
    InputError
        If a named column is missing or not numeric, or there is nothing to build a band from.
    """
    trials = trial_table(recording)
    bands: dict[str, np.ndarray] = {}
    for column in stimulus:
        if column not in trials or not pd.api.types.is_numeric_dtype(trials[column]):
            raise InputError(
                f"the Recording has no numeric column {column!r}; it has "
                f"{', '.join(map(str, trials))}"
            )
    if stimulus:
        bands["stimulus"] = trials[list(stimulus)].to_numpy(dtype=float)
    if "emotion" in trials:
        category = pd.get_dummies(trials["emotion"]).to_numpy(dtype=float)
        bands["category"] = category
        if "intensity" in trials:
            centred = trials["intensity"].to_numpy(dtype=float)
            bands["intensity"] = category * (centred - centred.mean())[:, None]
    if not bands:
        raise InputError("there is neither an emotion nor a stimulus column to build bands from")
    return {name: X for name, X in bands.items() if np.ptp(X, axis=0).max() > 0}


def encode(
    recording: xr.DataArray,
    bands: Bands,
    holdout: Any = None,
    *,
    n_iter: int = 20,
    n_permutations: int = 1000,
    random_state: int = 0,
    progress: Progress = silent,
) -> Encoding:
    """Fit banded ridge in every fold and predict the units' responses on held-out trials.

    Parameters
    ----------
    recording
        Dims (trial, unit).
    bands
        Name → features of the trials, shape (n_trials, n_features); standardised by the training
        trials.
    holdout
        Columns, a Split or a Design: which trials train and which are tested, as in
        :func:`affectome.evidence.make_design`; penalties are chosen by holding out the same
        columns among the training trials.
    n_iter
        Mixtures of band weights that are tried, each with nine penalties.
    n_permutations
        Arrangements in the null of *r*: stimuli that the same folds test trade places, the same
        way for every person and unit, with all that belongs to a theme together.
    random_state
        Seed of the mixtures and the null.
    progress
        Called with each model that is fitted.

    Returns
    -------
    Encoding

    Raises
    ------
    InputError
        If there is time, or a band does not have one row a trial.
    """
    check_recording(recording)
    if "time" in recording.dims:
        raise InputError("encoding models take one value a trial; average over a window first")
    if not bands:
        raise InputError("no band of features was given to predict from")
    Y = recording.values.astype(np.float64)
    for name, X in bands.items():
        if X.ndim != 2 or len(X) != len(Y) or not np.isfinite(X).all():
            raise InputError(
                f"the band {name!r} has the shape {X.shape}; finite features of {len(Y)} trials, "
                "one row each, are needed"
            )
    trials = trial_table(recording)
    design = make_design(trials, np.arange(len(Y), dtype=float), holdout, order="none")
    fitted: dict[tuple[str, ...], np.ndarray] = {}
    models = _models(tuple(bands))
    for done, model in enumerate(models):
        progress("encoding models", done, len(models))
        ridge = BandedRidge(tuple(bands[name].shape[1] for name in model), n_iter, random_state)
        X = np.hstack([bands[name] for name in model])
        predicted = np.full(Y.shape, np.nan)
        found = cross_fit(ridge, X, Y, design.split, scored=False, groups=design.routed).found
        predicted[design.split.tested] = found[design.split.tested]
        fitted[model] = predicted
    progress("encoding models", len(models), len(models))
    full = tuple(bands)
    r2 = {model: _r2(Y, predictions, design) for model, predictions in fitted.items()}
    table = unit_table(recording)
    held = _Held.of(Y, fitted[full], design, trials)
    table["r"], table["r2"] = held.r, r2[full]
    overall = Score(
        "mean r over units", float(held.r.mean()), None, None, len(held.stimuli), design.over
    )
    null = None
    try:
        drawn = held.drawn(n_permutations, random_state)
        p, means = p_of_each(held.r, drawn)
        mean_p, null = tested(float(held.r.mean()), means, held.scheme, len(held.stimuli))
        table["p"], table["q"] = p, fdr(p)
        overall = overall.with_p(mean_p, null)
        null = null.corrected(f"Benjamini-Hochberg over {len(table)} units")
    except NoNullError as error:
        table["p"] = table["q"] = np.nan
        overall = replace(overall, why=str(error))
    if len(full) > 1:
        for name in full:
            table[f"alone_{name}"] = r2[(name,)]
            table[f"unique_{name}"] = r2[full] - r2[tuple(b for b in full if b != name)]
    return Encoding(table, full, fitted[full], overall, null, design)


def explainable_variance(
    recording: xr.DataArray, subject: str = "subject", stimulus: str = "stimulus"
) -> np.ndarray:
    r"""Largest :math:`R^2` that a model of the stimulus can reach on single trials, for each unit.

    Only what follows the stimulus counts: responses are taken off each person's mean over stimuli,
    and the variance that is locked to the stimulus is the covariance over stimuli of responses
    that share nothing else: of different people where two or more saw the same stimuli, or else of
    repeats (first and second, …) in one person. It is divided by the variance of single trials,
    offsets of people included, as in the :math:`R^2` of :func:`encode`; so offsets lower the
    ceiling, as they lower what a model of the stimulus explains.

    Parameters
    ----------
    recording
        Dims (trial, unit).
    subject, stimulus
        Columns of who and what; without a column ``subject`` all trials are one person's.

    Returns
    -------
    numpy.ndarray
        Shape (n_units,), 0–1; NaN for a unit that does not vary.

    Raises
    ------
    InputError
        If there is no column of stimuli, or no two people and no repeats share three of them.
    """
    trials = trial_table(recording)
    if stimulus not in trials:
        raise InputError(f"the Recording has no column {stimulus!r} to find stimuli by")
    Y = np.asarray(recording.values, dtype=np.float64)
    people = trials[subject] if subject in trials else pd.Series(0, index=trials.index)
    keys = [people.to_numpy(), trials[stimulus].to_numpy()]
    locked = _locked_covariance(Y, keys[0], keys[1])
    if locked is None:
        who = pd.MultiIndex.from_arrays([keys[0], trials.groupby(keys, sort=False).cumcount()])
        within = [
            _locked_covariance(Y[rows], who[rows].get_level_values(1).to_numpy(), keys[1][rows])
            for rows in (np.flatnonzero(keys[0] == name) for name in pd.unique(keys[0]))
        ]
        found = [one for one in within if one is not None]
        if not found:
            raise InputError(
                f"no two people and no repeats share three values of {stimulus!r}, so noise can't "
                "be told from signal"
            )
        locked = np.mean(found, axis=0)
    total = Y.var(axis=0)
    share = np.divide(locked, total, out=np.full_like(total, np.nan), where=total > 0)
    return np.asarray(np.clip(share, 0, 1))


def _locked_covariance(Y: np.ndarray, who: np.ndarray, stimulus: np.ndarray) -> np.ndarray | None:
    """Mean covariance over stimuli between any two of ``who``; None where no two share three."""
    table = pd.DataFrame(Y).groupby([who, stimulus]).mean()
    parts = [part.droplevel(0) for _, part in table.groupby(level=0)]
    total, weight = np.zeros(Y.shape[1]), 0
    for i, one in enumerate(parts):
        for other in parts[:i]:
            shared = one.index.intersection(other.index)
            if len(shared) < 3:
                continue
            a, b = (part.loc[shared].to_numpy() for part in (one, other))
            total += ((a - a.mean(axis=0)) * (b - b.mean(axis=0))).sum(axis=0)
            weight += len(shared) - 1
    return total / weight if weight else None


def _models(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The full model, each band alone, and all bands but one."""
    without = [tuple(b for b in names if b != name) for name in names]
    wanted = [names, *[(name,) for name in names], *[w for w in without if w]]
    return list(dict.fromkeys(wanted))


def _r2(Y: np.ndarray, predictions: np.ndarray, design: Design) -> np.ndarray:
    error, total = np.zeros((2, Y.shape[1]))
    for train, test in design.split:
        error += ((Y[test] - predictions[test]) ** 2).sum(axis=0)
        total += ((Y[test] - Y[train].mean(axis=0)) ** 2).sum(axis=0)
    return 1 - np.divide(error, total, out=np.ones_like(error), where=total > 0)


@dataclass(frozen=True, eq=False)
class _Held:
    """Held-out trials: what was predicted and measured, and which of them may trade places.

    Values are off their fold's mean. A cell is a stimulus in one person (and repeat); cells of
    one person are a row of ``cells``, and a stimulus is a column. Stimuli of the same ``part`` are
    tested by the same folds.
    """

    predicted: np.ndarray
    measured: np.ndarray
    cells: np.ndarray
    stimuli: np.ndarray
    part: np.ndarray
    theme: np.ndarray
    scheme: str
    why_not: str | None

    @classmethod
    def of(
        cls, Y: np.ndarray, predictions: np.ndarray, design: Design, trials: pd.DataFrame
    ) -> _Held:
        rows = np.concatenate([test for _, test in design.split])
        fold = np.repeat(
            np.arange(len(design.split.folds)), [len(test) for _, test in design.split]
        )
        predicted, measured = (_off_fold(M[rows], fold) for M in (predictions, Y))
        names = {role: _column(trials, role) for role in ("subject", "stimulus")}
        shown = rows if names["stimulus"] is None else trials[names["stimulus"]].to_numpy()[rows]
        who = np.zeros(rows.size) if names["subject"] is None else trials[names["subject"]][rows]
        stimulus, stimuli = pd.factorize(np.asarray(shown))
        repeat = pd.DataFrame({"w": np.asarray(who), "s": stimulus}).groupby(["w", "s"]).cumcount()
        person = pd.MultiIndex.from_arrays([np.asarray(who), repeat]).factorize()[0]
        cells = np.full((person.max() + 1, len(stimuli)), -1)
        cells[person, stimulus] = np.arange(rows.size)
        tests = pd.DataFrame({"s": stimulus, "f": fold}).drop_duplicates().sort_values(["s", "f"])
        part = tests.groupby("s")["f"].agg(tuple).factorize()[0]
        first = rows[np.unique(stimulus, return_index=True)[1]]
        coarse = names["stimulus"] and belongs_to(trials, names["stimulus"], "stimulus")
        theme = (
            np.arange(len(stimuli)) if coarse is None else pd.factorize(trials[coarse])[0][first]
        )
        what = names["stimulus"]
        scheme = (
            f"values of {coarse or what} trade places within the folds that test them, the same "
            "way for all people"
        )
        return cls(
            predicted,
            measured,
            cells,
            np.asarray(stimuli),
            part,
            theme,
            scheme,
            _why_no_p(design, trials, what),
        )

    @property
    def r(self) -> np.ndarray:
        """Correlation over held-out trials, within folds, for each unit."""
        return _cosine(self.predicted, self.measured)

    def drawn(self, n: int, random_state: int) -> Iterator[np.ndarray]:
        """Correlations with the responses to other stimuli, for each unit, one arrangement each."""
        if self.why_not is not None:
            raise NoNullError(f"no p, because {self.why_not}")
        orders = orders_of(self.theme, self.part, n, random_state)
        return (self._arranged(order) for order in orders)

    def _arranged(self, order: np.ndarray) -> np.ndarray:
        other = self.cells[:, order]
        # Where a person never met the other stimulus, the cell is left out of this arrangement.
        both = (self.cells >= 0) & (other >= 0)
        return _cosine(self.predicted[self.cells[both]], self.measured[other[both]])


def _why_no_p(design: Design, trials: pd.DataFrame, stimulus: str | None) -> str | None:
    if stimulus is None:
        return "no column names the stimuli, and only whole stimuli may trade places"
    shown = trials[stimulus].to_numpy()
    if any(np.isin(shown[test], shown[train]).any() for train, test in design.split):
        return f"the same stimuli are in training and test; hold out {stimulus}"
    return None


def _column(trials: pd.DataFrame, role: str) -> str | None:
    """The column of people or stimuli, under whatever name; the finest where there are several."""
    likely = [str(c) for c in trials if role_of(str(c)) == role]
    return max(likely, key=lambda name: trials[name].nunique(), default=None)


def _off_fold(values: np.ndarray, fold: np.ndarray) -> np.ndarray:
    centred = values.copy()
    for f in np.unique(fold):
        centred[fold == f] -= values[fold == f].mean(axis=0)
    return centred


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    above = np.einsum("tu,tu->u", a, b)
    length = np.sqrt(np.einsum("tu,tu->u", a, a) * np.einsum("tu,tu->u", b, b))
    return np.asarray(np.divide(above, length, out=np.zeros_like(above), where=length > 0))
