"""Prototypes of planted expressions, their traces, and what frames are alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import leaves_list

from affectome.errors import InputError
from affectome.faces.expression import distance_changed, frame_change, mean_change
from affectome.faces.prototypes import (
    correlate_frames,
    embed_frames,
    fit_prototypes,
    order_frames,
)
from affectome.faces.traces import describe_course, variability
from affectome.simulations.mice import simulate_clips

N_UNITS = 40


def frames(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Frames of two planted expressions at random strength over a neutral face, three animals."""
    rng = np.random.default_rng(seed)
    neutral = rng.random(N_UNITS)
    planted = rng.normal(size=(2, N_UNITS))
    events = np.array(["", "pain", "pleasure"], dtype=object)[np.arange(600) % 3]
    strength = np.where(events == "", 0, rng.random(600))
    kind = np.where(events == "pleasure", 1, 0)
    X = neutral + strength[:, None] * planted[kind] + 0.05 * rng.normal(size=(600, N_UNITS))
    return X, events, np.array(["a", "b", "c"])[np.arange(600) // 200], planted, strength


def test_planted_prototypes_are_recovered() -> None:
    X, events, subjects, planted, strength = frames()
    made = fit_prototypes(X, events, subjects)
    assert made.events == ("pain", "pleasure")
    for face, truth in zip(made.faces - made.neutral, planted, strict=True):
        assert np.corrcoef(face, truth)[0, 1] > 0.99
    traces = made.intensity(X)
    assert traces.shape == (600, 2)
    shown = events == "pain"
    assert np.corrcoef(traces[shown, 0], strength[shown])[0, 1] > 0.98
    assert abs(traces[events == ""].mean()) < 0.02


def test_characteristic_frames_are_frames_of_the_event() -> None:
    X, events, subjects, _, strength = frames()
    made = fit_prototypes(X, events, subjects, sizes=(10,))
    for name, chosen in zip(made.events, made.frames, strict=True):
        assert len(chosen) == 10
        assert set(events[chosen]) == {name}
        assert strength[chosen].mean() > strength[events == name].mean()


def test_the_prototype_itself_has_intensity_one() -> None:
    X, events, subjects, *_ = frames()
    made = fit_prototypes(X, events, subjects)
    np.testing.assert_allclose(np.diag(made.intensity(made.faces)), 1)
    np.testing.assert_allclose(made.intensity(made.neutral), 0, atol=1e-12)
    np.testing.assert_allclose(made.intensity(X + 1, made.neutral + 1), made.intensity(X))


def test_prototypes_need_neutral_and_event_frames() -> None:
    X, *_ = frames()
    with pytest.raises(InputError, match=r"of 600 frames 0 are neutral"):
        fit_prototypes(X, ["pain"] * 600, ["a"] * 600)
    with pytest.raises(InputError, match=r"of 600 frames 600 are neutral"):
        fit_prototypes(X, [None] * 600, ["a"] * 600)


def test_correlation_of_frames_is_numpys() -> None:
    X = frames()[0][:20]
    np.testing.assert_allclose(correlate_frames(X), np.corrcoef(X), atol=1e-12)
    flat = correlate_frames(np.vstack([X[:2], np.ones(N_UNITS)]))
    assert flat[2].tolist() == [0, 0, 0]


def test_ordering_puts_two_clusters_side_by_side() -> None:
    rng = np.random.default_rng(0)
    kind = rng.permutation(np.repeat([0, 1], 15))
    X = rng.normal(size=(2, N_UNITS))[kind] + 0.1 * rng.normal(size=(30, N_UNITS))
    order, tree = order_frames(correlate_frames(X))
    assert sorted(order) == list(range(30))
    assert np.count_nonzero(np.diff(kind[order])) == 1
    np.testing.assert_array_equal(order, leaves_list(tree))
    with pytest.raises(InputError, match="two frames or more; got 1"):
        order_frames(np.ones((1, 1)))


def test_the_embedding_keeps_clusters_apart() -> None:
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1], 20)
    X = rng.normal(size=(2, N_UNITS))[kind] + 0.1 * rng.normal(size=(40, N_UNITS))
    at = embed_frames(X)
    assert at.shape == (40, 2)
    centre = np.stack([at[kind == k].mean(axis=0) for k in (0, 1)])
    nearest = np.linalg.norm(at[:, None] - centre, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, kind)
    np.testing.assert_array_equal(at, embed_frames(X))
    with pytest.raises(InputError, match="12 frames or more; got 5"):
        embed_frames(X[:5])


