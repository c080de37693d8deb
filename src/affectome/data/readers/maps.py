"""Brain maps, one a trial or a person: folders of images, or one image of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from affectome.data.catalog import Skipped, read_catalog
from affectome.data.images import check_maps_memory, load_image, squeezed, stack_images
from affectome.data.readers.events import (
    LABELS,
    Events,
    EventTable,
    label_trials,
    read_events,
    subject_of,
)
from affectome.data.readers.measurement import Measurement, Options, trials_recording, with_subject
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
        Label; mask, atlas, spheres and resampling.
    """
    trials, skipped = _map_table(source, files, events, options.label)
    image = stack_images([Path(f) for f in trials["file"]])
    values, units, notes = extract(image, options, str(source))
    return Measurement(
        trials_recording(values, trials, units), source, tuple(skipped), tuple(notes)
    )


def load_maps(
    source: str | Path, events: str | Path | None = None, label: str | None = None
) -> tuple[Any, pd.DataFrame, list[Skipped]]:
    """Load maps as one four-dimensional image with a table of what each volume is.

    Parameters
    ----------
    source
        A folder of maps, or one image with three or four dimensions.
    events
        One row a map: with a column of file names for a folder.
    label
        Column that becomes ``emotion``.

    Returns
    -------
    image : nibabel image
        Maps along the fourth axis.
    trials : pandas.DataFrame
        One row a map, with ``subject``.
    skipped : list of Skipped

    Raises
    ------
    InputError
        If there are no maps, their grids differ, or the rows do not match them.
    """
    path = Path(source)
    table = None if events is None else Path(events)
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.name.lower().endswith(SUFFIXES[:-1]))
        if not files and table is None:
            raise InputError(f"{path} holds no NIfTI or Analyze images")
        trials, skipped = _map_table(path, files, table, label)
        return stack_images([Path(f) for f in trials["file"]]), trials, skipped
    image = load_image(path)
    check_maps_memory(image.shape, str(path))
    if len(image.shape) == 3:
        image = stack_images([path])
    n_maps = image.shape[3]
    if table is None:
        return image, pd.DataFrame({"subject": [f"map-{i + 1:03d}" for i in range(n_maps)]}), []
    rows = read_events(table)
    if len(rows) != n_maps:
        raise InputError(
            f"{table} has {len(rows)} rows, but {path} has {n_maps} maps; give one row a map"
        )
    if any(column in rows for column in (label, *LABELS)):
        rows, unlabelled = label_trials(rows, label, str(table))
        image = require("nilearn.image", "fmri").index_img(image, list(rows.index))
        return image, with_subject(rows.reset_index(drop=True), path), unlabelled
    return image, with_subject(rows, path), []


def _map_table(
    source: Path, files: Sequence[Path], events: Events | None, label: str | None
) -> tuple[pd.DataFrame, list[Skipped]]:
    table = events or next((t for t in [source / "metadata.csv"] if t.is_file()), None)
    if table is None:
        names = [subject_of(f.name, f.name.split(".")[0]) for f in files]
        return pd.DataFrame({"file": [str(f) for f in files], "subject": names}), []
    if isinstance(table, EventTable):
        raise InputError(
            f"{source} is a folder of maps; write the table of its files to {source}/metadata.csv"
        )
    catalog = read_catalog(table, label=label)
    if "file" not in catalog.table:
        raise InputError(f"{table} has no column of file names such as file_name")
    trials, skipped = catalog.table, list(catalog.skipped)
    if any(column in trials for column in LABELS):
        trials, unlabelled = label_trials(trials, None, str(table))
        trials, skipped = trials.reset_index(drop=True), [*skipped, *unlabelled]
    if "subject" not in trials:
        trials["subject"] = [subject_of(f, Path(f).name.split(".")[0]) for f in trials["file"]]
    return trials, skipped
