"""What files say without being looked at: size, shape, encoder, border. None of it is emotion.

Pictures of one class from one source, and of another class from another, differ in such facts, and
a network reads them from the pixels: rescaling, compression, black bars.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from affectome.audit.media import Pictures
from affectome.errors import require

RING = 2


def picture_facts(files: tuple[str, ...], pictures: Pictures) -> pd.DataFrame:
    """Facts of pictures or of films, a row a file, all numeric.

    Parameters
    ----------
    files
        Pictures or films.
    pictures
        What was read of them; only light and border are taken from it.
    """
    small = pictures.small.astype(np.float32)
    inner = small[:, RING:-RING, RING:-RING]
    border = (small.sum((1, 2)) - inner.sum((1, 2))) / (small[0].size - inner[0].size)
    ends = np.concatenate([small[:, :RING].reshape(len(small), -1),
                           small[:, -RING:].reshape(len(small), -1)], axis=1)  # fmt: skip
    fine = np.full(len(small), np.nan)
    fine[pictures.large] = _fineness(pictures.detail)
    return pd.DataFrame([_of_picture(f) for f in files]).assign(
        **{
            "mean light": small.mean(axis=(1, 2)),
            "light of the border": border,
            "spread of light at the upper and lower edge": ends.std(axis=1),
            "sharpness": fine,
        }
    )


def _fineness(detail: np.ndarray) -> np.ndarray:
    """Change from pixel to pixel against that over four: low where a picture was enlarged."""
    light = detail.astype(np.float32).mean(axis=-1)
    near = np.abs(np.diff(light, axis=2)).mean(axis=(1, 2))
    far = np.abs(light[:, :, 4:] - light[:, :, :-4]).mean(axis=(1, 2))
    return np.asarray(near / np.maximum(far, 1e-3))


def _of_picture(file: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"size of the file": float(Path(file).stat().st_size)}
    try:
        with Image.open(file) as picture:
            facts |= {
                "width": float(picture.width),
                "height": float(picture.height),
                "width over height": picture.width / picture.height,
                "kind of file": float(_number(f"{picture.format} {picture.mode}")),
                "bytes a pixel": facts["size of the file"] / (picture.width * picture.height),
            }
    except OSError:  # a film: its frames have the size of the others
        pass
    return facts


def _number(text: str) -> int:
    return int.from_bytes(text.encode()[:3] + text.encode()[-3:], "little")


def sound_facts(files: tuple[str, ...]) -> pd.DataFrame:
    """Facts of sounds: size, sampling rate, channels, seconds."""
    av = require("av", "video")
    rows = []
    for file in files:
        with av.open(file) as container:
            stream = container.streams.audio[0]
            seconds = float(container.duration or 0) / 1e6
            rows.append(
                {
                    "size of the file": float(Path(file).stat().st_size),
                    "sampling rate": float(stream.rate),
                    "channels": float(stream.channels),
                    "seconds": seconds,
                    "bytes a second": Path(file).stat().st_size / max(seconds, 1e-3),
                }
            )
    return pd.DataFrame(rows)
