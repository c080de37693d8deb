"""Decode events and their intensity from mouse faces, in animals the decoder has not seen.

How a face is described (signed change, how far it went, or both; large or small cells) is chosen
for each held-out animal among the animals that train, each of them held out in turn. Arrangements
of the labels go through the same choice: ridge has a closed form for all of them at once. A random
forest stands beside it, and has a p only where its refits were asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import confusion_matrix

from affectome.decoding import RidgeClassifierDecoder, RidgeDecoder
from affectome.errors import InputError
from affectome.evidence import Design, Score, Split, make_design, make_split
from affectome.evidence.within import GroupScores, balanced_within, spearman_within
from affectome.progress import Progress, silent

PENALTIES = tuple(10.0 ** np.arange(0, 6))
UNTESTED = (
    "no p, because refitting the forest for each arrangement takes about a second, and was not "
    "asked for (--forest-permutations N)"
)

Features = Mapping[str, NDArray[np.float64]]
Folds = Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]


@dataclass(frozen=True)
class Draws:
    """How much is drawn.

    Attributes
    ----------
    n_permutations
        Arrangements of the labels for ridge; 0 for no p.
    forest
        The same for the random forest, which is refitted for each.
    random_state
        Seed of everything.
    """

    n_permutations: int = 1000
    forest: int = 0
    random_state: int = 0


@dataclass(frozen=True, eq=False)
class Reading:
    """A score over animals, and the score of each.

    Attributes
    ----------
    score
        Mean over animals.
    by_subject
        Animal → score.
    """

    score: Score
    by_subject: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {**self.score.to_dict(), "by_subject": self.by_subject}


@dataclass(frozen=True, eq=False)
class Intensity:
    """Intensity decoded from the face.

    Attributes
    ----------
    ridge, forest
        Rank correlation within animals, by each decoder.
    chosen
        Held-out group → the description that the training animals favoured.
    candidates
        Descriptions that were chosen from.
    extremes
        AUC of the strongest against the weakest intensity within animals.
    over_all_trials
        Rank correlation over all trials, animals mixed.
    predicted
        Predictions of ridge, shape (n_trials,).
    """

    ridge: Reading
    forest: Reading
    chosen: dict[str, str]
    candidates: tuple[str, ...]
    extremes: Reading
    over_all_trials: float
    predicted: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            **self.ridge.to_dict(),
            "decoder": "ridge",
            "chosen": self.chosen,
            "candidates": list(self.candidates),
            "forest": self.forest.to_dict(),
            "none_vs_strongest": self.extremes.to_dict(),
            "rho_over_all_trials": self.over_all_trials,
        }


@dataclass(frozen=True, eq=False)
class Events:
    """Events told apart.

    Attributes
    ----------
    ridge, forest
        Balanced accuracy within animals, by each decoder.
    frames
        The same of ridge for single frames.
    n_frames
        Frames that were decoded.
    confusion
        Counts of ridge's clips, rows as given, columns as decoded, in the order of ``names``.
    names
        Events, sorted.
    chosen, candidates
        As in `Intensity`.
    """

    ridge: Reading
    forest: Reading
    frames: Reading
    n_frames: int
    confusion: NDArray[np.intp]
    names: tuple[str, ...]
    chosen: dict[str, str]
    candidates: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            **self.ridge.to_dict(),
            "decoder": "ridge",
            "chosen": self.chosen,
            "candidates": list(self.candidates),
            "forest": self.forest.to_dict(),
            "frames": {**self.frames.to_dict(), "n_frames": self.n_frames},
            "confusion": {"events": list(self.names), "counts": self.confusion.tolist()},
            "chance": 1 / len(self.names),
        }


def split_animals(trials: Any, by: str) -> Split:
    """Hold out one animal (or session) at a time.

    Raises
    ------
    InputError
        If there is only one.
    """
    n_groups = trials[by].nunique()
    if n_groups < 2:
        raise InputError(
            f"leave-one-{by}-out needs two or more, but the table names only "
            f"{trials[by].iloc[0]!s}; add clips of another {by}"
        )
    return make_split(trials, holdout=by, n_splits=n_groups)


def arrangements(design: Design, draws: Draws) -> NDArray[Any]:
    """Real labels, and where there is a valid null, arrangements of them beneath."""
    if draws.n_permutations == 0 or design.why_no_p is not None:
        return np.asarray(design.y[None])
    return np.concatenate(
        [design.y[None], design.arrange(draws.n_permutations, draws.random_state)]
    )


def decode_intensity(
    features: Features,
    y: NDArray[np.float64],
    subjects: NDArray[Any],
    design: Design,
    draws: Draws,
    progress: Progress = silent,
) -> Intensity:
    """Predict intensity in held-out animals.

    Parameters
    ----------
    features
        Description → clips, shape (n_trials, n_units); chosen inside training animals.
    y
        Intensity, shape (n_trials,).
    subjects
        Animal of each trial.
    design
        Folds and null of the intensities.
    draws
        Arrangements.
    progress
        Called for every refit of the forest.
    """
    rows = arrangements(design, draws)
    found, picked = nested_ridge(features, rows, subjects, design.split)
    scores = spearman_within(rows, found, subjects)
    forest = RandomForestRegressor(
        200, min_samples_leaf=3, max_features=0.3, random_state=draws.random_state, n_jobs=1
    )
    X = np.hstack(list(features.values()))
    refitted = _refits(forest, X, rows, design.split, draws, progress)
    by_forest = spearman_within(rows[: len(refitted)], refitted, subjects)
    ends = _extremes(rows, found, subjects)
    return Intensity(
        read(scores, design),
        read(by_forest, design, UNTESTED, scores),
        _named(picked, design.split),
        tuple(features),
        read(ends, design),
        float(spearmanr(found[0], y).statistic),
        found[0],
    )


def decode_events(
    features: Features,
    frames: NDArray[np.float64],
    subjects: NDArray[Any],
    design: Design,
    draws: Draws,
    progress: Progress = silent,
) -> Events:
    """Tell events apart in held-out animals, by whole clips and by single frames.

    Parameters
    ----------
    features
        Description → clips, shape (n_trials, n_units); chosen inside training animals.
    frames
        Frames, shape (n_trials, n_frames, n_units); those of one clip are never on both sides, and
        trade places with other clips' as one.
    subjects
        Animal of each trial.
    design
        Folds and null of the events.
    draws
        Arrangements.
    progress
        Called for every refit of the forest.
    """
    events, split = design.y, design.split
    rows = arrangements(design, draws)
    found, picked = nested_ridge_classes(features, rows, subjects, split)
    scores = balanced_within(rows, found, subjects)
    forest = RandomForestClassifier(
        200,
        min_samples_leaf=3,
        class_weight="balanced",
        random_state=draws.random_state,
        n_jobs=1,
    )
    X = np.hstack(list(features.values()))
    refitted = _refits(forest, X, rows, split, draws, progress)
    by_forest = balanced_within(rows[: len(refitted)], refitted, subjects)
    by_frame = frame_scores(frames, rows, subjects, split)
    names = np.unique(events)
    return Events(
        read(scores, design),
        read(by_forest, design, UNTESTED, scores),
        read(by_frame, design),
        frames.shape[0] * frames.shape[1],
        confusion_matrix(events, found[0], labels=names),
        tuple(map(str, names)),
        _named(picked, split),
        tuple(features),
    )


def read(
    scores: GroupScores,
    design: Design,
    why: str | None = None,
    borrowed: GroupScores | None = None,
    alternative: str = "greater",
) -> Reading:
    """Score animals, with what they share taken from another decoder's null if need be."""
    if borrowed is not None and not len(scores.null):
        scores = replace(scores, null=borrowed.null)
        return Reading(scores.score("animals", None, alternative, why), scores.by_group)
    exchange = design.exchange if len(scores.null) else None
    reason = design.why_no_p or why
    return Reading(scores.score("animals", exchange, alternative, reason), scores.by_group)


