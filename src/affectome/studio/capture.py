"""Frames and sound from a film at its own pace, or from a camera and a microphone."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectome.data.video import frames
from affectome.errors import AffectomeError, InputError, require
from affectome.features.voice.sound import RATE, sound_blocks

SOUND_S = 0.5
LATE_S = 0.25
CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}:none")}
MICROPHONES = {"linux": ("alsa", "default"), "darwin": ("avfoundation", "none:0")}


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame, shape (height, width, 3), or sound at 16 kHz, shape (n_samples,), and its second."""

    seconds: float
    content: np.ndarray

    @property
    def is_frame(self) -> bool:
        """Whether it is a frame."""
        return self.content.ndim == 3


class Mailbox:
    """What was captured and waits: all sound, and of frames the newest alone."""

    def __init__(self) -> None:
        self.dropped = 0
        self._sounds: deque[Moment] = deque()
        self._frame: Moment | None = None
        self._error: Exception | None = None
        self._sources = 0
        self._changed = threading.Condition()

    def fill(self, moments: Iterator[Moment], paced: float | None = None) -> None:
        """Take moments in a thread of their own.

        Parameters
        ----------
        paced
            Clock (``time.monotonic``) at second 0: each moment waits for its second, and a frame
            that comes too late for it is dropped; None takes them as they come.
        """
        self._sources += 1
        threading.Thread(target=self._fill, args=(moments, paced), daemon=True).start()

    def _fill(self, moments: Iterator[Moment], paced: float | None) -> None:
        try:
            for moment in moments:
                wait = 0.0 if paced is None else paced + moment.seconds - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                self._put(moment, late=wait < -LATE_S)
        except AffectomeError as error:
            self._error = error
        finally:
            with self._changed:
                self._sources -= 1
                self._changed.notify_all()

    def _put(self, moment: Moment, late: bool) -> None:
        with self._changed:
            if not moment.is_frame:
                self._sounds.append(moment)
            elif late:
                self.dropped += 1
            else:
                self.dropped += self._frame is not None
                self._frame = moment
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Moment]:
        """Give what waits until all sources have ended; sound comes first.

        Raises
        ------
        InputError
            What a source raised, once everything before it was given.
        """
        while True:
            with self._changed:
                while not (self._sounds or self._frame or self._sources == 0):
                    self._changed.wait(1.0)
                if self._sounds:
                    moment = self._sounds.popleft()
                elif self._frame is not None:
                    moment, self._frame = self._frame, None
                elif self._error is not None:
                    raise self._error
                else:
                    return
            yield moment


def frames_of(film: Path) -> Iterator[Moment]:
    """Give the frames of a film."""
    return (Moment(frame.seconds, frame.image) for frame in frames(film, colour="rgb"))


def sound_of(film: Path) -> Iterator[Moment]:
    """Give the sound of a film in stretches of half a second."""
    n = 0
    for block in sound_blocks(film, SOUND_S):
        n += len(block)
        yield Moment(n / RATE, block)


def has_sound(film: Path) -> bool:
    """Whether there is sound in a film, or it is a sound."""
    av = require("av", "voice")
    try:
        with av.open(str(film)) as container:
            return bool(container.streams.audio)
    except (av.FFmpegError, ValueError, LookupError):
        return False


def camera(number: str) -> Iterator[Moment]:
    """Give the frames of a camera as they come.

    Raises
    ------
    InputError
        If there is none of that number, or it is unplugged.
    """
    begun = time.monotonic()
    with _device(CAMERAS, number, "camera") as container:
        for frame in _until_lost(container.decode(video=0), "camera"):
            yield Moment(time.monotonic() - begun, frame.to_ndarray(format="rgb24"))


def microphone() -> Iterator[Moment]:
    """Give the sound of the usual microphone as it comes.

    Raises
    ------
    InputError
        If there is none, or it is unplugged.
    """
    av = require("av", "voice")
    begun = time.monotonic()
    with _device(MICROPHONES, "", "microphone") as container:
        mono = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
        for frame in _until_lost(container.decode(audio=0), "microphone"):
            for part in mono.resample(frame):
                yield Moment(time.monotonic() - begun, part.to_ndarray()[0])


def _until_lost(decoded: Iterator[Any], what: str) -> Iterator[Any]:
    av = require("av", "voice")
    try:
        yield from decoded
    except av.FFmpegError as error:
        raise InputError(f"the {what} was lost ({error}); is it still plugged in?") from error


def _device(known: dict[str, tuple[str, str]], number: str, what: str) -> Any:
    av = require("av", "voice")
    if sys.platform not in known:
        raise InputError(f"a {what} is opened on Linux and macOS only; use the studio's page")
    kind, place = known[sys.platform]
    try:
        return av.open(place.format(number), format=kind)
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"the {what} {place.format(number)} can't be opened ({error}); is it there, and free?"
        ) from error
