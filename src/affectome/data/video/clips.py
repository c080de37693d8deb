"""Clips: the rows of a table of events in films, each checked against its film."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectome.data.catalog import Catalog, Skipped
from affectome.data.video.film import Region, Video, check_region, parse_region, probe
from affectome.errors import InputError

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


def read_clips(path: str | Path, before: float, after: float) -> Catalog:
    """Read a table of clips, one row an event, and check each row against its film.

    Columns are ``file``, ``subject``, ``event`` and ``onset`` (s), and where they are known
    ``session``, ``intensity``, ``trial`` (its place in the session), ``region`` and ``mask``
    (``x,y,w,h``; several masks with ``;`` between), ``rate`` (frames/s, checked), and ``pose`` (the
    film's pose table).

    Parameters
    ----------
    path
        CSV, or TSV by its suffix; file names are relative to its folder.
    before, after
        Seconds around the onset that will be read; the film has to hold them.

    Returns
    -------
    Catalog
        Rows that can be used; ``session`` is the film's name where the table has none.

    Raises
    ------
    InputError
        If the table can't be read, lacks a column, or no row is left.
    """
    source = Path(path)
    table = _read(source)
    films: dict[Path, Video | InputError] = {}
    seen: dict[Hashable, int] = {}
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
    return Catalog(kept, source, ratings, tuple(skipped))


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


def _read(source: Path) -> pd.DataFrame:
    if not source.is_file():
        raise InputError(f"there is no table {source}")
    separator = "\t" if source.suffix.lower() == ".tsv" else ","
    try:
        table = pd.read_csv(source, sep=separator, dtype={"subject": str, "session": str})
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{source} is not a table: {str(error).splitlines()[0]}") from error
    missing = [c for c in NEEDED if c not in table]
    if missing:
        raise InputError(
            f"{source} has no column {missing[0]!r}; clips need {', '.join(NEEDED)}, and the table "
            f"has {', '.join(table.columns)}"
        )
    return table


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
