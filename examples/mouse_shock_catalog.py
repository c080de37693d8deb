"""Write the table of clips for mosaics of tail-shock trials (five intensities by six trials).

Each film is a mosaic of 30 trials that play at once: rows are intensities (0 to 500 µA), columns
follow each other in the session. Every tile prints its label top right and a trigger square top
left, so the region is the face only.

    python examples/mouse_shock_catalog.py FOLDER clips.csv
    affectome study mouse-faces clips.csv --out run/ --cell 16
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

TILE_WIDTH, TILE_HEIGHT = 233, 140
FACE = (4, 20, 96, 96)
ROWS, COLUMNS = 5, 6
ONSET = 2.0
HEADER = ("file", "subject", "session", "event", "intensity", "trial", "onset", "region")


def rows(film: Path) -> list[tuple[object, ...]]:
    session, _, animal = film.stem.removesuffix("-der").partition("-ECO_")
    made = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            # Odd columns were given in falling order after the trial without a shock.
            place = row if column % 2 == 0 else (ROWS - row) % ROWS
            region = (TILE_WIDTH * column + FACE[0], TILE_HEIGHT * row + FACE[1], *FACE[2:])
            made.append(
                (
                    film.resolve(),
                    f"ECO_{animal}",
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
        for film in sorted(arguments.folder.glob("*-der.mp4")):
            writer.writerows(rows(film))


if __name__ == "__main__":
    main()
