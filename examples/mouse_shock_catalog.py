"""Write the table of clips for mosaics of tail-shock trials (five intensities by some trials).

Each film is a mosaic of trials that play at once: rows are intensities (0 to 500 µA), columns
follow each other in the session, as many as the film is wide. Every tile prints its label top right
and a trigger square top left, so the region is the face only, the same in all films. Films of
another size are passed over; a black tile is skipped by the study, which says so.

    python examples/mouse_shock_catalog.py FOLDER clips.csv
    affectome study mouse-faces clips.csv --out run/ --cell 16
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from pathlib import Path

from affectome.data.video import probe

TILE_WIDTH, TILE_HEIGHT = 233, 140
FACE = (4, 20, 96, 96)
PADDING = 16
ROWS = 5
ONSET = 2.0
NAME = re.compile(r"(?P<session>\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)-(?P<animal>.+)")
HEADER = ("file", "subject", "session", "event", "intensity", "trial", "onset", "region")


def rows(film: Path, columns: int) -> list[tuple[object, ...]]:
    stem = film.stem.removesuffix("-der")
    named = NAME.fullmatch(stem)
    session, animal = named.groups() if named else (stem, stem)
    made = []
    for row in range(ROWS):
        for column in range(columns):
            # Odd columns were given in falling order after the trial without a shock.
            place = row if column % 2 == 0 else (ROWS - row) % ROWS
            region = (TILE_WIDTH * column + FACE[0], TILE_HEIGHT * row + FACE[1], *FACE[2:])
            made.append(
                (
                    film.resolve(),
                    animal,
                    session,
                    "tail shock" if row else "none",
                    row,
                    ROWS * column + place,
                    ONSET,
                    ",".join(map(str, region)),
                )
            )
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("table", type=Path)
    arguments = parser.parse_args()
    with arguments.table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for film in sorted(arguments.folder.glob("*.mp4")):
            video = probe(film)
            columns, left_over = divmod(video.width, TILE_WIDTH)
            if video.height == ROWS * TILE_HEIGHT and left_over < PADDING:
                writer.writerows(rows(film, columns))
            else:
                print(f"{film.name} is no mosaic, passed over", file=sys.stderr)


if __name__ == "__main__":
    main()
