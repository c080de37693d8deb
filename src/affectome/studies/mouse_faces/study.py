"""Mouse faces: from films of events to prototypes, intensity and its controls.

Clips are described by histograms of oriented gradients. Events and their intensity are decoded in
animals (and, where animals have several, sessions) that the decoder has not seen; frames of a clip
never lie on both sides. Everything that learns, prototypes too, learns from training animals, and
how faces are described is chosen among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from affectome.data import Skipped, result_head, trial_table
from affectome.data.catalog import FILE_COLUMNS, table_of
from affectome.data.columns import one_spelling
from affectome.data.readers.continuous import read_continuous
from affectome.data.readers.events import distinct_events, read_events
from affectome.data.video import probe
from affectome.data.video.clips import clip_of, read_clips
from affectome.errors import InputError
from affectome.evidence import Split, correct_together
from affectome.faces.prototypes import Prototypes
from affectome.features.hog import HogSettings, describe_clips
from affectome.progress import Progress, silent
from affectome.studies.mouse_faces.clips import FaceClips
from affectome.studies.mouse_faces.controls import (
    Controls,
    motion_control,
    motion_table,
    pose_control,
    pre_event,
    trial_order,
)
from affectome.studies.mouse_faces.decoding import (
    Draws,
    Events,
    Intensity,
    Reading,
    decode_events,
    decode_intensity,
    design_of,
    split_animals,
)
from affectome.studies.mouse_faces.neurons import (
    Neurons,
    check_events,
    neurons_and_face,
    neurons_and_stimuli,
)
from affectome.studies.mouse_faces.unfolding import (
    PrototypeReading,
    Traces,
    Unfolding,
    dynamics,
    held_out_traces,
    list_prototypes,
    make_prototypes,
    map_frames,
    trace_film,
    trace_readings,
)

SEEN = 0.05
LITTLE = 0.5
FRAMES_A_CLIP = 10
CELLS = (32, 16)


@dataclass(frozen=True, eq=False)
class FrameMap:
    """Sampled frames and how alike they are.

    Attributes
    ----------
    similarity
        Correlations, in clustered order, shape (n_frames, n_frames).
    embedding
        Places by t-SNE, shape (n_frames, 2).
    labels
        ``event``, ``subject`` and ``seconds`` of each frame.
    """

    similarity: np.ndarray
    embedding: np.ndarray
    labels: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Film:
    """What comes of the films.

    Attributes
    ----------
    clips
        Clips and their frames.
    motion
        Motion energy of each frame, shape (n_trials, n_times).
    events
        Events told apart; None where there is one event.
    intensity, controls, sessions
        Intensity decoded, its controls, and the same with sessions held out; None where the table
        names no intensity, or animals have one session.
    traces
        Expressions over time; `trace_readings` correlates them with intensity.
    trace_readings
        ``signed`` and ``how_far``; empty without intensities.
    prototypes, listed
        Prototypes of all animals, and what they are made of.
    dynamics
        Event → how its expression unfolds.
    frames
        Sampled frames.
    mean_image
        The mean face, shape (height, width).
    settings
        How frames of the prototypes were described.
    split
        Who was held out.
    """

    clips: FaceClips
    motion: np.ndarray
    events: Events | None
    intensity: Intensity | None
    controls: Controls | None
    sessions: Intensity | None
    traces: Traces
    trace_readings: dict[str, Reading]
    prototypes: Prototypes
    listed: tuple[PrototypeReading, ...]
    dynamics: dict[str, Unfolding]
    frames: FrameMap
    mean_image: np.ndarray = field(repr=False)
    settings: HogSettings
    split: Split

    @property
    def units(self) -> pd.DataFrame:
        """Where each unit lies: ``row``, ``column`` and ``orientation``."""
        return self.settings.units(*self.mean_image.shape)

    @property
    def trials(self) -> pd.DataFrame:
        """One row a clip: the table's columns, with ``decoded`` intensity and motion energy."""
        moved = motion_table(self.motion, self.clips.time, self.clips.window)
        decoded = np.nan if self.intensity is None else self.intensity.predicted
        named = {f"motion_{c}": moved[c] for c in ("before", "after", "peak")}
        return self.clips.trials.assign(decoded=decoded, **named)

    def prototype_table(self) -> pd.DataFrame:
        """Give the prototypes as contrasts with neutral: a row a unit, a column an event."""
        made = self.prototypes
        return self.units.assign(**dict(zip(made.events, made.contrasts, strict=True)))

    def trace_table(self) -> pd.DataFrame:
        """Give every expression's trace: a row a frame of a clip, a column an expression."""
        n_trials, n_times = self.motion.shape
        kept = ("subject", "session", "event", "intensity", "onset")
        clips = self.clips.trials
        table = clips[[c for c in kept if c in clips]].iloc[np.repeat(np.arange(n_trials), n_times)]
        table = table.reset_index(drop=True)
        table.insert(0, "clip", np.repeat(np.arange(n_trials), n_times))
        table["seconds"] = np.tile(self.clips.time, n_trials)
        for k, event in enumerate(self.traces.events):
            table[f"expression: {event}"] = self.traces.all[:, :, k].ravel()
        table["how far from neutral"] = self.traces.far.ravel()
        table["motion"] = self.motion.ravel()
        return table


