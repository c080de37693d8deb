"""Is it the expression, or movement, or the order of trials? Controls of the mouse-face study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectome.data import Skipped
from affectome.data.readers.pose import clip_speeds
from affectome.decoding import RidgeDecoder
from affectome.evidence import Design, Score, make_design
from affectome.evidence.within import spearman_within
from affectome.studies.mouse_faces.clips import FaceClips
from affectome.studies.mouse_faces.decoding import (
    PENALTIES,
    Draws,
    Features,
    Reading,
    arrangements,
    design_of,
    nested_ridge,
    read,
)


@dataclass(frozen=True, eq=False)
class MotionControl:
    """What the face tells of intensity beside how much the animal moved.

    Attributes
    ----------
    partial
        Rank correlation of decoded and given intensity, measured motion energy held fixed.
    reliability
        Of motion energy, from every second frame against the others; NaN where it can't be told.
    corrected
        The partial correlation with motion energy set right for that error; None where the
        reliability can't be told.
    alone, together
        Ridge on motion energy, and on motion energy with the face.
    gain
        Mean over animals of how much higher rho is together than alone.
    """

    partial: Reading
    reliability: float
    corrected: Reading | None
    alone: Reading
    together: Reading
    gain: Score

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            "partial": self.partial.to_dict(),
            "reliability": None if np.isnan(self.reliability) else self.reliability,
            "partial_corrected": None if self.corrected is None else self.corrected.to_dict(),
            "motion_alone": self.alone.to_dict(),
            "motion_and_face": self.together.to_dict(),
            "gain": self.gain.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class OrderControl:
    """Whether intensity could be told from the place of a trial alone.

    Attributes
    ----------
    from_other_animals
        By the mean intensity of the same trial number in the other animals.
    from_previous
        By the mean intensity that followed the previous one in the other animals.
    trial_number
        By the trial number itself.
    """

    from_other_animals: Reading
    from_previous: Reading
    trial_number: Reading

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {name: reading.to_dict() for name, reading in vars(self).items()}


@dataclass(frozen=True, eq=False)
class PoseControl:
    """What the face tells beside motion energy and the speed of tracked points.

    Attributes
    ----------
    clips
        Clips that have a pose.
    alone
        Rank correlation of the speed after the event with intensity.
    partial
        Rank correlation of decoded and given intensity, motion energy and speed held fixed.
    """

    clips: int
    alone: Reading
    partial: Reading

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            "clips": self.clips,
            "alone": self.alone.to_dict(),
            "partial": self.partial.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Controls:
    """All controls of intensity.

    Attributes
    ----------
    motion
        See `MotionControl`.
    face_before, motion_before
        Intensity read from the face, and from motion energy, before the event.
    order
        See `OrderControl`; None where the order is unknown, or there is one animal.
    pose
        See `PoseControl`; None where no clip has a pose.
    """

    motion: MotionControl
    face_before: Reading
    motion_before: Reading
    order: OrderControl | None
    pose: PoseControl | None

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            "motion_energy": self.motion.to_dict(),
            "pre_event": {
                "face": self.face_before.to_dict(),
                "motion": self.motion_before.to_dict(),
            },
            "trial_order": None if self.order is None else self.order.to_dict(),
            "pose_speed": None if self.pose is None else self.pose.to_dict(),
        }


def motion_table(motion: np.ndarray, time: np.ndarray, window: tuple[float, float]) -> pd.DataFrame:
    """Sum up motion energy by clip, in logarithms: ``before`` the event, ``after`` it, ``peak``.

    ``odd`` and ``even`` are ``after`` by every second frame, to tell how reliable it is.

    Parameters
    ----------
    motion
        Motion energy, shape (n_trials, n_times), in grey levels.
    time
        Seconds relative to the event, shape (n_times,).
    window
        First and last second that count as after the event.
    """
    inside = np.flatnonzero((time >= window[0] - 1e-9) & (time <= window[1] + 1e-9))
    # The frame at the event holds the change from before to after it.
    before = time < -1e-9
    sums = {
        "before": motion[:, before].mean(axis=1),
        "after": motion[:, inside].mean(axis=1),
        "peak": motion[:, inside].max(axis=1),
        "even": motion[:, inside[::2]].mean(axis=1),
        "odd": motion[:, inside[1::2]].mean(axis=1) if len(inside) > 1 else motion[:, inside[0]],
    }
    return pd.DataFrame({name: np.log(values + 1e-3) for name, values in sums.items()})


def motion_control(
    features: Features,
    motion: pd.DataFrame,
    predicted: NDArray[np.float64],
    clips: FaceClips,
    design: Design,
    draws: Draws,
) -> MotionControl:
    """Ask what the face tells of intensity beyond how much the animal moved.

    The null of the partial correlation keeps what motion tells of intensity: what is left of it
    trades places, and the decoder is refitted to the sum (Freedman & Lane 1983).

    Parameters
    ----------
    features
        Description → clips, shape (n_trials, n_units).
    motion
        From `motion_table`.
    predicted
        Intensity decoded from the face, shape (n_trials,).
    clips
        The clips.
    design
        Folds and null of the intensities.
    draws
        Arrangements.
    """
    y, who = design.y, clips.subjects
    given = motion[["before", "after"]].to_numpy()
    told, left = _told_and_left(y, given, who)
    after = design_of(clips.trials, left, design.split, draws.random_state)
    rows = np.concatenate([y[None], told + arrangements(after, draws)[1:]])
    found, _ = nested_ridge(features, rows, who, design.split)
    partial = spearman_within(rows, found, who, given)
    halves = spearman_within(motion["odd"], motion["even"], who).score("animals").value
    reliability = 2 * halves / (1 + halves) if halves > 0 else np.nan
    corrected = None
    if reliability > 0.5:
        why = "no p, because the partial correlation is what was tested"
        scores = spearman_within(y, predicted, who, given, reliability)
        corrected = read(scores, design, why, partial)
    drawn = arrangements(design, draws)
    columns = motion[["before", "after", "peak"]].to_numpy()
    decoder = RidgeDecoder(alpha=PENALTIES)
    by_motion = decoder.closed_form_predictions(columns, drawn, design.split.folds)
    alone = spearman_within(drawn, by_motion, who)
    both = {name: _beside(X, columns) for name, X in features.items()}
    by_both, _ = nested_ridge(both, drawn, who, design.split)
    together = spearman_within(drawn, by_both, who)
    why = "no p, because its null is that face and motion both tell nothing"
    return MotionControl(
        read(partial, after, alternative="two-sided"),
        float(reliability),
        corrected,
        read(alone, design),
        read(together, design),
        together.less(alone).score("animals", None, why=why),
    )


def pre_event(
    features: Features,
    motion: pd.DataFrame,
    subjects: NDArray[Any],
    design: Design,
    draws: Draws,
) -> tuple[Reading, Reading]:
    """Look for intensity before the event, where there can be none unless it was predictable.

    Returns
    -------
    tuple of Reading
        Intensity decoded from frames before the event, and the rank correlation of motion energy
        before the event with it.
    """
    rows = arrangements(design, draws)
    found, _ = nested_ridge(features, rows, subjects, design.split)
    moved = spearman_within(rows, motion["before"].to_numpy(), subjects)
    face = spearman_within(rows, found, subjects)
    return (
        read(face, design, alternative="two-sided"),
        read(moved, design, alternative="two-sided"),
    )


def pose_control(
    clips: FaceClips, motion: pd.DataFrame, predicted: np.ndarray, design: Design
) -> tuple[PoseControl | None, list[Skipped]]:
    """Ask what the face tells of intensity beyond motion energy and the speed of tracked points.

    Parameters
    ----------
    clips
        The clips; those with a pose table in the column ``pose`` count.
    motion
        Covariates, from `motion_table`.
    predicted
        Intensity that was decoded from the face, shape (n_trials,).
    design
        Folds and null of the intensities.

    Returns
    -------
    PoseControl or None
    list
        Pose tables that could not be used.
    """
    if "pose" not in clips.trials:
        return None, []
    speeds, skipped = clip_speeds(clips.trials, clips.time)
    rows = np.isfinite(speeds).all(axis=1)
    if not rows.any():
        return None, skipped
    moved = motion_table(speeds[rows], clips.time, clips.window)
    y, who = design.y[rows], clips.subjects[rows]
    given = np.hstack([motion.loc[rows, ["before", "after"]], moved[["before", "after"]]])
    alone = spearman_within(y, moved["after"].to_numpy(), who)
    partial = spearman_within(y, predicted[rows], who, given)
    why = "no p, because the decoder was fitted to clips without a pose, too"
    found = PoseControl(int(rows.sum()), read(alone, design, why), read(partial, design, why))
    return found, skipped


def trial_order(
    trials: pd.DataFrame, subjects: NDArray[Any], design: Design, draws: Draws
) -> OrderControl | None:
    """Ask whether intensity could be told from the place of a trial in its session alone.

    Whether orders agree is asked of orders, so here trials trade places in each animal by itself,
    whatever the clock tells.
    """
    if "trial" not in trials or trials["trial"].isna().any() or len(set(subjects)) < 2:
        return None
    place = trials["trial"].to_numpy(dtype=float)
    y = design.y
    names = trials[["subject"]].reset_index(drop=True)
    design = make_design(names, y, design.split, order="none")
    table = pd.DataFrame({"place": place, "y": y, "who": subjects, "session": trials["session"]})
    before = table.sort_values("place").groupby(["who", "session"])["y"].shift(1)
    previous = before.sort_index().fillna(float(y.min()) - 1).to_numpy()
    rows = arrangements(design, draws)
    by_place = rows @ _mean_of_others(place, subjects).T
    by_previous = y @ _mean_of_others(previous, subjects).T
    why = "no p, because the arrangements have other trials before them"
    return OrderControl(
        read(spearman_within(rows, by_place, subjects), design),
        read(spearman_within(y, by_previous, subjects), design, why),
        read(spearman_within(rows, place, subjects), design, alternative="two-sided"),
    )


def _told_and_left(
    y: NDArray[np.float64], given: NDArray[np.float64], subjects: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the ranks of covariates tell of a target within each animal, and what they leave."""
    told = np.zeros(len(y))
    for name in np.unique(subjects):
        rows = subjects == name
        ranks = np.column_stack([pd.Series(column[rows]).rank() for column in given.T])
        columns = np.column_stack([np.ones(rows.sum()), ranks])
        told[rows] = columns @ np.linalg.lstsq(columns, y[rows], rcond=None)[0]
    return told, y - told


def _beside(X: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Face and motion; standardised columns weigh alike, so motion's few are repeated."""
    return np.hstack([X, np.tile(columns, max(1, X.shape[1] // columns.shape[1]))])


def _mean_of_others(key: NDArray[np.float64], subjects: NDArray[Any]) -> NDArray[np.float64]:
    """Weights that average the trials of other animals with the same key; all of them if none."""
    other = subjects[:, None] != subjects[None]
    alike = other & (key[:, None] == key[None])
    used = np.where(alike.any(axis=1, keepdims=True), alike, other).astype(float)
    weights: NDArray[np.float64] = used / used.sum(axis=1, keepdims=True)
    return weights
