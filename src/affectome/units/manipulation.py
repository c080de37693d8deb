"""Do the units matter? Lesion and enhancement against random units that are as active.

A change multiplies the responses of some units of one place (a layer, a region) by 1 + gain. Who
answers is handed in: a network that runs the layers above again, a decoder that is kept as it was
(`kept`), or one that is fitted anew without the units (`refitted`). A function ``respond(changes)``
gives what is read out after each change, and ``measure`` turns that into a score, so nothing here
knows a network from a brain.

Chosen and random units are treated alike all the way: where a gain is chosen on validation trials,
it is chosen for each random draw too. The p of an effect counts the random draws that do as much,
the chosen units counted (Phipson & Smyth 2010); over several places it is corrected by the largest
effect of each draw (Westfall & Young 1993). Where random units can't be as active as the chosen
ones there is no control, and no p.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from affectome.errors import InputError
from affectome.evidence import Null, max_statistic, tested

FEWEST_DRAWS = 20
IN_A_STRATUM = 10
MOST_STRATA = 10
GAINS = (0.0, 1.0, 2.0, 4.0)
LESION = -1.0
ALIKE = (0.8, 1.25)
FAR_APART = 0.25
TOO_ALIKE = 0.5

Units = NDArray[np.intp]
Floats = NDArray[np.float64]
Respond = Callable[[Sequence["Change"]], Iterable[Any]]
Measure = Callable[[Any], float]


@dataclass(frozen=True)
class Change:
    """Responses of some units of one place, multiplied by 1 + gain."""

    place: str
    units: tuple[int, ...]
    gain: float


@dataclass(frozen=True)
class Match:
    """How active the random units are beside the chosen ones.

    Attributes
    ----------
    ratio
        Mean activity of the random units over that of the chosen ones; None where activities can be
        negative.
    distance
        Difference of the two means in standard deviations over the units of the place.
    same
        Share of the random units that are chosen ones.
    """

    ratio: float | None
    distance: float
    same: float

    @property
    def why_not(self) -> str | None:
        """Why the random units are no control; None where they are one."""
        if self.ratio is not None and not ALIKE[0] <= self.ratio <= ALIKE[1]:
            return (
                f"the random units are {self.ratio:.2f} times as active as the chosen ones, which "
                "is no matched control"
            )
        if abs(self.distance) > FAR_APART:
            return (
                f"the mean activity of the random units lies {self.distance:+.2f} standard "
                "deviations from that of the chosen ones, which is no matched control"
            )
        if self.same > TOO_ALIKE:
            return (
                f"{self.same:.0%} of the units that are as active as the chosen ones are those "
                "themselves, which is no matched control"
            )
        return None


@dataclass(frozen=True, eq=False)
class Effect:
    """A score after a change of chosen units, beside the same of random ones.

    Attributes
    ----------
    units
        The units that were changed.
    gain
        -1 for a lesion.
    score, base
        Score after the change and without one.
    random, random_gains
        Score of each random draw, and the gain that was best for it, shape (n_draws,).
    match
        How active the random units are.
    p
        Share of the random draws that lower (lesion) or raise (enhancement) the score as much,
        the chosen units counted; None where there is no matched control.
    null
        How the random units were drawn; None where there is no p.
    q
        p corrected over all places that were tried together (family-wise).
    curve
        Gain → score on validation trials (enhancement only).
    random_curves
        Gain → scores of the random draws on validation trials, shape (n_draws,).
    """

    units: tuple[int, ...]
    gain: float
    score: float
    base: float
    random: Floats
    random_gains: Floats
    match: Match
    p: float | None = None
    null: Null | None = None
    q: float | None = None
    curve: Mapping[float, float] = field(default_factory=dict)
    random_curves: Mapping[float, Floats] = field(default_factory=dict)

    @property
    def random_range(self) -> tuple[float, float]:
        """Where 95 % of the random draws lie."""
        low, high = np.quantile(self.random, [0.025, 0.975])
        return float(low), float(high)

    def to_dict(self) -> dict[str, Any]:
        """Give the effect as numbers."""
        found: dict[str, Any] = {
            "units": len(self.units),
            "alpha": self.gain,
            "score": self.score,
            "base": self.base,
            "random_mean": float(self.random.mean()),
            "random_range": list(self.random_range),
            "activity_ratio": self.match.ratio,
            "activity_distance": self.match.distance,
            "random_units_chosen": self.match.same,
            "p": self.p,
            "q": self.q,
        }
        if self.null is not None:
            return found | {"null": self.null.to_dict()}
        return found | {"why": f"no p, because {self.match.why_not}"}


def matched_draws(
    chosen: ArrayLike, activity: ArrayLike, n_draws: int = FEWEST_DRAWS, random_state: int = 0
) -> Units:
    """Draw as many units at random, about as active as the chosen ones.

    Units are sorted by mean activity into strata of ten or more, ten strata at most, and of each
    stratum as many are drawn as were chosen there. Chosen units may be drawn, too: if they were
    chosen by lot, their own set would be one of these draws, and only so p is exact.

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
    if not 0 < units.size <= level.size - units.size:
        raise InputError(
            f"{units.size} of {level.size} units are chosen; a random control needs between 1 and "
            f"{level.size // 2}, so that as many others are left"
        )
    order = np.lexsort((np.arange(level.size), level))
    n_strata = int(np.clip(level.size // IN_A_STRATUM, 1, MOST_STRATA))
    strata = np.array_split(order, n_strata)
    wanted = [int(np.isin(stratum, units).sum()) for stratum in strata]
    rng = np.random.default_rng(random_state)
    return np.stack(
        [
            np.concatenate(
                [rng.choice(s, n, replace=False) for s, n in zip(strata, wanted, strict=True)]
            )
            for _ in range(n_draws)
        ]
    )


def match_of(chosen: ArrayLike, draws: Units, activity: ArrayLike) -> Match:
    """Say how active the units of the draws are beside the chosen ones."""
    level = np.asarray(activity, dtype=float)
    own, other = float(level[np.asarray(chosen, dtype=np.intp)].mean()), float(level[draws].mean())
    spread = float(level.std())
    ratio = other / own if level.min() >= 0 and own > 0 else None
    same = float(np.isin(draws, chosen).mean())
    return Match(ratio, (other - own) / spread if spread > 0 else 0.0, same)


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
        Place → `Effect`, corrected over the places.

    Raises
    ------
    InputError
        If there are fewer than 20 draws, or a place leaves too few units to draw from.
    """
    sets = _sets(chosen, activity, n_random, random_state)
    silent = {place: np.full(n_random + 1, LESION) for place in sets}
    return _effects(respond, measure, sets, activity, silent, "less")


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
    test trials: for the chosen units, and in the same way for each random draw.

    Parameters
    ----------
    respond, measure, chosen, activity, n_random, random_state
        As in `lesion`.
    respond_validation, measure_validation
        The same on validation trials.
    gains
        Gains to choose from, 0 among them and none below.

    Returns
    -------
    dict
        Place → `Effect`, its curves on validation trials.

    Raises
    ------
    InputError
        As `lesion`, and if the gains do not hold 0 or one is negative.
    """
    if 0.0 not in gains or min(gains) < 0:
        raise InputError(f"gains hold 0 and none is negative; got {list(gains)}")
    ordered = np.array(sorted(map(float, gains)))
    sets = _sets(chosen, activity, n_random, random_state)
    tried = [Change(place, u, g) for place, all_ in sets.items() for u in all_ for g in ordered]
    scores = [measure_validation(answer) for answer in respond_validation(tried)]
    shape = (len(sets), n_random + 1, ordered.size)
    curves = dict(zip(sets, np.reshape(np.array(scores, dtype=float), shape), strict=True))
    best = {place: ordered[curve.argmax(axis=1)] for place, curve in curves.items()}
    found = _effects(respond, measure, sets, activity, best, "greater")
    return {
        place: replace(
            effect,
            curve=dict(zip(ordered.tolist(), curves[place][0].tolist(), strict=True)),
            random_curves=dict(zip(ordered.tolist(), curves[place][1:].T, strict=True)),
        )
        for place, effect in found.items()
    }


def corrected(effects: Mapping[str, Effect], alternative: str) -> dict[str, Effect]:
    """Correct the effects of several places by the largest effect of each random draw.

    Parameters
    ----------
    effects
        Place → effect, each with as many random draws.
    alternative
        ``"less"`` for lesions, ``"greater"`` for enhancements.
    """
    places = [place for place, effect in effects.items() if effect.null is not None]
    if not places:
        return dict(effects)
    sign = -1.0 if alternative == "less" else 1.0
    values = sign * np.array([[effects[p].score, *effects[p].random] for p in places]).T
    spread = values.std(axis=0)
    values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    family = max_statistic(values[0], values[1:])
    words = f"largest of {len(places)} places in each draw (Westfall & Young)"
    found = dict(effects)
    for place, q in zip(places, family, strict=True):
        null = effects[place].null
        assert null is not None
        found[place] = replace(effects[place], q=float(q), null=null.corrected(words))
    return found


def kept(decoder: Any, X: ArrayLike) -> Respond:
    """Respond with a fitted decoder that is kept as it is while its units change.

    Parameters
    ----------
    decoder
        Fitted estimator with ``predict``.
    X
        Test responses of all units of the place, shape (n_trials, n_units).
    """
    values = np.asarray(X, dtype=float)

    def respond(changes: Sequence[Change]) -> Iterable[Any]:
        for change in changes:
            changed = values.copy()
            changed[:, list(change.units)] *= 1 + change.gain
            yield decoder.predict(changed)

    return respond


def refitted(decoder: Any, X: ArrayLike, y: ArrayLike, X_test: ArrayLike) -> Respond:
    """Respond with a decoder that is fitted anew without the units: what do the others know?

    Parameters
    ----------
    decoder
        Estimator, cloned for every change.
    X, y
        Training responses of all units of the place, shape (n_trials, n_units), and labels.
    X_test
        Test responses.
    """
    train, labels, test = np.asarray(X), np.asarray(y), np.asarray(X_test)

    def respond(changes: Sequence[Change]) -> Iterable[Any]:
        for change in changes:
            left = np.setdiff1d(np.arange(train.shape[1]), change.units)
            yield clone(decoder).fit(train[:, left], labels).predict(test[:, left])

    return respond


def check_draws(n_random: int) -> None:
    """Refuse a random control of so few draws that p could not be small."""
    if n_random < FEWEST_DRAWS:
        raise InputError(f"a random control takes at least {FEWEST_DRAWS} draws; got {n_random}")


def _sets(
    chosen: Mapping[str, ArrayLike],
    activity: Mapping[str, ArrayLike],
    n_random: int,
    random_state: int,
) -> dict[str, list[tuple[int, ...]]]:
    """Place → the chosen units, then those of each random draw."""
    check_draws(n_random)
    return {
        place: [
            _tuple(units),
            *map(_tuple, matched_draws(units, activity[place], n_random, random_state)),
        ]
        for place, units in chosen.items()
    }


def _effects(
    respond: Respond,
    measure: Measure,
    sets: Mapping[str, Sequence[tuple[int, ...]]],
    activity: Mapping[str, ArrayLike],
    gains: Mapping[str, Floats],
    alternative: str,
) -> dict[str, Effect]:
    """Change chosen and random units by their gains on test trials, and compare."""
    changes = [
        Change(place, units, float(gain))
        for place, all_ in sets.items()
        for units, gain in zip(((), *all_), (0.0, *gains[place]), strict=True)
    ]
    scores = iter([float(measure(answer)) for answer in respond(changes)])
    found = {}
    for place, (units, *draws) in sets.items():
        base, score = next(scores), next(scores)
        random = np.array([next(scores) for _ in draws])
        match = match_of(units, np.array(draws), activity[place])
        p: float | None = None
        null = None
        if match.why_not is None:
            scheme = f"random units of {place}, about as active as the chosen ones"
            n_units = np.asarray(activity[place]).size
            p, null = tested(score, random, scheme, n_units, alternative)
        gain, random_gains = float(gains[place][0]), gains[place][1:]
        found[place] = Effect(units, gain, score, base, random, random_gains, match, p, null)
    return corrected(found, alternative)


def _tuple(units: ArrayLike) -> tuple[int, ...]:
    return tuple(np.asarray(units, dtype=np.intp).tolist())
