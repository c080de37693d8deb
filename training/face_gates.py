"""Whether what is no face, or can't be read, is left alone; and how long a picture takes.

    python -m training.face_gates --oasis DIR --fer DIR --cache DIR

Two hundred of OASIS's pictures of animals and objects, where no face of a person should be read;
two hundred faces of PublicTest as they are, and blurred to nothing (a Gaussian of 3 of 48 pixels).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from affectome.data.pictures import read_picture
from affectome.evidence.quick import binomial_bounds
from affectome.people.face.alignment import aligned
from affectome.people.face.detector import find_faces
from affectome.people.face.quality import crop_quality, face_quality, unreadable
from training.face import load

N, BLUR = 200, 3.0


def main() -> None:
    """Count what is read."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--oasis", "--fer", "--cache"):
        parser.add_argument(option, type=Path, required=True)
    given = parser.parse_args()
    table = pd.read_csv(given.oasis / "metadata.csv")
    rows = table[table["category"].isin(["Animal", "Object"])]
    rng = np.random.default_rng(0)
    names = rows["file_name"].iloc[rng.choice(len(rows), N, replace=False)]
    seconds, left_alone = [], []
    for name in names:
        picture = read_picture(given.oasis / name)
        began = time.process_time()
        faces = find_faces(picture)
        reasons = [
            unreadable(face_quality(picture, f) | crop_quality(aligned(picture, f.points)))
            for f in faces
        ]
        seconds.append(time.process_time() - began)
        left_alone.append(all(reasons))
        if not all(reasons):
            print(f"read: {name}", flush=True)
    _tell("animals and objects left alone", left_alone)
    print(f"a picture of 400 × 320 takes {1e3 * np.median(seconds):.0f} ms of one core")
    faces = load(given.fer / "PublicTest.zip", given.cache).x
    chosen = faces[rng.choice(len(faces), N, replace=False)].astype(float)
    blurred = [gaussian_filter(x, BLUR).astype(np.uint8) for x in chosen]
    _tell("blurred faces left alone", [bool(unreadable(crop_quality(x))) for x in blurred])
    sharp = [not unreadable(crop_quality(x.astype(np.uint8))) for x in chosen]
    _tell("the same faces read as they are", sharp)


def _tell(what: str, hits: list[bool]) -> None:
    low, high = binomial_bounds(sum(hits), len(hits))
    print(f"{what}: {np.mean(hits):.3f} [{low:.3f}, {high:.3f}] of {len(hits)}", flush=True)


if __name__ == "__main__":
    main()