@dataclass(frozen=True, eq=False)
class MouseFaces:
    """What the faces and the neurons told.

    Attributes
    ----------
    film
        What comes of the films; None where there are none.
    neurons
        What neurons follow; None where no recording was given.
    skipped
        What could not be used.
    warnings
        What a reader should know first.
    source
        Name of the table.
    """

    film: Film | None
    neurons: Neurons | None
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    source: str

    @property
    def held_out(self) -> str | None:
        """What was held out, in words."""
        if self.film is None:
            return None
        (by,) = self.film.split.by
        n = len(self.film.split)
        noun = {"subject": "animals", "session": "sessions of one animal"}
        words = noun.get(by, "stretches of one session")
        return f"{n} {words}, each in turn"

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        film = self.film
        result: dict[str, Any] = {
            **result_head(
                "study mouse-faces",
                3,
                source=self.source,
                target="event",
                held_out=self.held_out,
                trials=0 if film is None else len(film.clips.trials),
                skipped=self.skipped,
                warnings=self.warnings,
            ),
            "clips": 0 if film is None else len(film.clips.trials),
            "subjects": [] if film is None else sorted(set(film.clips.subjects)),
            "classification": _plain(film and film.events),
            "intensity": _plain(film and film.intensity),
            "sessions": _plain(film and film.sessions),
            "controls": _plain(film and film.controls),
            "prototypes": None if film is None else [one.to_dict() for one in film.listed],
            "traces": None
            if film is None
            else {n: one.to_dict() for n, one in film.trace_readings.items()},
            "dynamics": None
            if film is None
            else {name: one.to_dict() for name, one in film.dynamics.items()},
            "neurons": _plain(self.neurons),
        }
        corrected: dict[str, Any] = correct_together(result)
        return corrected


