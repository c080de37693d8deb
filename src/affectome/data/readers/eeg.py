"""EEG and its kin through MNE: epochs and raw FIF, EDF, BDF, BrainVision, EEGLAB, BIDS folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectome.data.catalog import Skipped
from affectome.data.columns import map_columns
from affectome.data.foreign import readable
from affectome.data.memory import check_memory
from affectome.data.readers.epochs import cut_again
from affectome.data.readers.events import Events, label_trials, read_events
from affectome.data.readers.measurement import (
    CUT,
    Measurement,
    Options,
    cut_measurement,
    drop_flat,
    refuse_unused,
    trials_recording,
    with_subject,
)
from affectome.errors import InputError, require

READ_FACTOR = 2.5
BREAKS = ("bad", "edge", "new segment", "boundary")
TYPES = {"eeg": True, "meg": True, "seeg": True, "ecog": True, "dbs": True, "fnirs": True}


def read_eeg(path: Path, events: Events | None, options: Options) -> Measurement:
    """Read sensors that MNE can read, as trials.

    Parameters
    ----------
    path
        ``-epo.fif``, raw ``.fif``, ``.edf``, ``.bdf``, ``.vhdr`` or ``.set``; within a BIDS folder
        its ``channels.tsv`` and ``electrodes.tsv`` are used too.
    events
        Table in BIDS form; when None the annotations of the file, then its stimulus channel. With
        epochs one row an epoch, beside their own metadata.
    options
        Target, window, baseline and rate; epochs are taken as they were cut.

    Raises
    ------
    InputError
        If the file can't be read, has no sensors, or there are no events.
    """
    mne = require("mne", "eeg")
    stem = path.name.lower().removesuffix(".gz").removesuffix(".fif")
    with readable(path, "MNE"):
        if path.name.lower().endswith((".fif", ".fif.gz")) and stem.endswith(("-epo", "_epo")):
            epochs = mne.read_epochs(path, preload=False, verbose="ERROR")
            return measure_epochs(mne, epochs, path, events, options)
        part = measure_raw(mne, _open(mne, path), path, events, options)
    return replace(part, skipped=(*_cut_short(path), *part.skipped))


def measure_raw(
    mne: Any, raw: Any, path: Path, events: Events | None, options: Options
) -> Measurement:
    """Cut MNE's ``Raw`` into trials; parameters as in :func:`read_eeg`."""
    refuse_unused(options, CUT, f"{path}, with sensors,")
    names, units, bad = _sensors(mne, raw.info, path)
    if events is None:
        table, events_source = _own_events(mne, raw, path), str(path)
    else:
        table, events_source = read_events(events, options.columns), str(events)
    check_memory(
        READ_FACTOR * 8 * float(raw.n_times) * len(names),
        f"reading {path}, {len(names)} channels × {raw.n_times} samples,",
        "crop it, lower its sampling rate, or take a larger machine",
    )
    keep, notes = _unbroken(raw)
    with readable(path, "MNE"):  # a Raw in memory may still lie in its file
        values = raw.get_data(picks=names, verbose="ERROR").T[keep].astype(np.float32)
    part = cut_measurement(values, raw.times[keep], units, table, options, path, events_source)
    notes += [f"signals are in volts or tesla, recorded at {raw.info['sfreq']:g} Hz"]
    notes += _filter_note(raw.info)
    skipped = (*bad, *part.skipped)
    return replace(part, skipped=skipped, notes=(*part.notes, *notes))


def _cut_short(path: Path) -> list[Skipped]:
    """Say so where an EDF or BDF file holds fewer samples than its header tells."""
    width = {".edf": 2, ".bdf": 3}.get(path.suffix.lower())
    if width is None:
        return []
    with path.open("rb") as stream:
        head = stream.read(256)
        try:
            start, records, signals = (
                int(head[a:b]) for a, b in ((184, 192), (236, 244), (252, 256))
            )
            stream.seek(256 + 216 * signals)
            counts = [int(stream.read(8)) for _ in range(signals)]
        except ValueError:
            return []
    wanted = records * sum(counts) * width
    there = path.stat().st_size - start
    if records < 1 or there >= wanted:
        return []
    why = f"cut short: {max(there, 0) / wanted:.0%} of the samples that its header tells are there"
    return [Skipped(str(path), why)]


def _open(mne: Any, path: Path) -> Any:
    root = next((p for p in path.parents if (p / "dataset_description.json").is_file()), None)
    if root is None:
        return mne.io.read_raw(path, preload=False, verbose="ERROR")
    mne_bids = require("mne_bids", "eeg")
    place = mne_bids.get_bids_path_from_fname(path, verbose="ERROR")
    return mne_bids.read_raw_bids(place, verbose="ERROR")


