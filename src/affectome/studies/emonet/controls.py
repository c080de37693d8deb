"""What a picture holds without being understood: colours, spatial frequencies and faces."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectome.data import colour_histogram, frequency_spectrum, read_picture, write_bytes
from affectome.errors import AffectomeError, require
from affectome.networks.store import digest
from affectome.people.face.detector import WEIGHTS, find_faces
from affectome.progress import Progress, silent

CACHE = "controls.npz"
COLOURS, FREQUENCIES, FACES = "colour histogram", "spatial frequencies", "faces"
Array = NDArray[np.float64]


def plain_controls(
    files: Sequence[str], folder: Path, progress: Progress = silent
) -> tuple[dict[str, Array], list[str]]:
    """Describe readable pictures by what needs no understanding; kept as ``controls.npz``.

    Parameters
    ----------
    files
        Pictures.
    folder
        Where the numbers are kept.

    Returns
    -------
    controls : dict
        ``colour histogram`` (n, 64), ``spatial frequencies`` (n, 24) and, where the detector can
        run, ``faces`` (n, 6): how many, the largest's share of the picture, all faces' share, the
        largest's place, and the detector's score.
    notes : list of str
        Why there are no faces, if so.
    """
    notes: list[str] = []
    try:
        require("onnxruntime", "face")
    except AffectomeError as error:
        notes.append(f"faces are no control here: {error}")
    names = (COLOURS, FREQUENCIES) if notes else (COLOURS, FREQUENCIES, FACES)
    key = f"{digest(list(files))} {digest([WEIGHTS])} {' '.join(names)}"
    cache = folder / CACHE
    if cache.is_file():
        with np.load(cache, allow_pickle=False) as kept:
            if str(kept["key"]) == key:
                return {name: kept[name] for name in names}, notes
    rows: dict[str, list[Array]] = {name: [] for name in names}
    for done, file in enumerate(files):
        picture = read_picture(file)
        rows[COLOURS].append(colour_histogram(picture))
        rows[FREQUENCIES].append(frequency_spectrum(picture))
        if FACES in rows:
            rows[FACES].append(face_numbers(picture))
        progress("colours, frequencies, faces", done + 1, len(files))
    found = {name: np.array(values) for name, values in rows.items()}
    content = io.BytesIO()
    kept_too: dict[str, Any] = {"key": np.array(key), **found}
    np.savez(content, **kept_too)
    write_bytes(cache, content.getvalue())
    return found, notes


def face_numbers(picture: NDArray[np.uint8]) -> Array:
    """Say how many faces there are, how large and where; shape (6,), zeros without any."""
    height, width = picture.shape[:2]
    faces = find_faces(picture)
    if not faces:
        return np.zeros(6)
    share = [one.box[2] * one.box[3] / (width * height) for one in faces]
    largest = faces[int(np.argmax(share))]
    x, y, w, h = largest.box
    place = ((x + w / 2) / width, (y + h / 2) / height)
    return np.array([len(faces), max(share), sum(share), *place, largest.score])
