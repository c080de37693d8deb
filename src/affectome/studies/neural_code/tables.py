"""The tables of the neural-code study: what its parts found, a row a unit, a trial or a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from affectome.dynamics.generalisation import Generalisation
from affectome.dynamics.states import HiddenStates
from affectome.evidence import Design
from affectome.evidence.splits import named
from affectome.studies.neural_code.case import kept
from affectome.studies.neural_code.parts import Intensity, Mixture

if TYPE_CHECKING:
    from affectome.studies.neural_code.study import NeuralCode


def tables(code: NeuralCode, result: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Give the tables that are written beside ``result.json``, by name.

    Parameters
    ----------
    code
        What was found.
    result
        ``code.to_dict()``, with the q of every p.
    """
    found = {"units": code.table, "predictions": with_roles(code.decoding.predictions, code.design)}
    if code.searchlight is not None:
        found["searchlight"] = code.searchlight.units
    if "contrasts" in code.found:
        found["contrasts"] = _contrasts(result["contrasts"])
    if "lead_time" in code.found:
        found["lead_time"] = _leads(result["lead_time"]["curve"])
    for part in code.found.values():
        if isinstance(part, Generalisation):
            found["traces"], found["generalisation"] = _traces(part), _generalisation(part)
        elif isinstance(part, HiddenStates):
            found["states"] = _states(part, kept(code.trials))
        elif isinstance(part, Intensity):
            found["intensity"] = with_roles(part.predictions, code.design)
        elif isinstance(part, Mixture):
            found["blends"] = with_roles(part.predictions, code.design)
    return found


def with_roles(predictions: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Say of every predicted trial who it was and what was shown, where the trials name them."""
    found = predictions.copy()
    for role in ("stimulus", "subject"):
        column = named(design.trials, role)
        if column is not None and role not in found:
            found.insert(1, role, design.trials[column].to_numpy()[predictions["trial"]])
    return found


def _claim(row: Mapping[str, Any]) -> dict[str, Any]:
    low, high = row.get("interval") or (None, None)
    return {"low": low, "high": high, "p": row.get("p"), "q": row.get("q")}


def _contrasts(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "a": row["a"],
            "b": row["b"],
            "score": row["score"],
            **_claim(row),
            "trials": row.get("trials"),
            "trial_order": row.get("trial_order"),
            "before_event": (row.get("before_event") or {}).get("score"),
            "why": row.get("why"),
        }
        for row in rows
    )


def _leads(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "lead_s": row["lead_s"],
            "auc": row["auc"],
            **_claim(row),
            "baseline": row["baseline"],
            "baseline_auc": row["baseline_auc"],
            "excess": row["excess"]["value"],
        }
        for row in rows
    )


def _traces(found: Generalisation) -> pd.DataFrame:
    """What is read at each moment, by decoders of that moment: a row a person and moment."""
    return pd.DataFrame(
        {
            "subject": np.repeat(found.subjects, len(found.times)),
            "time_s": np.tile(found.times, len(found.subjects)),
            "auc": found.auc.diagonal(axis1=1, axis2=2).ravel(),
        }
    )


def _generalisation(found: Generalisation) -> pd.DataFrame:
    n = len(found.times)
    labels = np.zeros((n, n), int) if found.clusters is None else found.clusters.labels
    return pd.DataFrame(
        {
            "trained_s": np.repeat(found.times, n),
            "tested_s": np.tile(found.times, n),
            "auc": found.mean.ravel(),
            "cluster": labels.ravel(),
        }
    )


def _states(found: HiddenStates, rows: np.ndarray) -> pd.DataFrame:
    """Which state each sample is in; time runs from the start of the trial."""
    n_trials, n_times = found.path.shape
    middle = (np.arange(n_times) + 0.5) * found.trial / n_times
    table = {
        "trial": np.repeat(rows, n_times),
        "time_s": np.tile(middle, n_trials),
        "state": found.path.ravel(),
    }
    for state in range(found.probability.shape[2]):
        table[f"probability {state}"] = found.probability[:, :, state].ravel()
    return pd.DataFrame(table)
