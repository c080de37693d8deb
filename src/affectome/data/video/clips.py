"""Clips: the rows of a table of events in films, each checked against its film."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectome.data.catalog import FILE_COLUMNS, Catalog, Skipped, table_of
from affectome.data.columns import map_columns, one_spelling
from affectome.data.tables import read_table
from affectome.data.video.film import Region, Video, check_region, parse_region, probe
from affectome.errors import InputError, no_column

NEEDED = ("file", "subject", "event", "onset")


@dataclass(frozen=True)
class Clip:
    """One event in one film.

    Attributes
    ----------
    file
        The film.
    onset
        Seconds from the start of the film to the event.
    region
        Part of the frame that is read; the whole frame without one.
    mask
        Rectangles of the frame that are blanked.
    """

    file: Path
    onset: float
    region: Region | None = None
    mask: tuple[Region, ...] = ()

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Blank the mask and cut the region out of a frame, shape (height, width)."""
        if self.mask:
            image = image.copy()
            for rectangle in self.mask:
                image[rectangle.window] = 0
        return image[self.region.window] if self.region else image


def read_clips(
    path: str | Path,
    before: float,
    after: float,
    columns: Mapping[str, str | None] | None = None,
) -> Catalog:
    """Read a table of clips, one row an event, and check each row against its film.

    Columns are ``file``, ``subject``, ``event`` and ``onset`` (s), and where they are known
    ``session``, ``intensity``, ``trial`` (its place in the session), ``region`` and ``mask``
    (``x,y,w,h``; several masks with ``;`` between), ``rate`` (frames/s, checked), and ``pose`` (the
    film's pose table). Files may also be called ``file_name`` and the like.

    Parameters
    ----------
    path
        Table, or folder with ``metadata.csv``; file names are relative to its folder.
    before, after
        Seconds around the onset that will be read; the film has to hold them.
    columns
        Name from above → column of the table that holds it, where it is called otherwise.

    Returns
    -------
    Catalog
        Rows that can be used; ``session`` is the film's name where the table has none.

    Raises
    ------
    InputError
        If the table can't be read, lacks a column, or no row is left.
    """
    source, table = clip_table(path, columns or {})
    films: dict[Path, Video | InputError] = {}
    seen: dict[Hashable, int] = {}
    table["event"], notes = one_spelling(table["event"].astype("string").astype(object))
    skipped: list[Skipped] = []
    good = []
    for row, record in enumerate(table.to_dict("records"), start=2):
        try:
            clip = _checked(record, source.parent, films, before, after)
            same = (clip.file, clip.onset, clip.region)
            if same in seen:
                raise InputError(f"the same clip as row {seen[same]}, which is kept")
            seen[same] = row
            given = {**record, "file": str(clip.file), "onset": clip.onset}
            if "intensity" in record:
                given["intensity"] = float(record["intensity"])
            if not _empty(record.get("pose")):
                given["pose"] = str(source.parent / str(record["pose"]))
            good.append(given)
        except InputError as error:
            skipped.append(Skipped(f"{source.name} row {row} ({record['file']})", str(error)))
    if not good:
        why = f"; the first: {skipped[0].why}" if skipped else ""
        raise InputError(f"{source} has no usable clip ({len(skipped)} skipped{why})")
    kept = pd.DataFrame(good)
    if "session" not in kept:
        kept["session"] = [Path(f).stem for f in kept["file"]]
    ratings = ("intensity",) if "intensity" in kept else ()
    return Catalog(kept, source, ratings, tuple(skipped), tuple(notes))


def clip_of(row: Mapping[Hashable, Any]) -> Clip:
    """Give the clip that a row of a Catalog of clips describes.

    Raises
    ------
    InputError
        If its onset, region or mask can't be read.
    """
    try:
        onset = float(row["onset"])
    except (TypeError, ValueError):
        raise InputError(f"the onset {row['onset']!r} is not a number of seconds") from None
    if not np.isfinite(onset) or onset < 0:
        raise InputError(f"the onset is {row['onset']}; give seconds from the start of the film")
    region, mask = row.get("region"), row.get("mask")
    return Clip(
        Path(str(row["file"])),
        onset,
        None if _empty(region) else parse_region(str(region)),
        () if _empty(mask) else tuple(parse_region(m) for m in str(mask).split(";")),
    )


def _empty(value: Any) -> bool:
    """Say whether a cell is empty; recordings keep empty cells among text as empty text."""
    return bool(pd.isna(value)) or value == ""


def clip_table(path: str | Path, columns: Mapping[str, str | None]) -> tuple[Path, pd.DataFrame]:
    """Read the table that was given, or that of the folder, with the columns that clips need."""
    source = Path(path)
    found = table_of(source)
    if found is None:
        raise InputError(f"{source} has no metadata.csv; give a table with a row a clip")
    names = {columns.get(name) or name for name in ("subject", "session")}
    table = map_columns(read_table(found, as_text=names), columns, found)
    named = next((c for c in FILE_COLUMNS if c in table), None)
    if named not in {None, "file"}:
        table["file"] = table[named]
    for column in NEEDED:
        if column not in table:
            raise no_column(f"{found} has", column, table, "that clips need")
    return found, table


def _checked(
    record: dict[Hashable, Any],
    root: Path,
    films: dict[Path, Video | InputError],
    before: float,
    after: float,
) -> Clip:
    for column in ("file", "subject", "event"):
        if pd.isna(record[column]):
            raise InputError(f"no {column} in this row")
    clip = clip_of({**record, "file": root / str(record["file"])})
    rate = record.get("rate")
    video = _probe_once(clip.file, films)
    if rate is not None and not pd.isna(rate):
        probe(clip.file, float(rate))
    for rectangle in (clip.region, *clip.mask):
        check_region(video, rectangle)
    _check_times(clip, video, before, after)
    if "intensity" in record and not np.isfinite(_number(record["intensity"])):
        raise InputError(f"the intensity {record['intensity']!r} is not a number")
    return clip


def _probe_once(file: Path, films: dict[Path, Video | InputError]) -> Video:
    if file not in films:
        try:
            films[file] = probe(file)
        except InputError as error:
            films[file] = error
    found = films[file]
    if isinstance(found, InputError):
        raise found
    return found


def _check_times(clip: Clip, video: Video, before: float, after: float) -> None:
    slack = 1 / video.rate
    if clip.onset >= video.duration:
        raise InputError(
            f"the event at {clip.onset:g} s is after the end of the film, which is "
            f"{video.duration:g} s long"
        )
    if clip.onset - before < -slack or clip.onset + after > video.duration + slack:
        raise InputError(
            f"the film is {video.duration:g} s long and does not hold {before:g} s before and "
            f"{after:g} s after the event at {clip.onset:g} s; read less around events"
        )


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
