r"""Lead time: how long before the report an emotion can be read.

For each lead δ the decoder sees a window that ends δ seconds before the report, and nothing later;
a Recording whose filters looked ahead is refused. Each window is held against what needs no
measurement (trial order, the label before, stimulus, movement). The intervals and p hold for all
windows at once: with the AUC of labels that traded places as the design allows, standardised window
by window (the real one among them), :math:`z_{b\delta}`,

.. math:: c = Q_{.95}\big(\max_\delta |z_{b\delta}|\big), \quad
          p_\delta = \frac{1 + \#\{b : \max_{\delta'} z_{b\delta'} \ge z_\delta\}}{1 + B} ,

pointwise intervals are widened by :math:`c / 1.96`; a window's own standard error is calibrated by
the spread of its null, as in :func:`affectome.evidence.evaluate`. The earliest reliable lead is the
largest δ up to which, from the shortest lead on, every window has p ≤ .05 and an excess over its
best baseline whose interval is above zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from affectome.data import check_recording, trial_table
from affectome.decoding import RidgeClassifierDecoder
from affectome.dynamics.over_time import design_of
from affectome.errors import InputError
from affectome.evidence import (
    Design,
    Null,
    Predictions,
    Score,
    Split,
    baseline_scores,
    cross_fit,
    max_statistic,
    null_scores,
)
from affectome.evidence.score_sheet import ScoreSheet, calibrating_null
from affectome.features.windows import causal_window
from affectome.progress import Progress, silent

METRIC = "macro_auc"
LEVEL = 0.05
NORMAL = 1.959963984540054
FEWEST = 20


@dataclass(frozen=True)
class Lead:
    """How well a label is read from one window.

    Attributes
    ----------
    lead_s
        Seconds between the end of the window and the report.
    score
        AUC with the interval that holds for all windows at once, and p corrected over windows.
    baseline
        Name of the best of what needs no measurement, and its AUC.
    baseline_auc
        Its AUC.
    excess
        AUC above it, with its interval for all windows at once.
    """

    lead_s: float
    score: Score
    baseline: str
    baseline_auc: float
    excess: Score

    @property
    def reliable(self) -> bool:
        """Whether the label is read, and better than from the best baseline."""
        low = -np.inf if self.excess.interval is None else self.excess.interval[0]
        return self.score.p is not None and self.score.p <= LEVEL and low > 0

    def to_dict(self) -> dict[str, Any]:
        """Give the window's row of ``result.json``."""
        found = self.score.to_dict()
        row = {"lead_s": self.lead_s, "auc": found.pop("score")} | found
        return row | {
            "baseline": self.baseline,
            "baseline_auc": self.baseline_auc,
            "excess": {
                "value": self.excess.value,
                "interval": self.excess.interval,
                "over": self.excess.over,
            },
        }


@dataclass(frozen=True)
class LeadTime:
    """How well a label is read from windows that end before the report.

    Attributes
    ----------
    length
        Seconds of a window.
    windows
        Each window, by rising lead.
    earliest
        Earliest reliable lead in seconds; None where not even the shortest lead is reliable.
    """

    length: float
    windows: tuple[Lead, ...]
    earliest: float | None

    @property
    def leads(self) -> np.ndarray:
        """Seconds between the end of each window and the report, shape (n_leads,)."""
        return np.array([one.lead_s for one in self.windows])

    @property
    def auc(self) -> np.ndarray:
        """AUC of each window, shape (n_leads,)."""
        return np.array([one.score.value for one in self.windows])

    @property
    def p(self) -> np.ndarray:
        """Corrected p of each window, NaN where there is none, shape (n_leads,)."""
        return np.array([np.nan if w.score.p is None else w.score.p for w in self.windows])

    def to_dict(self) -> dict[str, Any]:
        """Give the curve, a row a lead, and the earliest reliable lead."""
        return {
            "window_s": self.length,
            "earliest_s": self.earliest,
            "curve": [one.to_dict() for one in self.windows],
        }


