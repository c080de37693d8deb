"""Reading faces: one reading a face of a picture, and one a face a frame of a film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from affectome.data.pictures import read_picture
from affectome.people.cards import Card, load_card
from affectome.people.deciding import decided
from affectome.people.face.alignment import aligned
from affectome.people.face.detector import LONGEST, Face, find_faces
from affectome.people.face.model import (
    SHIPPED,
    Array,
    face_features,
    face_logits,
    load_network,
    probabilities,
)
from affectome.people.face.network import SIZE
from affectome.people.face.quality import crop_quality, face_quality, noticed, unreadable
from affectome.people.face.tracking import Tracks
from affectome.people.reading import Reading
from affectome.people.voice.model import HEAD, load_head

FILMS = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"})
FRAMES_A_SECOND = 5.0
LONGEST_OF_FILM = 480
SEVERAL = "several faces are there, and it is not known which is that of the person who is named"
PARTS = {
    "brows": (9, 18, 6, 42),
    "eyes": (15, 24, 6, 42),
    "nose": (23, 33, 17, 31),
    "left cheek": (24, 38, 4, 17),
    "right cheek": (24, 38, 31, 44),
    "mouth": (31, 42, 13, 35),
    "chin": (41, 48, 12, 36),
}


class FaceReader:
    """Read the faces of pictures and films.

    Parameters
    ----------
    folder
        Folder of a model; by default the one that is shipped.
    cropped
        Pictures are faces already, cut out as in FER2013: none is looked for.
    """

    def __init__(self, folder: Path | None = None, cropped: bool = False) -> None:
        self.card: Card = load_card(folder or SHIPPED)
        # A model of the user's own is a linear layer on what the shipped network sees.
        own = folder is not None and (folder / HEAD).is_file()
        self._network = load_network(SHIPPED if own or folder is None else folder)
        self._head = load_head(folder)[0] if own and folder is not None else None
        self._labels = list(self.card.labels)
        self._cropped = cropped

    def read_file(self, file: Path, person: str | None = None) -> Iterator[Reading]:
        """Read one picture or film; without a face, one reading that abstains.

        Raises
        ------
        InputError
            If the file is no picture or film that can be read.
        """
        about: dict[str, Any] = {
            "file": str(file),
            "person": person,
            "model": self.card.name,
            "licence": self.card.licence,
        }
        film = file.suffix.lower() in FILMS
        found = self._film(file) if film else self.read_picture(read_picture(file))
        if person is None:
            yield from (replace(reading, **about) for reading in found)
            return
        # Who is who is never inferred: where two are seen together once, a face that is alone in
        # another frame may be that of either.
        every = list(found)
        company = _company(every)
        yield from (replace(_not_read(one) if company else one, **about) for one in every)

    def read_picture(self, picture: NDArray[np.uint8]) -> Iterator[Reading]:
        """Read the faces of a picture of shape (height, width, 3), with what each rests on."""
        if self._cropped:
            grey = Image.fromarray(picture).convert("L")
            crop = np.asarray(grey.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
            yield self._read([crop], [crop_quality(crop)], explain=True)[0]
            return
        yield from self.read_frame(picture, longest=LONGEST, explain=True)

    def read_frame(
        self,
        picture: NDArray[np.uint8],
        person: str | None = None,
        longest: int = LONGEST_OF_FILM,
        explain: bool = False,
    ) -> list[Reading]:
        """Read the faces of one frame of a camera.

        Parameters
        ----------
        picture
            Shape (height, width, 3), RGB.
        person
            Who is read; nobody is while others are there too, since who is who is never inferred.
        longest
            Pixels of the longer side in which faces are looked for.
        explain
            Whether readings say which parts of the face they rest on.
        """
        faces = find_faces(picture, longest=longest)
        if not faces:
            return [Reading("face", abstains=True, because="no face was found")]
        if person is not None and len(faces) > 1:
            alone = Reading("face", abstains=True, because=SEVERAL)
            return [replace(alone, box=face.box) for face in faces]
        return self._faces(picture, faces, explain)

    def _film(self, file: Path) -> Iterator[Reading]:
        from affectome.data.video import frames  # noqa: PLC0415  films need a decoder, pictures none

        tracks, due, found, last = Tracks(), 0.0, False, 0.0
        for frame in frames(file, colour="rgb"):
            last = frame.seconds
            if frame.seconds < due - 1e-6:
                continue
            due = frame.seconds + 1 / FRAMES_A_SECOND
            faces = [(one, one.box) for one in self.read_frame(frame.image) if one.box is not None]
            numbers = tracks.follow([box for _, box in faces])
            for number, (reading, _) in zip(numbers, faces, strict=True):
                found = True
                quality = {**reading.quality, "track": float(number)}
                yield replace(reading, start_s=frame.seconds, end_s=due, quality=quality)
        if not found:
            ends: dict[str, Any] = {"start_s": 0.0, "end_s": last}
            yield Reading("face", abstains=True, because="no face was found in the film", **ends)

    def _faces(
        self, picture: NDArray[np.uint8], faces: Sequence[Face], explain: bool = False
    ) -> list[Reading]:
        crops = [aligned(picture, face.points) for face in faces]
        quality = [
            face_quality(picture, face) | crop_quality(crop)
            for face, crop in zip(faces, crops, strict=True)
        ]
        readings = self._read(crops, quality, explain)
        return [
            replace(reading, box=face.box) for reading, face in zip(readings, faces, strict=True)
        ]

    def _read(
        self,
        crops: Sequence[NDArray[np.uint8]],
        quality: Sequence[dict[str, float]],
        explain: bool,
    ) -> list[Reading]:
        reasons = [unreadable(one) for one in quality]
        good = [k for k, reason in enumerate(reasons) if not reason]
        p = self._probabilities([crops[k] for k in good]) if good else np.empty((0, 0))
        readings = [
            Reading("face", abstains=True, because=reason, quality=one)
            if reason
            else Reading("face", quality=one)
            for reason, one in zip(reasons, quality, strict=True)
        ]
        for k, row in zip(good, p, strict=True):
            read = decided(
                "face",
                self._labels,
                row,
                float(self.card.settings["least"]),
                float(self.card.settings["level"]),
                "expression",
                quality=quality[k],
                notes=noticed(quality[k]),
            )
            readings[k] = self._explained(read, crops[k], row) if explain else read
        return readings

    def _probabilities(self, crops: Sequence[NDArray[np.uint8]]) -> Array:
        before = torch.get_num_threads()
        torch.set_num_threads(1)  # small pictures: more threads cost more than they bring
        try:
            if self._head is None:
                logits = face_logits(self._network, crops)
            else:
                logits = self._head.logits(face_features(self._network, crops))
            return probabilities(logits, float(self.card.settings["temperature"]))
        finally:
            torch.set_num_threads(before)

    def _explained(self, reading: Reading, crop: NDArray[np.uint8], p: Array) -> Reading:
        """Cover one part of the face after the other, and see what the top label loses."""
        covered = []
        for top, bottom, left, right in PARTS.values():
            one = crop.copy()
            one[top:bottom, left:right] = round(float(crop.mean()))
            covered.append(one)
        best = int(p.argmax())
        lost = p[best] - self._probabilities(covered)[:, best]
        return replace(
            reading,
            attribution=tuple((part, float(x)) for part, x in zip(PARTS, lost, strict=True)),
            attributed_to=self._labels[best],
        )


def _company(readings: Sequence[Reading]) -> bool:
    """Whether any picture or frame shows several faces."""
    frames = groupby(readings, key=lambda reading: reading.start_s)
    return any(len(list(together)) > 1 for _, together in frames)


def _not_read(reading: Reading) -> Reading:
    where: dict[str, Any] = {name: getattr(reading, name) for name in ("start_s", "end_s", "box")}
    return Reading("face", abstains=True, because=SEVERAL, **where)


@lru_cache(maxsize=4)
def reader(model: str | None = None) -> FaceReader:
    """Give the reader of the shipped model, or of a folder that holds another."""
    return FaceReader(None if model is None else Path(model))