def run(
    catalog: str | Path,
    *,
    columns: Mapping[str, str | None] | None = None,
    window: tuple[float, float] = (-2.0, 3.0),
    response: tuple[float, float] = (0.0, 2.0),
    settings: HogSettings | None = None,
    cells: tuple[int, ...] = CELLS,
    rate: float | None = None,
    neurons: str | Path | None = None,
    neurons_session: str | None = None,
    neurons_offset: float = 0.0,
    draws: Draws | None = None,
    progress: Progress = silent,
) -> MouseFaces:
    """Run the study on a table of clips.

    Parameters
    ----------
    catalog
        Table of clips; see :func:`affectome.data.video.clips.read_clips`.
    columns
        Name from there → column of the table, such as ``{"subject": "participant_id"}``.
    window
        Seconds around each event that are read.
    response
        First and last second after the event that its expression is measured in.
    settings
        How frames are described; its cells are those of the prototypes where ``cells`` is empty.
    cells
        Sides of cells that intensity and events are decoded by, chosen among training animals;
        prototypes are made of the first.
    rate
        Frames per second to analyse; by default the slowest film's, 30 at most.
    neurons
        Continuous recording of neurons to hold against one session's face.
    neurons_session
        Which session; may be left out where there is one.
    neurons_offset
        Seconds that its film starts later than the neurons' clock.
    draws
        How much is drawn.
    progress
        Called for every film and step.

    Returns
    -------
    MouseFaces

    Raises
    ------
    InputError
        If an option or the table can't be used, or it has one animal with one trial of an event.
    """
    chosen, drawn = settings or HogSettings(), draws or Draws()
    check_options(window, response, rate, cells, drawn)
    before, after = -window[0], window[1]
    recording = None if neurons is None else read_continuous(neurons)
    table = read_clips(catalog, before, after, columns)
    if rate is not None:
        _check_rate(rate, table.table)
    session = _session(table.table, neurons_session) if recording is not None else None
    of_cell = {cell: replace(chosen, cell=cell) for cell in cells or (chosen.cell,)}
    found_by = {
        cell: describe_clips(table, before, after, one, rate, progress)
        for cell, one in of_cell.items()
    }
    described, features = next(iter(of_cell.values())), next(iter(found_by.values()))
    hog = {cell: one.hog.values for cell, one in found_by.items()}
    clips = FaceClips(trial_table(features.hog), features.hog["time"].values, hog, response)
    film, more = analyse(clips, features.motion, features.mean_image, described, drawn, progress)
    skipped = (*table.skipped, *features.skipped, *more)
    found = None
    if recording is not None and session is not None:
        face, onsets = trace_film(clips, session, described, neurons_offset)
        found = neurons_and_face(recording, face, onsets, random_state=drawn.random_state)
    warnings = [*table.notes, *_film_warnings(film), *_neuron_warnings(found)]
    return MouseFaces(film, found, skipped, tuple(warnings), table.source.name)


def analyse(
    clips: FaceClips,
    motion: np.ndarray,
    mean_image: np.ndarray,
    settings: HogSettings,
    draws: Draws,
    progress: Progress = silent,
) -> tuple[Film, list[Skipped]]:
    """Analyse clips that were described.

    Parameters
    ----------
    clips
        The clips.
    motion
        Motion energy, shape (n_trials, n_times).
    mean_image
        The mean face.
    settings
        How frames of the first cells were described.
    draws
        How much is drawn.
    progress
        Called for every step.

    Returns
    -------
    Film
    list
        Pose tables that could not be used.
    """
    seed = draws.random_state
    split = split_animals(clips.trials.assign(stretch=clips.stretches), clips.held_out_by)
    features = clips.features(clips.window)
    progress("decode", 0, 4)
    events = _events(clips, features, split, draws)
    progress("decode", 1, 4)
    y = clips.trials.get("intensity", pd.Series(dtype=float)).to_numpy(dtype=float)
    intensity = controls = sessions = None
    skipped: list[Skipped] = []
    traces = held_out_traces(clips, split)
    readings: dict[str, Reading] = {}
    if len(y) and np.ptp(y) > 0:
        design = design_of(clips.trials, y, split, seed)
        moved = motion_table(motion, clips.time, clips.window)
        intensity = decode_intensity(features, y, clips.subjects, design, draws, progress)
        progress("decode", 2, 4)
        step = float(np.diff(clips.time).min())
        early = clips.features((float(clips.time[0]), -step))
        face, still = pre_event(early, moved, clips.subjects, design, draws)
        pose, skipped = pose_control(clips, moved, intensity.predicted, design)
        controls = Controls(
            motion_control(features, moved, intensity.predicted, clips, design, draws),
            face,
            still,
            trial_order(clips.trials, clips.subjects, design, draws),
            pose,
        )
        sessions = _by_session(clips, features, y, draws)
        readings = trace_readings(clips, traces, design)
    progress("decode", 3, 4)
    prototypes = make_prototypes(clips, clips.change, np.arange(len(clips.trials)))
    similarity, embedding, labels = map_frames(clips, seed)
    film = Film(
        clips,
        motion,
        events,
        intensity,
        controls,
        sessions,
        traces,
        readings,
        prototypes,
        list_prototypes(clips, prototypes),
        dynamics(clips, traces.own),
        FrameMap(similarity, embedding, labels),
        mean_image,
        settings,
        split,
    )
    progress("decode", 4, 4)
    return film, skipped


