"""Writing results back where the field looks: BIDS derivatives, NIfTI maps, NWB modules."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from affectome.data.images import load_image
from affectome.data.outputs import OutputError, write_json, write_text
from affectome.errors import InputError, require

BIDS_VERSION = "1.9.0"


def write_bids(
    root: str | Path,
    table: pd.DataFrame,
    columns: Mapping[str, str],
    *,
    suffix: str = "predictions",
    datatype: str = "eeg",
    task: str | None = None,
) -> list[Path]:
    """Write results of trials as a BIDS derivative, one table a subject.

    Parameters
    ----------
    root
        The BIDS folder; files go to ``derivatives/affectome``.
    table
        One row a trial, with ``subject``.
    columns
        What each column holds, for the JSON file beside the tables.
    suffix
        Last part of the file names, letters only.
    datatype
        Folder within each subject.
    task
        Task entity of the names.

    Returns
    -------
    list of Path
        The tables, such as ``sub-01/eeg/sub-01_task-film_desc-affectome_predictions.tsv``.

    Raises
    ------
    InputError
        If there is no ``subject``, or a described column is missing.
    """
    missing = [c for c in ("subject", *columns) if c not in table]
    if missing:
        raise InputError(f"the results have no column {missing[0]!r} to write")
    out = Path(root) / "derivatives" / "affectome"
    write_json(
        out / "dataset_description.json",
        {
            "Name": "Affectome estimates",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "affectome", "Version": version("affectome")}],
        },
    )
    middle = "_".join(part for part in (task and f"task-{task}", "desc-affectome", suffix) if part)
    write_json(out / f"{middle}.json", {c: {"Description": text} for c, text in columns.items()})
    written = []
    for subject, rows in table.groupby("subject", sort=True):
        label = str(subject).removeprefix("sub-")
        if not label.isalnum():
            raise InputError(f"BIDS wants letters and digits as a subject; got {subject!r}")
        folder = out / f"sub-{label}" / datatype
        text = rows.drop(columns="subject").to_csv(sep="\t", index=False, na_rep="n/a")
        written.append(write_text(folder / f"sub-{label}_{middle}.tsv", text))
    return written


def write_nifti(
    path: str | Path,
    values: ArrayLike,
    units: pd.DataFrame,
    like: str | Path | None = None,
    outside: float = 0.0,
) -> Path:
    """Write values of voxels as a NIfTI map.

    Parameters
    ----------
    path
        File that ends in ``.nii`` or ``.nii.gz``.
    values
        Shape (n_voxels,), or (n_maps, n_voxels) for a fourth axis.
    units
        One row a voxel: ``i, j, k``, and ``x, y, z`` in millimetres where ``like`` is not given.
    like
        Image whose grid is used.
    outside
        Value of the voxels that are not among the units.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If units are not voxels, or do not fit in the grid.
    """
    if not {"i", "j", "k"} <= set(units):
        raise InputError("a NIfTI map needs units with voxel indices i, j, k; these have none")
    data = np.asarray(values, dtype=np.float32)
    ijk = units[["i", "j", "k"]].to_numpy(dtype=int)
    if data.shape[-1] != len(ijk):
        raise InputError(f"{data.shape[-1]} values can't be written on {len(ijk)} voxels")
    shape, affine = _grid(units, ijk, like)
    if (ijk < 0).any() or (ijk >= shape).any():
        raise InputError(
            f"voxels up to {tuple(ijk.max(axis=0).tolist())} do not fit in the grid {shape}"
        )
    volume = np.full((*shape, *data.shape[:-1]), outside, dtype=np.float32)
    volume[tuple(ijk.T)] = data.T
    nibabel = require("nibabel", "fmri")
    return _atomic(Path(path), nibabel.Nifti1Image(volume, affine).to_filename)


def _grid(
    units: pd.DataFrame, ijk: np.ndarray, like: str | Path | None
) -> tuple[tuple[int, ...], np.ndarray]:
    if like is not None:
        image = load_image(like)
        return tuple(image.shape[:3]), image.affine
    if not {"x", "y", "z"} <= set(units):
        raise InputError("give like= an image with the grid, or units with x, y, z in millimetres")
    ones = np.column_stack([ijk, np.ones(len(ijk))])
    xyz = units[["x", "y", "z"]].to_numpy(dtype=float)
    rows, _, rank, _ = np.linalg.lstsq(ones, xyz, rcond=None)
    if rank < 4:
        raise InputError("voxels of a single plane do not tell the grid; give like= an image")
    affine = np.eye(4)
    affine[:3] = rows.T
    return tuple(int(n) + 1 for n in ijk.max(axis=0)), np.round(affine, 6)


def write_nwb(
    source: str | Path,
    path: str | Path,
    table: pd.DataFrame,
    columns: Mapping[str, str],
    *,
    name: str = "estimates",
) -> Path:
    """Copy an NWB file and add results to it as a table in the processing module ``affectome``.

    Parameters
    ----------
    source
        The NWB file, left as it is.
    path
        The new file.
    table
        One row a trial or a unit.
    columns
        Column → what it holds; these are written.
    name
        Name of the table.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If a column is missing, or the module already has a table of this name.
    """
    pynwb = require("pynwb", "neurons")
    common = require("hdmf.common", "neurons")
    missing = [c for c in columns if c not in table]
    if missing:
        raise InputError(f"the results have no column {missing[0]!r} to write")
    made = common.DynamicTable(
        name=name,
        description=f"Estimates by affectome {version('affectome')}",
        columns=[
            common.VectorData(name=c, description=text, data=table[c].tolist())
            for c, text in columns.items()
        ],
    )

    def write(target: str) -> None:
        shutil.copyfile(source, target)
        with pynwb.NWBHDF5IO(target, mode="a", load_namespaces=True) as file:
            nwb = file.read()
            module = nwb.processing.get("affectome") or nwb.create_processing_module(
                name="affectome", description="Estimates of emotion, not feelings"
            )
            if name in module.data_interfaces:
                raise InputError(f"{source} already has a table {name!r}; choose another name")
            module.add(made)
            file.write(nwb)

    return _atomic(Path(path), write)


def _atomic(path: Path, write: Any) -> Path:
    """Let ``write(name)`` make a file under a temporary name beside its own."""
    # The suffix stays last, because writers choose the format by it.
    temporary = path.with_name(f".part-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(str(temporary))
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path