def test_the_course_of_a_planted_trace() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(-40, 200) / 20
    since = time - 0.5
    trace = np.where(since >= 0, 2 * np.exp(-np.maximum(since, 0) / 1.5), 0)
    trials = 5 + trace + 0.01 * rng.normal(size=(20, len(time)))
    course = describe_course(trials, time)
    np.testing.assert_allclose(course.latency, 0.5, atol=0.051)
    np.testing.assert_allclose(course.peak, 2, atol=0.05)
    np.testing.assert_allclose(course.peak_time, 0.5, atol=0.11)
    np.testing.assert_allclose(course.persistence, 1.5, rtol=0.1)


def test_a_flat_trace_has_no_course() -> None:
    time = np.arange(-10, 10) / 10
    course = describe_course(np.zeros((1, 20)), time)
    assert np.isnan(course.latency[0])
    assert np.isnan(course.persistence[0])
    assert course.peak[0] == 0
    with pytest.raises(InputError, match="three samples before the event and two after"):
        describe_course(np.zeros((1, 10)), time[10:])
    with pytest.raises(InputError, match=r"shape \(1, 9\) don't meet 20 times"):
        describe_course(np.zeros((1, 9)), time)


def test_variability_is_the_coefficient_of_variation() -> None:
    found = variability(np.array([1.0, 3, 5, 5, 2]), np.array([0, 0, 1, 1, 2]))
    assert found["0"] == pytest.approx(np.sqrt(2) / 2)
    assert found["1"] == 0
    assert np.isnan(found["2"])


def test_opposite_expressions_are_two() -> None:
    made = simulate_clips(expression=3.0, opposite=True)
    trials = made.trials
    change = frame_change(made.frames, made.time, trials["session"].to_numpy())
    after = made.time >= 0
    frames = np.concatenate([change[:, ~after][:, -3:], change[:, after][:, :3]], axis=1)
    labels = np.array([[""] * 3 + [event] * 3 for event in trials["event"]], dtype=object)
    who = np.repeat(trials["subject"].to_numpy(), 6)
    prototypes = fit_prototypes(frames.reshape(-1, frames.shape[2]), labels.ravel(), who)
    pain, pleasure = prototypes.contrasts
    assert np.corrcoef(pain, pleasure)[0, 1] < -0.9
    assert np.corrcoef(pain, made.expression)[0, 1] > 0.9
    far = distance_changed(change, made.time, (0, 0.9))
    signed = mean_change(change, made.time, (0, 0.9))
    shown = trials["event"].to_numpy() == "pain"
    assert (np.sign(signed @ made.expression) == np.where(shown, 1, -1)).mean() > 0.95
    apart = far[shown].mean(axis=0) - far[~shown].mean(axis=0)
    assert np.abs(apart).max() < 0.7


def test_change_is_measured_in_the_sessions_own_unrest() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(-20, 20) / 10
    X = rng.normal(size=(6, 40, 5))
    X[3:] *= 7
    X[:, time >= 0] *= 3
    sessions = np.repeat(["s1", "s2"], 3)
    change = frame_change(X, time, sessions)
    assert change.shape == X.shape
    np.testing.assert_allclose(frame_change(X + 9, time, sessions), change)
    np.testing.assert_allclose(frame_change(X * 4, time, sessions), change)
    assert abs(mean_change(change, time, (0, 2))).mean() < 0.7
    found = distance_changed(change, time, (0, 2))
    assert found.shape == (6, 5)
    assert found.mean() == pytest.approx(3 / 1.2, rel=0.1)
    with pytest.raises(InputError, match="holds no frame from 5 to 6 s"):
        distance_changed(change, time, (5, 6))
    with pytest.raises(InputError, match="holds no frame before the event"):
        frame_change(X[:, 20:], time[20:], sessions)
