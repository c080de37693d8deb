"""What is audited, brought into one shape: trials, a target, features, files or texts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from affectome.audit.clean import read_labels, settle_columns
from affectome.audit.corpora import Corpora, read_corpora
from affectome.audit.names import name_parts, target_from_names
from affectome.audit.tables import Notes, read_folder, read_table
from affectome.data import Skipped, load_recording, trial_table, unit_table
from affectome.data.roles import Roles, find_roles, retells
from affectome.data.tables import check_table_memory
from affectome.errors import InputError, no_column


@dataclass
class Material:
    """What is audited.

    Attributes
    ----------
    kind
        ``"table"``, ``"recording"``, ``"media"`` or ``"text"``.
    trials
        Notes on the trials, a row a trial.
    target
        What is to be decoded.
    y
        Class numbers (int) or ratings (float), shape (n,).
    classes
        Names of the classes; empty for ratings.
    X
        Measured values, float32, shape (n, p); NaN where missing. No columns for media.
    names
        Names of the columns of ``X``.
    parts, part_roles
        What the names of the files hold, a column a part; what those of known corpora are.
    roles
        What the columns of ``trials`` are for.
    files, texts
        Media files (absolute), texts.
    from_names
        Whether the labels were read from the names of files or folders.
    features
        What the quick readers see, in words.
    skipped, warnings
        Rows that can't be used; what a reader of the result must know.
    """

    kind: str
    trials: pd.DataFrame
    target: str
    y: np.ndarray
    classes: tuple[str, ...]
    X: np.ndarray
    names: tuple[str, ...]
    parts: pd.DataFrame
    roles: Roles
    files: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    from_names: bool = False
    features: str = "the columns"
    part_roles: dict[str, str] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Number of trials."""
        return len(self.trials)

    def keep(self, rows: np.ndarray) -> None:
        """Keep the marked trials only; why the others go stands in ``skipped``."""
        self.trials = self.trials[rows].reset_index(drop=True)
        self.parts = self.parts[rows].reset_index(drop=True)
        self.y, self.X = self.y[rows], self.X[rows]
        if self.classes:
            left, self.y = np.unique(self.y, return_inverse=True)
            self.classes = tuple(self.classes[c] for c in left)
        if len(np.unique(self.y)) < 2:
            raise InputError(f"of the trials that can be read all have the same {self.target}")
        self.files = tuple(f for f, kept in zip(self.files, rows, strict=True) if kept)


def read_material(
    source: str | Path | pd.DataFrame | xr.DataArray,
    target: str,
    groups: Sequence[str] = (),
    *,
    file: str | None = None,
    target_from_name: str | None = None,
    names: Sequence[str] = (),
    corpora: str | Path | None = None,
) -> Material:
    """Read whatever can be audited; see `affectome.audit.audit` for the parameters."""
    known = read_corpora(corpora)
    if isinstance(source, xr.DataArray):
        return _from_recording(source, target, groups, known)
    if isinstance(source, pd.DataFrame):
        table = source.reset_index(drop=True)
        return _Draft(table, None, target, known).finish(groups, file, None)
    path = Path(source)
    if path.is_dir() and any((path / mark).exists() for mark in ("zarr.json", ".zgroup")):
        return _from_recording(load_recording(path), target, groups, known)
    notes = Notes()
    listing = path.is_dir() and not (path / "metadata.csv").is_file()
    if listing:
        table, root = read_folder(path, target, target_from_name, known, notes), path
    elif path.exists():
        where = path / "metadata.csv" if path.is_dir() else path
        table, root = read_table(where, target, names, notes), where.parent
    else:
        raise InputError(f"there is no file or folder {path}")
    draft = _Draft(table, root, target, known, notes.warnings, notes.skipped, listing)
    return draft.finish(groups, file, target_from_name)


