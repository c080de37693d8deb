"""Searchlight: around which voxels or sensors a target can be read from their neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data import check_recording, trial_table, unit_table
from affectome.errors import InputError, no_column
from affectome.evidence import Null, Split, make_design, max_statistic
from affectome.kernels.ranks import auc
from affectome.kernels.searchlight import searchlight_predictions, spheres
from affectome.progress import Progress, silent

BLOCK_VALUES = 1 << 24


@dataclass(frozen=True)
class Searchlight:
    """How well a target is read from the sphere around each unit.

    Attributes
    ----------
    units
        One row a centre: its coordinates, ``n_units`` in its sphere, ``auc`` (mean over classes of
        one against the rest, and over folds) and ``p``, corrected over centres by the largest AUC
        of each permutation; NaN where there is no p.
    radius
        Of the spheres, in the unit of the coordinates (mm).
    null
        How the p were drawn; None where there are none.
    why
        Why there is no p.
    """

    units: pd.DataFrame
    radius: float
    null: Null | None
    why: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the best centre and how many pass, for ``result.json``."""
        row = self.units.iloc[int(self.units["auc"].to_numpy().argmax())]
        best: dict[str, Any] = {key: float(row[key]) for key in ("x", "y", "z", "auc")}
        if self.null is None:
            best |= {"p": None, "why": self.why}
        else:
            # The p is corrected over centres already, so it is its own q.
            best |= {"p": float(row["p"]), "q": float(row["p"]), "null": self.null.to_dict()}
        return {
            "radius": self.radius,
            "unit": "mm" if {"i", "j", "k"} <= set(self.units) else "units of the places",
            "n_centres": len(self.units),
            "n_significant": None if self.null is None else int((self.units["p"] < 0.05).sum()),
            "best": best,
        }


def searchlight(
    recording: xr.DataArray,
    target: str,
    holdout: Any = None,
    radius: float = 8.0,
    *,
    alpha: float = 10.0,
    n_permutations: int = 100,
    random_state: int = 0,
    progress: Progress = silent,
) -> Searchlight:
    """Decode labels from the sphere around every unit with a ridge.

    Parameters
    ----------
    recording
        Dims (trial, unit); units have ``x, y, z``.
    target
        Column of labels.
    holdout
        Columns, a Split or a Design: which trials train and which are tested, as in
        :func:`affectome.evidence.make_design`.
    radius
        In the unit of the coordinates (mm).
    alpha
        Ridge penalty.
    n_permutations
        Arrangements of the labels; all are solved together with the real ones.
    random_state
        Seed of the permutations.
    progress
        Called with the centres that are done.

    Returns
    -------
    Searchlight

    Raises
    ------
    InputError
        If units have no places, there is time, one class, or no such column.
    """
    X = check_recording(recording).values
    units, trials = unit_table(recording), trial_table(recording)
    if not {"x", "y", "z"} <= set(units) or "time" in recording.dims:
        raise InputError("a searchlight needs units with places x, y, z and one value a trial")
    if target not in trials:
        raise no_column("the trials have", target, trials)
    classes, y = np.unique(trials[target].to_numpy(), return_inverse=True)
    if classes.size < 2:
        raise InputError(f"{target!r} holds one class only ({classes[0]!s}); give two or more")
    design = make_design(trials, y, holdout)
    split, why = design.split, design.why_no_p
    drawn = y[None][:0] if why else design.arrange(n_permutations, random_state)
    labels = np.concatenate([y[None], drawn])
    coded = np.arange(1 if classes.size == 2 else classes.size)
    positive = (labels[:, None] == coded[:, None]).reshape(-1, y.size)
    Y = np.where(positive, 1.0, -1.0).T
    members = spheres(units[["x", "y", "z"]].to_numpy(), radius)
    scores = np.empty((len(members), len(labels)))
    step = max(1, BLOCK_VALUES // Y.size)
    for start in range(0, len(members), step):
        progress("searchlight", start, len(members))
        block = members[start : start + step]
        predictions = searchlight_predictions(X, Y, block, split.folds, alpha)
        by_column = _auc_by_fold(np.swapaxes(predictions, 1, 2), positive, split)
        scores[start : start + step] = by_column.reshape(len(block), len(labels), -1).mean(axis=2)
    progress("searchlight", len(members), len(members))
    # Folds may test one class alone under some arrangements, which then say nothing of chance.
    formed = np.asarray(np.isfinite(scores).all(axis=0))
    if not formed[0] or (len(drawn) and not formed[1:].any()):
        raise InputError(
            "no fold tests a class and the others together, so no AUC can be formed; hold out "
            "groups that have several classes"
        )
    scores = scores[:, formed]
    units["n_units"] = [len(m) for m in members]
    units["auc"] = scores[:, 0]
    if why or scores.shape[1] == 1:
        units["p"] = np.nan
        return Searchlight(units, radius, None, why or "no p, because none was asked for")
    units["p"] = max_statistic(scores[:, 0], scores[:, 1:].T)
    null = Null(
        design.exchange.scheme,
        design.exchange.n_groups,
        scores.shape[1] - 1,
        f"largest AUC of {len(units)} centres",
    )
    return Searchlight(units, radius, null)


def _auc_by_fold(scores: np.ndarray, positive: np.ndarray, split: Split) -> np.ndarray:
    """Mean AUC over folds that test both sides, NaN without: (centres, columns, n) -> 2 axes."""
    total = np.zeros(scores.shape[:2])
    count = np.zeros(scores.shape[:2])
    for _, test in split:
        found = auc(scores[..., test], np.broadcast_to(positive[:, test], scores[..., test].shape))
        usable = np.isfinite(found)
        total += np.where(usable, found, 0.0)
        count += usable
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
