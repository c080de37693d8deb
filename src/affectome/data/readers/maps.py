"""Brain maps, one a trial or a person: folders of images, or one image of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from affectome.data.catalog import Skipped, read_catalog, table_of
from affectome.data.images import check_maps_memory, load_image, squeezed, stack_images
from affectome.data.readers.events import (
    LABELS,
    Events,
    EventTable,
    label_trials,
    read_events,
    subject_of,
)
from affectome.data.readers.measurement import (
    IMAGES,
    Measurement,
    Options,
    refuse_unused,
    trials_recording,
    with_subject,
)
from affectome.data.readers.nifti import extract
from affectome.errors import InputError, require

SUFFIXES = (".nii", ".nii.gz", ".img", ".hdr")


def is_map(file: Path) -> bool:
    """Tell whether a file is one three-dimensional brain image."""
    return file.name.lower().endswith(SUFFIXES) and len(squeezed(load_image(file)).shape) == 3


def read_maps(
    source: Path, files: Sequence[Path], events: Events | None, options: Options
) -> Measurement:
    """Read one map a file, such as the contrast images of a group, as a Recording.

    Parameters
    ----------
    source
        The folder.
    files
        Its images; used when there is no table.
    events
        Table with a column of file names; ``metadata.csv`` of the folder when None. Without either
        every map is a subject of its own, named by ``sub-…`` or the file.
    options
        Target and columns; mask, atlas, spheres and resampling.
    """
    refuse_unused(options, IMAGES, f"{source}, a folder of maps,")
    trials, skipped, said = _map_table(source, files, events, options.target, options.columns)
    image = stack_images([Path(f) for f in trials["file"]])
    values, units, notes = extract(image, options, str(source))
    return Measurement(
        trials_recording(values, trials, units), source, tuple(skipped), tuple(notes), tuple(said)
    )


class Maps(NamedTuple):
    """Maps along the fourth axis of one image, a row of ``trials`` each, with ``subject``."""

    image: Any
    trials: pd.DataFrame
    skipped: list[Skipped]
    notes: list[str]


def load_maps(
    source: str | Path,
    events: str | Path | None = None,
    target: str | None = None,
    subject: str | None = None,
) -> Maps:
    """Load maps as one four-dimensional image with a table of what each volume is.

    Parameters
    ----------
    source
        A folder of maps, or one image with three or four dimensions.
    events
        One row a map: with a column of file names for a folder.
    target
        Column that becomes ``emotion``.
    subject
        Column that becomes ``subject``.

    Raises
    ------
    InputError
        If there are no maps, their grids differ, or the rows do not match them.
    """
    path = Path(source)
    table = None if events is None else Path(events)
    if not path.exists():
        raise InputError(f"there is no file or folder of maps {path}")
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.name.lower().endswith(SUFFIXES[:-1]))
        if not files and table is None:
            raise InputError(f"{path} holds no NIfTI or Analyze images")
        trials, skipped, said = _map_table(path, files, table, target, {"subject": subject})
        return Maps(stack_images([Path(f) for f in trials["file"]]), trials, skipped, said)
    image = load_image(path)
    check_maps_memory(image.shape, str(path))
    if len(image.shape) == 3:
        image = stack_images([path])
    n_maps = image.shape[3]
    if table is None:
        _nothing_to_name(path, target, subject)
        names = pd.DataFrame({"subject": [f"map-{i + 1:03d}" for i in range(n_maps)]})
        return Maps(image, names, [], [])
    rows = read_events(table, {"subject": subject})
    if len(rows) != n_maps:
        raise InputError(
            f"{table} has {len(rows)} rows, but {path} has {n_maps} maps; give one row a map"
        )
    if target is not None or any(column in rows for column in LABELS):
        rows, unlabelled, said = label_trials(rows, target, str(table))
        image = require("nilearn.image", "fmri").index_img(image, list(rows.index))
        return Maps(image, with_subject(rows.reset_index(drop=True), path), unlabelled, said)
    return Maps(image, with_subject(rows, path), [], [])


def _nothing_to_name(path: Path, target: str | None, subject: str | None) -> None:
    """Refuse names of columns where there is no table that could have them."""
    given = [f"--{n} {c}" for n, c in (("target", target), ("subject", subject)) if c is not None]
    if given:
        raise InputError(
            f"{path} has no table beside it for {' and '.join(given)}; give one with --events"
        )


def _map_table(
    source: Path,
    files: Sequence[Path],
    events: Events | None,
    target: str | None,
    columns: Mapping[str, str | None],
) -> tuple[pd.DataFrame, list[Skipped], list[str]]:
    table = events or table_of(source)
    if table is None:
        _nothing_to_name(source, target, columns.get("subject"))
        names = [subject_of(f.name, f.name.split(".")[0]) for f in files]
        return pd.DataFrame({"file": [str(f) for f in files], "subject": names}), [], []
    if isinstance(table, EventTable):
        raise InputError(
            f"{source} is a folder of maps; write the table of its files to {source}/metadata.csv"
        )
    catalog = read_catalog(
        table,
        target=target,
        subject=columns.get("subject"),
        stimulus=columns.get("stimulus"),
        session=columns.get("session"),
        run=columns.get("run"),
        group=columns.get("group"),
    )
    if "file" not in catalog.table:
        raise InputError(f"{table} has no column of file names such as file_name")
    trials, skipped, said = catalog.table, list(catalog.skipped), list(catalog.notes)
    if any(column in trials for column in LABELS):
        trials, unlabelled, more = label_trials(trials, None, str(table))
        trials, skipped = trials.reset_index(drop=True), [*skipped, *unlabelled]
        said += more
    if "subject" not in trials:
        trials["subject"] = [subject_of(f, Path(f).name.split(".")[0]) for f in trials["file"]]
    return trials, skipped, said
