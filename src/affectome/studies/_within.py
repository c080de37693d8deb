"""Rank correlations inside each held-out animal, averaged over animals.

Animals differ in how much they move and how they are lit, so trials are compared within an animal:
Spearman's rho by animal, the mean over animals through Fisher's z, a 95 % interval by Student's t
over animals, and p by permuting the target within animals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from affectome.errors import InputError
from affectome.evidence import p_value, permute_within

N_PERMUTATIONS = 2000


def rank_correlation(
    predicted: np.ndarray,
    target: np.ndarray,
    subjects: np.ndarray,
    given: np.ndarray | None = None,
    random_state: int = 0,
) -> dict[str, Any]:
    """Correlate the ranks of prediction and target within animals.

    Parameters
    ----------
    predicted, target
        Shape (n_trials,).
    subjects
        Animal of each trial, shape (n_trials,).
    given
        Covariates whose ranks are regressed out of both, shape (n_trials, n_covariates).
    random_state
        Seed of the permutations.

    Returns
    -------
    dict
        ``rho``, ``interval`` (None below three animals), ``p`` (two-sided) and ``by_subject``.

    Raises
    ------
    InputError
        If the target does not vary within any animal.
    """
    left, right, blocks = [], [], []
    names: list[str] = []
    for name in np.unique(subjects):
        rows = np.flatnonzero(subjects == name)
        if len(rows) < 4 or np.ptp(target[rows]) == 0:
            continue
        covariates = None if given is None else given[rows]
        left.append(_residual_ranks(predicted[rows], covariates))
        right.append(_residual_ranks(target[rows], covariates))
        blocks += [len(names)] * len(rows)
        names.append(str(name))
    if not names:
        raise InputError("no animal has four trials or more over which the intensity varies")
    x, y, animal = np.concatenate(left), np.concatenate(right), np.array(blocks)
    member = np.eye(len(names))[animal]
    by_animal = (x * y) @ member
    null = (permute_within(y, animal, N_PERMUTATIONS, random_state) * x) @ member
    observed = _mean_rho(by_animal)
    return {
        "rho": observed,
        "interval": interval_over(np.arctanh(_inside(by_animal)), np.tanh),
        "p": p_value(abs(observed), np.abs(_mean_rho(null))),
        "by_subject": dict(zip(names, by_animal.tolist(), strict=True)),
    }


def interval_over(values: np.ndarray, back: Any = lambda v: v) -> list[float] | None:
    """Give the 95 % interval of a mean over animals by Student's t; None below three animals."""
    kept = values[np.isfinite(values)]
    if len(kept) < 3:
        return None
    reach = stats.t.ppf(0.975, len(kept) - 1) * kept.std(ddof=1) / np.sqrt(len(kept))
    return [float(back(kept.mean() - reach)), float(back(kept.mean() + reach))]


def _residual_ranks(values: np.ndarray, given: np.ndarray | None) -> np.ndarray:
    ranks = stats.rankdata(values)
    columns = [np.ones(len(values))]
    if given is not None:
        columns += [stats.rankdata(column) for column in given.T]
    design = np.column_stack(columns)
    residual = ranks - design @ np.linalg.lstsq(design, ranks, rcond=None)[0]
    return residual / max(float(np.linalg.norm(residual)), 1e-9)


def _mean_rho(by_animal: np.ndarray) -> Any:
    mean = np.tanh(np.arctanh(_inside(by_animal)).mean(axis=-1))
    return float(mean) if by_animal.ndim == 1 else mean


def _inside(rho: np.ndarray) -> np.ndarray:
    return np.clip(rho, -0.999999, 0.999999)