def _sensors(mne: Any, info: Any, path: Path) -> tuple[list[str], pd.DataFrame, list[Skipped]]:
    picks = mne.pick_types(info, **TYPES, exclude="bads")
    if not len(picks):
        kinds = ", ".join(sorted(set(info.get_channel_types()))) or "none"
        raise InputError(
            f"{path} has no good EEG, MEG or intracranial channels; its channels are of the types "
            f"{kinds}; set the types with MNE's set_channel_types"
        )
    names = [info["ch_names"][i] for i in picks]
    units = pd.DataFrame({"sensor": names, "kind": info.get_channel_types(picks=picks)})
    places = np.array([info["chs"][i]["loc"][:3] for i in picks], dtype=float)
    if np.isfinite(places).all() and places.any():
        units[["x", "y", "z"]] = places
    bad = [Skipped(str(path), f"{name!r} is marked bad; left out") for name in info["bads"]]
    return names, units, bad


def _own_events(mne: Any, raw: Any, path: Path) -> pd.DataFrame:
    notes = raw.annotations
    rows = [
        (onset - raw.first_time, duration, text)
        for onset, duration, text in zip(
            notes.onset, notes.duration, notes.description, strict=True
        )
        if not text.lower().startswith(BREAKS)
    ]
    if not rows and len(mne.pick_types(raw.info, stim=True)):
        found = mne.find_events(raw, verbose="ERROR")
        rows = [((e[0] - raw.first_samp) / raw.info["sfreq"], 0.0, str(e[2])) for e in found]
    if not rows:
        raise InputError(
            f"{path} has neither annotations nor a stimulus channel with events; give events= with "
            "a table of onset, duration and trial_type"
        )
    return pd.DataFrame(rows, columns=["onset", "duration", "trial_type"])


def _unbroken(raw: Any) -> tuple[np.ndarray, list[str]]:
    """Samples outside the spans annotated as bad, and a note where there are any."""
    keep = np.ones(raw.n_times, dtype=bool)
    notes = raw.annotations
    for onset, duration, text in zip(notes.onset, notes.duration, notes.description, strict=True):
        if text.lower().startswith("bad"):
            start = onset - raw.first_time
            keep &= (raw.times < start) | (raw.times > start + duration)
    if keep.all():
        return keep, []
    seconds = (~keep).sum() / raw.info["sfreq"]
    return keep, [f"{seconds:.1f} s annotated as bad are treated as a gap"]


def _filter_note(info: Any) -> list[str]:
    nyquist = info["sfreq"] / 2
    if info["highpass"] <= 0 and info["lowpass"] >= nyquist * 0.99:
        return []
    return [
        f"the file says it was filtered to {info['highpass']:g}–{info['lowpass']:g} Hz before; "
        "whether that filter looked ahead is not known"
    ]


def measure_epochs(
    mne: Any, epochs: Any, path: Path, events: Events | None, options: Options
) -> Measurement:
    """Take MNE's ``Epochs`` as they were cut; parameters as in :func:`read_eeg`."""
    refuse_unused(options, ("window", "baseline"), f"{path}, with epochs,")
    names, units, bad = _sensors(mne, epochs.info, path)
    table = pd.DataFrame({"trial_type": _event_names(epochs)})
    if epochs.metadata is not None:
        own = epochs.metadata.reset_index(drop=True)
        table = own.join(table.drop(columns=[c for c in table if c in own]))
    if events is None:
        table = map_columns(table, options.columns, path)
    else:
        table = _beside(table, read_events(events, options.columns), events, path)
    trials, unlabelled, said = label_trials(table, options.target, path)
    check_memory(
        READ_FACTOR * 8 * float(len(epochs.events)) * len(names) * len(epochs.times),
        f"reading {path}, {len(epochs.events)} epochs × {len(epochs.times)} samples,",
        "take fewer epochs, lower their sampling rate, or take a larger machine",
    )
    with readable(path, "MNE"), mne.use_log_level("ERROR"):
        values = epochs.get_data(picks=names).swapaxes(1, 2)[np.asarray(trials.index)]
    values, times = cut_again(values, epochs.times, options.window, options.baseline, path)
    shape = values.shape
    kept, units, flat = drop_flat(values.reshape(-1, shape[-1]), units, path)
    dropped = [
        Skipped(f"{path} epoch {i + 1}", f"dropped before: {', '.join(why)}")
        for i, why in enumerate(epochs.drop_log)
        if why and why != ("IGNORED",)
    ]
    cut = (
        "as they were cut" if options.window is None else (f"from {times[0]:g} to {times[-1]:g} s")
    )
    notes = [f"epochs are taken {cut}", *_filter_note(epochs.info)]
    if epochs.baseline is not None:
        notes.append(f"they were corrected by the baseline {epochs.baseline} s before")
    recording = trials_recording(
        kept.reshape(*shape[:2], kept.shape[-1]),
        with_subject(trials.reset_index(drop=True), path),
        units,
        times,
    )
    skipped = (*bad, *flat, *unlabelled, *dropped)
    return Measurement(recording, path, skipped, tuple(notes), tuple(said))


def _event_names(epochs: Any) -> list[str]:
    names = {number: name for name, number in epochs.event_id.items()}
    return [names[number] for number in epochs.events[:, 2]]


def _beside(own: pd.DataFrame, given: pd.DataFrame, events: Events, path: Path) -> pd.DataFrame:
    if len(own) != len(given):
        raise InputError(
            f"{events} has {len(given)} rows, but {path} has {len(own)} epochs; give one row an "
            "epoch"
        )
    return given.join(own.drop(columns=[c for c in own if c in given]))
