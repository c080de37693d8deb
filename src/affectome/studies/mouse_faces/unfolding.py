"""How expressions unfold: prototypes, their traces in held-out animals, likeness of frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from affectome.data.readers.pose import film_speed
from affectome.data.video.clips import clip_of
from affectome.errors import InputError
from affectome.evidence import Design, Score, Split, group_mean
from affectome.evidence.within import spearman_within
from affectome.faces.expression import neutral_of
from affectome.faces.prototypes import (
    Prototypes,
    correlate_frames,
    embed_frames,
    fit_prototypes,
    order_frames,
)
from affectome.faces.traces import describe_course, variability
from affectome.features.hog import HogSettings, stream_film
from affectome.studies.mouse_faces.clips import NEUTRAL, FaceClips
from affectome.studies.mouse_faces.decoding import Reading, read
from affectome.studies.mouse_faces.neurons import FaceTrace

MAP_FRAMES = 600
COURSE = ("latency_s", "peak", "peak_s", "persistence_s")
UNTESTED = (
    "no p, because prototypes were not made anew for arrangements of the events; the interval is "
    "over animals"
)


@dataclass(frozen=True, eq=False)
class Traces:
    """Traces of expressions, of prototypes made without the clip's own animal.

    Attributes
    ----------
    events
        Expressions.
    all
        Intensity of each, shape (n_trials, n_times, n_events); NaN where an event was given to no
        other animal.
    own
        That of the clip's own event, the mean of all where none was given, shape (n_trials,
        n_times).
    far
        The same as ``own`` by prototypes of how far units go, whichever way.
    """

    events: tuple[str, ...]
    all: np.ndarray
    own: np.ndarray
    far: np.ndarray


@dataclass(frozen=True, eq=False)
class PrototypeReading:
    """One prototype, and how the traces do in held-out animals.

    Attributes
    ----------
    event
        Its event.
    n_frames
        Frames that it was made of.
    subjects
        Animals that they come from.
    """

    event: str
    n_frames: int
    subjects: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {"event": self.event, "frames": self.n_frames, "subjects": list(self.subjects)}


@dataclass(frozen=True, eq=False)
class Unfolding:
    """How one event's expression unfolds.

    Attributes
    ----------
    measures
        Latency, peak, time of the peak and persistence: means over animals of their medians.
    shown_in
        Share of clips in which each could be measured.
    variability
        Stimulus → standard deviation over mean of the peaks; None with fewer than two clips.
    """

    measures: dict[str, Score]
    shown_in: dict[str, float]
    variability: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        parts: dict[str, Any] = {
            name: {**score.to_dict(), "shown_in": self.shown_in[name]}
            for name, score in self.measures.items()
        }
        return {**parts, "variability": self.variability}


def make_prototypes(clips: FaceClips, values: np.ndarray, rows: np.ndarray) -> Prototypes:
    """Make prototypes of some clips' frames: neutral before events, and in the window after.

    Parameters
    ----------
    clips
        The clips.
    values
        Frames of all clips, as changes from neutral, shape (n_trials, n_times, n_units).
    rows
        Clips that prototypes are made of.
    """
    change = values[rows]
    n_units = change.shape[2]
    before, after = clips.time < 0, clips.after
    events, who = clips.events[rows], clips.subjects[rows]
    frames = np.concatenate(
        [change[:, before].reshape(-1, n_units), change[:, after].reshape(-1, n_units)]
    )
    labels = [""] * (len(rows) * int(before.sum())) + list(np.repeat(events, int(after.sum())))
    subjects = np.concatenate([np.repeat(who, int(before.sum())), np.repeat(who, int(after.sum()))])
    return fit_prototypes(frames, np.array(labels, dtype=object), subjects)


def held_out_traces(clips: FaceClips, split: Split) -> Traces:
    """Trace expressions by prototypes made without the clip's animal.

    Raises
    ------
    InputError
        If no event was given in any clip.
    """
    events = tuple(sorted({str(e) for e in clips.events if e}))
    if not events:
        raise InputError(
            f"every event is one of {', '.join(NEUTRAL)}; name what was given in the column event"
        )
    signed = _all_traces(clips, clips.change, split, events)
    far = _all_traces(clips, np.abs(clips.change), split, events)
    return Traces(events, signed, _own(clips, signed, events), _own(clips, far, events))


def _all_traces(
    clips: FaceClips, values: np.ndarray, split: Split, events: tuple[str, ...]
) -> np.ndarray:
    traces = np.full((*values.shape[:2], len(events)), np.nan)
    for train, test in split:
        made = make_prototypes(clips, values, train)
        found = made.intensity(values[test])
        for k, event in enumerate(made.events):
            traces[test, :, events.index(event)] = found[:, :, k]
    return traces


def _own(clips: FaceClips, traces: np.ndarray, events: tuple[str, ...]) -> np.ndarray:
    own = np.nanmean(traces, axis=2)
    for k, event in enumerate(events):
        rows = (clips.events == event) & np.isfinite(traces[:, 0, k])
        own[rows] = traces[rows, :, k]
    return own


def trace_readings(clips: FaceClips, traces: Traces, design: Design) -> dict[str, Reading]:
    """Correlate the traces after the event with intensity: ``signed`` and ``how_far``."""
    y = design.y
    made = {"signed": traces.own, "how_far": traces.far}
    return {
        name: read(
            spearman_within(y, values[:, clips.after].mean(axis=1), clips.subjects),
            design,
            design.why_no_p or UNTESTED,
        )
        for name, values in made.items()
    }


def trace_film(
    clips: FaceClips, session: str, settings: HogSettings, offset: float = 0.0
) -> tuple[FaceTrace, dict[str, np.ndarray]]:
    """Trace every expression over the whole film of one session, streamed.

    Parameters
    ----------
    clips
        All clips; prototypes are made of the other animals', or where there is one animal, of its
        other sessions or of other stretches of its session than the one that a frame is nearest to.
    session
        Which session.
    settings
        How frames are described.
    offset
        Seconds that the film starts later than the neurons' clock.

    Returns
    -------
    face : FaceTrace
        On the neurons' clock.
    onsets : dict
        Event → seconds of its onsets, on the neurons' clock.

    Raises
    ------
    InputError
        If there is no such session, or its clips come from several films or regions.
    """
    rows = np.flatnonzero(clips.sessions == session)
    films = {(c.file, c.region) for c in map(clip_of, clips.trials.iloc[rows].to_dict("records"))}
    if len(films) != 1:
        raise InputError(
            f"the session {session!r} has {len(films)} films and regions, and neurons go with one; "
            f"sessions are {', '.join(sorted(set(clips.sessions)))}"
        )
    ((file, region),) = films
    held_out, onsets = clips.held_out[rows], clips.trials["onset"].to_numpy(dtype=float)[rows]
    groups = np.unique(held_out)
    made = [
        make_prototypes(clips, clips.change, np.flatnonzero(clips.held_out != group))
        for group in groups
    ]
    neutral, unrest = neutral_of(next(iter(clips.hog.values()))[rows], clips.time)
    times, traces, motion = [], [], []
    for stretch in stream_film(file, region, settings):
        nearest = np.abs(np.subtract.outer(stretch.times, onsets)).argmin(axis=1)
        own = np.searchsorted(groups, held_out[nearest])
        change = (stretch.hog - neutral) / unrest
        by_group = np.stack([prototypes.intensity(change) for prototypes in made])
        times.append(stretch.times)
        traces.append(by_group[own, np.arange(len(own))])
        motion.append(stretch.motion)
    intensity = dict(zip(made[0].events, np.concatenate(traces).T, strict=True))
    events = clips.events[rows]
    seconds, movement = np.concatenate(times), np.concatenate(motion)[:, None]
    pose = clips.trials["pose"].iloc[rows[0]] if "pose" in clips.trials else None
    if pose and not pd.isna(pose):
        movement = np.column_stack([movement, np.interp(seconds, *film_speed(pose, file))])
    face = FaceTrace(seconds + offset, intensity, movement)
    return face, {str(e): onsets[events == e] + offset for e in sorted(set(events)) if e}


def list_prototypes(clips: FaceClips, made: Prototypes) -> tuple[PrototypeReading, ...]:
    """Frames and animals that each prototype is made of."""
    n_before = int((clips.time < 0).sum()) * len(clips.trials)
    per_clip = int(clips.after.sum())
    return tuple(
        PrototypeReading(
            event,
            len(frames),
            tuple(sorted(set(clips.subjects[(frames - n_before) // per_clip]))),
        )
        for event, frames in zip(made.events, made.frames, strict=True)
    )


def dynamics(clips: FaceClips, traces: np.ndarray) -> dict[str, Unfolding]:
    """Latency, peak, persistence and variability of each event's traces, averaged over animals."""
    course = describe_course(traces, clips.time)
    measured = (course.latency, course.peak, course.peak_time, course.persistence)
    table = pd.DataFrame(dict(zip(COURSE, measured, strict=True)))
    table["event"], table["who"] = clips.trials["event"].astype(str), clips.subjects
    stimulus = clips.trials["intensity"] if "intensity" in clips.trials else clips.trials["event"]
    result = {}
    for event, rows in table.groupby("event"):
        by_animal = rows.groupby("who")[list(COURSE)].median()
        spread = variability(rows["peak"].to_numpy(), stimulus[rows.index].to_numpy())
        result[str(event)] = Unfolding(
            {n: _mean_of_animals(by_animal[n].to_numpy(), n) for n in COURSE},
            {n: float(rows[n].notna().mean()) for n in COURSE},
            {name: None if np.isnan(value) else value for name, value in spread.items()},
        )
    return result


def _mean_of_animals(values: np.ndarray, name: str) -> Score:
    found = group_mean(values, "animals", metric=name)
    if found.interval is None or name == "peak":
        return found
    # A time is never negative.
    return replace(found, interval=(max(found.interval[0], 0.0), max(found.interval[1], 0.0)))


def map_frames(clips: FaceClips, seed: int) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Sample frames evenly over clips: correlations in clustered order, embedding and labels."""
    n_trials, n_times = clips.change.shape[:2]
    rng = np.random.default_rng(seed)
    picked = np.sort(
        rng.choice(n_trials * n_times, min(MAP_FRAMES, n_trials * n_times), replace=False)
    )
    trial, at = np.divmod(picked, n_times)
    X = clips.change[trial, at].astype(np.float64)
    similarity = correlate_frames(X)
    order, _ = order_frames(similarity)
    shown = np.where(clips.after[at], clips.trials["event"].astype(str).to_numpy()[trial], "other")
    shown = np.where(clips.time[at] < 0, "before", shown)
    labels = pd.DataFrame(
        {"event": shown, "subject": clips.subjects[trial], "seconds": clips.time[at]}
    )
    return similarity[np.ix_(order, order)], embed_frames(X, seed), labels