def nested_ridge(
    features: Features, rows: NDArray[np.float64], subjects: NDArray[Any], split: Split
) -> tuple[NDArray[np.float64], list[str]]:
    """Predict by the description that rank correlates best when training groups are held out.

    Parameters
    ----------
    features
        Description → shape (n_trials, n_units).
    rows
        Intensities, shape (n_rows, n_trials), the real ones first.
    subjects
        Animal of each trial.
    split
        The folds.

    Returns
    -------
    found : ndarray
        Predictions out of fold, shape (n_rows, n_trials).
    chosen : list of str
        Description that each fold chose for the real intensities.
    """
    decoder = RidgeDecoder(alpha=PENALTIES)

    def merit(y: NDArray[Any], p: NDArray[Any], who: NDArray[Any]) -> NDArray[np.float64]:
        scores = spearman_within(y, p, who)
        return np.arctanh(np.vstack([scores.real, scores.null]).clip(-0.999, 0.999)).mean(axis=1)

    return _nested(decoder, features, rows, subjects, split, _as_values, merit)


def nested_ridge_classes(
    features: Features, rows: NDArray[Any], subjects: NDArray[Any], split: Split
) -> tuple[NDArray[Any], list[str]]:
    """Predict events by the description that tells them apart best, as `nested_ridge`."""
    decoder = RidgeClassifierDecoder(alpha=PENALTIES)

    def merit(y: NDArray[Any], p: NDArray[Any], who: NDArray[Any]) -> NDArray[np.float64]:
        scores = balanced_within(y, p, who)
        return np.vstack([scores.real, scores.null]).mean(axis=1)

    return _nested(decoder, features, rows, subjects, split, _as_classes, merit)


