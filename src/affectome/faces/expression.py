"""How strongly a clip's face departs from the animal's own neutral face, unit by unit."""

from __future__ import annotations

import numpy as np

from affectome.errors import InputError

FLOOR = 0.2


def frame_change(X: np.ndarray, time: np.ndarray, sessions: np.ndarray) -> np.ndarray:
    """Measure where each unit of each frame goes from neutral, in units of its own unrest.

    For the unit u at time t of the clip i in session s, with n the clip's mean before the event,

        change(i, t, u) = (x(i, t, u) - n(i, u)) / (unrest(s, u) + floor) ,

    where unrest is the root mean square of x - n before events over all clips of the session, and
    the floor is a fifth of its mean over units. No label enters. The sign says which way the unit
    goes, so that two expressions that move the same edges in opposite ways are two; its size says
    how far, whichever way.

    Parameters
    ----------
    X
        Frames, shape (n_trials, n_times, n_units).
    time
        Seconds relative to the event, shape (n_times,).
    sessions
        Session of each trial, shape (n_trials,).

    Returns
    -------
    ndarray
        Shape (n_trials, n_times, n_units).

    Raises
    ------
    InputError
        If there is no frame before the event.
    """
    before = time < 0
    if not before.any():
        raise InputError(
            f"the clips run from {time[0]:g} to {time[-1]:g} s, which holds no frame before the "
            "event"
        )
    change: np.ndarray = X - X[:, before].mean(axis=1, keepdims=True)
    for session in np.unique(sessions):
        rows = sessions == session
        change[rows] /= _unrest(change[rows][:, before]).astype(change.dtype)
    return change


def neutral_of(X: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give one session's neutral face and unrest, to measure the change of a whole film by.

    Parameters
    ----------
    X
        Frames of the session's clips, shape (n_trials, n_times, n_units).
    time
        Seconds relative to the event, shape (n_times,).

    Returns
    -------
    tuple of ndarray
        The mean frame before events and the unrest with its floor, each of shape (n_units,).
    """
    early = X[:, time < 0]
    return early.mean(axis=(0, 1)), _unrest(early - early.mean(axis=1, keepdims=True))


def mean_change(change: np.ndarray, time: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Sum up `frame_change` by clip: the signed mean over a window, both ends included.

    Parameters and errors are those of `distance_changed`.
    """
    mean: np.ndarray = change[:, _inside(time, window)].mean(axis=1, dtype=np.float64)
    return mean


def distance_changed(
    change: np.ndarray, time: np.ndarray, window: tuple[float, float]
) -> np.ndarray:
    """Sum up how far units went by clip: the root mean square over a window, ends included.

    Parameters
    ----------
    change
        Shape (n_trials, n_times, n_units).
    time
        Seconds relative to the event, shape (n_times,).
    window
        First and last second.

    Returns
    -------
    ndarray
        Shape (n_trials, n_units), float64.

    Raises
    ------
    InputError
        If there is no frame in the window.
    """
    inside = _inside(time, window)
    return np.sqrt((change[:, inside].astype(np.float64) ** 2).mean(axis=1))


def _inside(time: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    inside: np.ndarray = (time >= window[0] - 1e-9) & (time <= window[1] + 1e-9)
    if not inside.any():
        raise InputError(
            f"the clips run from {time[0]:g} to {time[-1]:g} s, which holds no frame from "
            f"{window[0]:g} to {window[1]:g} s"
        )
    return inside


def _unrest(away: np.ndarray) -> np.ndarray:
    unrest = np.sqrt((away.astype(np.float64) ** 2).mean(axis=(0, 1)))
    floored: np.ndarray = np.maximum(unrest + FLOOR * unrest.mean(), 1e-9)
    return floored
