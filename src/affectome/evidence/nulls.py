"""Nulls: arrangements of the labels that are as likely as the real one when there is no effect.

Labels that vary within a block (subject, session) are permuted within it. Labels that are constant
within a unit (the stimulus was shown many times) move with their unit as a whole. Labels of a time
series are shifted along a circle, which keeps their autocorrelation. A scheme that permutes
nothing, or has so few arrangements that no p could be small, is refused.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from affectome.errors import InputError
from affectome.evidence._arrangements import (
    check_arrangements,
    codes_of,
    enough,
    log_arrangements,
    log_arrangements_of_parts,
    shuffled,
    shuffled_parts,
)
from affectome.evidence.exchange import constant_within


def permute_within(
    y: ArrayLike,
    blocks: ArrayLike | None = None,
    n_permutations: int = 1000,
    random_state: int = 0,
) -> NDArray[np.generic]:
    """Permute labels within exchangeable blocks.

    Parameters
    ----------
    y
        Labels, shape (n_trials,).
    blocks
        Block of each trial, shape (n_trials,); one block by default.
    n_permutations
        Arrangements to draw.
    random_state
        Seed.

    Returns
    -------
    ndarray
        Arrangements, shape (n_permutations, n_trials).

    Raises
    ------
    InputError
        If labels are constant within every block, so that nothing is permuted, or there are fewer
        than 20 distinct arrangements.
    """
    labels = np.asarray(y)
    codes = codes_of(blocks, len(labels), "blocks")
    check_arrangements(log_arrangements(labels, codes), codes)
    rng = np.random.default_rng(random_state)
    return labels[shuffled(codes, n_permutations, rng)]


def permute_whole(
    y: ArrayLike,
    units: ArrayLike,
    blocks: ArrayLike | None = None,
    n_permutations: int = 1000,
    random_state: int = 0,
    parts: ArrayLike | None = None,
) -> NDArray[np.generic]:
    """Permute labels over whole units: stimuli, films, persons.

    Where a unit has one label, units trade labels. Where labels vary within units, the units' label
    sequences are laid end to end in a new order, so that what was together stays together.

    Parameters
    ----------
    y
        Labels, shape (n_trials,).
    units
        What moves as a whole, shape (n_trials,).
    blocks
        Block within which units trade places, shape (n_trials,); one block by default.
    n_permutations, random_state
        As in :func:`permute_within`.
    parts
        Fold that tests each unit, shape (n_trials,). Where folds were dealt by class, free
        permutations would undo that, so that the real labels were an odd one out and p too large:
        units then trade places within a part, and parts of equally many units as wholes. Left
        aside where that gives fewer than 20 arrangements, and where labels vary within units.

    Returns
    -------
    ndarray
        Arrangements, shape (n_permutations, n_trials).

    Raises
    ------
    InputError
        If a unit lies in two blocks, or there are fewer than 20 distinct arrangements.
    """
    labels = np.asarray(y)
    unit = codes_of(units, len(labels), "units")
    block = codes_of(blocks, len(labels), "blocks")
    first = np.unique(unit, return_index=True)[1]
    if not constant_within(block, unit):
        raise InputError("a unit lies in two blocks; give the blocks that units lie within")
    if constant_within(labels, unit):
        if parts is not None:
            part = codes_of(parts, len(labels), "parts")[first]
            if enough(log_arrangements_of_parts(labels[first], part)):
                rng = np.random.default_rng(random_state)
                return labels[first][shuffled_parts(part, n_permutations, rng)][:, unit]
        return permute_within(labels[first], block[first], n_permutations, random_state)[:, unit]
    sizes = np.bincount(block[first])
    check_arrangements(float(gammaln(sizes + 1).sum()), block)
    rng = np.random.default_rng(random_state)
    place = np.lexsort((unit, block))
    index = np.empty((n_permutations, len(labels)), dtype=np.intp)
    step = max(1, 4_000_000 // len(labels))
    for start in range(0, n_permutations, step):
        keys = rng.random((min(step, n_permutations - start), first.size)) + block[first]
        # A stable sort of each trial by its unit's key lays whole sequences end to end.
        index[start : start + step, place] = np.argsort(keys[:, unit], axis=1, kind="stable")
    return labels[index]


def permute_crossed(
    y: ArrayLike,
    subjects: ArrayLike,
    stimuli: ArrayLike,
    n_permutations: int = 1000,
    random_state: int = 0,
) -> NDArray[np.generic]:
    """Permute stimuli, the same way for every subject, where each met each exactly once.

    Parameters
    ----------
    y
        Labels, shape (n_trials,).
    subjects, stimuli
        Of each trial, shape (n_trials,).
    n_permutations, random_state
        As in :func:`permute_within`.

    Returns
    -------
    ndarray
        Arrangements, shape (n_permutations, n_trials).

    Raises
    ------
    InputError
        If a subject met a stimulus never or twice, or there are fewer than 20 arrangements.
    """
    labels = np.asarray(y)
    subject = codes_of(subjects, len(labels), "subjects")
    stimulus = codes_of(stimuli, len(labels), "stimuli")
    n_stimuli = int(stimulus.max()) + 1
    trial = np.full((int(subject.max()) + 1, n_stimuli), -1, dtype=np.intp)
    trial[subject, stimulus] = np.arange(len(labels))
    if trial.size != len(labels) or np.any(trial < 0):
        raise InputError(
            f"{len(labels)} trials don't cross {len(trial)} subjects with {n_stimuli} stimuli once "
            "each; permute within subjects instead"
        )
    check_arrangements(float(gammaln(n_stimuli + 1)), np.zeros(1, dtype=np.intp))
    order = shuffled(
        np.zeros(n_stimuli, dtype=np.intp), n_permutations, np.random.default_rng(random_state)
    )
    return labels[trial[subject, order[:, stimulus]]]


def circular_shifts(
    y: ArrayLike,
    runs: ArrayLike | None = None,
    min_shift: int = 1,
    n_permutations: int = 1000,
    random_state: int = 0,
) -> NDArray[np.generic]:
    """Shift labels along the circle of each run, against the measurements that stay.

    Parameters
    ----------
    y
        Labels or ratings in the order of time, shape (n_trials,).
    runs
        Run of each trial, shape (n_trials,); runs shift independently. One run by default.
    min_shift
        Smallest shift in trials, in both directions: longer than what is autocorrelated.
    n_permutations, random_state
        As in :func:`permute_within`.

    Returns
    -------
    ndarray
        Arrangements, shape (n_permutations, n_trials).

    Raises
    ------
    InputError
        If labels are constant within every run or there are fewer than 20 distinct shifts.
    """
    labels = np.asarray(y)
    codes = codes_of(runs, len(labels), "runs")
    rng = np.random.default_rng(random_state)
    if min_shift < 1:
        raise InputError(f"the smallest shift is 1 trial; got {min_shift}")
    index = np.empty((n_permutations, len(labels)), dtype=np.intp)
    log_shifts = 0.0
    for run in range(int(codes.max()) + 1):
        rows = np.flatnonzero(codes == run)
        choices = max(rows.size - 2 * min_shift + 1, 0)
        if choices and np.any(labels[rows] != labels[rows[0]]):
            log_shifts += math.log(choices)
        shift = rng.integers(min_shift, min_shift + max(choices, 1), n_permutations)
        index[:, rows] = rows[(np.arange(rows.size) - shift[:, None]) % rows.size]
    check_arrangements(log_shifts, codes)
    return labels[index]


def shuffle_inputs(
    X: ArrayLike, blocks: ArrayLike | None = None, random_state: int = 0
) -> NDArray[np.generic]:
    """Shuffle every unit's values over trials by themselves, within blocks.

    What a unit's values are stays; which trial they came from, and with which values of other
    units, is lost. A pipeline that still scores above chance reads something else than its inputs.

    Parameters
    ----------
    X
        Measurements, shape (n_trials, …).
    blocks
        Block of each trial; one block by default.
    random_state
        Seed.
    """
    values = np.asarray(X)
    codes = codes_of(blocks, len(values), "blocks")
    flat = values.reshape(len(values), -1)
    order = shuffled(codes, flat.shape[1], np.random.default_rng(random_state))
    return np.take_along_axis(flat, order.T, axis=0).reshape(values.shape)
