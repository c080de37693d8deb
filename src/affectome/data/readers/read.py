"""One door for recordings: MNE, EDF, BrainVision, BIDS, NWB, NIfTI, CSV, NPZ, MAT and Zarr."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from affectome.data.catalog import Skipped
from affectome.data.columns import map_columns
from affectome.data.foreign import readable
from affectome.data.memory import check_memory
from affectome.data.readers.arrays import read_arrays
from affectome.data.readers.eeg import read_eeg
from affectome.data.readers.events import Events
from affectome.data.readers.maps import is_map, read_maps
from affectome.data.readers.measurement import (
    Measurement,
    Options,
    join_measurements,
    refuse_unused,
)
from affectome.data.readers.nifti import read_nifti
from affectome.data.readers.nwb import read_nwb
from affectome.data.readers.objects import event_table, read_object
from affectome.data.recording import load_recording, trial_table
from affectome.errors import InputError
from affectome.progress import Progress, silent

Reader = Callable[[Path, Events | None, Options], Measurement]
READERS: dict[str, Reader] = {
    **dict.fromkeys((".fif", ".fif.gz", ".edf", ".bdf", ".vhdr", ".set"), read_eeg),
    **dict.fromkeys((".nii", ".nii.gz", ".img"), read_nifti),
    **dict.fromkeys((".npz", ".mat", ".csv", ".tsv"), read_arrays),
    ".nwb": read_nwb,
}
BIDS_DATATYPES = ("eeg", "ieeg", "meg", "func", "ecephys", "icephys", "micr")


def read_recording(
    path: str | Path | Any,
    events: str | Path | Any | None = None,
    *,
    target: str | None = None,
    subject: str | None = None,
    stimulus: str | None = None,
    session: str | None = None,
    run: str | None = None,
    group: str | None = None,
    onset: str | None = None,
    window: tuple[float, float] | None = None,
    baseline: tuple[float, float] | None = None,
    sfreq: float | None = None,
    series: str | None = None,
    bin_width: float = 0.1,
    mask: str | Path | None = None,
    atlas: str | Path | None = None,
    spheres: Sequence[tuple[float, float, float]] = (),
    radius: float = 8.0,
    resampling: str = "none",
    confounds: str | Path | None = None,
    progress: Progress = silent,
) -> Measurement:
    """Read a recording in one of the field's formats and cut it into trials.

    Parameters
    ----------
    path
        A file; a folder of such files (one a subject or session); a BIDS folder; a folder of brain
        maps with ``metadata.csv`` or class folders; or a Recording in Zarr, taken as it is. MNE
        ``Epochs`` come as they were cut. Or what is held in memory: MNE's ``Epochs`` and ``Raw``;
        nibabel's and nilearn's images (four-dimensional, or a list of maps); pynapple's
        ``TsdFrame`` and ``TsGroup``; an ``xarray.DataArray`` with dims for trials, times and units
        in any order, or for times and units; an array or DataFrame with one row a trial.
    events
        File or DataFrame in BIDS form, or pynapple's ``IntervalSet``: ``onset`` and ``duration`` in
        seconds, ``trial_type``, further columns as they come. When None the file
        ``<stem>_events.tsv`` or ``events.tsv`` beside the recording, or what the recording itself
        holds.
    target
        Column that becomes ``emotion``; when None ``emotion``, ``trial_type``, ``label``,
        ``condition`` or ``stimulus_type``. Labels that differ by blanks or capitals only are one.
    subject, stimulus, session, run, group, onset
        Columns of the events (or of what the recording holds) that have these meanings, where they
        are called otherwise.
    window
        Seconds ``(start, stop)`` around each event; when None from one second before it until its
        response has passed: the median duration, two seconds at least, and the lag of slow signals
        (two seconds where samples are 50 ms apart or more, six from half a second on), but not
        beyond the median gap between events.
    baseline
        Seconds ``(start, stop)`` within the window whose mean is subtracted.
    sfreq
        Samples a second of the trials; the recording's own when None.
    series
        NWB: name of the series, or ``"units"`` for spikes.
    bin_width
        NWB: seconds of the bins in which spikes are counted.
    mask, atlas, spheres, radius
        NIfTI: a mask of voxels, an atlas whose regions are averaged, or centres ``(x, y, z)`` of
        spheres of ``radius`` millimetres.
    resampling
        NIfTI: what to do when the grids of maps and mask differ: ``"none"`` refuses, ``"data"``
        brings the maps to the mask, ``"labels"`` brings the mask or atlas to the maps.
    confounds
        NIfTI: table with one row a volume, such as fMRIPrep's, whose columns are regressed out.
    progress
        Called with each file that is read.

    Returns
    -------
    Measurement

    Raises
    ------
    InputError
        If nothing can be read. In a folder a file that can't be read is skipped and listed.
    """
    columns = {"subject": subject, "stimulus": stimulus, "session": session, "run": run}
    columns |= {"group": group, "onset": onset}
    options = Options(
        target,
        window,
        baseline,
        sfreq,
        series,
        bin_width,
        None if mask is None else Path(mask),
        None if atlas is None else Path(atlas),
        tuple(spheres),
        radius,
        resampling,
        None if confounds is None else Path(confounds),
        {name: column for name, column in columns.items() if column is not None},
    )
    for name, value in (("sfreq", sfreq), ("bin_width", bin_width), ("radius", radius)):
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{name} is a positive number; got {value:g}")
    table = event_table(events)
    if not isinstance(path, str | Path):
        return read_object(path, table, options)
    source = Path(path)
    if not source.exists():
        raise InputError(f"there is no recording {source}")
    if (source / "zarr.json").is_file():
        refuse_unused(options, (), f"{source}, a Recording,")
        if table is not None:
            raise InputError(f"{source}, a Recording, holds its trials; leave events out")
        return Measurement(_renamed(_loaded(source), options, source), source)
    if source.is_file():
        _check_for_images(source, options)
        return _reader(source)(source, table or events_beside(source), options)
    files = _files(source)
    if not files:
        raise InputError(
            f"{source} holds no recording; readable are {', '.join(READERS)}, a BIDS folder and "
            "a Recording in Zarr"
        )
    if all(is_map(file) for file in files):
        return read_maps(source, files, table, options)
    return _read_all(source, files, table, options, progress)


def _loaded(source: Path) -> xr.DataArray:
    """Bring the values of a Recording to memory, so that damage to them is told here."""
    recording = load_recording(source)
    check_memory(float(recording.nbytes), f"reading {source}", "take fewer trials or units")
    with readable(source, "Zarr"):
        return recording.load()


def _renamed(recording: xr.DataArray, options: Options, source: Path) -> xr.DataArray:
    trials = map_columns(trial_table(recording), options.columns, source)
    return recording.assign_coords({c: ("trial", trials[c].to_numpy()) for c in options.columns})


def _check_for_images(file: Path, options: Options) -> None:
    given = {"mask": options.mask, "atlas": options.atlas, "confounds": options.confounds}
    named = [name for name, value in given.items() if value is not None]
    if named and _reader(file) is not read_nifti:
        raise InputError(f"{file} is no brain image, for which {' and '.join(named)} would be")


def _reader(file: Path) -> Reader:
    name = file.name.lower()
    for suffix, reader in READERS.items():
        if name.endswith(suffix):
            return reader
    raise InputError(
        f"{file} has no known suffix; readable are {', '.join(READERS)}, a BIDS folder and a "
        "Recording in Zarr"
    )


def _files(folder: Path) -> list[Path]:
    bids = (folder / "dataset_description.json").is_file()
    found = []
    for file in sorted(folder.rglob("*") if bids else folder.iterdir()):
        inside = file.relative_to(folder).parts
        wanted = not bids or (inside[0].startswith("sub-") and file.parent.name in BIDS_DATATYPES)
        table = file.suffix in {".csv", ".tsv"}
        if wanted and file.is_file() and not table and file.name.lower().endswith(tuple(READERS)):
            found.append(file)
    return found


def _read_all(
    source: Path, files: Sequence[Path], events: Events | None, options: Options, progress: Progress
) -> Measurement:
    parts, skipped = [], []
    for done, file in enumerate(files):
        progress("reading recordings", done, len(files))
        try:
            parts.append(_reader(file)(file, events or events_beside(file), options))
        except InputError as error:
            skipped.append(Skipped(str(file), str(error)))
    progress("reading recordings", len(files), len(files))
    if not parts:
        raise InputError(
            f"{source}: none of {len(files)} recordings can be read; the first: {skipped[0].why}"
        )
    joined = join_measurements(parts, source)
    return replace(joined, source=source, skipped=(*skipped, *joined.skipped))


def events_beside(file: Path) -> Path | None:
    """Find the events of a recording: beside it, or higher up in a BIDS folder.

    Parameters
    ----------
    file
        The recording, such as ``sub-01_task-film_eeg.edf`` or ``recording.npz``.
    """
    stem = file.name.split(".")[0]
    names = [f"{stem}_events", f"{stem.rpartition('_')[0]}_events" if "_" in stem else "events"]
    task = next((piece for piece in stem.split("_") if piece.startswith("task-")), None)
    for folder in (file.parent, *file.parents[1:4]):
        inherited = [f"{task}_events"] if task else []
        for name in (*names, "events", *inherited) if folder == file.parent else inherited:
            for suffix in (".tsv", ".csv"):
                if (folder / f"{name}{suffix}").is_file():
                    return folder / f"{name}{suffix}"
    return None
