"""Pictures, films and sounds as small arrays: enough to compare, far too little to train on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from affectome.audit.material import Material
from affectome.data import Skipped
from affectome.data.video import Region, frames, parse_region, probe
from affectome.errors import AffectomeError, InputError, require
from affectome.evidence.quick import drawn_order
from affectome.progress import Progress

PICTURES = frozenset(
    [".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"]
)
FILMS = frozenset([".mp4", ".avi", ".mov", ".mkv", ".webm"])
SOUNDS = frozenset([".wav", ".flac", ".ogg", ".mp3"])
SMALL = 64
LARGEST = 240
N_FRAMES = 8
SHORT_CLIP = 20.0
RATE = 16_000
LONGEST = 10.0
N_MEL, HOP, WINDOW = 32, 400, 800
RANGE_DB = 50.0
MOST_LARGE = 800


@dataclass(frozen=True)
class Pictures:
    """Pictures, or the mean of frames of each film.

    Attributes
    ----------
    small
        Luminance, uint8, shape (n, 64, 64), whatever the picture's own shape.
    colour
        Red, green and blue of 8 × 8 cells, uint8, shape (n, 8, 8, 3).
    large
        Rows that ``detail`` holds, shape (m,).
    detail
        Red, green and blue at the common size, uint8, shape (m, height, width, 3).
    size
        Width and height of the usual picture in pixels; ``detail`` is that or smaller.
    """

    small: np.ndarray
    colour: np.ndarray
    large: np.ndarray
    detail: np.ndarray
    size: tuple[int, int]


@dataclass(frozen=True)
class Sounds:
    """Log-mel spectra, float32: one array (n_frames, 32) a sound, in dB below its loudest."""

    spectra: tuple[np.ndarray, ...]


def read_media(
    material: Material, rng: np.random.Generator, progress: Progress
) -> Pictures | Sounds:
    """Read all media; files that can't be read are skipped and leave the material.

    Raises
    ------
    InputError
        If none can be read.
    """
    suffixes = pd.Series([Path(f).suffix.lower() for f in material.files])
    kinds = {"pictures": PICTURES, "films": FILMS, "sounds": SOUNDS}
    counts = {name: int(suffixes.isin(kind).sum()) for name, kind in kinds.items()}
    kind = max(counts, key=lambda name: counts[name])
    if not counts[kind]:
        raise InputError(
            f"no picture, film or sound among the files (the first: {material.files[0]})"
        )
    if kind == "sounds":
        return _read_sounds(material, progress)
    return _read_pictures(material, kind == "films", rng, progress)


def _read_pictures(
    material: Material, films: bool, rng: np.random.Generator, progress: Progress
) -> Pictures:
    regions = _regions(material)
    read = _films(material, regions) if films else _pictures(material, regions)
    wanted = np.zeros(material.n, dtype=bool)
    wanted[drawn_order(material.n, rng)[:MOST_LARGE]] = True
    small = np.zeros((material.n, SMALL, SMALL), dtype=np.uint8)
    colour = np.zeros((material.n, 8, 8, 3), dtype=np.uint8)
    large: dict[int, Image.Image] = {}
    sizes: list[tuple[int, int]] = []
    good = np.zeros(material.n, dtype=bool)
    for done, (row, picture) in enumerate(read):
        if isinstance(picture, str):
            material.skipped.append(Skipped(material.files[row], picture))
            continue
        good[row] = True
        sizes.append(picture.size)
        small[row] = np.asarray(picture.convert("L").resize((SMALL, SMALL), Image.Resampling.BOX))
        colour[row] = np.asarray(picture.resize((8, 8), Image.Resampling.BOX))
        if wanted[row]:
            picture.thumbnail((2 * LARGEST, 2 * LARGEST), Image.Resampling.BOX)
            large[row] = picture
        if done % 50 == 0:
            progress("pictures", done, material.n)
    progress("pictures", material.n, material.n)
    if not good.any():
        first = material.skipped[-1]
        raise InputError(f"none of the {material.n} files can be read; {first.file}: {first.why}")
    width, height = (int(v) for v in np.median(sizes, axis=0))
    scale = min(1.0, LARGEST / max(width, height))
    shape = (max(8, round(width * scale)), max(8, round(height * scale)))
    rows = np.array(sorted(large), dtype=int)
    detail = np.stack([np.asarray(large[r].resize(shape, Image.Resampling.BOX)) for r in rows])
    kept = np.cumsum(good) - 1
    material.keep(good)
    return Pictures(small[good], colour[good], kept[rows], detail, (width, height))


def _regions(material: Material) -> list[Region | None]:
    table = material.trials
    if "region" in table:
        return [parse_region(str(text)) if pd.notna(text) else None for text in table["region"]]
    if {"x", "y", "w", "h"} <= set(table):
        numbers = table[["x", "y", "w", "h"]].astype(int).to_numpy()
        return [Region(*row) for row in numbers]
    return [None] * material.n


def _pictures(
    material: Material, regions: list[Region | None]
) -> Iterator[tuple[int, Image.Image | str]]:
    for row, (file, region) in enumerate(zip(material.files, regions, strict=True)):
        try:
            with Image.open(file) as opened:
                opened.draft("RGB", (2 * LARGEST, 2 * LARGEST)) if region is None else None
                picture = ImageOps.exif_transpose(opened).convert("RGB")
            yield row, picture if region is None else picture.crop(_box(region))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            yield row, f"can't be read as a picture ({str(error).splitlines()[0][:80]})"


def _box(region: Region) -> tuple[int, int, int, int]:
    return region.x, region.y, region.x + region.width, region.y + region.height


def _films(
    material: Material, regions: list[Region | None]
) -> Iterator[tuple[int, Image.Image | str]]:
    """Mean of eight frames of each clip; clips of one film and time share the decoding."""
    table = material.trials
    starts = _seconds(table, "onset", 0.0)
    lengths = _seconds(table, "duration", np.nan)
    clips = pd.DataFrame({"file": material.files, "start": starts, "length": lengths})
    for _, rows in clips.fillna(-1.0).groupby(list(clips.columns), sort=False).groups.items():
        first = clips.loc[rows[0]]
        try:
            film = _mean_frame(first["file"], float(first["start"]), float(first["length"]))
        except AffectomeError as error:
            yield from ((int(row), str(error)) for row in rows)
            continue
        for row in rows:
            region = regions[row]
            if region is None:
                yield int(row), Image.fromarray(film)
                continue
            part = film[region.window]
            inside = part.shape[:2] == (region.height, region.width)
            outside = f"region {region} leaves the frame of {film.shape[1]} × {film.shape[0]}"
            yield int(row), Image.fromarray(part.copy()) if inside else outside


def _seconds(table: pd.DataFrame, name: str, missing: float) -> np.ndarray:
    if name not in table or table[name].dtype.kind not in "iuf":
        return np.full(len(table), missing)
    return table[name].to_numpy(float)


def _mean_frame(file: str, start: float, length: float) -> np.ndarray:
    film = probe(file)
    rest = film.duration - start if np.isfinite(film.duration) else 1.0
    length = min(length, rest) if np.isfinite(length) else rest
    total, seen = np.zeros(1, dtype=np.float32), 0
    for frame in _spread_frames(file, start, length, film.rate):
        total, seen = total + frame.astype(np.float32), seen + 1
    if not seen:
        raise InputError(f"{file} has no frame from {start:g} s on")
    return np.asarray(np.clip(total / seen, 0, 255), dtype=np.uint8)


def _spread_frames(file: str, start: float, length: float, rate: float) -> Iterator[np.ndarray]:
    """Frames spread over a clip: a short one is decoded once, in a long one they are sought."""
    if length <= SHORT_CLIP:
        step = max(1, int(length * rate) // N_FRAMES)
        for k, frame in enumerate(frames(file, start, start + length + 1 / rate, colour="rgb")):
            if k % step == 0:
                yield frame.image
        return
    for at in start + np.arange(N_FRAMES) * length / N_FRAMES:
        yield next(frames(file, float(at), colour="rgb")).image


def _read_sounds(material: Material, progress: Progress) -> Sounds:
    spectra, good = [], np.zeros(material.n, dtype=bool)
    bank = _mel_bank()
    for row, file in enumerate(material.files):
        try:
            spectra.append(_spectrum(_waveform(file), bank))
            good[row] = True
        except InputError as error:
            material.skipped.append(Skipped(file, str(error)))
        if row % 50 == 0:
            progress("sounds", row, material.n)
    progress("sounds", material.n, material.n)
    if not good.any():
        first = material.skipped[-1]
        raise InputError(f"none of the {material.n} sounds can be read; {first.why}")
    material.keep(good)
    return Sounds(tuple(spectra))


def _waveform(file: str) -> np.ndarray:
    av = require("av", "video")
    parts, length = [], 0
    try:
        with av.open(file) as container:
            resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    parts.append(piece.to_ndarray()[0])
                    length += len(parts[-1])
                if length >= LONGEST * RATE:
                    break
    except (av.error.FFmpegError, IndexError) as error:
        raise InputError(f"can't be read as a sound ({error})") from error
    if length < 2 * WINDOW:
        raise InputError(f"is shorter than {2 * WINDOW / RATE:g} s")
    return np.concatenate(parts)[: int(LONGEST * RATE)]


def _mel_bank() -> np.ndarray:
    """Triangular filters on the mel scale, 60 to 7,600 Hz, shape (n_bins, 32)."""
    low, high = 2595 * np.log10(1 + np.array([60.0, 7600.0]) / 700)
    mel = np.linspace(float(low), float(high), N_MEL + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)[:, None]
    rise = (hertz - edges[:-2]) / np.diff(edges)[:-1]
    fall = (edges[2:] - hertz) / np.diff(edges)[1:]
    return np.maximum(np.minimum(rise, fall), 0.0)


def _spectrum(wave: np.ndarray, bank: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1)) ** 2
    decibel = 10 * np.log10(power @ bank + 1e-12)
    return np.maximum(decibel - decibel.max(), -RANGE_DB).astype(np.float32)
