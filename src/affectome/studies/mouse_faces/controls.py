"""Is it the expression, or movement, or the order of trials? Controls of the mouse-face study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from affectome.data import Skipped
from affectome.data.readers.pose import clip_speeds
from affectome.decoding import RidgeDecoder
from affectome.evidence import Split
from affectome.faces.expression import expression_change
from affectome.studies._within import interval_over, rank_correlation
from affectome.studies.mouse_faces.decoding import (
    PENALTIES,
    decode_intensity,
    out_of_fold,
    split_animals,
)
from affectome.studies.mouse_faces.unfolding import FaceClips


def intensity_and_controls(
    clips: FaceClips, X: np.ndarray, motion: pd.DataFrame, split: Split, seed: int
) -> tuple[dict[str, Any] | None, dict[str, Any], np.ndarray]:
    """Decode intensity, with its controls; nothing where the table names no intensity."""
    y = clips.trials.get("intensity", pd.Series(dtype=float)).to_numpy(dtype=float)
    if len(y) == 0 or np.ptp(y) == 0:
        return None, {}, np.full(len(clips.trials), np.nan)
    who = clips.subjects
    result, decoded = decode_intensity(X, y, who, split, seed)
    moved = motion_control(X, motion, decoded, y, who, split)
    result["partial_given_motion"] = moved.pop("partial")
    step = float(np.diff(clips.time).min())
    before = (float(clips.time[0]), -step)
    X_before = expression_change(clips.change, clips.time, before)
    controls = {
        "motion_energy": moved,
        "pre_event": pre_event_control(X_before, motion, y, who, split),
        "trial_order": trial_order_control(clips.trials, y, who),
    }
    return result, controls, decoded


def intensity_by_session(clips: FaceClips, X: np.ndarray, seed: int) -> dict[str, Any] | None:
    """Leave one session out, where there are more sessions than animals."""
    sessions = clips.trials.groupby("subject")["session"].nunique()
    if len(sessions) < 2 or sessions.max() < 2 or "intensity" not in clips.trials:
        return None
    split = split_animals(clips.trials, "session")
    y = clips.trials["intensity"].to_numpy(dtype=float)
    result, _ = decode_intensity(X, y, clips.subjects, split, seed)
    return {"n_sessions": len(split), "intensity": result}


def motion_table(motion: np.ndarray, time: np.ndarray, window: tuple[float, float]) -> pd.DataFrame:
    """Sum up motion energy by clip, in logarithms: ``before`` the event, ``after`` it, ``peak``.

    Parameters
    ----------
    motion
        Motion energy, shape (n_trials, n_times), in grey levels.
    time
        Seconds relative to the event, shape (n_times,).
    window
        First and last second that count as after the event.
    """
    inside = (time >= window[0] - 1e-9) & (time <= window[1] + 1e-9)
    # The frame at the event holds the change from before to after it.
    before = time < -1e-9
    return pd.DataFrame(
        {
            "before": np.log(motion[:, before].mean(axis=1) + 1e-3),
            "after": np.log(motion[:, inside].mean(axis=1) + 1e-3),
            "peak": np.log(motion[:, inside].max(axis=1) + 1e-3),
        }
    )


def motion_control(
    X: np.ndarray,
    motion: pd.DataFrame,
    predicted: np.ndarray,
    y: np.ndarray,
    subjects: np.ndarray,
    split: Split,
) -> dict[str, Any]:
    """Ask what the face tells of intensity beyond how much the animal moved.

    Parameters
    ----------
    X
        Clips, shape (n_trials, n_units).
    motion
        Covariates, from `motion_table`.
    predicted
        Intensity that was decoded from the face, shape (n_trials,).
    y
        Intensity that was given.
    subjects
        Animal of each trial.
    split
        The folds.

    Returns
    -------
    dict
        ``partial``: rank correlation of decoded and given intensity, given motion energy before
        and after the event. ``motion_alone``: the same decoder on motion energy. ``nested``: what
        face and motion together gain over motion alone, mean difference of rho over animals.
    """
    given = motion.to_numpy()
    decoder = RidgeDecoder(alpha=PENALTIES)
    alone = rank_correlation(out_of_fold(decoder, given, y, split), y, subjects)
    # Standardised columns weigh alike, so motion's few are repeated to weigh as the face's many.
    repeats = max(1, X.shape[1] // given.shape[1])
    both = rank_correlation(
        out_of_fold(decoder, np.hstack([X, np.tile(given, repeats)]), y, split), y, subjects
    )
    gain = np.array([both["by_subject"][s] - alone["by_subject"][s] for s in alone["by_subject"]])
    covariates = motion[["before", "after"]].to_numpy()
    return {
        "partial": rank_correlation(predicted, y, subjects, covariates),
        "motion_alone": alone,
        "nested": {
            "motion": alone["rho"],
            "motion_and_face": both["rho"],
            "gain": float(gain.mean()),
            "interval": interval_over(gain),
        },
    }


def pre_event_control(
    X_before: np.ndarray, motion: pd.DataFrame, y: np.ndarray, subjects: np.ndarray, split: Split
) -> dict[str, Any]:
    """Look for intensity before the event, where there can be none unless it was predictable.

    Returns
    -------
    dict
        ``face``: intensity decoded in held-out animals from the frames before the event;
        ``motion``: rank correlation of motion energy before the event with intensity.
    """
    decoded = out_of_fold(RidgeDecoder(alpha=PENALTIES), X_before, y, split)
    return {
        "face": rank_correlation(decoded, y, subjects),
        "motion": rank_correlation(motion["before"].to_numpy(), y, subjects),
    }


def pose_control(
    clips: FaceClips, motion: pd.DataFrame, predicted: np.ndarray
) -> tuple[dict[str, Any], list[Skipped]]:
    """Ask what the face tells of intensity beyond motion energy and the speed of tracked points.

    Parameters
    ----------
    clips
        The clips; those with a pose table in the column ``pose`` count.
    motion
        Covariates, from `motion_table`.
    predicted
        Intensity that was decoded from the face, shape (n_trials,).

    Returns
    -------
    dict
        Empty without intensities or pose tables, else ``pose_speed`` with the number of ``clips``
        that have a pose, ``alone``: rank correlation of the speed after the event with intensity,
        and ``partial``: of decoded with given intensity, given motion energy and speed.
    list
        Pose tables that could not be used.
    """
    if "pose" not in clips.trials or not np.isfinite(predicted).all():
        return {}, []
    speeds, skipped = clip_speeds(clips.trials, clips.time)
    rows = np.isfinite(speeds).all(axis=1)
    if not rows.any():
        return {}, skipped
    moved = motion_table(speeds[rows], clips.time, clips.window)
    y, who = clips.trials["intensity"].to_numpy(dtype=float)[rows], clips.subjects[rows]
    given = np.hstack([motion.loc[rows, ["before", "after"]], moved[["before", "after"]]])
    found = {
        "clips": int(rows.sum()),
        "alone": rank_correlation(moved["after"].to_numpy(), y, who),
        "partial": rank_correlation(predicted[rows], y, who, given),
    }
    return {"pose_speed": found}, skipped


def trial_order_control(
    trials: pd.DataFrame, y: np.ndarray, subjects: np.ndarray
) -> dict[str, Any] | None:
    """Ask whether intensity could be told from the place of a trial in its session alone.

    Returns
    -------
    dict or None
        ``from_other_animals``: rank correlation of intensity with the mean intensity of the same
        trial number in the other animals; ``from_previous``: with the mean intensity that followed
        the previous one in the other animals; ``trial_number``. None where order is unknown
        or there is one animal.
    """
    if "trial" not in trials or trials["trial"].isna().any() or len(set(subjects)) < 2:
        return None
    place = trials["trial"].to_numpy(dtype=float)
    table = pd.DataFrame({"place": place, "y": y, "who": subjects, "session": trials["session"]})
    table["previous"] = table.sort_values("place").groupby(["who", "session"])["y"].shift(1)
    table["previous"] = table["previous"].fillna(-1.0)
    return {
        "from_other_animals": rank_correlation(_told_by_others(table, "place"), y, subjects),
        "from_previous": rank_correlation(_told_by_others(table, "previous"), y, subjects),
        "trial_number": rank_correlation(place, y, subjects),
    }


def _told_by_others(table: pd.DataFrame, key: str) -> np.ndarray:
    told = np.full(len(table), float(table["y"].mean()))
    for name in table["who"].unique():
        rows = (table["who"] == name).to_numpy()
        known = table[~rows].groupby(key)["y"].mean()
        found = table.loc[rows, key].map(known)
        told[rows] = found.fillna(table["y"].mean()).to_numpy()
    return told
