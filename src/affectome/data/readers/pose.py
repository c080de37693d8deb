"""Pose tables of DeepLabCut and SLEAP (CSV or H5) as units, and how fast their points move."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from affectome.data.catalog import Skipped
from affectome.data.delimited import style_of
from affectome.data.foreign import readable
from affectome.data.memory import check_memory
from affectome.data.tables import read_csv, table_errors
from affectome.data.video import frame_times
from affectome.errors import InputError, no_column, require

LIKELY = 0.6
MOST_FRAMES = 10**8
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


def pose_speed(pose: Pose, times: np.ndarray, least: float = LIKELY) -> np.ndarray:
    """Give the mean speed of the points that were found.

    Parameters
    ----------
    pose
        From `read_pose`.
    times
        Seconds of its frames, rising, shape (n_frames,).
    least
        Smallest likelihood of a point that counts.

    Returns
    -------
    ndarray
        Shape (n_frames,), in pixels per second; the first frame takes the value of the second, and
        frames in which no point can be followed lie on the line between their neighbours.

    Raises
    ------
    InputError
        If the table has another number of frames, or no point can be followed.
    """
    if len(times) != len(pose.values) or len(times) < 2:
        raise InputError(
            f"the pose table has {len(pose.values)} frames and the film {len(times)}; give the "
            "table of this film, two frames or more"
        )
    kept = drop_unlikely(pose, least)
    place = [kept.values[:, (pose.units["coordinate"] == c).to_numpy()] for c in ("x", "y")]
    moved = np.hypot(*(np.diff(along, axis=0) for along in place))
    followed = np.isfinite(moved)
    n_points = followed.sum(axis=1)
    if not n_points.any():
        raise InputError(f"no point is found in two frames running with a likelihood of {least:g}")
    speed = np.where(followed, moved, 0).sum(axis=1) / np.maximum(n_points, 1) / np.diff(times)
    known = np.flatnonzero(n_points)
    filled = np.interp(np.arange(len(speed)), known, speed[known])
    return np.concatenate([filled[:1], filled])


def film_speed(table: str | Path, film: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read how fast the points of a film's pose table move.

    Returns
    -------
    tuple of ndarray
        Seconds and `pose_speed` of the film's frames, each of shape (n_frames,).

    Raises
    ------
    InputError
        If either can't be read, or they don't belong together.
    """
    times, pose = frame_times(film), read_pose(table)
    try:
        return times, pose_speed(pose, times)
    except InputError as error:
        raise InputError(f"{table}: {error}") from None


def clip_speeds(catalog: pd.DataFrame, time: np.ndarray) -> tuple[np.ndarray, list[Skipped]]:
    """Read the pose speed around every event.

    Parameters
    ----------
    catalog
        Clips, with the column ``pose`` (the table of each film; may be empty).
    time
        Seconds relative to the event, shape (n_times,).

    Returns
    -------
    speeds : ndarray
        Shape (n_trials, n_times), pixels per second; NaN where a clip has no usable table.
    skipped : list
        Tables that could not be used.
    """
    speeds = np.full((len(catalog), len(time)), np.nan)
    skipped = []
    pairs: dict[Any, Any] = catalog.groupby(["pose", "file"], sort=False).indices
    for (table, film), places in pairs.items():
        if table == "":
            continue
        try:
            seconds, speed = film_speed(table, film)
        except InputError as error:
            skipped.append(Skipped(Path(table).name, str(error)))
            continue
        onsets = catalog["onset"].to_numpy(dtype=float)[places]
        speeds[places] = np.interp(np.add.outer(onsets, time), seconds, speed)
    return speeds, skipped


def _read_csv(file: Path) -> Pose:
    with readable(file, "pandas"), table_errors(file):
        style = style_of(file)
        first = read_csv(file, style, nrows=3, header=None, dtype=str)
        if str(first.iloc[0, 0]) == "scorer":
            if len(first) < 3:
                raise InputError(f"{file} has {len(first)} lines of names; DeepLabCut writes three")
            several = str(first.iloc[1, 0]) == "individuals"
            levels = list(range(4 if several else 3))
            table = read_csv(file, style, header=levels, index_col=0)
            return _deeplabcut(table, file)
        table = read_csv(file, style)
    if {"frame_idx", "instance.score"} <= set(table.columns):
        return _sleap_csv(table, file)
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


def _sleap_csv(table: pd.DataFrame, file: Path) -> Pose:
    points = [c.removesuffix(".x") for c in table.columns if c.endswith(".x")]
    columns = [f"{p}.{c}" for p in points for c in ("x", "y", "score")]
    for column in ("frame_idx", *columns):
        if column not in table:
            raise no_column(f"{file} has", column, table)
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise InputError(f"{file}: the column {column!r} holds what is not a number")
    frames = table["frame_idx"]
    if not frames.between(0, MOST_FRAMES).all() or (frames % 1).any():
        raise InputError(
            f"{file}: frame_idx counts the frames of a film from 0; it holds "
            f"{frames.min():g} to {frames.max():g}, or cells that are empty"
        )
    table["frame_idx"] = frames.astype(int)
    tracks = table["track"].fillna("animal").astype(str) if "track" in table else "animal"
    table = table.assign(track=tracks)
    n_frames = int(table["frame_idx"].max()) + 1
    names = sorted(table["track"].unique())
    check_memory(
        8.0 * n_frames * len(names) * len(columns),
        f"reading {file}, {n_frames} frames of {len(names)} tracks,",
        "mend its frame_idx, or leave out tracks",
    )
    values = np.full((n_frames, len(names) * len(points) * 3), np.nan)
    for number, name in enumerate(names):
        rows = table[table["track"] == name].drop_duplicates("frame_idx")
        place = slice(number * len(columns), (number + 1) * len(columns))
        values[rows["frame_idx"].to_numpy(), place] = rows[columns].to_numpy(dtype=float)
    return Pose(values, _units(names, points))


def _read_h5(file: Path) -> Pose:
    h5py = require("h5py", "video")
    with readable(file, "h5py"), h5py.File(file, "r") as source:
        if "tracks" in source:
            return _sleap_h5(source)
        if "df_with_missing" in source:
            return _deeplabcut_h5(source["df_with_missing"], file)
        there = ", ".join(source) or "nothing"
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
