"""Catalog: what was recorded, a row a trial, read from what the field already writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from affectome.data.columns import map_columns, one_spelling
from affectome.data.shown import Shown, new_axes, plot_counts
from affectome.data.tables import TABLES, read_table
from affectome.data.tars import TAR, is_file, read_samples, tars_in
from affectome.errors import InputError, no_column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEDIA = frozenset(
    (
        *(".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"),
        *(".wav", ".flac", ".ogg", ".mp3", ".mp4", ".avi", ".mov", ".mkv", ".webm"),
        *(".txt", ".npy"),
    )
)
VALENCE_CLASSES = ("unpleasant", "neutral", "pleasant")
FILE_COLUMNS = ("file", "file_name", "filename", "path", "image", "stim_file")


@dataclass(frozen=True)
class Skipped:
    """One input that could not be used, and why."""

    file: str
    why: str


@dataclass(frozen=True, repr=False)
class Catalog(Shown):
    """What was recorded.

    Attributes
    ----------
    table
        A row a trial. ``file`` holds absolute paths where the trials are media; further columns are
        ``emotion`` (a label), ratings such as ``valence``, and ``subject``, ``stimulus``,
        ``session``, ``group`` where they are known, besides every column the source has.
    source
        The folder or file that it was read from.
    ratings
        Names of the columns that hold ratings.
    skipped
        Rows that could not be used.
    notes
        One line for each choice that was made while reading, such as the cut of valence in classes.
    """

    table: pd.DataFrame
    source: Path
    ratings: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.table)

    @property
    def _title(self) -> str:
        return f"Catalog of {len(self):,} trials from {self.source}"

    @property
    def _lines(self) -> list[str]:
        lines = [f"columns: {', '.join(map(str, self.table.columns))}"]
        if "emotion" in self.table:
            counts = self.table["emotion"].value_counts()
            named = [f"{name} {n}" for name, n in counts.head(8).items()]
            more = [f"and {len(counts) - 8} more"] if len(counts) > 8 else []
            lines.append(f"emotion: {', '.join([*named, *more])}")
        if self.skipped:
            first = self.skipped[0]
            lines.append(f"{len(self.skipped)} skipped, the first {first.file}: {first.why}")
        return [*lines, *self.notes]

    def to_frame(self) -> pd.DataFrame:
        """Give the table, a row a trial."""
        return self.table.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many trials each class has, or how ratings are spread."""
        if "emotion" in self.table:
            return plot_counts(ax, self.table["emotion"].value_counts(), "trials")
        axes = new_axes(ax)
        for name in self.ratings:
            axes.hist(self.table[name].dropna(), bins=20, histtype="step", label=name)
        axes.set_xlabel(", ".join(self.ratings) or "nothing is said of these trials")
        axes.set_ylabel("trials")
        return axes

    def keep(self, rows: np.ndarray, skipped: Sequence[Skipped] = ()) -> Catalog:
        """Give a Catalog of the chosen rows, with more rows listed as skipped."""
        return replace(
            self,
            table=self.table.loc[rows].reset_index(drop=True),
            skipped=(*self.skipped, *skipped),
        )


def read_catalog(
    path: str | Path,
    *,
    file: str | None = None,
    target: str | None = None,
    ratings: Mapping[str, str] | None = None,
    subject: str | None = None,
    stimulus: str | None = None,
    session: str | None = None,
    run: str | None = None,
    group: str | None = None,
    cut: tuple[float, float] | None = None,
) -> Catalog:
    """Read a catalog: a folder with ``metadata.csv``, of class folders or tar files, or a table.

    Parameters
    ----------
    path
        Folder, or table as :func:`affectome.data.tables.read_table` reads it. Tar files have the
        layout of webdataset: ``a.jpg``, its label in ``a.cls`` or ``a.txt``, columns in ``a.json``.
    file
        Column that holds the file names; found by its usual names when not given.
    target
        Column that holds the label; becomes ``emotion``. Labels that differ by blanks or capitals
        only are one class.
    ratings
        Name of a rating → the column that holds it, such as ``{"valence": "V.Mean.Sum"}``.
        When not given, columns called valence, arousal, dominance and intensity are taken.
    subject, stimulus, session, run, group
        Columns that become ``subject``, ``stimulus``, ``session``, ``run`` and ``group``.
    cut
        Bounds ``(low, high)`` in units of the valence scale: below ``low`` is unpleasant, from
        ``high`` on pleasant, between them neutral. Used only when there is no label.

    Returns
    -------
    Catalog

    Raises
    ------
    InputError
        If the path can't be read, a named column is missing, a rating is not numeric, or no row is
        left.
    """
    source = Path(path)
    skipped: list[Skipped] = []
    table, root, notes = _read_source(source, skipped)
    named = {"subject": subject, "stimulus": stimulus, "session": session, "run": run}
    table = map_columns(table, named | {"group": group, "emotion": target}, source)
    chosen = _rating_columns(table, ratings)
    for name, column in chosen.items():
        table[name] = _numeric(_column(table, column, source), column, source)
    file_column = _file_column(table, file, source)
    if file_column is not None:
        table, missing = _resolve_files(table, file_column, root)
        skipped += missing
    if cut is not None and "emotion" not in table:
        table["emotion"] = cut_valence(table, cut, source)
        notes.append(
            f"classes are cut from valence: unpleasant below {cut[0]:g}, pleasant from {cut[1]:g}"
        )
    if "emotion" in table:
        words = table["emotion"].astype("string").astype(object)
        table["emotion"], ways = one_spelling(words)
        notes += ways
        unlabelled = table["emotion"].isna().to_numpy()
        listed = table.get("file", pd.Series(table.index, table.index))[unlabelled]
        skipped += [Skipped(str(name), "no label in this row") for name in listed]
        table = table[~unlabelled]
    if table.empty:
        why = f"; the first: {skipped[0].file}: {skipped[0].why}" if skipped else ""
        raise InputError(f"{source} has no usable row ({len(skipped)} skipped{why})")
    return Catalog(
        table.reset_index(drop=True), source, tuple(chosen), tuple(skipped), tuple(notes)
    )


