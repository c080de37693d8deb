"""Faces in pictures: CenterFace (Xu et al. 2020), which gives a box and five points a face."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from affectome.errors import require

Array = NDArray[np.float64]
WEIGHTS = Path(__file__).parents[1] / "models" / "face" / "detector.onnx"
OUTPUTS = ["537", "538", "539", "540"]
LONGEST = 640
MULTIPLE, STRIDE = 32, 4
LEAST_SCORE = 0.5
OVERLAP = 0.3


@dataclass(frozen=True, eq=False)
class Face:
    """A face that was found.

    Attributes
    ----------
    box
        Left, top, width, height in pixels of the picture.
    score
        How sure the detector is, 0–1.
    points
        Eyes, nose and corners of the mouth, left to right as seen; x and y, shape (5, 2).
    """

    box: tuple[float, float, float, float]
    score: float
    points: Array


def find_faces(
    picture: NDArray[np.uint8], least: float = LEAST_SCORE, longest: int = LONGEST
) -> list[Face]:
    """Find the faces of a picture, from left to right.

    Parameters
    ----------
    picture
        Shape (height, width, 3), RGB.
    least
        Score from which on something is a face.
    longest
        Pixels that the longer side is brought to before; larger pictures are made smaller, smaller
        ones are left.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, longest / max(height, width))
    size = [
        max(MULTIPLE, -(-round(side * scale) // MULTIPLE) * MULTIPLE) for side in (width, height)
    ]
    resized = Image.fromarray(picture).resize((size[0], size[1]), Image.Resampling.BILINEAR)
    blob = np.asarray(resized, dtype=np.float32).transpose(2, 0, 1)[None]
    heat, extent, offset, points = (
        part[0] for part in _session().run(OUTPUTS, {"input.1": np.ascontiguousarray(blob)})
    )
    rows, columns = np.nonzero(heat[0] > least)
    score = heat[0, rows, columns]
    tall, wide = (np.exp(extent[k, rows, columns]) * STRIDE for k in (0, 1))
    top = (rows + offset[0, rows, columns] + 0.5) * STRIDE - tall / 2
    left = (columns + offset[1, rows, columns] + 0.5) * STRIDE - wide / 2
    at = points[:, rows, columns]
    x = at[1::2] * wide + left
    y = at[0::2] * tall + top
    zoom = np.array([width / size[0], height / size[1]])
    kept = _strongest(np.stack([left, top, left + wide, top + tall], 1), score)
    found = []
    for k in kept:
        # What leaves the picture is cut off.
        low = np.maximum([left[k], top[k]], 0) * zoom
        high = np.minimum([left[k] + wide[k], top[k] + tall[k]], size) * zoom
        box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
        where = np.stack([x[:, k], y[:, k]], 1) * zoom
        found.append(Face(box, float(score[k]), where.astype(float)))
    return sorted(found, key=lambda face: face.box[0])


def overlaps(boxes: Array, box: Array) -> Array:
    """Shares of common area of boxes (n, 4: left, top, right, bottom) with one box; shape (n,)."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    common = np.prod(np.clip(high - low, 0, None), 1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], 1)
    return np.asarray(common / (areas + np.prod(box[2:] - box[:2]) - common + 1e-12))


def _strongest(boxes: Array, score: Array) -> list[int]:
    """Rows that are left once each box has silenced the weaker ones that overlap it."""
    left, kept = list(np.argsort(-score, kind="stable")), []
    while left:
        first = left.pop(0)
        kept.append(int(first))
        if left:
            common = overlaps(boxes[left], boxes[first])
            left = [k for k, share in zip(left, common, strict=True) if share < OVERLAP]
    return kept


@lru_cache(maxsize=1)
def _session() -> Any:
    runtime = require("onnxruntime", "face")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    # Small pictures: a second thread mostly waits, and doubles the time of the processor.
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(WEIGHTS, options, providers=["CPUExecutionProvider"])
