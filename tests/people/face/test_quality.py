import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from affectome.people.face.detector import Face
from affectome.people.face.quality import crop_quality, face_quality, noticed, unreadable

POINTS = np.array([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
BOX = (10.0, 10.0, 80.0, 90.0)
GOOD = {"size": 80.0, "score": 0.9, "turn": 0.0, "eyes": 0.5, "roll": 0.0, "flat": 0.0}


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 255, (120, 120, 3), dtype=np.uint8)


def of(points, image=None):
    return face_quality(picture() if image is None else image, Face(BOX, 0.9, np.asarray(points)))


def test_a_face_from_the_front_is_read():
    quality = of(POINTS)
    assert quality["turn"] == pytest.approx(0)
    assert quality["roll"] == pytest.approx(0)
    assert quality["eyes"] == pytest.approx(0.5)
    assert unreadable(quality) == ""


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("size", 12.0, "too small: 12 pixels"),
        ("score", 0.55, "unsure whether a whole face"),
        ("turn", 0.6, "turned away"),
        ("eyes", 0.1, "turned away"),
        ("roll", 170.0, "upside down"),
        ("roll", -90.0, "on its side"),
        ("flat", 0.6, "drawn"),
        ("contrast", 3.0, "no contrast"),
        ("sharpness", 0.05, "blurred"),
    ],
)
def test_what_can_not_be_read_says_why(name, value, why):
    assert why in unreadable(GOOD | {name: value})


@pytest.mark.parametrize(("turns", "roll"), [(1, -90), (2, 180), (3, 90)])
def test_roll_is_measured(turns, roll):
    centre = POINTS.mean(0)
    z = (POINTS - centre) @ [1, 1j] * (-1j) ** turns
    turned = np.stack([z.real, z.imag], 1) + centre
    assert abs(of(turned)["roll"]) == pytest.approx(abs(roll))
    assert unreadable(of(turned))


def test_blurring_takes_the_sharpness_away():
    sharp = np.random.default_rng(0).integers(0, 255, (48, 48)).astype(np.uint8)
    values = [crop_quality(gaussian_filter(sharp, s))["sharpness"] for s in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert "blurred" in unreadable(crop_quality(np.linspace(0, 255, 48 * 48).reshape(48, 48)))


def test_a_flat_drawing_and_swapped_colours_are_noticed():
    drawn = np.full((120, 120, 3), 200, np.uint8)
    drawn[40:60, 40:60] = 10
    assert "drawn" in unreadable(of(POINTS, drawn))
    blue = picture()
    blue[..., 0] //= 2
    assert "channels swapped" in noticed(of(POINTS, blue))[0]
    assert noticed(of(POINTS)) == ()
