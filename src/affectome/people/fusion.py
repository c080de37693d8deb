r"""Several readings of one person at one time, made one: a weighted product of opinions.

Each modality gives calibrated probabilities; their logarithmic pool (Genest & Zidek 1986) is

.. math:: p_k \propto \prod_m p_{mk}^{w_m},

where :math:`w_m \ge 0` says how far modality m can be relied on: 0 leaves it out, 1 takes it at its
word. What is missing or abstains is left out of the product, so any subset can be pooled. Weights
are fitted, for each subset, on readings that no modality was fitted on (:func:`fit_weights`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from affectome.errors import InputError
from affectome.people.reading import Reading, blend_of

Array = NDArray[np.float64]
SAME = {"joy": "happiness", "angry": "anger", "happy": "happiness", "sad": "sadness"}
SMALLEST = 1e-6
CONFLICT = 0.3
PULL = 1.0


@dataclass(frozen=True)
class Fused:
    """A pooled reading, and how its parts stand to each other.

    Attributes
    ----------
    reading
        Probabilities over the labels that all modalities know.
    shares
        Modality → its part in the pooled log odds of the top label, adding up to 1.
    agreement
        0–1: one less the Jensen-Shannon divergence of the modalities, in bits over its largest.
    conflict
        Whether modalities disagree: they name different labels and the agreement is below .7.
    left_out
        Modality → why it was not pooled.
    """

    reading: Reading
    shares: Mapping[str, float]
    agreement: float
    conflict: bool
    left_out: Mapping[str, str]


def pool(probability: ArrayLike, weights: ArrayLike) -> Array:
    """Pool opinions.

    Parameters
    ----------
    probability
        Shape (n_modalities, n_trials, n_labels).
    weights
        Shape (n_modalities,).

    Returns
    -------
    ndarray
        Shape (n_trials, n_labels).
    """
    opinions = np.log(np.clip(np.asarray(probability, dtype=float), SMALLEST, None))
    return np.exp(log_softmax(np.tensordot(np.asarray(weights, dtype=float), opinions, 1), axis=1))


def fit_weights(probability: ArrayLike, y: ArrayLike, pull: float = PULL) -> Array:
    """Find the weights of the pool with the smallest log loss.

    Parameters
    ----------
    probability
        Calibrated, of trials that no modality was fitted on, (n_modalities, n_trials, n_labels).
    y
        Column of the true label, shape (n_trials,).
    pull
        How strongly weights are drawn to 1 / n_modalities, in trials: a normal prior's curvature.

    Returns
    -------
    ndarray
        Shape (n_modalities,), none below 0.
    """
    p, codes = np.asarray(probability, dtype=float), np.asarray(y)
    if p.ndim != 3 or codes.shape != p.shape[1:2]:
        raise InputError(
            "pooling needs probabilities (n_modalities, n_trials, n_labels) and y (n_trials,); got "
            f"{p.shape} and {codes.shape}"
        )
    opinions = np.log(np.clip(p, SMALLEST, None))
    centre = 1 / len(p)
    rows = np.arange(len(codes))

    def loss(w: Array) -> tuple[float, Array]:
        pooled = log_softmax(np.tensordot(w, opinions, 1), axis=1)
        expected = (np.exp(pooled) * opinions).sum(2)
        slope = (expected - opinions[:, rows, codes]).sum(1)
        value = -pooled[rows, codes].sum() + pull / 2 * ((w - centre) ** 2).sum()
        return float(value), slope + pull * (w - centre)

    start = np.full(len(p), centre)
    bounds = [(0.0, None)] * len(p)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def fuse(readings: Sequence[Reading], weights: Mapping[str, float] | None = None) -> Fused:
    """Pool readings of one person, one a modality, over the labels that all of them know.

    Parameters
    ----------
    readings
        Those that hold no probabilities are left out, with their reason; so are further ones of a
        modality that is there already.
    weights
        Modality → reliability; without, each counts as one of as many as there are, which never
        makes the pool surer than its surest part.

    Raises
    ------
    InputError
        If fewer than one reading can be pooled, they share fewer than two labels, or a weight is
        missing or negative.
    """
    used: dict[str, Reading] = {}
    left_out: dict[str, str] = {}
    for reading in readings:
        if not reading.emotions:
            left_out[reading.modality] = reading.because
        elif reading.modality in used:
            raise InputError(f"there are two readings of {reading.modality}; pool one of each")
        else:
            used[reading.modality] = reading
    if not used:
        raise InputError("nothing can be pooled: every reading abstains")
    names = list(used)
    given = dict.fromkeys(names, 1 / len(names)) if weights is None else dict(weights)
    for name in names:
        if not given.get(name, -1) >= 0:
            raise InputError(f"the pool needs a weight of 0 or more for {name}; give it in weights")
    opinions = [{SAME.get(k, k): v for k, v in used[name].emotions.items()} for name in names]
    labels = [k for k in opinions[0] if all(k in opinion for opinion in opinions)]
    if len(labels) < 2:
        raise InputError(
            f"{', '.join(names)} share {len(labels)} labels; pooling needs two or more"
        )
    p = np.array([[opinion[k] for k in labels] for opinion in opinions]) + SMALLEST
    p /= p.sum(1, keepdims=True)
    w = np.array([given[name] for name in names])
    pooled = pool(p[:, None], w)[0]
    top = int(pooled.argmax())
    log_p = np.log(p)
    pulls = np.abs(w * (log_p[:, top] - log_p.mean(1)))
    shares = pulls / pulls.sum() if pulls.sum() > 0 else np.full(len(w), 1 / len(w))
    agreement = 1 - _divergence(p)
    differ = any(a != b for a, b in pairwise(p.argmax(1)))
    conflict = bool(differ and agreement < 1 - CONFLICT)
    first = next(iter(used.values()))
    emotions = dict(zip(labels, pooled.tolist(), strict=True))
    notes = [
        f"{name} has {share:.0%} of the say" for name, share in zip(names, shares, strict=True)
    ]
    if conflict:
        says = ", ".join(f"{n}: {labels[k]}" for n, k in zip(names, p.argmax(1), strict=True))
        notes.append(f"they disagree ({says})")
    reading = Reading(
        "fusion",
        emotions,
        intensity=1 - emotions["neutral"] if "neutral" in emotions else None,
        blend=blend_of(emotions),
        labels=(labels[top],),
        model=" + ".join(used[name].model for name in names),
        licence="; ".join(dict.fromkeys(used[name].licence for name in names)),
        notes=tuple(notes),
    )
    return Fused(
        replace(reading, person=first.person, start_s=first.start_s, end_s=first.end_s),
        dict(zip(names, shares.tolist(), strict=True)),
        agreement,
        conflict,
        left_out,
    )


def _divergence(p: Array) -> float:
    """Jensen-Shannon divergence of opinions (n, n_labels), over the largest there can be."""
    if len(p) < 2:
        return 0.0
    mean = p.mean(0)
    bits = float((p * np.log2(p / mean)).sum(1).mean())
    return min(1.0, bits / np.log2(min(len(p), p.shape[1])))
