r"""Covariance of the sensors within a trial, and its tangent space.

A trial's covariance *C* lies on a curved space; at the mean *M* of the training trials it is mapped
to a flat one (Barachant et al. 2013),

.. math:: s = \mathrm{vech}\bigl(\log(M^{-1/2} C M^{-1/2})\bigr),

with the entries off the diagonal weighted by :math:`\sqrt2`.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from affectome.data import make_recording, trial_table, unit_table
from affectome.errors import InputError, require


def covariances(recording: xr.DataArray, estimator: str = "oas") -> xr.DataArray:
    """Covariance between all pairs of units within each trial.

    Parameters
    ----------
    recording
        Dims (trial, time, unit).
    estimator
        Any of pyriemann's: ``"oas"`` and ``"lwf"`` shrink, ``"scm"`` does not.

    Returns
    -------
    xarray.DataArray
        Dims (trial, unit), the upper triangle row by row, shape (n_trials, p (p + 1) / 2); units
        are ``first`` and ``second``, the names of the pair.

    Raises
    ------
    InputError
        If the Recording has no time.
    """
    if "time" not in recording.dims:
        raise InputError("covariances within a trial need a Recording with times")
    pyriemann = require("pyriemann.estimation", "eeg")
    signals = np.swapaxes(recording.values, 1, 2).astype(float)
    matrices = pyriemann.Covariances(estimator=estimator).fit_transform(signals)
    return pairs_recording(matrices, recording, diagonal=0, name="covariance")


def log_covariances(recording: xr.DataArray, estimator: str = "oas") -> xr.DataArray:
    r"""Tangent space of the covariances at the identity, :math:`\mathrm{vech}(\log C)`.

    The log-Euclidean metric (Arsigny et al. 2006) moves the reference by a shift alone, which no
    linear decoder sees; so nothing has to be learned from training trials.

    Parameters
    ----------
    recording, estimator
        As in :func:`covariances`.

    Returns
    -------
    xarray.DataArray
        Laid out as by :func:`covariances`; entries off the diagonal are weighted by
        :math:`\sqrt2`.

    Raises
    ------
    InputError
        As :func:`covariances`.
    """
    found = covariances(recording, estimator)
    tangent_space = require("pyriemann.tangentspace", "eeg").TangentSpace(metric="logeuclid")
    tangent_space.reference_ = np.eye(recording.sizes["unit"])
    return found.copy(data=tangent_space.transform(_squares(found.values))).rename("log covariance")


def pairs_recording(
    matrices: np.ndarray, recording: xr.DataArray, diagonal: int, name: str
) -> xr.DataArray:
    """Lay symmetric matrices out as a Recording whose units are pairs of units.

    Parameters
    ----------
    matrices
        Shape (n_trials, p, p).
    recording
        Where the trials and the p units come from.
    diagonal
        0 keeps the diagonal, 1 leaves it out.
    name
        What the values are.
    """
    names = unit_table(recording).iloc[:, 0].astype(str).to_numpy()
    rows, columns = np.triu_indices(names.size, diagonal)
    pairs = pd.DataFrame({"first": names[rows], "second": names[columns]})
    return make_recording(matrices[:, rows, columns], trial_table(recording), pairs, name=name)


class TangentMap(TransformerMixin, BaseEstimator):
    """Map covariances to the tangent space at the mean of the training trials.

    Parameters
    ----------
    metric
        Metric of the mean and the map, such as ``"riemann"`` or ``"logeuclid"``.

    Attributes
    ----------
    reference_ : numpy.ndarray
        Mean covariance of the training trials, shape (p, p).
    """

    def __init__(self, metric: str = "riemann") -> None:
        self.metric = metric

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Find the mean.

        Parameters
        ----------
        X
            Upper triangles as :func:`covariances` gives them, shape (n_trials, p (p + 1) / 2).
        y
            Not used.
        """
        rows = np.asarray(validate_data(self, X, dtype=np.float64))
        space = require("pyriemann.tangentspace", "eeg").TangentSpace(metric=self.metric)
        self._space = space.fit(_squares(rows))
        self.reference_ = self._space.reference_
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Give tangent vectors, shape (n_trials, p (p + 1) / 2)."""
        check_is_fitted(self)
        rows = np.asarray(validate_data(self, X, dtype=np.float64, reset=False))
        return np.asarray(self._space.transform(_squares(rows)))


def _squares(X: np.ndarray) -> np.ndarray:
    p = int((np.sqrt(8 * X.shape[1] + 1) - 1) / 2)
    if p * (p + 1) // 2 != X.shape[1]:
        raise InputError(
            f"{X.shape[1]} columns are no upper triangle of a square matrix; give what "
            "covariances() gives"
        )
    rows, columns = np.triu_indices(p)
    matrices = np.empty((len(X), p, p))
    matrices[:, rows, columns] = X
    matrices[:, columns, rows] = X
    return matrices
