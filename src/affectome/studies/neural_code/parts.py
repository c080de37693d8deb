"""What the parts of the neural-code study find: numbers, each with its null or the reason for none.

``to_dict`` of each gives its share of ``result.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd

from affectome.decoding.alignment import CrossSubject
from affectome.decoding.calibration import Reliability
from affectome.decoding.conformal import Coverage
from affectome.decoding.few_shot import FewShot
from affectome.dynamics.latent import TimeConstants
from affectome.dynamics.regimes import SwitchingComparison
from affectome.evidence import Evidence, Null, Score

NO_P_OF_SURENESS = "no p, because how sure and how right a decoder is are compared, and not tested"
NO_P_OF_ALIGNMENT = "no p, because people are not aligned anew for a null"


class Part(Protocol):
    """What a part of the study gives."""

    def to_dict(self) -> Any:
        """Give it as plain values for ``result.json``."""


@dataclass(frozen=True)
class Contrast:
    """Two classes, from their own trials alone.

    Attributes
    ----------
    a, b
        The classes.
    score
        Of the decoder; None where these trials don't allow one.
    trials
        How many there are.
    trial_order
        What the order of the trials alone tells (AUC).
    before
        Score of what was measured before the event; None where there is nothing.
    why
        Why there is no score.
    """

    a: str
    b: str
    score: Score | None
    trials: int
    trial_order: float | None = None
    before: Score | None = None
    why: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give a row of ``contrasts``."""
        names = {"a": self.a, "b": self.b}
        if self.score is None:
            return {**names, "score": None, "p": None, "why": self.why}
        return {
            **names,
            **self.score.to_dict(),
            "trials": self.trials,
            "trial_order": self.trial_order,
            "before_event": None if self.before is None else self.before.to_dict(),
        }


@dataclass(frozen=True)
class Contrasts:
    """All pairs of classes."""

    pairs: tuple[Contrast, ...]

    def to_dict(self) -> list[dict[str, Any]]:
        """Give one row a pair."""
        return [pair.to_dict() for pair in self.pairs]


@dataclass(frozen=True)
class BeforeEvent:
    """What is read before the event.

    Attributes
    ----------
    score
        Of the decoder.
    trial_order
        What the order of the trials alone tells (AUC, or r of a rating).
    follows_the_clock
        Whether that is above chance.
    """

    score: Score
    trial_order: float | None
    follows_the_clock: bool

    def to_dict(self) -> dict[str, Any]:
        """Give ``pre_event``."""
        return self.score.to_dict() | {
            "trial_order": self.trial_order,
            "follows_the_clock": self.follows_the_clock,
        }


@dataclass(frozen=True)
class Sureness:
    """How right the decoder is when it is so sure, and how large sets are that hold.

    Attributes
    ----------
    reliability
        Confidence against accuracy.
    sets
        How often sets of classes held the true one.
    confidence
        How often they were meant to.
    promised
        How often sets that were learned from so few groups can.
    n_groups
        Fewest groups that sets were learned from.
    """

    reliability: Reliability
    sets: Coverage
    confidence: float
    promised: float
    n_groups: int

    def to_dict(self) -> dict[str, Any]:
        """Give ``calibration``."""
        return {
            **self.reliability.to_dict(),
            "conformal": self.sets.to_dict()
            | {
                "confidence": self.confidence,
                "promised": self.promised,
                "n_groups": self.n_groups,
            },
            "p": None,
            "why": NO_P_OF_SURENESS,
        }


@dataclass(frozen=True)
class Excess:
    """How far a decoder is above the best of what needs no recording."""

    metric: str
    score: Score
    baseline: str

    def to_dict(self) -> dict[str, Any]:
        """Give the difference with its interval."""
        return {
            "metric": self.metric,
            "value": self.score.value,
            "interval": self.score.interval,
            "over": self.score.over,
            "baseline": self.baseline,
            "p": None,
            "why": "no p, because the interval of the difference tells as much",
        }


def excess(found: Evidence) -> Excess:
    """Give how far the decoder is above the best baseline."""
    return Excess(found.metric, found.excess, found.best_baseline)


