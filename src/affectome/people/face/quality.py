"""Whether a face can be read at all: size, sharpness, contrast, pose, covering, drawing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import laplace

from affectome.people.face.detector import Face

Array = NDArray[np.float64]
SMALLEST = 20.0
LEAST_SHARPNESS = 0.12
LEAST_CONTRAST = 8.0
FURTHEST_TURN = 0.45
NARROWEST_EYES = 0.26
FURTHEST_ROLL = 50.0
LEAST_SCORE = 0.6
MOST_FLAT = 0.35
BLUER = 1.15


def crop_quality(crop: NDArray[np.uint8]) -> dict[str, float]:
    """Measure a face of 48 pixels.

    Returns
    -------
    dict
        ``contrast``, the standard deviation of its grey levels, and ``sharpness``, the standard
        deviation of its Laplacian over that: about 0 where it is blurred to nothing.
    """
    x = crop.astype(float)
    contrast = float(x.std())
    return {"contrast": contrast, "sharpness": float(laplace(x).std() / (contrast + 1e-9))}


def face_quality(picture: NDArray[np.uint8], face: Face) -> dict[str, float]:
    """Measure how a face stands in its picture.

    Returns
    -------
    dict
        ``size`` (pixels), ``score`` of the detector, ``turn`` (0 seen from the front: the nose's
        way from the middle of the eyes in distances of the eyes), ``eyes`` (their distance over the
        width of the face), ``roll`` (degrees from upright), ``flat`` (share of pixels that equal
        both neighbours, as in drawings) and ``blue`` (blue over red).
    """
    left, right, nose = face.points[:3]
    mouth = face.points[3:].mean(0)
    eyes = right - left
    down = mouth - (left + right) / 2
    apart = float(np.hypot(*eyes)) + 1e-9
    aside = float((nose - (left + right) / 2) @ eyes / apart**2)
    x, y, width, height = (round(value) for value in face.box)
    part = picture[y : y + height, x : x + width].astype(int)
    return {
        "size": float(min(face.box[2:])),
        "score": face.score,
        "turn": abs(aside),
        "eyes": apart / max(face.box[2], 1e-9),
        "roll": float(np.degrees(np.arctan2(-down[0], down[1]))),
        "flat": _flat(part),
        "blue": float(part[..., 2].mean() / (part[..., 0].mean() + 1e-9)) if part.size else 1.0,
    }


def unreadable(quality: Mapping[str, float]) -> str:
    """Say why a face with these measures is not read; empty where it can be."""
    checks = (
        ("size", lambda v: v < SMALLEST, "the face is too small: {:.0f} pixels"),
        ("roll", lambda v: abs(v) > FURTHEST_ROLL, "the face is on its side or upside down"),
        ("turn", lambda v: v > FURTHEST_TURN, "the face is turned away"),
        ("eyes", lambda v: v < NARROWEST_EYES, "the face is turned away"),
        ("score", lambda v: v < LEAST_SCORE, "it is unsure whether a whole face is there"),
        ("flat", lambda v: v > MOST_FLAT, "the face seems to be drawn"),
        ("contrast", lambda v: v < LEAST_CONTRAST, "the face has no contrast"),
        ("sharpness", lambda v: v < LEAST_SHARPNESS, "the face is blurred"),
    )
    for name, bad, why in checks:
        if name in quality and bad(quality[name]):
            return why.format(quality[name])
    return ""


def noticed(quality: Mapping[str, float]) -> tuple[str, ...]:
    """Say what a user should know of a face that is read."""
    if quality.get("blue", 1.0) > BLUER:
        return ("more blue than red in the face: were the colour channels swapped?",)
    return ()


def _flat(part: NDArray[np.int64]) -> float:
    if min(part.shape[:2], default=0) < 3:
        return 0.0
    across = np.abs(np.diff(part, axis=1)).sum(2)[:-1] == 0
    down = np.abs(np.diff(part, axis=0)).sum(2)[:, :-1] == 0
    return float((across & down).mean())
