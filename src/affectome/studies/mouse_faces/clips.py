"""Clips of faces as the study sees them: who, what, when, and how frames were described."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from affectome.errors import InputError
from affectome.faces.expression import distance_changed, frame_change, mean_change

NEUTRAL = ("none", "neutral", "baseline")
STRETCHES = 5


@dataclass(frozen=True, eq=False)
class FaceClips:
    """Clips as the analysis sees them.

    Attributes
    ----------
    trials
        One row a clip.
    time
        Seconds relative to the event, shape (n_times,).
    hog
        Cell side in pixels → frames, shape (n_trials, n_times, n_units). Prototypes are made of
        the first; intensity and events choose among them.
    window
        First and last second after the event that its expression is measured in.
    """

    trials: pd.DataFrame
    time: np.ndarray
    hog: dict[int, np.ndarray]
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
    def changes(self) -> dict[int, np.ndarray]:
        """Cell side → where each unit of each frame goes from neutral; see `frame_change`."""
        return {k: frame_change(v, self.time, self.sessions) for k, v in self.hog.items()}

    @property
    def change(self) -> np.ndarray:
        """The same for the cells that prototypes are made of."""
        return next(iter(self.changes.values()))

    def features(self, window: tuple[float, float]) -> dict[str, np.ndarray]:
        """Descriptions of clips that are chosen from: how far change goes, and signed change.

        Among equals the first is taken: how far units go is what animals that are held and seen
        differently have in common.
        """
        made = {}
        for cell, change in self.changes.items():
            made[f"how far, cells of {cell}"] = distance_changed(change, self.time, window)
            made[f"signed, cells of {cell}"] = mean_change(change, self.time, window)
        return made