def lead_time(
    recording: xr.DataArray,
    target: str,
    design: Design | Split,
    *,
    length: float,
    leads: Sequence[float] | None = None,
    nuisance: Sequence[str] = (),
    traces: Mapping[str, xr.DataArray] | None = None,
    features: Callable[[xr.DataArray], xr.DataArray] | None = None,
    alpha: float = 10.0,
    n_permutations: int = 500,
    n_bootstrap: int = 1000,
    random_state: int = 0,
    progress: Progress = silent,
) -> LeadTime:
    """Decode a label from windows that end before the report.

    Parameters
    ----------
    recording
        Dims (trial, time, unit); time 0 is the report.
    target
        Coordinate of ``trial`` that holds the labels.
    design
        What is held out and what may trade places; from a Split it is made here.
    length
        Seconds of a window.
    leads
        Seconds between a window's end and the report; from 0 in steps of half a window as far back
        as the trials reach when not given.
    nuisance
        Coordinates of ``trial`` that become baselines: loudness, brightness, movement of a trial.
    traces
        Name → Recording of what else was measured in the same trials, such as movement; read from
        the same windows by the same decoder as a further baseline.
    features
        From a window to one response a trial and unit; the mean over the window when not given.
    alpha
        Ridge penalty on units standardised in the training trials.
    n_permutations
        Arrangements of the labels in the null; no p with fewer than twenty.
    n_bootstrap
        Draws of groups for the intervals.
    random_state
        Seed.
    progress
        Called when a lead is done.

    Raises
    ------
    InputError
        If a filter looked ahead, a lead is negative or beyond the trials' start, or labels are of
        one class.
    """
    check_recording(recording)
    trials = trial_table(recording)
    design = design_of(trials, target, design)
    y = design.y
    chosen = _leads(recording, length, leads)
    rivals = {
        name: Predictions(y, scores)
        for name, scores in baseline_scores(design.trials, y, design.split, nuisance).items()
    }
    decoder = RidgeClassifierDecoder(alpha=alpha)
    sheet = ScoreSheet(design, n_bootstrap, random_state)
    drawn, why = _arranged(design, n_permutations, random_state)
    read, best, nulls, calibrating = [], [], [], []
    for number, lead in enumerate(chosen):
        X = _window(recording, length, float(lead), features)
        found = cross_fit(decoder, X, y, design.split, True)
        beside = dict(rivals)
        for name, trace in (traces or {}).items():
            moved = _window(_aligned(trace, recording, name), length, float(lead), None)
            beside[f"{name} before"] = cross_fit(decoder, moved, y, design.split, True)
        null = null_scores(
            decoder, X, design, [METRIC], drawn, design.exchange.scheme, design.exchange.n_groups
        )
        calibrating.append(calibrating_null(decoder, X, design, [METRIC], null, random_state))
        auc = {name: sheet.value(METRIC, one) for name, one in beside.items()}
        name = max(auc, key=lambda n: np.nan_to_num(auc[n], nan=-1.0))
        read.append((found, beside[name]))
        best.append((name, auc[name]))
        nulls.append(null.tests[METRIC].null if METRIC in null.tests else np.empty(0))
        progress("lead time", number + 1, len(chosen))
    by_others = [one.tests[METRIC].null for one in calibrating if METRIC in one.tests]
    at_once = _at_once(np.array(by_others)) if by_others else 1.0
    wider = [at_once * one for one in sheet.inflations([(METRIC, one) for one in calibrating])]
    own = [sheet.score(METRIC, one, w) for (one, _), w in zip(read, wider, strict=True)]
    above = [sheet.difference(METRIC, *both, w) for both, w in zip(read, wider, strict=True)]
    p, null_of = _corrected(own, np.array(nulls), design, why)
    windows = tuple(
        Lead(float(lead), replace(one, p=p_one, null=null_of, why=why), name, value, more)
        for lead, one, p_one, (name, value), more in zip(chosen, own, p, best, above, strict=True)
    )
    n_reliable = int(np.cumprod([one.reliable for one in windows]).sum())
    earliest = float(chosen[n_reliable - 1]) if n_reliable else None
    return LeadTime(length, windows, earliest)


def _arranged(
    design: Design, n_permutations: int, random_state: int
) -> tuple[np.ndarray, str | None]:
    """Draw labels under the null; none of them, and why, where there can be no p."""
    why = design.why_no_p
    if n_permutations < FEWEST:
        why = why or f"no p, because {n_permutations} permutations were asked for"
    return (design.y[None][:0] if why else design.arrange(n_permutations, random_state)), why


def _window(
    recording: xr.DataArray,
    length: float,
    lead: float,
    features: Callable[[xr.DataArray], xr.DataArray] | None,
) -> np.ndarray:
    window = causal_window(recording, length, lead)
    found = window.mean("time") if features is None else features(window)
    values: np.ndarray = found.values
    return values


def _corrected(
    own: list[Score], null: np.ndarray, design: Design, why: str | None
) -> tuple[list[float | None], Null | None]:
    """Give p of every window against the best window of each arrangement."""
    if why is not None:
        return [None] * len(own), None
    auc = np.concatenate([[[one.value] for one in own], null], axis=1)
    z = (auc - auc.mean(1, keepdims=True)) / np.maximum(auc.std(1, keepdims=True), 1e-12)
    p = max_statistic(z[:, 0], z[:, 1:].T)
    correction = f"best of {len(own)} windows"
    exchange = design.exchange
    return p.tolist(), Null(exchange.scheme, exchange.n_groups, null.shape[1], correction)


def _at_once(null: np.ndarray) -> float:
    """How much wider than one interval those have to be that hold for all windows at once."""
    if null.shape[1] < FEWEST:
        return 1.0
    z = (null - null.mean(1, keepdims=True)) / np.maximum(null.std(1, keepdims=True), 1e-12)
    return max(float(np.quantile(np.abs(z).max(0), 0.95)) / NORMAL, 1.0)


def _leads(recording: xr.DataArray, length: float, leads: Sequence[float] | None) -> np.ndarray:
    if "time" not in recording.dims:
        raise InputError(f"lead time needs the dims (trial, time, unit); got {recording.dims}")
    time = recording["time"].values
    furthest = -float(time[0]) - length
    if length <= 0 or furthest < -1e-9:
        raise InputError(
            f"no window of {length:g} s ends before the report: the trials start at {time[0]:g} s "
            "(the report is time 0); take a shorter window"
        )
    if leads is None:
        return np.arange(0, furthest + 1e-9, length / 2)
    chosen = np.unique(np.asarray(leads, dtype=float))
    if not len(chosen) or chosen[0] < 0 or chosen[-1] > furthest + 1e-9:
        raise InputError(
            f"leads of windows of {length:g} s lie from 0 to {furthest:g} s before the report; got "
            f"{list(map(float, chosen))}"
        )
    return chosen


def _aligned(trace: xr.DataArray, recording: xr.DataArray, name: str) -> xr.DataArray:
    if trace.sizes["trial"] != recording.sizes["trial"]:
        raise InputError(
            f"the trace {name!r} has {trace.sizes['trial']} trials, the Recording "
            f"{recording.sizes['trial']}; give one row a trial"
        )
    return trace
