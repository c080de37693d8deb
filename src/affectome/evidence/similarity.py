"""Models of dissimilarities: intervals over people and conditions, p by exchanged conditions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.spatial.distance import squareform

from affectome.errors import InputError
from affectome.evidence.claims import LINKS, tested
from affectome.evidence.exchange import (
    NoNullError,
    constant_within,
    enough,
    log_within,
    together,
    too_few,
)
from affectome.evidence.scores import Score
from affectome.kernels.rsa import bootstrap_comparisons, compare

INSIDE = 1 - 1e-6


def model_scores(
    models: ArrayLike,
    data: ArrayLike,
    method: str = "correlation",
    *,
    themes: ArrayLike | None = None,
    n_permutations: int = 1000,
    random_state: int = 0,
) -> list[Score]:
    """Compare models with people's dissimilarities.

    Interval: people and conditions are both drawn, so it is about other people *and* other
    conditions. The variance over people is that of their mean; the one over conditions is the
    jackknife's, in which each condition is left out; noise enters both and is taken off once, by
    what single people's jackknife has more than that of their mean. A jackknife counts what pairs
    of conditions add by themselves twice (Efron & Stein 1981), and where a model explains nothing
    that is all there is: it is what varies under exchanged conditions, and is taken off once.
    Student's t on Fisher's scale has the degrees of freedom of both (Satterthwaite 1946).

    p: conditions of the model trade places, the same way for all people (Mantel 1967); conditions
    of a theme move together.

    Parameters
    ----------
    models, data
        Upper triangles, shapes (n_models, n_pairs) and (n_subjects, n_pairs).
    method
        ``"correlation"``, ``"cosine"`` or ``"spearman"``.
    themes
        What each condition belongs to, shape (n_conditions,).
    n_permutations, random_state
        Arrangements and their seed.

    Returns
    -------
    list of Score
        One a model: mean similarity over people.
    """
    A, B = np.asarray(models, dtype=float), np.asarray(data, dtype=float)
    n = round((1 + np.sqrt(1 + 8 * A.shape[1])) / 2)
    each = compare(A, B, method)
    value = each.mean(axis=1)
    over = f"{len(B)} people × {n} conditions"
    why, scheme, drawn = None, "", np.empty((0, len(A)))
    try:
        scheme, drawn = _null(A, B, n, method, themes, n_permutations, random_state)
    except NoNullError as error:
        why = str(error)
    spread, freedom = _spread(A, B, each, n, method, drawn)
    scores = [
        Score(method, float(v), _interval(float(v), float(s), float(f)), None, n, over, None, why)
        for v, s, f in zip(value, spread, freedom, strict=True)
    ]
    if why is not None:
        return scores
    groups = n if themes is None else len(np.unique(np.asarray(themes)))
    return [
        one.with_p(*tested(one.value, null, scheme, groups))
        for one, null in zip(scores, drawn.T, strict=True)
    ]


def orders_of(
    themes: ArrayLike, parts: ArrayLike | None, n: int, random_state: int
) -> NDArray[np.intp]:
    """Order stimuli or conditions anew: themes move as wholes, and each stays within its part.

    Parameters
    ----------
    themes
        What each belongs to, shape (n_stimuli,); itself where nothing is above it.
    parts
        What each stays within, such as the folds that test it, shape (n_stimuli,).
    n, random_state
        Orders and their seed.

    Returns
    -------
    ndarray
        Places, shape (n, n_stimuli).

    Raises
    ------
    NoNullError
        If there are too few orders.
    """
    theme = pd.factorize(np.asarray(themes))[0]
    part = together(theme.size, None if parts is None else pd.factorize(np.asarray(parts))[0])
    first = np.unique(theme, return_index=True)[1]
    if not constant_within(part, theme):
        raise InputError("a theme lies in two parts; give parts that themes lie within")
    number = log_within(np.arange(first.size), part[first])
    if not enough(number):
        why = too_few(number, f"their {first.size} themes" if first.size < theme.size else "they")
        raise NoNullError(f"no p, because {theme.size} stimuli are too few: {why}")
    place = np.lexsort((theme, part))
    keys = np.random.default_rng(random_state).random((n, first.size)) + part[first]
    orders = np.empty((n, theme.size), dtype=np.intp)
    # A stable sort of each stimulus by its theme's key lays whole themes end to end.
    orders[:, place] = np.argsort(keys[:, theme], axis=1, kind="stable")
    return orders


def _spread(
    A: NDArray[np.float64],
    B: NDArray[np.float64],
    each: NDArray[np.float64],
    n: int,
    method: str,
    null: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard error of each model's similarity, and its degrees of freedom.

    NaN with fewer than three people or four conditions.
    """
    n_people = len(B)
    if n_people < 3 or n < 4:
        return np.full(len(A), np.nan), np.ones(len(A))
    # With one condition left out the others count once: (n_conditions, n_models, n_people).
    left_out = bootstrap_comparisons(A, B, 1 - np.eye(n), method)
    conditions = _jackknife(left_out.mean(axis=2))
    if len(null):
        pairs = null.var(axis=0)
        conditions = np.maximum(conditions - pairs, np.minimum(pairs, conditions))
    alone = _jackknife(left_out).mean(axis=1)
    people = each.var(axis=1, ddof=1) / n_people
    noise = np.maximum(alone - conditions, 0.0) / (n_people - 1)
    total = np.maximum(people + conditions - noise, np.maximum(people, conditions))
    parts = people**2 / (n_people - 1) + conditions**2 / (n - 1)
    freedom = total**2 / np.maximum(parts, np.finfo(float).tiny)
    return np.sqrt(total), np.clip(freedom, min(n_people, n) - 1, n_people + n - 2)


def _jackknife(left_out: NDArray[np.float64]) -> NDArray[np.float64]:
    n = len(left_out)
    return np.asarray((n - 1) / n * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))


def _interval(value: float, error: float, freedom: float) -> tuple[float, float] | None:
    if not np.isfinite(value) or not np.isfinite(error):
        return None
    fisher, inner = LINKS["fisher"], float(np.clip(value, -INSIDE, INSIDE))
    reach = float(stats.t.ppf(0.975, freedom)) * error / (1 - inner**2)
    at = float(fisher.forward(np.array(inner)))
    return float(fisher.back(at - reach)), float(fisher.back(at + reach))


def _null(
    A: NDArray[np.float64],
    B: NDArray[np.float64],
    n: int,
    method: str,
    themes: ArrayLike | None,
    n_permutations: int,
    random_state: int,
) -> tuple[str, NDArray[np.float64]]:
    """Scheme, and mean similarities under it, shape (n_permutations, n_models)."""
    theme = np.arange(n)
    if themes is not None:
        theme = np.unique(np.asarray(themes), return_inverse=True)[1]
    orders = orders_of(theme, None, n_permutations, random_state)
    squares = np.stack([squareform(model, checks=False) for model in A])
    rows, columns = np.triu_indices(n, 1)
    null = np.stack(
        [compare(squares[:, o[rows], o[columns]], B, method).mean(axis=1) for o in orders]
    )
    moved = "conditions" if themes is None else f"conditions of {theme.max() + 1} themes as wholes"
    return f"{moved} of the model trade places, the same way for all people", null
