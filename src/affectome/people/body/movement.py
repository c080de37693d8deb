"""Movement of bodies in films and pose tables, stretch by stretch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from affectome.data.readers.keypoints import read_keypoints
from affectome.data.readers.pose import LIKELY, drop_unlikely, read_pose
from affectome.data.video import frame_times, frames
from affectome.errors import InputError
from affectome.features.body import (
    FEATURES,
    Movement,
    movement_features,
    point_movement,
    silhouette_movement,
)
from affectome.people.face.reader import FILMS
from affectome.people.face.tracking import Tracks

Array = NDArray[np.float64]
RATE = 10.0
WIDEST = 160
GROUND_S, WINDOW_S, LOOK_S = 30.0, 5.0, 1.0
MOST_AREA = 0.5
ASSUMED_RATE = 30.0
FEWEST = 3


@dataclass(frozen=True, eq=False)
class Stretch:
    """Movement of one body in some seconds.

    Attributes
    ----------
    start_s, end_s
        Seconds from the start of the recording.
    features
        By the names of ``FEATURES``.
    body
        Number of the body, from 1; 0 in films, where silhouettes don't tell one from another.
    because
        Why nothing was measured; empty where it was.
    """

    start_s: float
    end_s: float
    features: dict[str, float]
    body: int = 0
    because: str = ""


def stretches(
    file: Path,
    notes: list[str] | None = None,
    look: Callable[[NDArray[np.uint8]], None] | None = None,
) -> Iterator[Stretch]:
    """Measure movement in a film, a pose table, or key points of OpenPose or COCO.

    A film is read ten frames a second and held half a minute at a time, so that its length does not
    matter; a body is what differs from the middle of that half minute.

    Parameters
    ----------
    notes
        What a user should know is added to it.
    look
        Is shown a colour frame a second of a film.

    Raises
    ------
    InputError
        If the file can't be read.
    """
    if file.suffix.lower() in FILMS:
        yield from _of_film(file, look)
        return
    rate = _rate(file, [] if notes is None else notes)
    tracked = file.is_dir() or file.suffix.lower() == ".json"
    bodies = _followed(read_keypoints(file)) if tracked else _animals(file)
    for number, points in enumerate(bodies, 1):
        step = max(FEWEST, round(WINDOW_S * rate))
        whole = point_movement(points, rate)
        for first in range(0, len(points), step):
            part = _cut(whole, slice(first, first + step))
            n = len(part.motion)
            if n >= FEWEST:
                yield _stretch(part, rate, first / rate, (first + n) / rate, body=number)


def _of_film(file: Path, look: Callable[[NDArray[np.uint8]], None] | None) -> Iterator[Stretch]:
    held: list[NDArray[np.uint8]] = []
    times: list[float] = []
    due, shown = 0.0, 0.0
    for frame in frames(file, colour="rgb"):
        if frame.seconds < due - 1e-6:
            continue
        due = frame.seconds + 1 / RATE
        if times and frame.seconds - times[0] >= GROUND_S:
            yield from _measured(held, times)
            # The last frame is where the next half minute starts.
            held, times = held[-1:], times[-1:]
        if look is not None and frame.seconds >= shown - 1e-6:
            shown = frame.seconds + LOOK_S
            look(frame.image)
        held.append(_small(frame.image))
        times.append(frame.seconds)
    yield from _measured(held, times)


def _measured(held: list[NDArray[np.uint8]], times: list[float]) -> Iterator[Stretch]:
    if len(held) < FEWEST:
        return
    rate = (len(times) - 1) / (times[-1] - times[0])
    whole = silhouette_movement(np.stack(held))
    step = max(FEWEST, round(WINDOW_S * rate))
    for first in range(0, len(held), step):
        part = _cut(whole, slice(first, first + step))
        if len(part.motion) < FEWEST:
            continue
        last = min(first + step, len(times) - 1)
        yield _stretch(part, rate, times[first], times[last])


def _stretch(
    part: Movement,
    rate: float,
    start: float,
    end: float,
    body: int = 0,
) -> Stretch:
    area = part.area[np.isfinite(part.area)]
    if area.size and float(np.median(area)) > MOST_AREA:
        why = "most of the picture changes: the camera moves, or scenes change"
        return Stretch(start, end, dict.fromkeys(FEATURES, np.nan), body, why)
    features = movement_features(part, rate)
    why = "" if np.isfinite(features["motion"]) else "no body is seen to move"
    return Stretch(start, end, features, body, why)


def _cut(whole: Movement, part: slice) -> Movement:
    return Movement(*(getattr(whole, name)[part] for name in Movement.__dataclass_fields__))


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = Image.fromarray(image).convert("L")
    times = -(-picture.width // WIDEST)
    return np.asarray(picture if times == 1 else picture.reduce(times))


def _rate(file: Path, notes: list[str]) -> float:
    """Frames a second of the film of the same name; else what most cameras have."""
    stem = file.name if file.is_dir() else file.stem
    films = [one for one in file.parent.glob(f"{stem}.*") if one.suffix.lower() in FILMS]
    if films:
        times = frame_times(films[0])
        return (len(times) - 1) / float(times[-1] - times[0])
    notes.append(
        f"{ASSUMED_RATE:g} frames a second were assumed; a film of the same name beside it tells"
    )
    return ASSUMED_RATE


def _animals(file: Path) -> Iterator[Array]:
    """Points of each body of a pose table, shape (n_frames, n_points, 2)."""
    pose = drop_unlikely(read_pose(file), LIKELY)
    for animal in pose.units["animal"].unique():
        here = (pose.units["animal"] == animal).to_numpy()
        place = [
            pose.values[:, here & (pose.units["coordinate"] == c).to_numpy()] for c in ("x", "y")
        ]
        yield np.stack(place, 2)


def _followed(people: list[list[Array]]) -> Iterator[Array]:
    """Points of each body from frame to frame, by where it is, never by who it is."""
    tracks, found = Tracks(), dict[int, dict[int, Array]]()
    for frame, seen in enumerate(people):
        bodies = [np.where(p[:, 2:] > 0, p[:, :2], np.nan) for p in seen]
        bodies = [one for one in bodies if np.isfinite(one).any()]
        for number, one in zip(tracks.follow([_box(one) for one in bodies]), bodies, strict=True):
            found.setdefault(number, {})[frame] = one
    if not found:
        raise InputError("no person has a key point in any frame")
    for places in found.values():
        if len(places) >= FEWEST:
            shape = next(iter(places.values())).shape
            blank = np.full(shape, np.nan)
            yield np.stack([places.get(frame, blank) for frame in range(len(people))])


def _box(points: Array) -> tuple[float, float, float, float]:
    low, high = np.nanmin(points, 0), np.nanmax(points, 0)
    return (*map(float, low), *map(float, high - low))  # type: ignore[return-value]
