"""Films to histograms of oriented gradients: one Recording for clips, a stream for whole films."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from affectome.data import Catalog, Skipped, make_recording
from affectome.data.video import Region, batches, frames, probe
from affectome.data.video.ahead import ahead
from affectome.data.video.clips import Clip, clip_of
from affectome.errors import InputError
from affectome.features.motion import motion_energy
from affectome.kernels.hog import hog
from affectome.progress import Progress, silent

FASTEST_GRID = 30.0
BLANK = 1.0


@dataclass(frozen=True)
class HogSettings:
    """How a frame is described; see :func:`affectome.kernels.hog.hog`."""

    orientations: int = 8
    cell: int = 32
    block: int = 1
    block_norm: str = "L2-Hys"
    transform_sqrt: bool = True

    def describe(self, images: np.ndarray) -> np.ndarray:
        """Describe frames, shape (n, height, width), by float32 rows, shape (n, n_units)."""
        return hog(
            images,
            self.orientations,
            (self.cell, self.cell),
            (self.block, self.block),
            self.block_norm,
            self.transform_sqrt,
        ).astype(np.float32)

    def units(self, height: int, width: int) -> pd.DataFrame:
        """Say where each unit lies: block ``row`` and ``column``, cell in it, ``orientation``."""
        down = height // self.cell - self.block + 1
        across = width // self.cell - self.block + 1
        shape = (down, across, self.block, self.block, self.orientations)
        row, column, inner_row, inner_column, orientation = np.indices(shape).reshape(5, -1)
        return pd.DataFrame(
            {"row": row + inner_row, "column": column + inner_column, "orientation": orientation}
        )


class ClipFeatures(NamedTuple):
    """Clips: ``hog`` (trial, time, unit), ``motion`` (trial, time), and the mean image."""

    hog: xr.DataArray
    motion: np.ndarray
    mean_image: np.ndarray
    skipped: tuple[Skipped, ...]


def describe_clips(
    catalog: Catalog,
    before: float,
    after: float,
    settings: HogSettings | None = None,
    rate: float | None = None,
    progress: Progress = silent,
) -> ClipFeatures:
    """Describe every frame around every event.

    Films of different and of variable rates meet on one grid of times: each grid time takes the
    frame that is nearest to it. Films are decoded once for all the clips that overlap in them.

    Parameters
    ----------
    catalog
        Clips, from :func:`affectome.data.video.clips.read_clips`.
    before, after
        Seconds before and after the onset.
    settings
        How a frame is described.
    rate
        Frames per second of the grid; by default the slowest film's, 30 at most.
    progress
        Called for every clip.

    Returns
    -------
    ClipFeatures
        Clips that could not be decoded, are blank or frozen, or are of another size than the
        first, are listed as skipped.

    Raises
    ------
    InputError
        If no clip is left.
    """
    chosen = settings or HogSettings()
    clips = [clip_of(row) for row in catalog.table.to_dict("records")]
    step = rate or min(FASTEST_GRID, *(probe(f).rate for f in {c.file for c in clips}))
    grid = np.arange(-round(before * step), round(after * step)) / step
    found: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    why: dict[int, str] = {}
    size: tuple[int, ...] | None = None
    passes = sorted(_passes(clips, grid), key=min)
    decoded = ahead(pair for numbers in passes for pair in _decode(clips, numbers, grid, why))
    for done, (number, images) in enumerate(decoded, start=1):
        size = size or images.shape[1:]
        problem = _problem(images, size)
        if problem is None:
            mean = images.mean(axis=0, dtype=np.float32)
            found[number] = (chosen.describe(images), motion_energy(images), mean)
        else:
            why[number] = problem
        progress("describe clips", done, len(clips))
    skipped = tuple(Skipped(_name(catalog, n), text) for n, text in sorted(why.items()))
    if not found or size is None:
        raise InputError(f"no clip could be described; the first: {skipped[0].why}")
    kept = sorted(found)
    values = np.stack([found[n][0] for n in kept])
    trials = catalog.table.iloc[kept].reset_index(drop=True)
    recording = make_recording(values, trials, chosen.units(*size), grid, name="hog")
    recording.attrs.update(asdict(chosen), height=size[0], width=size[1])
    motion = np.stack([found[n][1] for n in kept])
    return ClipFeatures(recording, motion, np.mean([found[n][2] for n in kept], axis=0), skipped)


def clip_images(clip: Clip, time: np.ndarray) -> np.ndarray:
    """Decode the frames of one clip nearest to times (s) from its event, (n_times, height, width).

    Raises
    ------
    InputError
        If the film can't be decoded.
    """
    why: dict[int, str] = {}
    for _, images in _decode([clip], [0], time, why):
        return images
    raise InputError(why[0])


class Stretch(NamedTuple):
    """Successive frames of a film: ``times`` (n,), ``hog`` (n, unit) and ``motion`` (n,)."""

    times: np.ndarray
    hog: np.ndarray
    motion: np.ndarray


def stream_film(
    path: str | Path,
    region: Region | None = None,
    settings: HogSettings | None = None,
    start: float = 0.0,
    stop: float | None = None,
    size: int = 64,
) -> Iterator[Stretch]:
    """Describe a whole film, a stack of frames at a time, in memory that does not grow.

    The film is decoded ahead in a thread of its own.

    Parameters
    ----------
    path, region, start, stop, size
        As for :func:`affectome.data.video.batches`.
    settings
        How a frame is described.

    Yields
    ------
    Stretch
        Motion energy of the film's first frame is 0.
    """
    chosen = settings or HogSettings()
    last: np.ndarray | None = None
    for times, images in ahead(batches(path, start, stop, region, size)):
        motion = motion_energy(images, images[0] if last is None else last)
        last = images[-1]
        yield Stretch(times, chosen.describe(images), motion)


def _passes(clips: Sequence[Clip], grid: np.ndarray) -> Iterator[list[int]]:
    """Give the clips of one film whose windows overlap, so that it is decoded once for them."""
    order = sorted(range(len(clips)), key=lambda n: (str(clips[n].file), clips[n].onset))
    together: list[int] = []
    for number in order:
        if together:
            last = clips[together[-1]]
            same = clips[number].file == last.file
            if not same or clips[number].onset + grid[0] > last.onset + grid[-1]:
                yield together
                together = []
        together.append(number)
    if together:
        yield together


def _decode(
    clips: Sequence[Clip], numbers: Sequence[int], grid: np.ndarray, why: dict[int, str]
) -> Iterator[tuple[int, np.ndarray]]:
    """Give each clip's frames, shape (n_times, height, width), nearest to the grid's times."""
    first, last = clips[numbers[0]], clips[numbers[-1]]
    reach = 1.0 / probe(first.file).rate
    begin = max(first.onset + grid[0] - reach, 0.0)
    cuts: dict[int, list[np.ndarray]] = {n: [] for n in numbers}
    times: dict[int, list[float]] = {n: [] for n in numbers}
    try:
        for frame in frames(first.file, begin, last.onset + grid[-1] + reach):
            for n in numbers:
                since = frame.seconds - clips[n].onset
                if grid[0] - reach <= since <= grid[-1] + reach:
                    cuts[n].append(clips[n].cut(frame.image).copy())
                    times[n].append(since)
    except InputError as error:
        why.update(dict.fromkeys(numbers, str(error)))
        return
    for n in numbers:
        nearest = np.abs(np.subtract.outer(grid, times[n])).argmin(axis=1)
        yield n, np.stack(cuts.pop(n))[nearest]


def _problem(images: np.ndarray, size: tuple[int, ...]) -> str | None:
    if images.shape[1:] != size:
        return (
            f"its frames are {images.shape[2]}×{images.shape[1]}, the first clip's "
            f"{size[1]}×{size[0]}; give regions of one size"
        )
    if images[:: max(1, len(images) // 8)].std(axis=(1, 2)).max() < BLANK:
        return "blank: no frame has any contrast"
    if (images == images[0]).all():
        return f"frozen: all its {len(images)} frames are the same"
    return None


def _name(catalog: Catalog, number: int) -> str:
    row: Any = catalog.table.iloc[number]
    region = clip_of(row).region
    where = f", region {region}" if region else ""
    return f"{Path(row['file']).name} at {row['onset']:g} s{where}"
