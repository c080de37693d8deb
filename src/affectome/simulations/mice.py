"""Head-fixed mice of known truth: expressions, their intensity, movement, and planted neurons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.signal import lfilter

DRIVERS = ("face", "stimulus", "movement", "none")


@dataclass(frozen=True, eq=False)
class SimulatedMouse:
    """One session of one animal, and what is true of it.

    Attributes
    ----------
    times
        Seconds, shape (n_times,).
    frames
        Descriptions of the face, shape (n_times, n_units).
    movement
        Movement, shape (n_times,).
    onsets
        Event → seconds of its onsets.
    prototypes
        The planted expressions as contrasts with neutral, event → shape (n_units,).
    intensity
        Event → how strongly its expression is shown, shape (n_times,).
    neurons
        Traces, shape (n_times, n_neurons).
    driver
        What drives each neuron, one of ``DRIVERS``, shape (n_neurons,).
    """

    times: np.ndarray
    frames: np.ndarray
    movement: np.ndarray
    onsets: dict[str, np.ndarray]
    prototypes: dict[str, np.ndarray]
    intensity: dict[str, np.ndarray]
    neurons: np.ndarray
    driver: np.ndarray


@dataclass(frozen=True, eq=False)
class SimulatedClips:
    """Clips of several animals, described frame by frame, and what is true of them.

    Attributes
    ----------
    trials
        ``subject``, ``session``, ``event``, ``intensity``, ``trial`` and ``onset`` of each clip.
    time
        Seconds from the event, shape (n_times,).
    frames
        Shape (n_trials, n_times, n_units).
    motion
        Motion energy as it is measured, shape (n_trials, n_times).
    expression
        The planted expression, shape (n_units,).
    """

    trials: pd.DataFrame
    time: np.ndarray
    frames: np.ndarray
    motion: np.ndarray
    expression: np.ndarray


def simulate_clips(
    n_animals: int = 5,
    n_trials: int = 30,
    expression: float = 0.0,
    opposite: bool = False,
    movement: float = 0.0,
    motion_error: float = 0.0,
    n_units: int = 40,
    random_state: int = 0,
) -> SimulatedClips:
    """Simulate clips of shocks of four intensities and of none.

    Parameters
    ----------
    n_animals, n_trials
        Animals, and clips of each.
    expression
        How far the strongest shock moves the face along one direction, in units of the noise.
    opposite
        Whether clips are of two events at full strength instead, which move the face along that
        direction and against it.
    movement
        How much intensity goes into movement, which moves the face in any direction.
    motion_error
        Standard deviation of the error that motion energy is measured with, clip by clip, in
        logarithms: error that all its frames share.
    n_units
        Units that describe the face.
    random_state
        Seed.
    """
    rng = np.random.default_rng(random_state)
    time = np.arange(-10, 10) / 10
    course = np.where(time >= 0, np.exp(-np.abs(time) / 0.8), 0.0)
    planted = rng.normal(size=n_units)
    n = n_animals * n_trials
    level = np.concatenate([rng.permutation(np.arange(n_trials) % 5) for _ in range(n_animals)])
    level = level.astype(float)
    event = np.where(level > 0, "shock", "none")
    strength = expression * level / 4
    if opposite:
        side = np.concatenate([rng.permutation(np.arange(n_trials) % 2) for _ in range(n_animals)])
        event = np.where(side == 1, "pain", "pleasure")
        strength = expression * (2 * side - 1)
    animal = np.repeat(np.arange(n_animals), n_trials)
    neutral = 5 + rng.random((n_animals, n_units))
    moved = np.exp(0.5 * rng.normal(size=n) + movement * (level / 4 - 0.5))
    shake = np.where(time >= 0, 1.0, 0.3)[None] * moved[:, None]
    frames = neutral[animal][:, None] + rng.normal(size=(n, len(time), n_units))
    frames += strength[:, None, None] * course[:, None] * planted
    frames += shake[:, :, None] * rng.normal(size=(n, len(time), n_units))
    error = np.exp(motion_error * rng.normal(size=n))
    motion = shake * error[:, None] * np.exp(0.2 * rng.normal(size=shake.shape))
    trials = pd.DataFrame(
        {
            "subject": [f"m{k}" for k in animal],
            "session": [f"s{k}" for k in animal],
            "event": event,
            "intensity": level,
            "trial": np.tile(np.arange(n_trials), n_animals),
            "onset": np.tile(10.0 * np.arange(n_trials) + 5, n_animals),
        }
    )
    return SimulatedClips(trials, time, frames.astype(np.float32), motion, planted)


def simulate_mouse(
    events: tuple[str, ...] = ("pain", "pleasure"),
    n_trials: int = 20,
    n_units: int = 80,
    n_neurons: tuple[int, int, int, int] = (15, 15, 15, 55),
    strength: float = 1.0,
    rate: float = 10.0,
    gap: float = 12.0,
    noise: float = 0.3,
    random_state: int = 0,
) -> SimulatedMouse:
    """Simulate one session.

    Every event raises its expression with a latency and a strength that vary from trial to trial,
    expressions also come spontaneously, and the animal moves at events and in between, so that
    face, stimulus and movement are correlated but not the same.

    Parameters
    ----------
    events
        Names of the events.
    n_trials
        Trials of each event.
    n_units
        Units that describe the face.
    n_neurons
        Neurons driven by the face, by the stimulus, by movement, and by none of them.
    strength
        Standard deviation of a planted neuron's drive over that of its noise.
    rate
        Samples per second.
    gap
        Seconds from trial to trial.
    noise
        Standard deviation of the noise of a unit; planted expressions have 1.
    random_state
        Seed; animals of different seeds share no expression.

    Returns
    -------
    SimulatedMouse
    """
    rng = np.random.default_rng(random_state)
    order = rng.permutation(np.repeat(np.arange(len(events)), n_trials))
    times = np.arange(round((len(order) + 1) * gap * rate)) / rate
    starts = gap * (0.5 + np.arange(len(order))) + rng.uniform(-2, 2, len(order))
    onsets = {name: starts[order == e] for e, name in enumerate(events)}
    intensity = {name: _expression(times, onsets[name], gap, rng) for name in events}
    prototypes = {name: rng.normal(size=n_units) for name in events}
    movement = _movement(times, starts, rng)
    face = np.column_stack([intensity[name] for name in events])
    planted = np.stack([prototypes[name] for name in events])
    frames = rng.random(n_units) + face @ planted + noise * rng.normal(size=(len(times), n_units))
    stimulus = np.column_stack([_pulse(times, onsets[name]) for name in events])
    driver = np.repeat(DRIVERS, n_neurons)
    sources = {"face": face, "stimulus": stimulus, "movement": movement[:, None]}
    neurons = np.column_stack(
        [_neuron(sources.get(str(name)), strength, len(times), rng) for name in driver]
    )
    return SimulatedMouse(times, frames, movement, onsets, prototypes, intensity, neurons, driver)


def _expression(
    times: np.ndarray, onsets: np.ndarray, gap: float, rng: np.random.Generator
) -> np.ndarray:
    """Evoked at a varying latency and strength, and as often by itself."""
    evoked = onsets + rng.uniform(0.3, 1.5, len(onsets))
    spontaneous = rng.uniform(times[0], times[-1] - gap / 2, len(onsets))
    total = np.zeros(len(times))
    for start in np.concatenate([evoked, spontaneous]):
        since = times - start
        course = np.where(since > 0, np.exp(-np.maximum(since, 0) / rng.uniform(0.8, 2.0)), 0)
        total += rng.uniform(0.2, 1.0) * course
    return total


def _movement(times: np.ndarray, onsets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    bouts = np.concatenate(
        [onsets + rng.exponential(0.5, len(onsets)), rng.choice(times, len(onsets))]
    )
    total = np.zeros(len(times))
    for start in bouts:
        total += rng.uniform(0.3, 1) * ((times >= start) & (times < start + rng.uniform(0.5, 2)))
    return total + 0.05 * rng.random(len(times))


def _pulse(times: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    since = np.subtract.outer(times, onsets)
    return ((since >= 0) & (since < 1)).any(axis=1).astype(float)


def _neuron(
    source: np.ndarray | None, strength: float, n_times: int, rng: np.random.Generator
) -> np.ndarray:
    slow = lfilter([1.0], [1.0, -0.8], rng.normal(size=n_times))
    slow /= slow.std()
    if source is None:
        return slow
    drive = source[:, rng.integers(source.shape[1])]
    return slow + strength * (drive - drive.mean()) / drive.std()
