"""Key points of people frame by frame: folders of OpenPose, and results in the format of COCO."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectome.errors import InputError

Array = NDArray[np.float64]
ENDING = "_keypoints.json"


def read_keypoints(path: Path) -> list[list[Array]]:
    """Read the people of each frame.

    Parameters
    ----------
    path
        A folder in which OpenPose wrote a ``*_keypoints.json`` a frame, or a JSON file in the
        format of COCO: a list of results, or an object with ``annotations``; frames are the
        values of ``image_id`` in their order.

    Returns
    -------
    list of list of ndarray
        Of each frame, of each person: x, y and confidence of each point, shape (n_points, 3). Who
        is who from frame to frame is not in these files.

    Raises
    ------
    InputError
        If nothing can be read.
    """
    try:
        if path.is_dir():
            return [_openpose(json.loads(file.read_text())) for file in _frames(path)]
        return _coco(json.loads(path.read_text()), path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} holds no key points of OpenPose or COCO: {error}") from error


def _frames(folder: Path) -> list[Path]:
    found = sorted(folder.glob(f"*{ENDING}"))
    if not found:
        raise InputError(f"{folder}: no file in it ends in {ENDING}, as those of OpenPose do")
    return found


def _openpose(frame: dict[str, Any]) -> list[Array]:
    return [_points(person["pose_keypoints_2d"]) for person in frame["people"]]


def _coco(plain: Any, path: Path) -> list[list[Array]]:
    entries = plain["annotations"] if isinstance(plain, dict) else plain
    entries = [one for one in entries if one.get("keypoints")]
    if not entries:
        raise InputError(f"{path} names no key points")

    def frame(one: dict[str, Any]) -> Any:
        return one["image_id"]

    together = groupby(sorted(entries, key=frame), key=frame)
    return [[_points(one["keypoints"]) for one in group] for _, group in together]


def _points(values: list[float]) -> Array:
    return np.asarray(values, dtype=float).reshape(-1, 3)
