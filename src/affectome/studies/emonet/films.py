"""Films as the pictures they hold: a frame every so many seconds, kept beside the results."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from affectome.data import Skipped
from affectome.data.video.film import frames
from affectome.errors import InputError
from affectome.progress import Progress, silent

SUFFIXES = frozenset(
    (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"),
)
FOLDER = "frames"
SIDE, QUALITY = 512, 92


def is_film(file: str | Path) -> bool:
    """Tell a film by its ending."""
    return Path(file).suffix.lower() in SUFFIXES


def pictures_of(
    files: Sequence[str], folder: Path, every: float, progress: Progress = silent
) -> tuple[list[str], NDArray[np.intp], list[Skipped]]:
    """Give the pictures of a list in which some are films.

    Parameters
    ----------
    files
        Pictures and films.
    folder
        Frames are written to ``frames/`` in it, once.
    every
        Seconds between two frames.

    Returns
    -------
    pictures : list of str
    item : ndarray
        Which of the files each picture is of, shape (n_pictures,).
    skipped : list of Skipped
        Films that can't be read.
    """
    pictures: list[str] = []
    item: list[int] = []
    skipped: list[Skipped] = []
    for place, file in enumerate(files):
        found = [file]
        if is_film(file):
            progress("films", place, len(files))
            try:
                found = [str(p) for p in _frames(Path(file), folder / FOLDER, every)]
            except InputError as error:
                skipped.append(Skipped(file, str(error)))
                continue
        pictures += found
        item += [place] * len(found)
    progress("films", len(files), len(files))
    return pictures, np.array(item, dtype=np.intp), skipped


def _frames(film: Path, folder: Path, every: float) -> list[Path]:
    if not 0 < every < float("inf"):
        raise InputError(f"--every is a positive number of seconds; got {every:g}")
    stat = film.stat()
    told = f"{film.resolve()} {stat.st_size} {stat.st_mtime_ns} {every:g} {SIDE} {QUALITY}"
    target = folder / f"{film.stem[:60]}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    if not target.is_dir():
        unfinished = target.with_name(f".{target.name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            wanted = 0.0
            for seconds, image in frames(film, colour="rgb"):
                if seconds >= wanted:
                    picture = Image.fromarray(image)
                    picture.thumbnail((SIDE, SIDE))
                    picture.save(unfinished / f"{seconds:010.3f}.jpg", quality=QUALITY)
                    wanted = (np.floor(seconds / every) + 1) * every
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        unfinished.rename(target)
    return sorted(target.glob("*.jpg"))
