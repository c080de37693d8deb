"""Sound files of any format and rate, as one channel at 16 kHz, in blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import firwin, resample_poly

from affectome.errors import InputError, require

RATE = 16_000
BLOCK_S = 60.0
REACH = 10
LOWEST_RATE, HIGHEST_RATE = 4_000, 768_000


def read_sound(file: Path) -> np.ndarray:
    """Read a whole sound at 16 kHz, float32, shape (n_samples,).

    Raises
    ------
    InputError
        If it can't be read, or holds no sound.
    """
    return np.concatenate(list(sound_blocks(file)))


def sound_blocks(file: Path, seconds: float = BLOCK_S) -> Iterator[np.ndarray]:
    """Read a sound block by block; memory does not grow with its length.

    Parameters
    ----------
    file
        Anything that libsndfile or FFmpeg reads, by its content, whatever its ending.
    seconds
        Length of a block.

    Yields
    ------
    ndarray
        One channel (the mean of all), 16 kHz, float32; blocks are a multiple of 512 samples, but
        for the last.

    Raises
    ------
    InputError
        If it is missing, can't be read, breaks off, or holds no sound or no numbers.
    """
    size = math.ceil(seconds * RATE / 512) * 512
    waiting: list[np.ndarray] = []
    n = total = 0
    for piece in _resampled(*_open(file)):
        if not np.isfinite(piece).all():
            raise InputError(f"{file}: it holds samples that are not numbers; export it again")
        waiting.append(piece)
        n += len(piece)
        total += len(piece)
        while n >= size:
            whole = np.concatenate(waiting)
            yield whole[:size]
            waiting, n = [whole[size:]], n - size
    if total == 0:
        raise InputError(f"{file}: it holds no sound")
    if n:
        yield np.concatenate(waiting)


def _open(file: Path) -> tuple[Iterator[np.ndarray], int]:
    """Pieces of one channel, and their rate."""
    soundfile = require("soundfile", "voice")
    if not file.is_file():
        raise InputError(f"{file}: there is no such file")
    if file.stat().st_size == 0:
        raise InputError(f"{file}: it is empty")
    try:
        rate = soundfile.info(str(file)).samplerate
    except soundfile.LibsndfileError:
        return _by_ffmpeg(file)
    return _by_sndfile(file, soundfile, rate), _checked(rate, file)


def _by_sndfile(file: Path, soundfile: Any, rate: int) -> Iterator[np.ndarray]:
    try:
        for block in soundfile.blocks(
            str(file), int(BLOCK_S * rate), dtype="float32", always_2d=True
        ):
            yield block.mean(1)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{file}: it breaks off or is damaged ({error})") from error


def _by_ffmpeg(file: Path) -> tuple[Iterator[np.ndarray], int]:
    av = require("av", "voice")
    # Any level makes decoders' threads wait for the interpreter to log, and some wait for ever.
    av.logging.set_level(None)
    try:
        with av.open(str(file)) as container:
            if not container.streams.audio:
                raise InputError(f"{file}: there is no sound in it, only pictures or text")
            # A stream that FFmpeg has no decoder for has no rate.
            rate = container.streams.audio[0].rate
    except InputError:
        raise
    except (av.FFmpegError, ValueError, AttributeError, LookupError) as error:
        raise InputError(
            f"{file} is not a sound that can be read, whatever its ending says; give WAV, FLAC, "
            "OGG, MP3, M4A or the like"
        ) from error
    return _frames(file, av), _checked(rate, file)


def _frames(file: Path, av: Any) -> Iterator[np.ndarray]:
    try:
        with av.open(str(file)) as container:
            mono = av.AudioResampler(format="fltp", layout="mono")
            for frame in container.decode(audio=0):
                yield from (part.to_ndarray()[0] for part in mono.resample(frame))
            yield from (part.to_ndarray()[0] for part in mono.resample(None))
    except av.FFmpegError as error:
        raise InputError(f"{file}: it breaks off or is damaged ({error})") from error


def _checked(rate: int, file: Path) -> int:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise InputError(
            f"{file}: {rate:,} samples a second; a voice needs {LOWEST_RATE:,} or more (and "
            f"{HIGHEST_RATE:,} are the most)"
        )
    return rate


def _resampled(pieces: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Bring pieces to 16 kHz as if they were one: each is filtered with its neighbours' edges."""
    if rate == RATE:
        yield from pieces
        return
    common = math.gcd(RATE, rate)
    up, down = RATE // common, rate // common
    widest = max(up, down)
    taps = firwin(2 * REACH * widest + 1, 1 / widest, window=("kaiser", 5.0))
    # Whole multiples of ``down`` keep the grid of output samples where it would be in one go.
    edge = math.ceil(REACH * widest / up / down + 1) * down
    held = np.zeros(0, np.float32)
    first = True
    for piece in pieces:
        held = np.concatenate([held, piece])
        ready = (len(held) - edge) // down * down
        if ready <= edge:
            continue
        done = resample_poly(held, up, down, window=taps)
        start = 0 if first else edge // down * up
        yield done[start : ready // down * up].astype(np.float32)
        held, first = held[ready - edge :], False
    if len(held):
        done = resample_poly(held, up, down, window=taps)
        yield done[0 if first else edge // down * up :].astype(np.float32)
