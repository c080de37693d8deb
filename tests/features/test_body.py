import numpy as np
import pytest

from affectome.errors import InputError
from affectome.features.body import point_movement, silhouette_movement, smoothness


def film(lefts, width=10, height=30, size=(60, 120)):
    """A bright body on a noisy ground, its left edge at each frame."""
    rng = np.random.default_rng(0)
    frames = rng.normal(50, 2, (len(lefts), *size))
    for frame, left in zip(frames, lefts, strict=True):
        if left is not None:
            frame[10 : 10 + height, left : left + width] = 200
    return frames


def test_quantity_of_motion_is_the_share_that_was_left():
    found = silhouette_movement(film([5, 8, 11, 16, 21, 21, 60, 90]))
    np.testing.assert_allclose(found.motion[1:6], [0.3, 0.3, 0.5, 0.5, 0.0], atol=0.06)
    assert np.isnan(found.motion[0])
    np.testing.assert_allclose(found.contraction, 1, atol=0.05)


def test_a_body_that_opens_its_arms_is_less_contracted():
    frames = film([10 * k for k in range(10)])
    frames[4, 20:24, 20:70] = 200
    contraction = silhouette_movement(frames).contraction
    assert contraction[4] < 0.5
    assert np.delete(contraction, 4).min() > 0.9


def test_where_nobody_is_seen_nothing_is_measured():
    found = silhouette_movement(film([None, None, 5, 10, None, None, None]))
    assert np.isnan(found.contraction[[0, 1, 4, 5, 6]]).all()
    assert np.isfinite(found.contraction[[2, 3]]).all()


@pytest.mark.parametrize("zoom", [1.0, 7.0])
@pytest.mark.parametrize("rate", [10.0, 30.0])
def test_speed_of_key_points_does_not_depend_on_the_camera(zoom, rate):
    body = np.array([[0.0, 0], [0, 3], [4, 0], [4, 3]])
    t = np.arange(0, 2, 1 / rate)
    points = zoom * (body + np.stack([t, 0 * t], 1)[:, None])
    found = point_movement(points, rate)
    np.testing.assert_allclose(found.motion[1:], 1 / 5)
    np.testing.assert_allclose(found.contraction, 1)
    points[3, :3] = np.nan
    assert np.isfinite(point_movement(points, rate).motion[1:]).all()


def test_points_that_draw_together_are_more_contracted():
    body = np.array([[0.0, 0], [0, 3], [4, 0], [4, 3]])
    points = np.array([body, body, body, body / 2])
    assert point_movement(points, 10).contraction[3] == pytest.approx(2)


def test_a_trembling_movement_is_less_smooth():
    t = np.arange(0, 1, 0.01)
    bell = np.exp(-((t - 0.5) ** 2) / 0.02)
    values = [smoothness(bell * (1 + a * np.sin(2 * np.pi * 7 * t)), 100) for a in (0, 0.3, 0.9)]
    assert values == sorted(values, reverse=True)
    assert smoothness(5 * bell, 100) == pytest.approx(values[0])
    assert values[0] == pytest.approx(-1.4, abs=0.2)


def test_what_has_no_smoothness():
    assert np.isnan(smoothness(np.zeros(50), 10))
    assert np.isnan(smoothness([1, np.nan, 2, 3], 10))


def test_shapes():
    with pytest.raises(InputError, match=r"three or more grey frames .* got \(2, 4, 4\)"):
        silhouette_movement(np.zeros((2, 4, 4)))
    with pytest.raises(InputError, match=r"got \(5, 3\)"):
        point_movement(np.zeros((5, 3)), 10)