def has_films(table: str | Path, columns: Mapping[str, str | None] | None = None) -> bool:
    """Say whether a table of events, or the one of a folder, names films."""
    found = table_of(Path(table))
    if found is None:
        raise InputError(f"{table} has no metadata.csv; give a table with a row a clip")
    return bool(set(FILE_COLUMNS) & set(read_events(found, columns)))


def run_neurons(
    events: str | Path,
    recording: str | Path,
    *,
    columns: Mapping[str, str | None] | None = None,
    random_state: int = 0,
) -> MouseFaces:
    """Run the part on neurons where there is no film: neurons against stimuli.

    Parameters
    ----------
    events
        Table with ``onset`` (s) and ``event`` or ``trial_type``.
    recording
        Continuous traces on the same clock.
    columns
        ``event`` and ``onset`` → the columns that hold them, where they are called otherwise.
    random_state
        Seed.
    """
    found = read_continuous(recording)
    source = table_of(Path(events)) or Path(events)
    table, twice = distinct_events(check_events(read_events(source, columns), source), source)
    table["event"], said = one_spelling(table["event"].astype("string").astype(object))
    neurons, skipped = neurons_and_stimuli(found, table, random_state)
    skipped = [*twice, *skipped]
    warnings = (
        *said,
        "there is no film, so nothing is said of the face or of movement",
        *_neuron_warnings(neurons),
    )
    return MouseFaces(None, neurons, tuple(skipped), warnings, source.name)


def check_options(
    window: tuple[float, float],
    response: tuple[float, float],
    rate: float | None,
    cells: tuple[int, ...],
    draws: Draws,
) -> None:
    """Refuse options that can't be used before any work starts.

    Raises
    ------
    InputError
        With the option, what was given, and what is wanted.
    """
    if not window[0] < 0 < window[1]:
        raise InputError(
            "--window starts before the event (below 0) and ends after it, such as -2,3; got "
            f"{window[0]:g},{window[1]:g}"
        )
    if not 0 <= response[0] < response[1]:
        raise InputError(
            f"--response is two rising numbers of seconds after the event, such as 0,2; got "
            f"{response[0]:g},{response[1]:g}"
        )
    if response[1] > window[1]:
        raise InputError(
            f"the expression is measured up to --response {response[1]:g} s after the event, but "
            f"--window is read up to {window[1]:g} s; read more or measure less"
        )
    if rate is not None and not rate > 0:
        raise InputError(f"--rate is a number of frames per second above 0; got {rate:g}")
    for cell in cells:
        if cell < 4:
            raise InputError(f"--cell is a number of pixels, 4 or more; got {cell}")
    drawn = {"n-permutations": draws.n_permutations, "forest-permutations": draws.forest}
    for name, number in drawn.items():
        if number < 0:
            raise InputError(f"--{name} is 0 or more; got {number}")
    if draws.forest > draws.n_permutations:
        raise InputError(
            f"--forest-permutations {draws.forest} are taken from --n-permutations "
            f"{draws.n_permutations}; ask for more of those or fewer of these"
        )
    if draws.random_state < 0:
        raise InputError(f"--random-state is 0 or more; got {draws.random_state}")