def _nested(
    decoder: Any,
    features: Features,
    rows: NDArray[Any],
    subjects: NDArray[Any],
    split: Split,
    as_labels: Any,
    merit: Any,
) -> tuple[NDArray[Any], list[str]]:
    outer = [
        as_labels(decoder.closed_form_predictions(X, rows, split.folds), rows, split.folds)
        for X in features.values()
    ]
    found = np.empty_like(outer[0])
    chosen = []
    groups = np.asarray(split.columns[split.by[0]]).astype(str)
    for train, test in split:
        best = np.zeros(len(rows), dtype=np.intp)
        inner = _leave_one_out(groups[train])
        if len(features) > 1 and len(inner) > 1:
            merits = []
            for X in features.values():
                shown = rows[:, train]
                values = decoder.closed_form_predictions(X[train], shown, inner)
                merits.append(merit(shown, as_labels(values, shown, inner), subjects[train]))
            best = np.argmax(merits, axis=0)
        for k, values in enumerate(outer):
            mine = np.flatnonzero(best == k)
            found[np.ix_(mine, test)] = values[np.ix_(mine, test)]
        chosen.append(list(features)[best[0]])
    return found, chosen


def _leave_one_out(groups: NDArray[Any]) -> Folds:
    names = np.unique(groups)
    return [(np.flatnonzero(groups != g), np.flatnonzero(groups == g)) for g in names]


def _as_values(values: NDArray[np.float64], rows: NDArray[Any], folds: Folds) -> NDArray[Any]:
    return values


def _as_classes(values: NDArray[np.float64], rows: NDArray[Any], folds: Folds) -> NDArray[Any]:
    """Classes whose score is highest above its mean over the training trials.

    Ridge on codes of +1 and -1 predicts the mean code where it knows nothing, which would give
    every clip to the event of most clips.
    """
    names = np.unique(rows[0])
    codes = 2.0 * (rows[..., None] == names) - 1.0
    scores = np.stack([-values, values], axis=-1) if values.ndim == 2 else values
    found = np.empty(rows.shape, dtype=rows.dtype)
    for train, test in folds:
        usual = codes[:, train].mean(axis=1, keepdims=True)
        found[:, test] = names[(scores[:, test] - usual).argmax(axis=-1)]
    return found


