"""Mouse faces: from films of events to prototypes, intensity and its controls.

Clips are described by histograms of oriented gradients. Events and their intensity are decoded in
animals (and, where animals have several, sessions) that the decoder has not seen; frames of a clip
never lie on both sides. Everything that learns, prototypes too, learns from training animals.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectome.data import trial_table
from affectome.data.readers.events import read_events
from affectome.data.video.clips import read_clips
from affectome.evidence import Split
from affectome.faces.expression import expression_change
from affectome.faces.prototypes import Prototypes
from affectome.features.hog import ClipFeatures, HogSettings, describe_clips
from affectome.progress import Progress, silent
from affectome.studies.mouse_faces.controls import (
    intensity_and_controls,
    intensity_by_session,
    motion_table,
    pose_control,
)
from affectome.studies.mouse_faces.decoding import decode_events, decode_frames, split_animals
from affectome.studies.mouse_faces.neurons import (
    check_events,
    neurons_and_face,
    neurons_and_stimuli,
)
from affectome.studies.mouse_faces.unfolding import (
    FaceClips,
    dynamics,
    held_out_traces,
    list_prototypes,
    make_prototypes,
    map_frames,
    trace_film,
)

SEEN = 0.05
LITTLE = 0.5
FRAMES_A_CLIP = 10


@dataclass(frozen=True, eq=False)
class MouseFaces:
    """What the faces told.

    Attributes
    ----------
    result
        Numbers for ``result.json``.
    trials
        One row a clip: the table's columns, with ``decoded`` intensity and motion energy.
    time
        Seconds relative to the event, shape (n_times,).
    traces
        Intensity of each clip's own expression, of prototypes made without its animal, shape
        (n_trials, n_times).
    prototypes
        Prototypes of all animals.
    frames
        Sampled frames: ``similarity`` in clustered ``order``, ``embedding`` and their ``labels``.
    mean_image
        The mean face, shape (height, width).
    settings
        How frames were described.
    split
        Who was held out.
    """

    result: dict[str, Any]
    trials: pd.DataFrame
    time: np.ndarray
    traces: np.ndarray
    prototypes: Prototypes
    frames: dict[str, Any] = field(repr=False)
    mean_image: np.ndarray = field(repr=False)
    settings: HogSettings
    split: Split

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return self.result

    @property
    def units(self) -> pd.DataFrame:
        """Where each unit lies: ``row``, ``column`` and ``orientation``."""
        return self.settings.units(*self.mean_image.shape)

    def prototype_table(self) -> pd.DataFrame:
        """Give the prototypes as contrasts with neutral: a row a unit, a column an event."""
        made = self.prototypes
        return self.units.assign(**dict(zip(made.events, made.contrasts, strict=True)))


def run(
    catalog: str | Path,
    *,
    before: float = 2.0,
    after: float = 3.0,
    window: tuple[float, float] = (0.0, 2.0),
    settings: HogSettings | None = None,
    rate: float | None = None,
    neurons: str | Path | None = None,
    neurons_session: str | None = None,
    neurons_offset: float = 0.0,
    random_state: int = 0,
    progress: Progress = silent,
) -> MouseFaces:
    """Run the study on a table of clips.

    Parameters
    ----------
    catalog
        Table of clips; see :func:`affectome.data.video.clips.read_clips`.
    before, after
        Seconds around each event that are read.
    window
        First and last second after the event that its expression is measured in.
    settings
        How frames are described.
    rate
        Frames per second to analyse; by default the slowest film's, 30 at most.
    neurons
        Continuous recording of neurons to hold against one session's face.
    neurons_session
        Which session; may be left out where there is one.
    neurons_offset
        Seconds that its film starts later than the neurons' clock.
    random_state
        Seed of everything that is drawn.
    progress
        Called for every film and step.

    Returns
    -------
    MouseFaces

    Raises
    ------
    InputError
        If the table can't be used, or has one animal with one trial of an event.
    """
    chosen = settings or HogSettings()
    table = read_clips(catalog, before, after)
    start = clock.perf_counter()
    features = describe_clips(table, before, after, chosen, rate, progress)
    elapsed = clock.perf_counter() - start
    found = FaceClips(
        trial_table(features.hog), features.hog["time"].values, features.hog.values, window
    )
    split = split_animals(found.trials.assign(stretch=found.stretches), found.held_out_by)
    motion = motion_table(features.motion, found.time, window)
    X = expression_change(found.change, found.time, window)
    progress("decode", 0, 3)
    events = _events(found, X, split, random_state)
    intensity, controls, decoded = intensity_and_controls(found, X, motion, split, random_state)
    pose, pose_skipped = pose_control(found, motion, decoded)
    progress("decode", 1, 3)
    traces, held_out = held_out_traces(found, split)
    prototypes = make_prototypes(found, np.arange(len(found.trials)))
    progress("decode", 2, 3)
    found_neurons = None
    if neurons is not None:
        session = neurons_session or found.sessions[0]
        face, onsets = trace_film(found, session, chosen, neurons_offset)
        found_neurons = neurons_and_face(neurons, face, onsets, random_state=random_state)
    result = {
        "schema": 1,
        "study": "mouse-faces",
        "clips": len(found.trials),
        "subjects": sorted(set(found.subjects)),
        "held_out": found.held_out_by,
        "classification": events,
        "intensity": intensity,
        "sessions": intensity_by_session(found, X, random_state),
        "prototypes": list_prototypes(found, prototypes, held_out),
        "dynamics": dynamics(found, traces),
        "controls": {**controls, **pose},
        "neurons": found_neurons,
        "speed": _speed(features, elapsed),
        "skipped": [vars(s) for s in (*table.skipped, *features.skipped, *pose_skipped)],
        "warnings": _warnings(found, controls, found_neurons),
    }
    frames = map_frames(found, random_state)
    progress("decode", 3, 3)
    trials = found.trials.assign(decoded=decoded, **{f"motion_{c}": motion[c] for c in motion})
    return MouseFaces(
        result,
        trials,
        found.time,
        traces,
        prototypes,
        frames,
        features.mean_image,
        chosen,
        split,
    )


def has_films(table: str | Path) -> bool:
    """Say whether a table of events names films."""
    return "file" in read_events(table)


def run_neurons(
    events: str | Path, recording: str | Path, *, random_state: int = 0
) -> dict[str, Any]:
    """Run the part on neurons where there is no film: neurons against stimuli.

    Parameters
    ----------
    events
        Table with ``onset`` (s) and ``event`` or ``trial_type``.
    recording
        Continuous traces on the same clock.
    random_state
        Seed.

    Returns
    -------
    dict
        As ``result.json``; what needs a face is None.
    """
    table = check_events(read_events(events), events)
    neurons, skipped = neurons_and_stimuli(recording, table, random_state)
    nothing = ("classification", "intensity", "sessions", "prototypes", "dynamics", "controls")
    return {
        "schema": 1,
        "study": "mouse-faces",
        "clips": 0,
        "subjects": [],
        "held_out": None,
        **dict.fromkeys(nothing),
        "neurons": neurons,
        "speed": None,
        "skipped": skipped,
        "warnings": ["there is no film, so nothing is said of the face or of movement"],
    }


def _events(clips: FaceClips, X: np.ndarray, split: Split, seed: int) -> dict[str, Any] | None:
    names = clips.trials["event"].astype(str).to_numpy()
    if len(np.unique(names)) < 2:
        return None
    inside = np.flatnonzero(clips.after)
    picked = inside[:: max(1, len(inside) // FRAMES_A_CLIP)]
    frames = decode_frames(clips.change[:, picked], names, clips.subjects, split, seed)
    return {**decode_events(X, names, clips.subjects, split, seed), "frames": frames}


def _speed(features: ClipFeatures, elapsed: float) -> dict[str, float]:
    n_frames = features.motion.size
    step = float(np.diff(features.hog["time"].values).min())
    return {
        "frames_per_second": n_frames / elapsed,
        "real_time_factor": n_frames * step / elapsed,
    }


def _warnings(
    clips: FaceClips, controls: dict[str, Any], neurons: dict[str, Any] | None
) -> list[str]:
    notes = []
    n_subjects = len(set(clips.subjects))
    if n_subjects == 1:
        notes.append(
            f"there is one animal, so one {clips.held_out_by} at a time is held out instead of one "
            "animal: nothing is said of animals not seen, and there are no intervals over animals"
        )
    elif n_subjects < 3:
        notes.append(f"intervals over animals need three; there are {n_subjects}")
    order = controls.get("trial_order")
    if order and order["from_other_animals"]["p"] < SEEN:
        notes.append(
            "the order of trials is predictable: the same trial in the other animals tells the "
            f"intensity with rho {order['from_other_animals']['rho']:.2f}, so an animal can expect "
            "it, and so can a decoder that is given time"
        )
    for name, what in (("motion", "motion energy"), ("face", "the face")):
        found = controls.get("pre_event", {}).get(name)
        if found and found["p"] < SEEN:
            notes.append(
                f"before the event {what} already tells the intensity that will be given "
                f"(rho {found['rho']:.2f}, p {found['p']:.2g})"
            )
    if neurons and neurons["overlap"] < LITTLE:
        notes.append(
            f"only {neurons['overlap']:.0%} of the neurons' samples lie within "
            f"{neurons['tolerance_s']:.3g} s of a frame of the film; check the offset of the clocks"
        )
    return notes
