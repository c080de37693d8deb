r"""Bring a face upright and to one size: the similarity that best lays its points on a template.

With centred points :math:`P, Q` as complex numbers, the least-squares turn and zoom is
:math:`a = \sum_k \bar P_k Q_k / \sum_k |P_k|^2` (Umeyama 1991). The template is the median place of
the points in pictures of FER2013, made symmetric.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from affectome.people.face.network import SIZE

Array = NDArray[np.float64]
TEMPLATE = np.array([[15.2, 19.5], [32.8, 19.5], [24.0, 28.9], [17.1, 36.2], [30.9, 36.2]])


def aligned(picture: NDArray[np.uint8], points: Array, size: int = SIZE) -> NDArray[np.uint8]:
    """Cut a face out, upright.

    Parameters
    ----------
    picture
        Shape (height, width, 3) or (height, width).
    points
        Eyes, nose and corners of the mouth, shape (5, 2).
    size
        Width and height of what is cut out.

    Returns
    -------
    ndarray
        Shape (size, size), grey.
    """
    turn, shift = similarity(TEMPLATE * (size / SIZE), points)
    # A picture is made smaller first where several of its pixels would fall into one.
    times = max(1, int(abs(turn)))
    image = Image.fromarray(picture).convert("L")
    if times > 1:
        image, turn, shift = image.reduce(times), turn / times, (shift + 0.5) / times - 0.5
    # Pillow counts from the corners of pixels, points are counted from their centres.
    shift += (0.5 + 0.5j) * (1 - turn)
    a, b = turn.real, turn.imag
    affine = (a, -b, shift.real, b, a, shift.imag)
    cut = image.transform((size, size), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return np.asarray(cut)


def similarity(points: Array, onto: Array) -> tuple[complex, complex]:
    """Find turn and shift, complex, with ``onto ≈ turn · points + shift``; shapes (n, 2)."""
    p, q = points @ [1, 1j], onto @ [1, 1j]
    away = p - p.mean()
    turn = complex(np.vdot(away, q - q.mean()) / np.vdot(away, away).real)
    return turn, complex(q.mean() - turn * p.mean())
