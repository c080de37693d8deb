"""Do the units matter? Lesion and enhancement against random units that are as active.

A change multiplies the responses of some units of one place (a layer, a region) by 1 + gain. Who
answers is handed in: a network that runs the layers above again, or a decoder that loses its
neurons. A function ``respond(changes)`` gives what is read out after each change, and ``measure``
turns that into a score, so nothing here knows a network from a brain.

The p of an effect counts the random draws that do as much, the real one included
(Phipson & Smyth 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError
from affectome.evidence import p_value

FEWEST_DRAWS = 20
NEIGHBOURS = 5
GAINS = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)

Units = NDArray[np.intp]
Respond = Callable[[Sequence["Change"]], Iterable[Any]]
Measure = Callable[[Any], float]


@dataclass(frozen=True)
class Change:
    """Responses of some units of one place, multiplied by 1 + gain."""

    place: str
    units: tuple[int, ...]
    gain: float


@dataclass(frozen=True, eq=False)
class Effect:
    """A score after a change of chosen units, beside the same change of random ones.

    Attributes
    ----------
    units
        The units that were changed.
    gain
        -1 for a lesion.
    score, base
        Score after the change and without one.
    random
        Scores after the same change of random units, shape (n_draws,).
    p
        Share of the random draws that lower (lesion) or raise (enhancement) the score as much,
        the chosen units counted.
    curve
        Gain → score on validation trials (enhancement only).
    """

    units: tuple[int, ...]
    gain: float
    score: float
    base: float
    random: NDArray[np.float64]
    p: float
    curve: Mapping[float, float] = field(default_factory=dict)

    @property
    def random_interval(self) -> tuple[float, float]:
        """Where 95 % of the random draws lie."""
        low, high = np.quantile(self.random, [0.025, 0.975])
        return float(low), float(high)

    def to_dict(self) -> dict[str, Any]:
        """Give the effect as numbers."""
        return {
            "units": len(self.units),
            "alpha": self.gain,
            "score": self.score,
            "base": self.base,
            "random_mean": float(self.random.mean()),
            "random_interval": list(self.random_interval),
            "p": self.p,
        }


def matched_draws(
    chosen: ArrayLike, activity: ArrayLike, n_draws: int = 20, random_state: int = 0
) -> Units:
    """Draw as many other units, each about as active on average as the one it stands for.

    In every draw the chosen units are gone through in random order; each gets one of the five
    units nearest to it in rank of mean activity that are neither chosen nor taken.

    Parameters
    ----------
    chosen
        The units to match, shape (n_chosen,).
    activity
        Mean activity of all units of the place, shape (n_units,).
    n_draws
        Number of draws.
    random_state
        Seed.

    Returns
    -------
    ndarray
        Units, shape (n_draws, n_chosen).

    Raises
    ------
    InputError
        If more than half of the units are chosen, so that there are not as many others.
    """
    units, level = np.asarray(chosen, dtype=np.intp), np.asarray(activity, dtype=float)
    others = np.setdiff1d(np.arange(level.size), units)
    if not 0 < units.size <= others.size:
        raise InputError(
            f"{units.size} of {level.size} units are chosen; a random control needs between 1 and "
            f"{level.size // 2}, so that as many others are left"
        )
    rank = np.empty(level.size)
    rank[np.lexsort((np.arange(level.size), level))] = np.arange(level.size)
    rng = np.random.default_rng(random_state)
    draws = np.empty((n_draws, units.size), np.intp)
    for draw in draws:
        free = others.copy()
        for place in rng.permutation(units.size):
            distance = np.abs(rank[free] - rank[units[place]])
            near = np.argsort(distance, kind="stable")[:NEIGHBOURS]
            pick = rng.choice(near)
            draw[place] = free[pick]
            free = np.delete(free, pick)
    return draws


def lesion(
    respond: Respond,
    measure: Measure,
    chosen: Mapping[str, ArrayLike],
    activity: Mapping[str, ArrayLike],
    *,
    n_random: int = FEWEST_DRAWS,
    random_state: int = 0,
) -> dict[str, Effect]:
    """Silence the chosen units of each place, one place at a time, against random units.

    Parameters
    ----------
    respond
        Gives what is read out on test trials after each of many changes; all places are asked for
        at once, so that a network needs one pass.
    measure
        Turns one answer of ``respond`` into a score.
    chosen
        Place → units. They must not have been chosen on the trials that ``respond`` tests.
    activity
        Place → mean activity of all its units on training trials, shape (n_units,).
    n_random
        Random draws a place, at least 20.
    random_state
        Seed of the draws.

    Returns
    -------
    dict
        Place → `Effect`.

    Raises
    ------
    InputError
        If there are fewer than 20 draws, or a place leaves too few units to draw from.
    """
    silent = {place: {-1.0: float("nan")} for place in chosen}
    return _effects(respond, measure, chosen, activity, silent, n_random, random_state)


def enhance(
    respond: Respond,
    measure: Measure,
    respond_validation: Respond,
    measure_validation: Measure,
    chosen: Mapping[str, ArrayLike],
    activity: Mapping[str, ArrayLike],
    *,
    gains: Sequence[float] = GAINS,
    n_random: int = FEWEST_DRAWS,
    random_state: int = 0,
) -> dict[str, Effect]:
    """Turn the chosen units of each place up by the gain that is best on validation trials.

    The gain is chosen on validation trials (the smallest of equally good ones) and tried once on
    test trials. Where no gain beats 0 nothing is changed and p is 1.

    Parameters
    ----------
    respond, measure, chosen, activity, n_random, random_state
        As in `lesion`.
    respond_validation, measure_validation
        The same on validation trials.
    gains
        Gains to choose from; must hold 0. Those below 0 are drawn in the curve and never chosen.

    Returns
    -------
    dict
        Place → `Effect`, its ``curve`` on validation trials.

    Raises
    ------
    InputError
        As `lesion`, and if the gains do not hold 0 or one is below -1.
    """
    if 0.0 not in gains or min(gains) < -1:
        raise InputError(f"gains hold 0 and none is below -1; got {list(gains)}")
    ordered = sorted(float(g) for g in gains)
    tried = [_change(place, units, g) for place, units in chosen.items() for g in ordered]
    scores = iter([measure_validation(answer) for answer in respond_validation(tried)])
    curves = {place: {g: next(scores) for g in ordered} for place in chosen}
    return _effects(respond, measure, chosen, activity, curves, n_random, random_state)


def check_draws(n_random: int) -> None:
    """Refuse a random control of so few draws that p could not be small."""
    if n_random < FEWEST_DRAWS:
        raise InputError(f"a random control takes at least {FEWEST_DRAWS} draws; got {n_random}")


def _effects(
    respond: Respond,
    measure: Measure,
    chosen: Mapping[str, ArrayLike],
    activity: Mapping[str, ArrayLike],
    curves: Mapping[str, Mapping[float, float]],
    n_random: int,
    random_state: int,
) -> dict[str, Effect]:
    """Try the best gain of each place's curve on test trials, for chosen and for random units."""
    check_draws(n_random)
    best = {place: _best(curve) for place, curve in curves.items()}
    changes = [Change(place, (), 0.0) for place in list(chosen)[-1:]]
    for place, units in chosen.items():
        draws = matched_draws(units, activity[place], n_random, random_state)
        if best[place] != 0:
            changes += [_change(place, u, best[place]) for u in (units, *draws)]
    scores = iter([float(measure(answer)) for answer in respond(changes)] if changes else [])
    base = next(scores, float("nan"))
    found = {}
    for place, units in chosen.items():
        gain, score, random = best[place], base, np.full(n_random, base)
        if gain != 0:
            score, random = next(scores), np.array([next(scores) for _ in range(n_random)])
        p = p_value(score, random, higher_is_better=gain >= 0)
        curve = {} if gain == -1 else dict(curves[place])
        found[place] = Effect(_tuple(units), gain, score, base, random, p, curve)
    return found


def _best(curve: Mapping[float, float]) -> float:
    """Give the smallest gain from 0 on with the highest score, or the lesion where it is all."""
    return max((g for g in sorted(curve) if g >= 0), key=lambda g: curve[g], default=-1.0)


def _change(place: str, units: ArrayLike, gain: float) -> Change:
    return Change(place, _tuple(units), gain)


def _tuple(units: ArrayLike) -> tuple[int, ...]:
    return tuple(np.asarray(units, dtype=np.intp).tolist())
