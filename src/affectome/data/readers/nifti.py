"""Brain images: time series and maps, NIfTI or Analyze, through nilearn's maskers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectome.data.catalog import Skipped
from affectome.data.foreign import readable
from affectome.data.images import check_same_grid, load_image, squeezed
from affectome.data.memory import check_memory
from affectome.data.readers.confounds import without_confounds
from affectome.data.readers.events import LABELS, Events, label_trials, read_events
from affectome.data.readers.measurement import (
    CUT,
    IMAGES,
    Measurement,
    Options,
    cut_measurement,
    refuse_unused,
    trials_recording,
    with_subject,
)
from affectome.errors import InputError, require, unknown

READ_FACTOR = 3  # the image, its masked copy and what is cut from it
RESAMPLING = ("none", "data", "labels")


def read_nifti(path: Path, events: Events | None, options: Options) -> Measurement:
    """Read a four-dimensional image: a time series, or one map a trial.

    Parameters
    ----------
    path
        Image with volumes along its fourth axis.
    events
        With ``onset``: events in a time series, whose repetition time is taken from the header.
        Without: one row a volume.
    options
        Target, window and baseline; mask, atlas, spheres and resampling.

    Raises
    ------
    InputError
        If the image has no fourth axis, there are no events, the rows do not match the volumes, or
        the grids of image and mask differ.
    """
    return measure_image(load_image(path), path, events, options)


def measure_image(image: Any, path: Path, events: Events | None, options: Options) -> Measurement:
    """Take the trials of an image that is open; parameters as in :func:`read_nifti`."""
    if len(image.shape) != 4 or image.shape[3] < 2:
        raise InputError(
            f"{path} has the shape {image.shape}; give a four-dimensional image, or a folder of "
            "maps with metadata.csv"
        )
    if events is None:
        raise InputError(
            f"{path} has no events beside it; give events= with onset, duration and trial_type, or "
            "with one row a volume"
        )
    table = read_events(events, options.columns)
    timed = (*CUT, *IMAGES, "confounds") if "onset" in table else (*IMAGES, "confounds")
    kind = "a time series" if "onset" in table else "one volume a row"
    refuse_unused(options, timed, f"{path}, {kind},")
    values, units, notes = extract(image, options, str(path))
    if options.confounds is not None:
        values, used = without_confounds(values, options.confounds, path)
        notes.append(used)
    if "onset" in table:
        times = np.arange(len(values)) * _repetition_time(image, path)
        part = cut_measurement(values, times, units, table, options, path, str(events))
        return replace(part, notes=(*notes, *part.notes))
    if len(table) != len(values):
        raise InputError(
            f"{events} has no column 'onset' and {len(table)} rows, but {path} has {len(values)} "
            "volumes; give one row a volume, or onsets in seconds"
        )
    trials, skipped = table, list[Skipped]()
    said: list[str] = []
    if options.target is not None or any(column in table for column in LABELS):
        trials, skipped, said = label_trials(table, options.target, str(events))
    kept = values[np.asarray(trials.index)]
    trials = with_subject(trials.reset_index(drop=True), path)
    return Measurement(
        trials_recording(kept, trials, units), path, tuple(skipped), tuple(notes), tuple(said)
    )


def extract(image: Any, options: Options, name: str) -> tuple[np.ndarray, pd.DataFrame, list[str]]:
    """Take the voxels, regions or spheres of a four-dimensional image.

    Parameters
    ----------
    image
        Four-dimensional image.
    options
        Mask, atlas or spheres, and what to do when their grid differs; without any of them the
        voxels that are finite and change from volume to volume.
    name
        Name for messages.

    Returns
    -------
    values : numpy.ndarray
        float32, shape (n_volumes, n_units).
    units : pandas.DataFrame
        ``voxel`` with ``i, j, k`` and ``x, y, z`` in millimetres; or ``region``.
    notes : list of str
        How the voxels were chosen and resampled.
    """
    check_memory(
        READ_FACTOR * 4 * float(np.prod(image.shape, dtype=float)),
        f"reading {name}, shape {'×'.join(map(str, image.shape))},",
        "cut it into runs, take a coarser grid, or a larger machine",
    )
    if options.resampling not in RESAMPLING:
        raise unknown("resampling", options.resampling, RESAMPLING)
    if options.resampling != "none" and options.mask is None and options.atlas is None:
        raise InputError("resampling needs a mask or an atlas, whose grid may differ; give one")
    if sum([options.mask is not None, options.atlas is not None, bool(options.spheres)]) > 1:
        raise InputError("give one of mask, atlas and spheres")
    if options.spheres:
        return _spheres(image, options)
    notes: list[str] = []
    if options.atlas is not None:
        image, atlas = _one_grid(image, options.atlas, options.resampling, name, notes)
        return _regions(image, atlas, notes)
    if options.mask is not None:
        image, mask = _one_grid(image, options.mask, options.resampling, name, notes)
        inside = np.asarray(mask.dataobj) > 0
        notes.append(f"voxels of the mask {options.mask.name}")
    else:
        inside = np.ones(image.shape[:3], dtype=bool)
        notes.append("every voxel that is finite and changes from volume to volume")
    return _voxel_values(image, inside, name, notes)


def _one_grid(
    image: Any, other: Path, resampling: str, name: str, notes: list[str]
) -> tuple[Any, Any]:
    labels = squeezed(load_image(other))
    if resampling == "none":
        check_same_grid(
            image,
            labels,
            name,
            str(other),
            "give resampling='data' to bring the maps to it, or 'labels' for the other way",
        )
        return image, labels
    resample = require("nilearn.image", "fmri").resample_to_img
    if resampling == "data":
        notes.append(f"the maps are resampled to the grid of {other.name} (continuous)")
        return resample(image, labels, interpolation="continuous"), labels
    notes.append(f"{other.name} is resampled to the grid of the maps (nearest)")
    return image, resample(labels, image, interpolation="nearest")


def _voxel_values(
    image: Any, inside: np.ndarray, name: str, notes: list[str]
) -> tuple[np.ndarray, pd.DataFrame, list[str]]:
    with readable(Path(name), "nibabel"):
        values = np.asarray(image.dataobj, dtype=np.float32)[inside].T
    usable = np.isfinite(values).all(axis=0) & (np.ptp(values, axis=0) > 0)
    if not usable.any():
        raise InputError(
            f"{name}: none of {usable.size} voxels is finite and changes from volume to volume"
        )
    if not usable.all():
        notes.append(f"{(~usable).sum():,} of {usable.size:,} voxels are flat or missing; left out")
    ijk = np.argwhere(inside)[usable]
    xyz = ijk @ image.affine[:3, :3].T + image.affine[:3, 3]
    units = pd.DataFrame({"voxel": np.ravel_multi_index(tuple(ijk.T), inside.shape)})
    units[["i", "j", "k"]], units[["x", "y", "z"]] = ijk, xyz
    return values[:, usable], units, notes


def _regions(
    image: Any, atlas: Any, notes: list[str]
) -> tuple[np.ndarray, pd.DataFrame, list[str]]:
    maskers = require("nilearn.maskers", "fmri")
    masker = maskers.NiftiLabelsMasker(atlas, resampling_target=None, standardize=None)
    values = np.asarray(masker.fit_transform(image), dtype=np.float32)
    labels = [f"{masker.region_ids_[i]:g}" for i in range(values.shape[1])]
    notes.append("voxels are averaged over the regions of the atlas")
    return values, pd.DataFrame({"region": labels}), notes


def _spheres(image: Any, options: Options) -> tuple[np.ndarray, pd.DataFrame, list[str]]:
    maskers = require("nilearn.maskers", "fmri")
    masker = maskers.NiftiSpheresMasker(
        list(options.spheres), radius=options.radius, allow_overlap=True, standardize=None
    )
    try:
        values = np.asarray(masker.fit_transform(image), dtype=np.float32)
    except ValueError as error:
        raise InputError(
            f"a sphere holds no voxel of the image: {' '.join(str(error).split())}"
        ) from error
    centres = np.array(options.spheres)
    names = [f"sphere {x:g},{y:g},{z:g}" for x, y, z in centres]
    units = pd.DataFrame({"region": names})
    units[["x", "y", "z"]] = centres
    return values, units, [f"voxels are averaged over spheres of {options.radius:g} mm"]


def _repetition_time(image: Any, path: Path) -> float:
    header = image.header
    seconds = float(header.get_zooms()[3])
    unit = header.get_xyzt_units()[1] if hasattr(header, "get_xyzt_units") else "sec"
    seconds /= {"msec": 1e3, "usec": 1e6}.get(unit, 1.0)
    if not 0 < seconds < 60:
        raise InputError(
            f"{path} says its repetition time is {seconds:g} s; write the right one in its header"
        )
    return seconds
