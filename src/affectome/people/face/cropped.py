"""Reading pictures that are faces already, cut out before."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from affectome.people.face.reader import FaceReader


@lru_cache(maxsize=4)
def reader(model: str | None = None) -> FaceReader:
    """Give a reader that takes the whole picture for one face."""
    return FaceReader(None if model is None else Path(model), cropped=True)