def _check_rate(rate: float, table: pd.DataFrame) -> None:
    rates = {str(file): probe(file).rate for file in table["file"].unique()}
    slowest = min(rates, key=lambda file: rates[file])
    if rate > rates[slowest] + 1e-6:
        raise InputError(
            f"--rate {rate:g} is above the {rates[slowest]:g} frames per second of "
            f"{Path(slowest).name}; give that or less"
        )


def _session(table: pd.DataFrame, asked: str | None) -> str:
    """The session that neurons belong to, checked against its film before work starts."""
    sessions = table["session"].astype(str)
    session = asked or str(sessions.iloc[0])
    rows = table[sessions == session]
    films = {(c.file, c.region) for c in map(clip_of, rows.to_dict("records"))}
    if len(films) != 1:
        raise InputError(
            f"the session {session!r} has {len(films)} films and regions, and neurons go with one; "
            f"sessions are {', '.join(sorted(set(sessions)))}"
        )
    return session


def _events(
    clips: FaceClips, features: dict[str, np.ndarray], split: Split, draws: Draws
) -> Events | None:
    names = clips.trials["event"].astype(str).to_numpy()
    if len(np.unique(names)) < 2:
        return None
    inside = np.flatnonzero(clips.after)
    picked = inside[:: max(1, len(inside) // FRAMES_A_CLIP)]
    change = clips.change[:, picked].astype(np.float64)
    frames = np.concatenate([change, np.abs(change)], axis=2)
    design = design_of(clips.trials, names, split, draws.random_state)
    return decode_events(features, frames, clips.subjects, design, draws)


def _by_session(
    clips: FaceClips, features: dict[str, np.ndarray], y: np.ndarray, draws: Draws
) -> Intensity | None:
    """Leave one session out, where there are more sessions than animals."""
    sessions = clips.trials.groupby("subject")["session"].nunique()
    if len(sessions) < 2 or sessions.max() < 2:
        return None
    split = split_animals(clips.trials, "session")
    design = design_of(clips.trials, y, split, draws.random_state)
    return decode_intensity(features, y, clips.subjects, design, draws)


def _plain(part: Any) -> Any:
    return None if part is None else part.to_dict()


def _film_warnings(film: Film) -> list[str]:
    notes = []
    n_subjects = len(set(film.clips.subjects))
    if n_subjects == 1:
        by = film.clips.held_out_by
        notes.append(
            f"there is one animal, so one {by} at a time is held out instead of one "
            "animal: nothing is said of animals not seen, and there are no intervals over animals"
        )
    elif n_subjects < 3:
        notes.append(f"intervals over animals need three; there are {n_subjects}")
    if film.controls is None:
        return notes
    order = film.controls.order
    if order and _seen(order.from_other_animals):
        notes.append(
            "the order of trials is predictable: the same trial in the other animals tells the "
            f"intensity with rho {order.from_other_animals.score.value:.2f}, so an animal can "
            "expect it, and so can a decoder that is given time"
        )
    early = {"motion energy": film.controls.motion_before, "the face": film.controls.face_before}
    for what, found in early.items():
        if _seen(found):
            notes.append(
                f"before the event {what} already tells the intensity that will be given "
                f"(rho {found.score.value:.2f}, p {found.score.p:.2g})"
            )
    return notes


def _neuron_warnings(neurons: Neurons | None) -> list[str]:
    if neurons is None:
        return []
    notes = [] if neurons.why is None else [f"neurons: {neurons.why}"]
    if neurons.overlap is not None and neurons.overlap < LITTLE:
        notes.append(
            f"only {neurons.overlap:.0%} of the neurons' samples lie within "
            f"{neurons.tolerance_s:.3g} s of a frame of the film; check the offset of the clocks"
        )
    return notes


def _seen(found: Reading) -> bool:
    return found.score.p is not None and found.score.p < SEEN
