"""What stands beside every p: how its null was drawn, and what it was corrected with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from affectome.errors import InputError, unknown
from affectome.evidence.metrics import FISHER, IDENTITY, LOGIT, Link

ALTERNATIVES = ("greater", "two-sided", "less")
LINKS: dict[str, Link] = {"identity": IDENTITY, "fisher": FISHER, "logit": LOGIT}
INSIDE = 1 - 1e-6


@dataclass(frozen=True)
class Null:
    """How the null of a p was drawn.

    Attributes
    ----------
    scheme
        What traded places with what, in words.
    n_groups
        How many things traded places.
    n_arrangements
        How many arrangements were drawn.
    correction
        What the p, or the q beside it, is corrected for; None where it stands alone.
    """

    scheme: str
    n_groups: int
    n_arrangements: int
    correction: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the null as it goes into ``result.json``."""
        return asdict(self)

    def corrected(self, correction: str) -> Null:
        """Give the same null, with what was corrected."""
        return replace(self, correction=correction)


def p_value(observed: float, null: ArrayLike, higher_is_better: bool = True) -> float:
    """Share of arrangements that do as well, the real one counted: (1 + #) / (1 + n).

    Parameters
    ----------
    observed
        Score of the real labels.
    null
        Scores of permuted labels, shape (n_permutations,).
    higher_is_better
        Whether "as well" means as high, or as low.
    """
    scores = np.asarray(null, dtype=float)
    slack = 1e-12 * max(1.0, abs(observed))
    better = scores >= observed - slack if higher_is_better else scores <= observed + slack
    return float((1 + np.count_nonzero(better)) / (1 + scores.size))


def tested(
    observed: float,
    null: ArrayLike,
    scheme: str,
    n_groups: int,
    alternative: str = "greater",  # noqa: PT028
) -> tuple[float, Null]:
    """Give the p of a statistic, and how its null was drawn.

    Parameters
    ----------
    observed
        Statistic of the real labels.
    null
        Statistics of the arrangements, shape (n_arrangements,).
    scheme, n_groups
        Of the :class:`Exchange` that they were drawn by.
    alternative
        ``"greater"``, ``"less"``, or ``"two-sided"``: as far from the null's mean, either way.

    Raises
    ------
    InputError
        If the alternative is unknown, or the statistic is not a number.
    """
    values = np.asarray(null, dtype=float)
    if alternative not in ALTERNATIVES:
        raise unknown("alternative", alternative, ALTERNATIVES)
    if not np.isfinite(observed) or not np.isfinite(values).all():
        raise InputError("a statistic that is not a number has no p")
    if alternative == "two-sided":
        centre = float(values.mean())
        p = p_value(abs(observed - centre), np.abs(values - centre))
    else:
        p = p_value(observed, values, alternative == "greater")
    return p, Null(scheme, n_groups, int(values.size))


def p_of_each(
    observed: ArrayLike, draws: Iterable[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give p of each of k statistics by itself, from arrangements that come one by one.

    Parameters
    ----------
    observed
        Statistics of the real labels, shape (k,).
    draws
        Statistics of each arrangement, shape (k,); never held all at once.

    Returns
    -------
    p
        Shape (k,): the share of arrangements that do as well, the real one counted.
    means
        Mean over the statistics in each arrangement, shape (n_arrangements,).
    """
    real = np.asarray(observed, dtype=float)
    above, means = np.ones(real.shape), []
    for drawn in draws:
        above += drawn >= real - 1e-12
        means.append(float(np.mean(drawn)))
    return above / (len(means) + 1), np.array(means)


def max_statistic(observed: ArrayLike, null: ArrayLike) -> NDArray[np.float64]:
    """Give p of each of k statistics against the largest of them under the null, shape (k,).

    The chance that any of them is wrong is held (Westfall & Young 1993).

    Parameters
    ----------
    observed
        Statistics on one scale, shape (k,).
    null
        Shape (n_arrangements, k).
    """
    real, drawn = np.asarray(observed, dtype=float), np.asarray(null, dtype=float)
    largest = np.sort(np.nanmax(drawn, axis=1))
    slack = 1e-12 * np.maximum(1.0, np.abs(real))
    above = largest.size - np.searchsorted(largest, real - slack, side="left")
    return np.where(np.isfinite(real), (1 + above) / (1 + largest.size), np.nan)


def fdr(p: ArrayLike) -> NDArray[np.float64]:
    """Give the q of each p (Benjamini & Hochberg 1995); NaN stays NaN.

    Parameters
    ----------
    p
        Any shape.
    """
    values = np.asarray(p, dtype=float)
    q = np.full(values.shape, np.nan)
    there = np.isfinite(values)
    if there.any():
        q[there] = stats.false_discovery_control(values[there])
    return q


def correct_together(result: Any) -> Any:
    """Give every p of a result its q over all of them, and say so in its null.

    What is printed on one page is read as one family: with twenty tests of nothing, one falls
    below .05. A dict that has a ``q`` of a family of its own keeps it.

    Parameters
    ----------
    result
        What goes into ``result.json``, nested dicts and lists; changed in place.
    """
    claims = [one for one in _claims(result) if "q" not in one]
    if claims:
        correction = f"Benjamini-Hochberg over the {len(claims)} tests of this result"
        for one, q in zip(claims, fdr([one["p"] for one in claims]), strict=True):
            one["q"] = float(q)
            if isinstance(one.get("null"), dict):
                inner = one["null"].get("correction")
                one["null"]["correction"] = f"{inner}; {correction}" if inner else correction
    return result


def _claims(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if isinstance(part.get("p"), float):
            yield part
        for one in part.values():
            yield from _claims(one)
    elif isinstance(part, list):
        for one in part:
            yield from _claims(one)


def mean_interval(
    values: ArrayLike, link: str = "identity", factor: float = 1.0
) -> tuple[float, tuple[float, float] | None]:
    """Mean over groups, and its 95 % interval by Student's t on a scale fit for it.

    Parameters
    ----------
    values
        One a group, shape (n_groups,); those that are NaN are left out.
    link
        ``"identity"``, ``"fisher"`` for correlations, ``"logit"`` for shares.
    factor
        On the standard error, for what groups share (their training sets).

    Returns
    -------
    mean
        Back on the scale of the values.
    interval
        None with fewer than three groups.
    """
    if link not in LINKS:
        raise unknown("link", link, LINKS)
    one = LINKS[link]
    kept = np.asarray(values, dtype=float)
    kept = kept[np.isfinite(kept)]
    if link == "fisher":
        kept = kept.clip(-INSIDE, INSIDE)
    if link == "logit":
        kept = kept.clip(1 - INSIDE, INSIDE)
    if not kept.size:
        return float("nan"), None
    at = one.forward(kept)
    centre = float(at.mean())
    mean = float(one.back(centre))
    if kept.size < 3:
        return mean, None
    error = float(at.std(ddof=1)) / np.sqrt(kept.size)
    reach = factor * float(stats.t.ppf(0.975, kept.size - 1)) * error
    if not np.isfinite(reach):
        return mean, None
    return mean, (float(one.back(centre - reach)), float(one.back(centre + reach)))
