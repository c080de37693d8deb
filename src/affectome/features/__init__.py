"""Signals to features: spectra, covariance, connectivity, and windows that do not look ahead."""

from affectome.features.connectivity import correlation, noise_correlation, spectral
from affectome.features.covariance import TangentMap, covariances
from affectome.features.spectra import BANDS, asymmetry, band_power, differential_entropy
from affectome.features.windows import (
    causal_window,
    event_window,
    filtered,
    require_causal,
    sampling_rate,
    window_means,
)

__all__ = [
    "BANDS",
    "TangentMap",
    "asymmetry",
    "band_power",
    "causal_window",
    "correlation",
    "covariances",
    "differential_entropy",
    "event_window",
    "filtered",
    "noise_correlation",
    "require_causal",
    "sampling_rate",
    "spectral",
    "window_means",
]
