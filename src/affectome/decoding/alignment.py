"""From one person to the next: cross-subject decoding with and without alignment, beside within.

Every way is tested on the same trials: of the person who is held out, with stimuli that no training
trial shows. What an alignment needs of that person is part of its result, in words:

- ``within``: the person's own labelled trials train the decoder; nobody else's.
- ``none``: nothing.
- ``standardise``: mean and deviation of the tested trials (transductive).
- ``recentre``: Riemannian mean of the tested trials' covariances (transductive; Zanini 2018).
- ``hyperalign``: responses to other stimuli that the training people saw too; no labels of the
  person, no tested trial.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold

from affectome.decoding.ridge import RidgeClassifierDecoder
from affectome.errors import InputError, require, unknown
from affectome.kernels.procrustes import hyperalign, procrustes

ALPHAS = (1.0, 10.0, 100.0, 1000.0, 10000.0)
USES = {
    "within": "the person's own labelled trials",
    "none": "nothing of the person",
    "standardise": "mean and deviation of the tested trials, without labels (transductive)",
    "recentre": "covariances of the tested trials, without labels (transductive)",
    "hyperalign": "the person's responses to other stimuli, without labels",
}
TRANSDUCTIVE = ("standardise", "recentre")


@dataclass(frozen=True)
class CrossSubject:
    """Accuracy of one way to reach a new person.

    Attributes
    ----------
    method
        Name of the way.
    uses
        What it needs of the new person, in words.
    transductive
        Whether it looks at the tested trials themselves (never at their labels).
    people
        Names of the people.
    accuracy
        Balanced accuracy on each person's held-out trials, shape (n_people,).
    predicted
        Label of each trial, read without its person and its stimulus, shape (n_trials,).
    """

    method: str
    uses: str
    transductive: bool
    people: tuple[str, ...]
    accuracy: np.ndarray
    predicted: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Give the result as plain values."""
        return {
            "method": self.method,
            "uses": self.uses,
            "transductive": self.transductive,
            "balanced_accuracy": float(self.accuracy.mean()),
            "by_subject": dict(zip(self.people, self.accuracy.tolist(), strict=True)),
        }


def cross_subject(
    X: ArrayLike,
    y: ArrayLike,
    subjects: ArrayLike,
    stimuli: ArrayLike,
    *,
    method: str = "none",
    decoder: Any = None,
    n_splits: int = 4,
    random_state: int | None = 0,
) -> CrossSubject:
    """Decode each person by a decoder that never saw the person nor the tested stimuli.

    Parameters
    ----------
    X
        Responses, shape (n_trials, n_units); for ``recentre`` covariances of each trial, shape
        (n_trials, n_units, n_units).
    y, subjects, stimuli
        Labels, people and stimuli, shape (n_trials,). A stimulus has one label.
    method
        "within", "none", "standardise", "recentre" or "hyperalign".
    decoder
        Classifier; ridge with its penalty chosen inside when not given.
    n_splits
        Folds of stimuli.
    random_state
        Seed of the folds.

    Raises
    ------
    InputError
        If the method is unknown, a stimulus has two labels, or a class has too few stimuli.
    """
    if method not in USES:
        raise unknown("alignment", method, USES)
    values, labels = np.asarray(X, dtype=float), np.asarray(y)
    people, material = np.asarray(subjects), np.asarray(stimuli)
    if (values.ndim == 3) != (method == "recentre"):
        raise InputError(
            "recentre takes a covariance a trial, shape (n_trials, n_units, n_units), the others "
            f"responses (n_trials, n_units); got {values.shape} for {method}"
        )
    model = RidgeClassifierDecoder(alpha=ALPHAS) if decoder is None else decoder
    reach = {"standardise": _standardise, "recentre": _recentre}.get(method)
    if reach is not None:
        values = _by_person(values, people, reach)
    names = np.unique(people)
    named = np.empty(labels.shape, dtype=labels.dtype)
    for tested in _stimulus_folds(labels, material, n_splits, random_state):
        shown = np.isin(material, tested)
        for name in names:
            own = people == name
            train = ~shown & (own if method == "within" else ~own)
            seen = values
            if method == "hyperalign":
                seen = _aligned(values, people, material, ~shown, name)
            fitted = clone(model).fit(seen[train], labels[train])
            named[shown & own] = fitted.predict(seen[shown & own])
    accuracy = np.array(
        [balanced_accuracy_score(labels[people == n], named[people == n]) for n in names]
    )
    transductive = method in TRANSDUCTIVE
    return CrossSubject(method, USES[method], transductive, tuple(map(str, names)), accuracy, named)


def _stimulus_folds(
    labels: np.ndarray, material: np.ndarray, n_splits: int, random_state: int | None
) -> list[np.ndarray]:
    kinds, first = np.unique(material, return_index=True)
    kind_labels = labels[first]
    if (kind_labels[np.searchsorted(kinds, material)] != labels).any():
        raise InputError("a stimulus has two labels; name stimuli so that each has one")
    codes = np.unique(kind_labels, return_inverse=True)[1]
    rarest = int(np.bincount(codes).min())
    if rarest < 2:
        raise InputError(
            f"a class has {rarest} stimulus; two or more are needed to hold stimuli out"
        )
    folds = StratifiedKFold(min(n_splits, rarest), shuffle=True, random_state=random_state)
    return [kinds[test] for _, test in folds.split(kinds, codes)]


def _by_person(
    X: np.ndarray, people: np.ndarray, change: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    parts = {name: change(X[people == name]) for name in np.unique(people)}
    out = np.empty((len(X), next(iter(parts.values())).shape[1]))
    for name, part in parts.items():
        out[people == name] = part
    return out


def _standardise(X: np.ndarray) -> np.ndarray:
    spread = X.std(0)
    return (X - X.mean(0)) / np.where(spread > 0, spread, 1)


def _recentre(covariances: np.ndarray) -> np.ndarray:
    """Tangent vectors at the person's own mean, as if the mean were moved to the identity."""
    tangent = require("pyriemann.tangentspace", "eeg").TangentSpace(metric="riemann")
    return tangent.fit_transform(covariances)


def _aligned(
    X: np.ndarray, people: np.ndarray, material: np.ndarray, usable: np.ndarray, new: Any
) -> np.ndarray:
    """Bring all people into the space of the training people by stimuli that everybody saw."""
    names = np.unique(people)
    shared = set(material[usable].tolist())
    for name in names:
        shared &= set(material[usable & (people == name)].tolist())
    if len(shared) < 3:
        raise InputError(
            f"hyperalign needs three stimuli that everybody saw besides the tested ones; there are "
            f"{len(shared)}"
        )
    conditions = sorted(shared)
    centres = {name: X[usable & (people == name)].mean(0) for name in names}
    means = {
        name: np.stack([X[usable & (people == name) & (material == c)].mean(0) for c in conditions])
        - centres[name]
        for name in names
    }
    others = [name for name in names if name != new]
    n_components = min(len(conditions) - 1, X.shape[1])
    maps, template = hyperalign([means[name] for name in others], n_components)
    turns = dict(zip(others, maps, strict=True)) | {new: procrustes(means[new], template)}
    out = np.empty((len(X), n_components))
    for name in names:
        out[people == name] = (X[people == name] - centres[name]) @ turns[name]
    return out
