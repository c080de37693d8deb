import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from affectome.people.face.alignment import TEMPLATE, aligned, similarity


@given(st.floats(-180, 180), st.floats(0.2, 20), st.floats(-500, 500), st.floats(-500, 500))
def test_a_turn_a_zoom_and_a_shift_are_found(angle, zoom, x, y):
    rotation = Rotation.from_euler("z", angle, degrees=True).as_matrix()[:2, :2]
    moved = zoom * TEMPLATE @ rotation.T + [x, y]
    turn, shift = similarity(TEMPLATE, moved)
    assert abs(turn) == pytest.approx(zoom)
    found = (TEMPLATE @ [1, 1j]) * turn + shift
    np.testing.assert_allclose(found, moved @ [1, 1j], atol=1e-6)


@pytest.mark.parametrize("zoom", [1.0, 2.5, 6.0])
@pytest.mark.parametrize("angle", [0.0, 30.0, -90.0])
def test_points_come_to_lie_on_the_template(zoom, angle):
    turn = zoom * np.exp(1j * np.radians(angle))
    where = (TEMPLATE - 24) @ [1, 1j] * turn + 250 + 250j
    points = np.stack([where.real, where.imag], 1)
    picture = np.zeros((500, 500), np.uint8)
    rows, columns = np.mgrid[:500, :500]
    for x, y in points[[0, 4]]:
        picture[(columns - x) ** 2 + (rows - y) ** 2 < (2.5 * zoom) ** 2] = 255
    crop = aligned(picture, points)
    assert crop.shape == (48, 48)
    for x, y in TEMPLATE[[0, 4]]:
        around = crop[round(y) - 5 : round(y) + 6, round(x) - 5 : round(x) + 6].astype(float)
        at = np.mgrid[round(y) - 5 : round(y) + 6, round(x) - 5 : round(x) + 6]
        centre = (at * around).sum((1, 2)) / around.sum()
        np.testing.assert_allclose(centre, [y, x], atol=0.5)