def _from_recording(
    recording: xr.DataArray, target: str, groups: Sequence[str], corpora: Corpora
) -> Material:
    if recording.dims[:1] != ("trial",) or 0 in recording.shape:
        raise InputError(
            f"a Recording has the dims (trial, [time,] unit), none empty; got {recording.sizes}"
        )
    n_trials = recording.sizes["trial"]
    check_table_memory(n_trials, recording.size // n_trials, "the Recording")
    draft = _Draft(trial_table(recording), None, target, corpora)
    values = recording.to_numpy()
    values = values.mean(axis=1) if values.ndim == 3 else values
    if np.isinf(values).any():
        trial, unit = np.argwhere(np.isinf(values))[0]
        raise InputError(f"the Recording holds an infinite value at trial {trial}, unit {unit}")
    units = unit_table(recording).astype(str).agg(" ".join, axis=1)
    return draft.finish(groups, None, None, values.astype(np.float32), tuple(units))


@dataclass
class _Draft:
    """A table on its way to a `Material`: columns found, rows without a label or a file dropped."""

    table: pd.DataFrame
    root: Path | None
    target: str
    corpora: Corpora
    warnings: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    from_names: bool = False

    def finish(
        self,
        groups: Sequence[str],
        file: str | None,
        target_from_name: str | None,
        values: np.ndarray | None = None,
        names: tuple[str, ...] = (),
    ) -> Material:
        """Settle roles, target, files and features."""
        self.table, clocks = settle_columns(self.table, self.target)
        for name in (*groups, *([file] if file else [])):
            self._need(name)
        if self.target in groups:
            raise InputError(
                f"{self.target!r} is the target; it can't also say who, what or which group"
            )
        if file is not None:
            self.table["file"] = self.table[file]
        if target_from_name is not None:
            self._need("file")
            self.from_names = True
            self.table[self.target] = target_from_names(
                list(self.table["file"].astype(str)), target_from_name
            ).to_numpy()
        self._need(self.target)
        rows, y, classes = read_labels(self.table[self.target], self.warnings)
        missing = np.flatnonzero(~rows)
        self.skipped += [Skipped(f"row {row + 2}", f"no {self.target}") for row in missing]
        roles = find_roles(self.table, self.target, groups, clocks)
        listed = None if roles.file is None else self.table[roles.file].astype(str)
        files, rows = self._find_files(listed, rows)
        trials = self.table[rows].reset_index(drop=True)
        texts = () if roles.text is None else tuple(trials[roles.text].fillna("").astype(str))
        parts, part_roles = self._parts(trials, roles)
        if files and all(f.endswith(".txt") for f in files):
            texts, files = tuple(Path(f).read_text("utf-8", "replace") for f in files), ()
        kind = "media" if files else "text" if texts else "table"
        if values is not None:
            kind, X = "recording", values[rows]
        elif files:
            X = np.empty((len(trials), 0), dtype=np.float32)
        else:
            X, names = (
                trials[list(roles.numbers)].to_numpy(np.float32, na_value=np.nan),
                roles.numbers,
            )
        return Material(
            kind, trials, self.target, y[rows], classes, X, names, parts, roles, files, texts,
            self.from_names, part_roles=part_roles, skipped=self.skipped, warnings=self.warnings,
        )  # fmt: skip

    def _parts(self, trials: pd.DataFrame, roles: Roles) -> tuple[pd.DataFrame, dict[str, str]]:
        """Parts of file names and of identifiers, less the one that is the label itself."""
        parts = [pd.DataFrame(index=trials.index)]
        known: dict[str, str] = {}
        for name in (*([roles.file] if roles.file else []), *roles.identifiers):
            if trials[name].dtype == object and trials[name].notna().all():
                found, said = name_parts(list(trials[name].astype(str)), self.corpora)
                ahead = "" if name == roles.file else f"{name}: "
                parts.append(found.add_prefix(ahead))
                known |= {ahead + part: role for part, role in said.items()}
        table = pd.concat(parts, axis=1)
        if self.from_names:
            labels = trials[self.target].astype(str)
            most = 2 * labels.nunique() + 2
            table = table.drop(columns=[c for c in table if retells(table[c], labels, most)])
        return table, known

    def _need(self, name: str) -> None:
        if name not in self.table:
            raise no_column("the table has", name, self.table.columns)

    def _find_files(
        self, listed: pd.Series | None, rows: np.ndarray
    ) -> tuple[tuple[str, ...], np.ndarray]:
        if listed is None:
            return (), rows
        root = self.root or Path()
        paths = [root / name for name in listed]
        there = np.array([os.path.isfile(p) for p in paths])
        if not there.any():
            self.warnings.append(
                f"none of the files in the column {listed.name!r} is there (the first: {paths[0]});"
                " only the table is audited"
            )
            return (), rows
        for row in np.flatnonzero(~there & rows):
            self.skipped.append(Skipped(str(listed[row]), "there is no such file"))
        kept = rows & there
        return tuple(str(p) for p, keep in zip(paths, kept, strict=True) if keep), kept
