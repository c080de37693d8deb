"""Simulated maps of the brain: smooth noise and spheres of voxels that code emotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter, shift

from affectome.data.recording import make_recording
from affectome.errors import InputError
from affectome.simulations.planted import Truth, plan_trials
from affectome.simulations.population import EMOTIONS

REGIONS = {"V1": 0.1, "V2": 0.2, "V4": 0.3, "inferotemporal": 0.4, "elsewhere": 0.0}


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


def simulate_correspondence(
    *,
    n_subjects: int = 18,
    n_stimuli: int = 112,
    n_units: int = 20,
    shape: tuple[int, int, int] = (20, 20, 18),
    regions: Mapping[str, float] = MappingProxyType(REGIONS),
    identity: float = 0.3,
    smoothness: float = 1.5,
    voxel_mm: float = 3.0,
    random_state: int | None = 0,
) -> tuple[xr.DataArray, pd.DataFrame]:
    """Simulate single-trial maps that follow the units of a network, in some regions more.

    Parameters
    ----------
    n_subjects, n_stimuli, n_units
        Sizes; everybody sees every stimulus once.
    shape, voxel_mm
        Grid, and the side of a voxel in millimetres.
    regions
        Name → standard deviation of what follows the units, in those of the noise; regions are
        slabs of equal thickness along the second axis.
    identity
        Standard deviation of a response to each stimulus that everybody shares and that has
        nothing to do with the units.
    smoothness
        Standard deviation in voxels of the Gaussian that smooths noise, responses and codes.
    random_state
        Seed.

    Returns
    -------
    recording : xarray.DataArray
        float32, dims (trial, unit), with ``subject`` and ``stimulus``; units are voxels with their
        ``region``.
    units : pandas.DataFrame
        A row a stimulus, a column a unit of the network.
    """
    rng = np.random.default_rng(random_state)
    names = [f"s{k:03d}" for k in range(n_stimuli)]
    units = pd.DataFrame(
        rng.standard_normal((n_stimuli, n_units)), names, [f"unit {k + 1}" for k in range(n_units)]
    )
    voxels = _voxels(shape, voxel_mm)
    slab = np.minimum(voxels["j"] * len(regions) // shape[1], len(regions) - 1)
    voxels["region"] = np.array(list(regions))[slab]
    strength = np.array(list(regions.values()))[slab] / np.sqrt(n_units)
    code = _smooth(rng, n_units, shape, smoothness) * strength
    shared = units.to_numpy() @ code + identity * _smooth(rng, n_stimuli, shape, smoothness)
    values = np.concatenate(
        [shared + _smooth(rng, n_stimuli, shape, smoothness) for _ in range(n_subjects)]
    )
    trials = pd.DataFrame(
        {
            "subject": np.repeat([f"sub-{s + 1:02d}" for s in range(n_subjects)], n_stimuli),
            "stimulus": names * n_subjects,
        }
    )
    return make_recording(values.astype(np.float32), trials, voxels), units


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
