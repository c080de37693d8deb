"""Reading frames and sound as they come, in memory; nothing is kept beyond some seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from affectome.data.pictures import decode_picture
from affectome.errors import InputError
from affectome.features.voice.sound import RATE
from affectome.people.fusion import Fused
from affectome.people.reading import Reading
from affectome.people.registry import find_modality
from affectome.studio.read_routes import pooled

LONGEST_SIDE = 320
EXPLAIN_EVERY_S = 2.0
HEARD_S, STEP_S = 4.0, 1.0
FRESH_S = 5.0
LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000
READABLE = ("face", "voice", "words")


class LiveReader:
    """Read one session.

    Parameters
    ----------
    person
        Who is read; a frame with several faces is then not read.
    modalities
        Of ``READABLE``; their models are loaded now, so that the first frame does not wait.
    rate
        Samples a second of the sound that will come.

    Raises
    ------
    InputError
        If a modality can't be read live, or the rate is none of a voice.
    """

    def __init__(
        self, person: str | None, modalities: Collection[str] = ("face",), rate: int = RATE
    ) -> None:
        for name in modalities:
            if name not in READABLE:
                raise InputError(f"live are {', '.join(READABLE)}; got {name!r}")
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise InputError(f"sound has {LOWEST_RATE:,} to {HIGHEST_RATE:,} samples a second")
        self._person = person
        self._rate = rate
        self._face: Any = find_modality("face").load().reader() if "face" in modalities else None
        self._voice: Any = find_modality("voice").load().reader() if "voice" in modalities else None
        self._words: Any = find_modality("words").load().reader() if "words" in modalities else None
        self._sound = np.zeros(0, np.float32)
        self._n_heard = self._n_read = 0
        self._explained = -math.inf
        self._latest: dict[str, tuple[float, Reading]] = {}

    def frame(self, content: bytes) -> list[Reading]:
        """Read the faces of a JPEG; about every two seconds with what they rest on.

        Raises
        ------
        InputError
            If it is no JPEG, or faces are not read in this session.
        """
        if self._face is None:
            raise InputError("faces are not read in this session")
        return self.picture(decode_picture(content, "the frame", formats=("JPEG",)))

    def picture(self, picture: np.ndarray) -> list[Reading]:
        """Read the faces of a frame of shape (height, width, 3), uint8, RGB."""
        explain = time.monotonic() - self._explained > EXPLAIN_EVERY_S
        found: list[Reading] = self._face.read_frame(picture, self._person, LONGEST_SIDE, explain)
        if explain and any(reading.emotions for reading in found):
            self._explained = time.monotonic()
        about: dict[str, Any] = {
            "person": self._person,
            "model": self._face.card.name,
            "licence": self._face.card.licence,
        }
        found = [replace(reading, **about) for reading in found]
        self._keep(found[0] if len(found) == 1 else None, "face")
        return found

    def sound(self, content: bytes) -> Reading | None:
        """Take sound as 16-bit samples of one channel; read the last seconds about once a second.

        Returns
        -------
        Reading or None
            None where there is too little that is new.

        Raises
        ------
        InputError
            If it is no such sound, or voices are not read in this session.
        """
        if self._voice is None:
            raise InputError("voices are not read in this session")
        if len(content) % 2:
            raise InputError("sound is 16-bit samples, two bytes each")
        return self.samples(np.frombuffer(content, "<i2").astype(np.float32) / 32768)

    def samples(self, samples: np.ndarray) -> Reading | None:
        """Take sound as numbers in −1 to 1, shape (n_samples,); as `sound`."""
        most = round(HEARD_S * self._rate)
        self._n_heard += len(samples)
        self._sound = np.concatenate([self._sound, samples])[-most:]
        if self._n_heard - self._n_read < STEP_S * self._rate:
            return None
        self._n_read = self._n_heard
        common = math.gcd(RATE, self._rate)
        sound = resample_poly(self._sound, RATE // common, self._rate // common)
        reading: Reading = self._voice.read_sound([sound.astype(np.float32)], person=self._person)
        begun = (self._n_heard - len(self._sound)) / self._rate
        start, end = reading.start_s or 0.0, reading.end_s or 0.0
        reading = replace(reading, start_s=begun + start, end_s=begun + end, parts=())
        self._keep(reading, "voice")
        return reading

    def text(self, text: str) -> Reading:
        """Read what was written.

        Raises
        ------
        InputError
            If words are not read in this session.
        """
        if self._words is None:
            raise InputError("words are not read in this session")
        reading: Reading = replace(next(iter(self._words.read([text]))), person=self._person)
        self._keep(reading, "words")
        return reading

    def fused(self) -> Fused | None:
        """Pool the latest reading of each modality, where two or more are a few seconds old."""
        now = time.monotonic()
        return pooled([one for at, one in self._latest.values() if now - at < FRESH_S])

    def _keep(self, reading: Reading | None, modality: str) -> None:
        if reading is None or reading.abstains:
            self._latest.pop(modality, None)
        else:
            self._latest[modality] = (time.monotonic(), reading)
