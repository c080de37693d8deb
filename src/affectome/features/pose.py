"""Pose tables of DeepLabCut and SLEAP (CSV or H5) as units: x, y and likelihood of each point."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from affectome.errors import InputError, require

COORDINATES = ("x", "y", "likelihood")


class Pose(NamedTuple):
    """``values`` (n_frames, n_units), and ``units`` with ``animal``, ``point`` and ``coordinate``.

    Points that were not found are NaN; a unit's likelihood lies beside it.
    """

    values: np.ndarray
    units: pd.DataFrame


def read_pose(path: str | Path) -> Pose:
    """Read a pose table.

    Parameters
    ----------
    path
        DeepLabCut's CSV or H5 (single animal or several), SLEAP's analysis CSV or H5.

    Returns
    -------
    Pose
        One row a frame of the film.

    Raises
    ------
    InputError
        If the file is missing, or neither of the two programs wrote it.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"there is no pose table {file}")
    if file.suffix.lower() == ".csv":
        return _read_csv(file)
    if file.suffix.lower() in {".h5", ".hdf5"}:
        return _read_h5(file)
    raise InputError(f"{file} has no known suffix; pose tables are .csv or .h5")


def drop_unlikely(pose: Pose, least: float) -> Pose:
    """Make points NaN where their likelihood is below ``least``.

    Parameters
    ----------
    pose
        From `read_pose`.
    least
        Smallest likelihood to keep, 0 to 1.
    """
    values = pose.values.copy()
    keys = pose.units["animal"] + "\n" + pose.units["point"]
    likelihood = pose.units["coordinate"] == "likelihood"
    for key in keys.unique():
        here = (keys == key).to_numpy()
        score = values[:, here & likelihood.to_numpy()]
        if score.shape[1] == 1:
            columns = np.flatnonzero(here & ~likelihood.to_numpy())
            values[np.ix_(np.flatnonzero(score[:, 0] < least), columns)] = np.nan
    return Pose(values, pose.units)


def _read_csv(file: Path) -> Pose:
    try:
        first = pd.read_csv(file, nrows=3, header=None, dtype=str)
        if str(first.iloc[0, 0]) == "scorer":
            several = str(first.iloc[1, 0]) == "individuals"
            table = pd.read_csv(file, header=list(range(4 if several else 3)), index_col=0)
            return _deeplabcut(table, file)
        table = pd.read_csv(file)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not a table: {str(error).splitlines()[0]}") from error
    if {"frame_idx", "instance.score"} <= set(table.columns):
        return _sleap_csv(table)
    raise InputError(
        f"{file} was written by neither DeepLabCut (its first cell is 'scorer') nor SLEAP (it has "
        f"frame_idx and instance.score); its columns are {', '.join(map(str, table.columns[:6]))}"
    )


def _deeplabcut(table: pd.DataFrame, file: Path) -> Pose:
    levels = table.columns
    if levels.nlevels not in (3, 4) or not set(levels.get_level_values(-1)) <= set(COORDINATES):
        raise InputError(
            f"{file} does not have DeepLabCut's columns (scorer, bodyparts, coords); it has "
            f"{list(levels[0])}"
        )
    several = levels.nlevels == 4
    animals = levels.get_level_values(1) if several else ["animal"] * len(levels)
    units = pd.DataFrame(
        {
            "animal": list(animals),
            "point": list(levels.get_level_values(-2)),
            "coordinate": list(levels.get_level_values(-1)),
        }
    )
    return Pose(table.to_numpy(dtype=float), units)


