"""How strongly a clip's face departs from the animal's own neutral face, unit by unit."""

from __future__ import annotations

import numpy as np

from affectome.errors import InputError

FLOOR = 0.2


def expression_change(
    X: np.ndarray, time: np.ndarray, sessions: np.ndarray, window: tuple[float, float]
) -> np.ndarray:
    """Measure how far each unit goes from neutral, in units of its own unrest before events.

    For the unit u of the clip i in session s, with n the clip's mean before the event,

        change(i, u) = rms_{t in window}[x(i, t, u) - n(i, u)] / (unrest(s, u) + floor) ,

    where unrest is the root mean square of x - n before events over all clips of the session, and
    the floor is a fifth of its mean over units. No label enters.

    Parameters
    ----------
    X
        Frames, shape (n_trials, n_times, n_units).
    time
        Seconds relative to the event, shape (n_times,).
    sessions
        Session of each trial, shape (n_trials,).
    window
        First and last second of the window, both included.

    Returns
    -------
    ndarray
        Shape (n_trials, n_units), float64.

    Raises
    ------
    InputError
        If there is no sample before the event or in the window.
    """
    before = time < 0
    inside = (time >= window[0] - 1e-9) & (time <= window[1] + 1e-9)
    if not before.any() or not inside.any():
        raise InputError(
            f"the clips run from {time[0]:g} to {time[-1]:g} s, which holds no frame before the "
            f"event or none from {window[0]:g} to {window[1]:g} s"
        )
    away = X - X[:, before].mean(axis=1, keepdims=True)
    moved = _rms(away[:, inside], axis=1)
    change = np.empty_like(moved)
    for session in np.unique(sessions):
        rows = sessions == session
        unrest = _rms(away[rows][:, before], axis=(0, 1))
        change[rows] = moved[rows] / np.maximum(unrest + FLOOR * unrest.mean(), 1e-9)
    return change


def _rms(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    return np.sqrt((values.astype(np.float64) ** 2).mean(axis=axis))