@dataclass(frozen=True)
class Intensity:
    """How well the intensity is told.

    Attributes
    ----------
    r, ccc
        Correlation and concordance of the estimates.
    excess
        How far they are above the best baseline.
    predictions
        A row a tested trial: ``trial``, ``fold``, ``intensity`` and ``predicted intensity``.
    """

    r: Score
    ccc: float
    excess: Excess
    predictions: pd.DataFrame = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Give ``intensity``; concordance is of the same estimates, and has no p of its own."""
        r = self.r.to_dict()
        ccc = self.ccc if np.isfinite(self.ccc) else None
        return (
            {"r": r.pop("score"), "ccc": ccc} | r | {"excess_over_baseline": self.excess.to_dict()}
        )


@dataclass(frozen=True)
class Mixture:
    """How well the mixture of a trial is told.

    Attributes
    ----------
    scores
        ``kl``, ``top2`` and ``r`` of the estimated weights.
    baseline
        The same of the mean mixture of the training trials.
    r_of_each
        Correlation of each emotion's weights.
    p, null, why
        Of ``r``.
    predictions
        A row a tested trial: ``trial``, then the weights, and as they were read.
    """

    scores: Mapping[str, float]
    baseline: Mapping[str, float]
    r_of_each: Mapping[str, float]
    p: float | None
    null: Null | None
    why: str | None
    predictions: pd.DataFrame = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Give ``blends``."""
        return {
            "emotions": list(self.r_of_each),
            **self.scores,
            "r_of_each": dict(self.r_of_each),
            "baseline": dict(self.baseline),
            **claim_of(self.p, self.null, self.why),
        }


@dataclass(frozen=True)
class Pairs:
    """What is read from who goes with whom."""

    measure: str
    n_pairs: int
    score: Score

    def to_dict(self) -> dict[str, Any]:
        """Give ``connectivity``."""
        return {"measure": self.measure, "pairs": self.n_pairs, **self.score.to_dict()}


@dataclass(frozen=True)
class Loss:
    """What a decoder reads without some units, against random ones.

    Attributes
    ----------
    score
        Without the chosen units.
    random
        Without as many random ones that are as active, shape (n_draws,).
    p, null
        That random units do as much; None where random units can't be as active.
    why
        Why there is no p.
    """

    score: float
    random: np.ndarray
    p: float | None
    null: Null | None
    why: str | None

    def to_dict(self) -> dict[str, Any]:
        """Give the scores, and the range of 95 % of random draws."""
        return {
            "score": self.score,
            "random_mean": float(self.random.mean()),
            "random_range": np.quantile(self.random, [0.025, 0.975]).tolist(),
            **claim_of(self.p, self.null, self.why),
        }


@dataclass(frozen=True)
class Lesion:
    """What is lost without the units that differ most.

    Attributes
    ----------
    units
        How many were taken.
    base
        Score with all.
    folds
        In how many training sets they were found.
    frozen
        Where the decoder hears their mean instead.
    refitted
        Where it is fitted anew without them.
    """

    units: int
    base: float
    folds: int
    frozen: Loss
    refitted: Loss

    def to_dict(self) -> dict[str, Any]:
        """Give ``lesion``."""
        return {
            "units": self.units,
            "base": self.base,
            "folds": self.folds,
            "frozen": self.frozen.to_dict(),
            "refitted": self.refitted.to_dict(),
        }


@dataclass(frozen=True)
class SlowDimensions:
    """Time constants, what the slowest dimension tells, and regimes.

    Attributes
    ----------
    constants
        The fitted spectrum, and whether there is a line attractor.
    intensity
        How well the attractor tells the intensity; None where there is none, or no intensity.
    switching
        What regimes add; None for few trials.
    """

    constants: TimeConstants
    intensity: Score | None
    switching: SwitchingComparison | None

    def to_dict(self) -> dict[str, Any]:
        """Give ``time_constants_s``."""
        found: dict[str, Any] = {"values": self.constants.tau.tolist(), **self.constants.to_dict()}
        if self.intensity is not None:
            found["intensity"] = {"r": self.intensity.value, **self.intensity.to_dict()}
        if self.switching is not None:
            found["switching"] = self.switching.to_dict()
        return found


@dataclass(frozen=True)
class Way:
    """One way to reach a new person.

    Attributes
    ----------
    method
        Its name.
    found
        What it reads; None where the trials don't allow it.
    score
        Over people and stimuli.
    above_none
        How much more than without any alignment.
    why
        Why it is absent.
    """

    method: str
    found: CrossSubject | None = None
    score: Score | None = None
    above_none: Score | None = None
    why: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give a row of ``across``."""
        if self.found is None or self.score is None:
            return {"method": self.method, "why": self.why}
        row = self.found.to_dict() | self.score.to_dict()
        if self.above_none is not None:
            more = self.above_none
            row["above_none"] = {"value": more.value, "interval": more.interval, "over": more.over}
        return row | {"why": NO_P_OF_ALIGNMENT}


@dataclass(frozen=True)
class Personal:
    """What a person's own trials add, and ways to reach a new person without them."""

    curve: FewShot
    across: tuple[Way, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give ``personal``."""
        found = self.curve.to_dict()
        return found | {"across": [way.to_dict() for way in self.across]} if self.across else found


def claim_of(p: float | None, null: Null | None, why: str | None) -> dict[str, Any]:
    """Give a p beside its null, or the reason why there is none."""
    if p is None or null is None:
        return {"p": None, "why": why}
    return {"p": p, "null": null.to_dict()}
