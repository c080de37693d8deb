r"""Lead time: how long before the report an emotion can be read.

For each lead δ the decoder sees a window that ends δ seconds before the report, and nothing later;
a Recording whose filters looked ahead is refused. Each window is held against what needs no
measurement (trial order, the label before, stimulus, movement). The intervals and p hold for all
windows at once: with the AUC of permuted labels standardised window by window, :math:`z_{b\delta}`,

.. math:: c = Q_{.95}\big(\max_\delta |z_{b\delta}|\big), \quad
          p_\delta = \frac{1 + \#\{b : \max_{\delta'} z_{b\delta'} \ge z_\delta\}}{1 + B} ,

pointwise intervals are widened by :math:`c / 1.96`. The earliest reliable lead is the largest δ up
to which, from the shortest lead on, every window has p ≤ .05 and an excess over its best baseline
whose interval is above zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from affectome.data import check_recording, trial_table
from affectome.decoding import RidgeClassifierDecoder
from affectome.errors import InputError
from affectome.evidence import (
    METRICS,
    USUAL_INFLATION,
    Split,
    arrange,
    baseline_scores,
    difference,
    fold_of,
    independent_groups,
    score,
)
from affectome.features.windows import causal_window
from affectome.progress import Progress, silent

METRIC = "macro_auc"
NORMAL = 1.959963984540054
CHUNK = 100


@dataclass(frozen=True)
class LeadTime:
    """How well a label is read from windows that end before the report.

    Attributes
    ----------
    leads
        Seconds between the end of the window and the report, rising, shape (n_leads,).
    length
        Seconds of a window.
    auc
        AUC of each window, shape (n_leads,).
    interval
        95 % interval that holds for all windows at once, shape (n_leads, 2).
    p
        Permutation p, corrected over windows, shape (n_leads,).
    baseline, baseline_auc
        Name and AUC of each window's best baseline.
    excess, excess_interval
        AUC above that baseline, and its interval for all windows at once.
    earliest
        Earliest reliable lead in seconds; None where not even the shortest lead is reliable.
    scheme
        How labels were permuted.
    """

    leads: np.ndarray
    length: float
    auc: np.ndarray
    interval: np.ndarray
    p: np.ndarray
    baseline: tuple[str, ...]
    baseline_auc: np.ndarray
    excess: np.ndarray
    excess_interval: np.ndarray
    earliest: float | None
    scheme: str

    def to_dict(self) -> dict[str, Any]:
        """Give the curve, a row a lead, and the earliest reliable lead."""
        return {
            "window_s": self.length,
            "earliest_s": self.earliest,
            "curve": [
                {
                    "lead_s": float(self.leads[i]),
                    "auc": float(self.auc[i]),
                    "interval": self.interval[i].tolist(),
                    "p": float(self.p[i]),
                    "baseline": self.baseline[i],
                    "baseline_auc": float(self.baseline_auc[i]),
                    "excess": float(self.excess[i]),
                    "excess_interval": self.excess_interval[i].tolist(),
                }
                for i in range(len(self.leads))
            ],
            "scheme": self.scheme,
        }


def lead_time(
    recording: xr.DataArray,
    target: str,
    split: Split,
    *,
    length: float,
    leads: Sequence[float] | None = None,
    nuisance: Sequence[str] = (),
    traces: Mapping[str, xr.DataArray] | None = None,
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
    split
        Which trials train and which are tested.
    length
        Seconds of a window; units are averaged over it.
    leads
        Seconds between a window's end and the report; from 0 in steps of half a window as far back
        as the trials reach when not given.
    nuisance
        Coordinates of ``trial`` that become baselines: loudness, brightness, movement of a trial.
    traces
        Name → Recording of what else was measured in the same trials, such as movement; read from
        the same windows by the same decoder as a further baseline.
    alpha
        Ridge penalty on units standardised in the training trials.
    n_permutations
        Arrangements of the labels in the null.
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
    if target not in trials:
        raise InputError(f"the trials have no column {target!r}; they have {list(trials)}")
    y = trials[target].to_numpy()
    if len(np.unique(y)) < 2:
        raise InputError(f"{target!r} holds one class only; give two or more")
    chosen = _leads(recording, length, leads)
    fold = fold_of(split, len(y))
    rows = np.flatnonzero(fold >= 0)
    drawn, scheme = arrange(y, split, n_permutations, random_state)
    fixed = baseline_scores(trials, y, split, nuisance)
    options: dict[str, Any] = {
        "groups": independent_groups(trials, split)[rows],
        "folds": fold[rows],
        "n_bootstrap": n_bootstrap,
        "random_state": random_state,
        "inflation": USUAL_INFLATION,
    }
    own, above, names, null = [], [], [], []
    for number, lead in enumerate(chosen):
        decoder = _Window(split, alpha, length, float(lead))
        found = decoder.read(recording, y[None])[0]
        rivals = dict(fixed) | {
            f"{name} before": decoder.read(_aligned(trace, recording, name), y[None])[0]
            for name, trace in (traces or {}).items()
        }
        scores = {k: score(METRIC, y[rows], v[rows], n_bootstrap=0) for k, v in rivals.items()}
        best = max(scores, key=lambda name: scores[name].value)
        own.append(score(METRIC, y[rows], found[rows], **options))
        above.append(difference(METRIC, y[rows], found[rows], rivals[best][rows], **options))
        names.append((best, scores[best].value))
        null.append(decoder.null(recording, drawn, fold))
        progress("lead time", number + 1, len(chosen))
    return _summary(chosen, length, own, above, names, np.array(null), scheme)


class _Window:
    """Reads any trace in one window with one decoder on the same folds."""

    def __init__(self, split: Split, alpha: float, length: float, lead: float) -> None:
        self.folds = split.folds
        self.decoder = RidgeClassifierDecoder(alpha=alpha)
        self.length, self.lead = length, lead

    def read(self, recording: xr.DataArray, labels: np.ndarray) -> np.ndarray:
        """Scores of each arrangement, (n_arrangements, n) or (n_arrangements, n, n_classes)."""
        mean = causal_window(recording, self.length, self.lead).mean("time").values
        return self.decoder.closed_form_predictions(mean, labels, self.folds)

    def null(self, recording: xr.DataArray, drawn: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """AUC of each arrangement of the labels, (n_arrangements,)."""
        rows = np.flatnonzero(fold >= 0)
        even = np.ones((1, len(rows)))
        codes = np.unique(drawn, return_inverse=True)[1].reshape(drawn.shape)
        values = []
        for start in range(0, len(drawn), CHUNK):
            part = codes[start : start + CHUNK]
            scores = self.read(recording, part)[:, rows]
            if scores.ndim == 2:
                scores = np.stack([-scores, scores], axis=2)
            values.append(METRICS[METRIC].weighted(part[:, rows], scores, even, fold[rows]))
        return np.concatenate(values)


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


def _summary(
    leads: np.ndarray,
    length: float,
    own: list[Any],
    above: list[Any],
    names: list[tuple[str, float]],
    null: np.ndarray,
    scheme: str,
) -> LeadTime:
    auc = np.array([s.value for s in own])
    mean, spread = null.mean(1, keepdims=True), null.std(1, keepdims=True)
    z = (null - mean) / np.maximum(spread, 1e-12)
    seen = (auc - mean[:, 0]) / np.maximum(spread[:, 0], 1e-12)
    p = (1 + (z.max(0) >= seen[:, None] - 1e-12).sum(1)) / (1 + z.shape[1])
    wider = max(float(np.quantile(np.abs(z).max(0), 0.95)) / NORMAL, 1.0)
    interval = np.clip(_widen(own, wider), 0, 1)
    excess_interval = _widen(above, wider)
    reliable = (p <= 0.05) & (excess_interval[:, 0] > 0)
    n_reliable = int(np.cumprod(reliable).sum())
    return LeadTime(
        leads,
        length,
        auc,
        interval,
        p,
        tuple(name for name, _ in names),
        np.array([value for _, value in names]),
        np.array([s.value for s in above]),
        excess_interval,
        float(leads[n_reliable - 1]) if n_reliable else None,
        scheme,
    )


def _widen(scores: list[Any], factor: float) -> np.ndarray:
    bounds = np.array([s.interval or (-np.inf, np.inf) for s in scores], dtype=float)
    value = np.array([[s.value] for s in scores])
    return value + factor * (bounds - value)
