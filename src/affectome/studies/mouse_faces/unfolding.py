"""How expressions unfold: prototypes, their traces in held-out animals, likeness of frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from affectome.data.readers.pose import film_speed
from affectome.data.video.clips import clip_of
from affectome.errors import InputError
from affectome.evidence import Split
from affectome.faces.expression import frame_change, neutral_of
from affectome.faces.prototypes import (
    Prototypes,
    correlate_frames,
    embed_frames,
    fit_prototypes,
    order_frames,
)
from affectome.faces.traces import describe_course, variability
from affectome.features.hog import HogSettings, stream_film
from affectome.studies._within import interval_over, rank_correlation
from affectome.studies.mouse_faces.neurons import FaceTrace

NEUTRAL = ("none", "neutral", "baseline")
MAP_FRAMES = 600
STRETCHES = 5


@dataclass(frozen=True, eq=False)
class FaceClips:
    """Clips as the analysis sees them."""

    trials: pd.DataFrame
    time: np.ndarray
    hog: np.ndarray
    window: tuple[float, float]

    @property
    def subjects(self) -> np.ndarray:
        """Animal of each clip."""
        return self.trials["subject"].astype(str).to_numpy()

    @property
    def sessions(self) -> np.ndarray:
        """Session of each clip."""
        return self.trials["session"].astype(str).to_numpy()

    @property
    def events(self) -> np.ndarray:
        """Event of each clip; "" where nothing was given."""
        names = self.trials["event"].astype(str)
        return names.where(~names.str.lower().isin(NEUTRAL), "").to_numpy(dtype=object)

    @cached_property
    def held_out_by(self) -> str:
        """What is held out: animals, sessions of one animal, or stretches of one session."""
        if len(set(self.subjects)) > 1:
            return "subject"
        return "session" if len(set(self.sessions)) > 1 else "stretch"

    @cached_property
    def stretches(self) -> np.ndarray:
        """Fifths of each event's trials in the order of their onsets, numbered from 0."""
        events = self.trials["event"].astype(str)
        counts = events.map(events.value_counts()).to_numpy()
        fewest = int(counts.min())
        if self.held_out_by == "stretch" and fewest < 2:
            raise InputError(
                f"one animal with one session needs two trials or more of each event, and "
                f"{events[counts.argmin()]!s} has {fewest}; add trials, sessions or animals"
            )
        place = self.trials.groupby("event")["onset"].rank(method="first").to_numpy() - 1
        return (place * min(STRETCHES, fewest) // counts).astype(int)

    @property
    def held_out(self) -> np.ndarray:
        """Which animal, session or stretch each clip is held out with."""
        by = self.held_out_by
        return self.stretches if by == "stretch" else self.trials[by].astype(str).to_numpy()

    @property
    def after(self) -> np.ndarray:
        """Which times lie in the window after the event."""
        return (self.time >= self.window[0] - 1e-9) & (self.time <= self.window[1] + 1e-9)

    @cached_property
    def change(self) -> np.ndarray:
        """How far each unit of each frame is from neutral; see `frame_change`."""
        return frame_change(self.hog, self.time, self.sessions)


def make_prototypes(clips: FaceClips, rows: np.ndarray) -> Prototypes:
    """Make prototypes of some clips' frames: neutral before events, and in the window after."""
    change = clips.change[rows]
    n_units = change.shape[2]
    before, after = clips.time < 0, clips.after
    events, who = clips.events[rows], clips.subjects[rows]
    frames = np.concatenate(
        [change[:, before].reshape(-1, n_units), change[:, after].reshape(-1, n_units)]
    )
    labels = [""] * (len(rows) * int(before.sum())) + list(np.repeat(events, int(after.sum())))
    subjects = np.concatenate([np.repeat(who, int(before.sum())), np.repeat(who, int(after.sum()))])
    return fit_prototypes(frames, np.array(labels, dtype=object), subjects)


def held_out_traces(clips: FaceClips, split: Split) -> tuple[np.ndarray, dict[str, Any]]:
    """Trace each clip's expression by prototypes made without its animal."""
    if not (clips.events != "").any():
        raise InputError(
            f"every event is one of {', '.join(NEUTRAL)}; name what was given in the column event"
        )
    traces = np.zeros(clips.hog.shape[:2])
    for train, test in split:
        made = make_prototypes(clips, train)
        found = made.intensity(clips.change[test])
        for row, trace in zip(test, found, strict=True):
            event = clips.events[row]
            own = made.events.index(event) if event in made.events else slice(None)
            traces[row] = trace[:, own] if event in made.events else trace.mean(axis=1)
    held_out: dict[str, Any] = {}
    if "intensity" in clips.trials and clips.trials["intensity"].nunique() > 1:
        y = clips.trials["intensity"].to_numpy(dtype=float)
        held_out = rank_correlation(traces[:, clips.after].mean(axis=1), y, clips.subjects)
    return traces, held_out


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
    made = [make_prototypes(clips, np.flatnonzero(clips.held_out != group)) for group in groups]
    neutral, unrest = neutral_of(clips.hog[rows], clips.time)
    times, traces, motion = [], [], []
    for stretch in stream_film(file, region, settings):
        nearest = np.abs(np.subtract.outer(stretch.times, onsets)).argmin(axis=1)
        own = np.searchsorted(groups, held_out[nearest])
        change = np.abs(stretch.hog - neutral) / unrest
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


def list_prototypes(
    clips: FaceClips, made: Prototypes, held_out: dict[str, Any]
) -> list[dict[str, Any]]:
    """Frames and animals that each prototype is made of, and how it does in held-out animals."""
    n_before = int((clips.time < 0).sum()) * len(clips.trials)
    per_clip = int(clips.after.sum())
    listed = []
    for event, frames in zip(made.events, made.frames, strict=True):
        owners = clips.subjects[(frames - n_before) // per_clip]
        listed.append(
            {
                "event": event,
                "frames": len(frames),
                "subjects": sorted(set(owners)),
                "intensity_in_held_out_animals": held_out or None,
            }
        )
    return listed


def dynamics(clips: FaceClips, traces: np.ndarray) -> dict[str, Any]:
    """Latency, peak, persistence and variability of each event's traces, averaged over animals."""
    course = describe_course(traces, clips.time)
    table = pd.DataFrame(
        {
            "event": clips.trials["event"].astype(str),
            "who": clips.subjects,
            "latency_s": course.latency,
            "peak": course.peak,
            "peak_s": course.peak_time,
            "persistence_s": course.persistence,
        }
    )
    stimulus = clips.trials["intensity"] if "intensity" in clips.trials else clips.trials["event"]
    result: dict[str, Any] = {}
    for event, rows in table.groupby("event"):
        by_animal = rows.groupby("who")[["latency_s", "peak", "peak_s", "persistence_s"]].median()
        result[str(event)] = {
            name: {
                "median": float(values.mean()),
                "interval": interval_over(values.to_numpy(), lambda v: max(v, 0.0)),
                "shown_in": float(rows[name].notna().mean()),
            }
            for name, values in by_animal.items()
        }
        result[str(event)]["variability"] = variability(
            rows["peak"].to_numpy(), stimulus[rows.index].to_numpy()
        )
    return result


def map_frames(clips: FaceClips, seed: int) -> dict[str, Any]:
    """Sample frames evenly over clips for the similarity matrix and the embedding."""
    n_trials, n_times = clips.hog.shape[:2]
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
    return {
        "similarity": similarity[np.ix_(order, order)],
        "order": order,
        "embedding": embed_frames(X, seed),
        "labels": labels,
    }