def frame_scores(
    frames: NDArray[np.float64], rows: NDArray[Any], subjects: NDArray[Any], split: Split
) -> GroupScores:
    """Balanced accuracy of single frames, the labels of a clip given to all its frames."""
    n_trials, n_frames, n_units = frames.shape
    trial = np.repeat(np.arange(n_trials), n_frames)
    folds = [
        (np.flatnonzero(np.isin(trial, train)), np.flatnonzero(np.isin(trial, test)))
        for train, test in split
    ]
    shown = np.repeat(rows, n_frames, axis=1)
    decoder = RidgeClassifierDecoder(alpha=PENALTIES)
    values = decoder.closed_form_predictions(frames.reshape(-1, n_units), shown, folds)
    return balanced_within(shown, _as_classes(values, shown, folds), subjects[trial])


def _refits(
    forest: Any,
    X: NDArray[np.float64],
    rows: NDArray[Any],
    split: Split,
    draws: Draws,
    progress: Progress,
) -> NDArray[Any]:
    """Predictions of the real labels, and of as many arrangements as are to be refitted."""
    wanted = rows[: 1 + draws.forest]
    found = np.empty_like(wanted)
    for k, row in enumerate(wanted):
        for train, test in split:
            found[k, test] = clone(forest).fit(X[train], row[train]).predict(X[test])
        if draws.forest:
            progress("refit the forest", k, draws.forest)
    return found


def _extremes(
    rows: NDArray[np.float64], found: NDArray[np.float64], subjects: NDArray[Any]
) -> GroupScores:
    """AUC of the strongest against the weakest intensity, within animals."""
    low, high = rows[0].min(), rows[0].max()
    names, columns = [], []
    for name in np.unique(subjects.astype(str)):
        mine = subjects.astype(str) == name
        y, p = rows[:, mine], found[:, mine]
        if not ((rows[0, mine] == low).any() and (rows[0, mine] == high).any()):
            continue
        weak, strong = y == low, y == high
        columns.append(_pairs(p, weak, strong))
        names.append(str(name))
    share = np.column_stack(columns) if columns else np.full((1, 1), np.nan)
    return GroupScores("auc", tuple(names or ("none",)), share[0], share[1:], "identity", (0, 1))


def _pairs(p: NDArray[np.float64], weak: NDArray[Any], strong: NDArray[Any]) -> NDArray[Any]:
    higher = np.zeros(len(p))
    total = np.zeros(len(p))
    for k in range(p.shape[1]):
        above = (p > p[:, [k]]) + 0.5 * (p == p[:, [k]])
        pairs = strong & weak[:, [k]]
        higher += (above * pairs).sum(axis=1)
        total += pairs.sum(axis=1)
    return np.divide(higher, total, out=np.full(len(p), 0.5), where=total > 0)


def _named(chosen: list[str], split: Split) -> dict[str, str]:
    column = np.asarray(split.columns[split.by[0]]).astype(str)
    held = [", ".join(np.unique(column[test])) for _, test in split]
    return dict(zip(held, chosen, strict=True))


def design_of(trials: Any, y: NDArray[Any], split: Split, random_state: int) -> Design:
    """Give the design of clips: folds as dealt, order by the onset or the trial's number."""
    kept = [c for c in ("subject", "session", "trial", "onset") if c in trials]
    table = trials[kept].reset_index(drop=True)
    same = "onset" in table and table["onset"].nunique() <= 2
    return make_design(
        table.drop(columns=["onset"] if same else []), y, split, random_state=random_state
    )
