"""Reading voices: seven emotions in the speech of a sound file, window by window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectome.errors import InputError
from affectome.features.voice.sound import sound_blocks
from affectome.people.cards import Card, load_card
from affectome.people.deciding import decided
from affectome.people.reading import Reading
from affectome.people.voice.model import (
    SHIPPED,
    Array,
    Baseline,
    baseline_of,
    features_of,
    load_head,
    probabilities,
    shipped_listener,
)
from affectome.people.voice.windows import (
    Heard,
    Window,
    nothing_heard,
    speech_windows,
    unreadable,
)


class VoiceReader:
    """Read sound files with the shipped model, or with one that was trained on own sounds.

    Parameters
    ----------
    folder
        Folder of a model; by default the one that is shipped.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.card: Card = load_card(folder or SHIPPED)
        self._clip, self._person = load_head(folder or SHIPPED)
        self._listener = shipped_listener()
        self._labels = list(self.card.labels)
        self._baseline: Baseline | None = None

    def with_baseline(self, files: Sequence[Path]) -> VoiceReader:
        """Give a reader for the person who speaks in these files, which need no labels.

        Raises
        ------
        InputError
            If they hold too little speech, or the model knows no baselines.
        """
        if self._person is None:
            raise InputError(
                f"the model {self.card.name} was trained without a column 'subject': it can't use "
                "a baseline"
            )
        found: list[Array] = []
        for file in files:
            for window in speech_windows(sound_blocks(file), Heard()):
                if not unreadable(window):
                    found += list(self._features([window]))
        other = object.__new__(VoiceReader)
        other.__dict__ |= self.__dict__ | {"_baseline": baseline_of(found)}
        return other

    def read_file(self, file: Path, person: str | None = None) -> Iterator[Reading]:
        """Read one sound: one reading, with a part for each window where there are several.

        Raises
        ------
        InputError
            If the file is no sound that can be read.
        """
        yield self.read_sound(sound_blocks(file), str(file), person)

    def read_sound(
        self, blocks: Iterable[np.ndarray], file: str | None = None, person: str | None = None
    ) -> Reading:
        """Read a sound in memory.

        Parameters
        ----------
        blocks
            One channel at 16 kHz in pieces, all but the last a multiple of 512 samples long.
        file, person
            What the reading is said to be of.
        """
        heard = Heard()
        parts = [self._read(window) for window in speech_windows(blocks, heard)]
        about: dict[str, Any] = {
            "file": file,
            "person": person,
            "model": self.card.name,
            "licence": self.card.licence,
        }
        parts = [replace(part, **about) for part in parts]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            ends: dict[str, Any] = {"start_s": 0.0, "end_s": heard.seconds}
            return Reading("voice", abstains=True, because=nothing_heard(heard), **ends, **about)
        return replace(self._whole(parts), **about)

    def _features(self, windows: Sequence[Window]) -> Array:
        # One short sound after the other: more threads cost more than they bring.
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return features_of((window.levelled() for window in windows), self._listener)
        finally:
            torch.set_num_threads(before)

    def _read(self, window: Window) -> Reading:
        quality = {
            "speech_s": window.end_s - window.start_s,
            "level_db": window.level_db,
            "clipped": window.clipped,
        }
        where: dict[str, Any] = {
            "start_s": window.start_s,
            "end_s": window.end_s,
            "quality": quality,
        }
        reason = unreadable(window)
        if reason:
            return Reading("voice", abstains=True, because=reason, **where)
        x = self._features([window])
        settings = self.card.settings["clip" if self._baseline is None else "person"]
        if self._baseline is None or self._person is None:
            logits = self._clip.logits(x)
        else:
            logits = self._person.logits(x, self._baseline.mean, self._baseline.spread)
        p = probabilities(logits, settings["temperature"])[0]
        return replace(self._decided(p, settings["level"]), **where)

    def _decided(self, p: Array, level: float | None) -> Reading:
        least = float(self.card.settings["least"])
        return decided("voice", self._labels, p, least, level, "emotion")

    def _whole(self, parts: Sequence[Reading]) -> Reading:
        """Average the windows that could be read, each counting by its length."""
        read = [part for part in parts if part.emotions]
        ends: dict[str, Any] = {
            "start_s": parts[0].start_s,
            "end_s": parts[-1].end_s,
            "parts": tuple(parts),
        }
        if not read:
            return Reading("voice", abstains=True, because=parts[0].because, **ends)
        weight = np.array([part.quality["speech_s"] for part in read])
        values = np.array([[part.emotions[label] for label in self._labels] for part in read])
        note = (
            f"the mean of {len(read)} windows of speech weighted by length; sets hold for windows, "
            "not for the mean"
        )
        whole = self._decided(weight @ values / weight.sum(), None)
        quality = {"speech_s": float(weight.sum())}
        return replace(whole, quality=quality, notes=(note,), **ends)


@lru_cache(maxsize=4)
def reader(model: str | None = None) -> VoiceReader:
    """Give the reader of the shipped model, or of a folder that ``affectome train`` made."""
    return VoiceReader(None if model is None else Path(model))
