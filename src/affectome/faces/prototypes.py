"""Prototypes of expressions and the traces of their intensity (Dolensek et al. 2020, Science).

A frame x is described by its histogram of oriented gradients. With the neutral reference n (the
mean frame before events) and the prototype p of an event, the intensity of that expression in x is
how far x has gone from n towards p,

    intensity(x) = (x - n)·(p - n) / ‖p - n‖² ,

0 for a neutral frame and 1 for the prototype. The most characteristic frames of an event are those
of largest cosine between x - n and the mean of x - n over the event's frames; p is the mean of the
k most characteristic ones. k is chosen inside the training subjects: the one whose prototypes, made
without a subject, best tell that subject's event frames from its neutral ones (AUC).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from affectome.errors import InputError, require
from affectome.kernels.ranks import auc

SIZES = (10, 30, 100, 300)


@dataclass(frozen=True)
class Prototypes:
    """What each expression looks like.

    Attributes
    ----------
    events
        Names of the events.
    faces
        One prototype an event, shape (n_events, n_units).
    neutral
        The neutral reference, shape (n_units,).
    frames
        For each event, the indices of the frames that it was made of, most characteristic first.
    """

    events: tuple[str, ...]
    faces: np.ndarray
    neutral: np.ndarray
    frames: tuple[np.ndarray, ...]

    @property
    def contrasts(self) -> np.ndarray:
        """Prototypes less the neutral reference, shape (n_events, n_units)."""
        return self.faces - self.neutral

    def intensity(self, X: np.ndarray, neutral: np.ndarray | None = None) -> np.ndarray:
        """Give the trace of each expression's intensity.

        Parameters
        ----------
        X
            Frames, shape (…, n_units).
        neutral
            Neutral reference of these frames' own animal, shape (n_units,) or (…, n_units); that of
            the prototypes by default.

        Returns
        -------
        ndarray
            Shape (…, n_events).
        """
        away = self.contrasts
        weights = away / np.maximum((away**2).sum(axis=1, keepdims=True), 1e-12)
        return (X - (self.neutral if neutral is None else neutral)) @ weights.T


def fit_prototypes(
    X: np.ndarray,
    events: Sequence[str | None] | np.ndarray,
    subjects: Sequence[str] | np.ndarray,
    sizes: Sequence[int] = SIZES,
) -> Prototypes:
    """Make one prototype an event, of as many frames as serve subjects it was not made of.

    Parameters
    ----------
    X
        Frames, shape (n_frames, n_units).
    events
        Event of each frame; None or "" for a neutral frame.
    subjects
        Subject of each frame.
    sizes
        Numbers of frames to choose from.

    Returns
    -------
    Prototypes

    Raises
    ------
    InputError
        If there are no neutral frames or no event frames.
    """
    labels = np.array([e or "" for e in events], dtype=object)
    who = np.asarray(subjects)
    if not (labels == "").any() or (labels == "").all():
        raise InputError(
            f"prototypes need neutral frames and event frames; of {len(labels)} frames "
            f"{int((labels == '').sum())} are neutral"
        )
    return _make(X, labels, _best_size(X, labels, who, sizes))


def correlate_frames(X: np.ndarray) -> np.ndarray:
    """Correlate every frame with every other, shape (n_frames, n_frames)."""
    centred = X - X.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    scaled = centred / np.where(norms > 0, norms, 1)
    return np.clip(scaled @ scaled.T, -1, 1)


def order_frames(similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cluster frames by average linkage on 1 - r and put neighbours side by side.

    Parameters
    ----------
    similarity
        Correlations, shape (n_frames, n_frames).

    Returns
    -------
    order : ndarray
        Indices of the frames in the tree's optimal leaf order, shape (n_frames,).
    linkage : ndarray
        The tree, as SciPy writes it, shape (n_frames - 1, 4).

    Raises
    ------
    InputError
        If there are fewer than two frames.
    """
    if len(similarity) < 2:
        raise InputError(f"clustering needs two frames or more; got {len(similarity)}")
    distance = 1 - (similarity + similarity.T) / 2
    np.fill_diagonal(distance, 0)
    condensed = np.maximum(squareform(distance, checks=False), 0)
    tree = hierarchy.linkage(condensed, "average", optimal_ordering=True)
    return hierarchy.leaves_list(tree), tree


def embed_frames(X: np.ndarray, random_state: int = 0) -> np.ndarray:
    """Embed frames in two dimensions by t-SNE on their correlations, shape (n_frames, 2).

    Raises
    ------
    InputError
        If there are fewer than 12 frames.
    """
    if len(X) < 12:
        raise InputError(f"an embedding needs 12 frames or more; got {len(X)}")
    tsne = require("openTSNE", "video").TSNE(
        perplexity=min(30, (len(X) - 1) / 3),
        metric="cosine",
        initialization="pca",
        n_jobs=1,
        random_state=random_state,
    )
    centred = np.asarray(X, dtype=np.float64) - X.mean(axis=1, keepdims=True)
    return np.asarray(tsne.fit(centred))


def _make(X: np.ndarray, labels: np.ndarray, size: int) -> Prototypes:
    neutral = X[labels == ""].mean(axis=0)
    names = tuple(sorted({str(e) for e in labels if e}))
    faces, chosen = [], []
    for name in names:
        rows = np.flatnonzero(labels == name)
        best = rows[np.argsort(-_characteristic(X[rows] - neutral), kind="stable")[:size]]
        faces.append(X[best].mean(axis=0))
        chosen.append(best)
    return Prototypes(names, np.stack(faces), neutral, tuple(chosen))


def _characteristic(away: np.ndarray) -> np.ndarray:
    direction = away.mean(axis=0)
    return away @ direction / np.maximum(np.linalg.norm(away, axis=1), 1e-12)


def _best_size(X: np.ndarray, labels: np.ndarray, who: np.ndarray, sizes: Sequence[int]) -> int:
    subjects = np.unique(who)
    if len(subjects) < 2 or len(sizes) == 1:
        return int(sizes[0])
    merit = np.zeros(len(sizes))
    for subject in subjects:
        out = who == subject
        if (labels[~out] == "").all() or not (labels[~out] == "").any():
            continue
        for k, size in enumerate(sizes):
            merit[k] += _separation(_make(X[~out], labels[~out], size), X[out], labels[out])
    return int(sizes[int(merit.argmax())])


def _separation(made: Prototypes, X: np.ndarray, labels: np.ndarray) -> float:
    """Mean AUC of event frames against neutral frames of a subject the prototypes don't know."""
    neutral = labels == ""
    traces = made.intensity(X)
    merits = []
    for e, name in enumerate(made.events):
        shown = labels == name
        if neutral.any() and shown.any():
            merits.append(float(auc(traces[neutral | shown, e], shown[neutral | shown])))
    return float(np.mean(merits)) if merits else 0.0
