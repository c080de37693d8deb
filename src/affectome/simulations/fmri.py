"""Simulated maps of the brain: smooth noise and spheres of voxels that code emotion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter, shift

from affectome.data.recording import make_recording
from affectome.errors import InputError
from affectome.simulations.planted import Truth, plan_trials
from affectome.simulations.population import EMOTIONS


def simulate_maps(
    *,
    n_subjects: int = 10,
    n_trials: int = 30,
    shape: tuple[int, int, int] = (14, 16, 12),
    voxel_mm: float = 4.0,
    emotions: Sequence[str] = EMOTIONS,
    n_stimuli: int = 5,
    n_regions: int = 2,
    radius: float = 2.0,
    effect: float = 1.0,
    smoothness: float = 1.0,
    misalignment: float = 0.0,
    intensity: tuple[float, float] = (1.0, 1.0),
    blend: float = 0.0,
    stimulus_effect: float = 0.0,
    random_state: int | None = 0,
) -> tuple[xr.DataArray, Truth]:
    """Simulate single-trial maps in which spheres of voxels code emotion.

    Parameters
    ----------
    n_subjects, n_trials
        Sizes; ``n_trials`` is for each subject, and all subjects see the same stimuli.
    shape, voxel_mm
        Grid, and the side of a voxel in millimetres.
    emotions, n_stimuli
        Names of the classes, and stimuli of each.
    n_regions, radius
        Spheres for each emotion and their radius in voxels; they do not overlap.
    effect
        Mean response of a coding voxel at intensity 1, in standard deviations of the noise.
    smoothness
        Standard deviation in voxels of the Gaussian that smooths the noise (scaled back to
        variance 1).
    misalignment
        Standard deviation in voxels by which a subject's pattern is shifted along each axis.
    intensity, blend, stimulus_effect
        As in :func:`affectome.simulations.simulate_population`; the pattern of a stimulus is
        smooth like the noise.
    random_state
        Seed.

    Returns
    -------
    recording : xarray.DataArray
        float32, dims (trial, unit); units are ``voxel`` with ``i, j, k`` and ``x, y, z`` in
        millimetres around the middle of the grid.
    truth : Truth
        ``coding`` marks the voxels before misalignment.

    Raises
    ------
    InputError
        If so many spheres do not fit in the grid.
    """
    rng = np.random.default_rng(random_state)
    mask = _spheres(rng, shape, len(emotions), n_regions, radius)
    patterns = effect * mask.T.astype(float)
    stimuli = stimulus_effect * _smooth(rng, n_stimuli * len(emotions), shape, smoothness)
    tables, blends, values = [], [], []
    for s in range(n_subjects):
        trials, weights = plan_trials(
            rng, n_trials, emotions, n_stimuli, blend, intensity, "random"
        )
        moved = rng.normal(0, misalignment, 3) if misalignment else np.zeros(3)
        own = np.stack([shift(p.reshape(shape), moved, order=1).ravel() for p in patterns])
        data = trials["intensity"].to_numpy()[:, None] * (weights @ own)
        data += stimuli[trials.pop("stimulus_index")] + _smooth(rng, n_trials, shape, smoothness)
        values.append(data.astype(np.float32))
        tables.append(trials.assign(subject=f"sub-{s + 1:02d}"))
        blends.append(weights)
    table = pd.concat(tables, ignore_index=True)
    truth = Truth(
        tuple(emotions), mask, patterns, np.concatenate(blends), table["intensity"].to_numpy()
    )
    return make_recording(np.concatenate(values), table, _voxels(shape, voxel_mm)), truth


def _voxels(shape: tuple[int, int, int], voxel_mm: float) -> pd.DataFrame:
    ijk = np.argwhere(np.ones(shape, dtype=bool))
    units = pd.DataFrame({"voxel": np.arange(len(ijk))})
    units[["i", "j", "k"]] = ijk
    units[["x", "y", "z"]] = voxel_mm * (ijk - (np.array(shape) - 1) / 2)
    return units


def _spheres(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    n_emotions: int,
    n_regions: int,
    radius: float,
) -> np.ndarray:
    ijk = np.argwhere(np.ones(shape, dtype=bool))
    inner = ((ijk >= radius) & (ijk <= np.array(shape) - 1 - radius)).all(axis=1)
    centres: list[np.ndarray] = []
    for candidate in ijk[inner][rng.permutation(inner.sum())]:
        if all(np.linalg.norm(candidate - c) > 2 * radius for c in centres):
            centres.append(candidate)
        if len(centres) == n_emotions * n_regions:
            break
    else:
        raise InputError(
            f"{n_emotions * n_regions} spheres of {radius:g} voxels do not fit in a grid of "
            f"{'×'.join(map(str, shape))}; {len(centres)} did"
        )
    mask = np.zeros((len(ijk), n_emotions), dtype=bool)
    for n, centre in enumerate(centres):
        mask[np.linalg.norm(ijk - centre, axis=1) <= radius, n % n_emotions] = True
    return mask


def _smooth(
    rng: np.random.Generator, n: int, shape: tuple[int, int, int], smoothness: float
) -> np.ndarray:
    maps = rng.standard_normal((n, *shape))
    if smoothness > 0:
        maps = gaussian_filter(maps, (0, *(smoothness,) * 3), mode="wrap")
        maps /= maps.std()
    return maps.reshape(n, -1)