def _read_source(source: Path, skipped: list[Skipped]) -> tuple[pd.DataFrame, Path, list[str]]:
    table = table_of(source)
    try:
        if table is None and tars_in(source):
            return _read_tars(source), source, []
        if table is not None and table.suffix.lower() == TAR:
            return _read_tars(table), table.parent, []
        if table is None:
            return _read_class_folders(source)
        ragged: dict[str, str] = {}
        read = read_table(table, ragged)
        skipped += [Skipped(row, why) for row, why in ragged.items()]
        return read, table.parent, []
    except PermissionError as error:
        raise InputError(f"{error.filename or source} can't be read: permission denied") from error


def table_of(source: Path) -> Path | None:
    """Find the table of what was given: itself, or ``metadata.csv`` in a folder; None without.

    Raises
    ------
    InputError
        If there is no such file or folder, or the folder has two such tables.
    """
    if source.is_file():
        return source
    if not source.is_dir():
        raise InputError(f"there is no file or folder {source}")
    found = [source / f"metadata{ending}" for ending in TABLES]
    found = [file for file in found if file.is_file()]
    if len(found) > 1:
        raise InputError(
            f"{source} has {' and '.join(f.name for f in found)}; keep the one that counts"
        )
    return found[0] if found else None


def _read_tars(source: Path) -> pd.DataFrame:
    samples = read_samples(source, MEDIA)
    if samples.empty:
        raise InputError(f"{source} holds no sample of which a part is a picture, film or sound")
    return samples


def _read_class_folders(source: Path) -> tuple[pd.DataFrame, Path, list[str]]:
    rows = [
        {"file": str(p.relative_to(source)), "emotion": p.parent.relative_to(source).parts[0]}
        for p in sorted(source.rglob("*"))
        if p.suffix.lower() in MEDIA and p.parent != source and p.is_file()
    ]
    if not rows:
        raise InputError(
            f"{source} has neither metadata.csv nor folders of files named by their class; "
            "give a table, or sort the files into one folder a class"
        )
    return pd.DataFrame(rows), source, ["labels are the names of the folders"]


def _column(table: pd.DataFrame, column: str, source: Path) -> pd.Series:
    if column not in table:
        raise no_column(f"{source} has", column, table.columns)
    return table[column]


def _rating_columns(table: pd.DataFrame, ratings: Mapping[str, str] | None) -> dict[str, str]:
    if ratings is not None:
        return dict(ratings)
    usual = ("valence", "arousal", "dominance", "intensity")
    return {
        name: name for name in usual if name in table and pd.api.types.is_numeric_dtype(table[name])
    }


def _numeric(column: pd.Series, name: str, source: Path) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    bad = numbers.isna() & column.notna()
    if bad.any():
        row = int(np.flatnonzero(bad.to_numpy())[0])
        raise InputError(
            f"{source}: the rating column {name!r} holds {column.iloc[row]!r} in row {row + 2}, "
            "which is not a number"
        )
    if not np.isfinite(numbers.dropna().to_numpy(dtype=float)).all():
        raise InputError(f"{source}: the rating column {name!r} holds an infinite value")
    return numbers


def _file_column(table: pd.DataFrame, file: str | None, source: Path) -> str | None:
    if file is not None:
        _column(table, file, source)
        return file
    return next((c for c in FILE_COLUMNS if c in table), None)


def _resolve_files(
    table: pd.DataFrame, column: str, root: Path
) -> tuple[pd.DataFrame, list[Skipped]]:
    skipped: list[Skipped] = []
    seen: dict[str, int] = {}
    keep, paths = [], []
    for row, name in enumerate(table[column]):
        path = root / str(name)
        why = None
        if pd.isna(name):
            why = "no file name in this row"
        elif str(path) in seen:
            why = f"listed twice: rows {seen[str(path)] + 2} and {row + 2}; the first is kept"
        elif not _is_file(path):
            why = "there is no such file"
        if why is None:
            seen[str(path)] = row
            paths.append(str(path))
        else:
            skipped.append(Skipped(str(name), why))
        keep.append(why is None)
    kept = table[keep].copy()
    kept["file"] = paths
    return kept, skipped


def _is_file(path: Path) -> bool:
    try:
        return is_file(path)
    except OSError:  # a name longer than the file system allows
        return False


def cut_valence(table: pd.DataFrame, cut: tuple[float, float], source: str | Path) -> pd.Series:
    """Cut ratings of valence into unpleasant, neutral and pleasant.

    Raises
    ------
    InputError
        If there is no valence, or the bounds are not in order.
    """
    low, high = cut
    if not low < high:
        raise InputError(f"the bounds of a cut rise; got {low:g},{high:g}")
    if "valence" not in table:
        raise InputError(
            f"{source} has neither labels nor a rating of valence to cut classes from; "
            "name one with --target COL or --rating valence=COL"
        )
    valence = table["valence"].to_numpy(dtype=float)
    classes = np.array(VALENCE_CLASSES, dtype=object)[np.digitize(valence, [low, high])]
    classes[~np.isfinite(valence)] = None
    return pd.Series(classes, index=table.index, dtype=object)