def _sleap_csv(table: pd.DataFrame) -> Pose:
    points = [c.removesuffix(".x") for c in table.columns if c.endswith(".x")]
    tracks = table["track"].fillna("animal").astype(str) if "track" in table else "animal"
    table = table.assign(track=tracks)
    n_frames = int(table["frame_idx"].max()) + 1
    names = sorted(table["track"].unique())
    values = np.full((n_frames, len(names) * len(points) * 3), np.nan)
    columns = [f"{p}.{c}" for p in points for c in ("x", "y", "score")]
    for number, name in enumerate(names):
        rows = table[table["track"] == name].drop_duplicates("frame_idx")
        place = slice(number * len(columns), (number + 1) * len(columns))
        values[rows["frame_idx"].to_numpy(), place] = rows[columns].to_numpy(dtype=float)
    return Pose(values, _units(names, points))


def _read_h5(file: Path) -> Pose:
    h5py = require("h5py", "video")
    try:
        with h5py.File(file, "r") as source:
            if "tracks" in source:
                return _sleap_h5(source)
            if "df_with_missing" in source:
                return _deeplabcut_h5(source["df_with_missing"], file)
            there = ", ".join(source) or "nothing"
    except OSError as error:
        raise InputError(f"{file} can't be read as H5: {str(error).splitlines()[0]}") from error
    raise InputError(
        f"{file} holds neither DeepLabCut's df_with_missing nor SLEAP's tracks; it holds {there}"
    )


def _sleap_h5(source: Any) -> Pose:
    tracks = np.asarray(source["tracks"], dtype=float)
    n_tracks, _, n_points, n_frames = tracks.shape
    scores = np.full((n_tracks, n_points, n_frames), np.nan)
    if "point_scores" in source:
        scores = np.asarray(source["point_scores"], dtype=float)
    values = np.stack([tracks[:, 0], tracks[:, 1], scores], axis=2)
    names = [_text(name) for name in source["track_names"]] if "track_names" in source else []
    points = [_text(name) for name in source["node_names"]]
    names = names if len(names) == n_tracks else [f"animal{i}" for i in range(n_tracks)]
    return Pose(values.reshape(-1, n_frames).T, _units(names, points))


def _deeplabcut_h5(group: Any, file: Path) -> Pose:
    """Read the two layouts in which pandas keeps a table with several header rows."""
    if "table" in group:
        return _deeplabcut_rows(group["table"], file)
    levels = [np.asarray(group[f"axis0_level{k}"]) for k in range(_count(group, "axis0_level"))]
    codes = [np.asarray(group[f"axis0_label{k}"]) for k in range(len(levels))]
    names = [[_text(level[c]) for c in code] for level, code in zip(levels, codes, strict=True)]
    blocks = range(_count(group, "block", "_values"))
    values = np.hstack([np.asarray(group[f"block{k}_values"], dtype=float) for k in blocks])
    return _deeplabcut(pd.DataFrame(values, columns=pd.MultiIndex.from_arrays(names)), file)


def _deeplabcut_rows(table: Any, file: Path) -> Pose:
    rows, names, blocks = table[:], [], []
    for field in rows.dtype.names:
        kind = table.attrs.get(f"{field}_kind")
        if field.startswith("values_block") and kind is not None:
            names += _PlainUnpickler(io.BytesIO(bytes(kind))).load()
            blocks.append(rows[field].astype(float))
    if not names:
        raise InputError(f"{file} has a table without columns of values")
    columns = pd.MultiIndex.from_tuples(names)
    return _deeplabcut(pd.DataFrame(np.hstack(blocks), columns=columns), file)


class _PlainUnpickler(pickle.Unpickler):
    """Admits lists, tuples, text and numbers: the file may come from anyone."""

    def find_class(self, module: str, name: str) -> Any:
        raise InputError(f"the pose table's header names {module}.{name}, which is not text")


def _count(group: Any, start: str, end: str = "") -> int:
    return sum(name.startswith(start) and name.endswith(end) for name in group)


def _units(animals: list[str], points: list[str]) -> pd.DataFrame:
    rows = [(a, p, c) for a in animals for p in points for c in COORDINATES]
    return pd.DataFrame(rows, columns=["animal", "point", "coordinate"])


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
