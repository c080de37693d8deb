"""Accuracy on a new person against the trials of that person that a model was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils import check_random_state

from affectome.decoding.personal import PersonalDecoder
from affectome.decoding.ridge import RidgeClassifierDecoder
from affectome.errors import InputError

SHOTS = (0, 1, 2, 5, 10)
ALPHAS = (1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True)
class FewShot:
    """Accuracy on a new person's held-out trials against the person's trials used.

    Attributes
    ----------
    shots
        Trials a class of the new person.
    people
        Names of the people.
    personal
        Balanced accuracy of everybody else's model adapted by those trials, shape
        (n_people, n_shots).
    alone
        The same for a model of those trials alone; NaN where there are none.
    """

    shots: tuple[int, ...]
    people: tuple[str, ...]
    personal: np.ndarray
    alone: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Give the curve: for each number of trials the mean over people, the least and the most.

        It has no interval and no p: people share their stimuli and the trials that everybody's
        model was trained on.
        """
        return {
            "curve": [
                {
                    "shots": k,
                    "personal": float(self.personal[:, i].mean()),
                    "range": [float(self.personal[:, i].min()), float(self.personal[:, i].max())],
                    "better_than_none": int(
                        (self.personal[:, i] > self.personal[:, 0] + 1e-9).sum()
                    ),
                    "people": len(self.people),
                    "alone": float(self.alone[:, i].mean()) if k else None,
                }
                for i, k in enumerate(self.shots)
            ],
            "p": None,
            "why": "no p, because people share stimuli and the trials that models learned from",
        }


def few_shot_curve(
    X: ArrayLike,
    y: ArrayLike,
    subjects: ArrayLike,
    *,
    stimuli: ArrayLike | None = None,
    shots: Sequence[int] = SHOTS,
    alone: Any = None,
    n_repeats: int = 10,
    random_state: int | None = 0,
) -> FewShot:
    """Hold each person out and give the model 0, 1, 2, 5, 10 trials a class of that person.

    A repeat tests the same trials for every number of shots, and smaller sets of shots are parts of
    the larger ones. Where stimuli are named, the tested ones are seen by nobody in training.

    Parameters
    ----------
    X, y, subjects
        Responses (n_trials, n_units), labels and people (n_trials,).
    stimuli
        Stimulus of each trial; half of a class's stimuli are tested in a repeat.
    shots
        Numbers of trials a class; those that a person can't give are left out for all.
    alone
        Classifier for the model of the person's own trials; ridge when not given.
    n_repeats
        Draws of test trials and shots.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there are fewer than four people or a person has fewer than two trials of a class.
    """
    values, labels, people = np.asarray(X, dtype=float), np.asarray(y), np.asarray(subjects)
    names = np.unique(people)
    if len(names) < 4:
        raise InputError(
            f"a few-shot curve holds one person out and needs three more; got {len(names)} people"
        )
    own = RidgeClassifierDecoder(alpha=ALPHAS) if alone is None else alone
    material = np.arange(len(labels)) if stimuli is None else np.asarray(stimuli)
    random = check_random_state(random_state)
    draws = {
        name: [_draw(labels, people == name, material, random) for _ in range(n_repeats)]
        for name in names
    }
    most = min(len(pool) for draw in draws.values() for _, pools in draw for pool in pools)
    kept = tuple(k for k in shots if k <= most)
    scores = np.full((2, len(names), len(kept), n_repeats), np.nan)
    for s, name in enumerate(names):
        for r, (test, pools) in enumerate(draws[name]):
            train = (people != name) & ~np.isin(material, material[test])
            everybody = PersonalDecoder().fit(values[train], labels[train], people[train])
            for i, k in enumerate(kept):
                few = np.concatenate([pool[:k] for pool in pools])
                person = everybody.adapt(values[few], labels[few]) if k else everybody
                scores[0, s, i, r] = _accuracy(person, values, labels, test)
                if k:
                    single = clone(own).fit(values[few], labels[few])
                    scores[1, s, i, r] = _accuracy(single, values, labels, test)
    personal, by_own = scores.mean(3)
    return FewShot(kept, tuple(map(str, names)), personal, by_own)


def _draw(
    labels: np.ndarray, own: np.ndarray, material: np.ndarray, random: np.random.RandomState
) -> tuple[np.ndarray, list[np.ndarray]]:
    tests, pools = [], []
    for label in np.unique(labels):
        trials = np.flatnonzero(own & (labels == label))
        kinds = random.permutation(np.unique(material[trials]))
        if len(kinds) < 2:
            raise InputError(
                f"a person has {len(kinds)} stimuli (or trials) of {str(label)!r}; two are "
                "needed, one to learn from and one to test"
            )
        tested = np.isin(material[trials], kinds[: len(kinds) // 2])
        tests.append(trials[tested])
        pools.append(random.permutation(trials[~tested]))
    return np.concatenate(tests), pools


def _accuracy(decoder: Any, X: np.ndarray, y: np.ndarray, test: np.ndarray) -> float:
    return float(balanced_accuracy_score(y[test], decoder.predict(X[test])))
