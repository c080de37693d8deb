"""``affectome region``: a preview picture to choose the part of the frame that is analysed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image, ImageDraw

from affectome.cli.running import finish, say
from affectome.data import check_output_file, write_bytes
from affectome.data.video import Region, check_region, frames, parse_region, probe
from affectome.errors import InputError
from affectome.features.motion import motion_map, propose_region

GRID = 50
N_FRAMES = 200
CHOSEN, PROPOSED, RULE = (230, 159, 0), (0, 158, 115), (86, 180, 233)


def region(
    video: Annotated[Path, typer.Argument(help="Film to look at.")],
    out: Annotated[Path, typer.Option(help="Where the preview picture goes.")] = Path(
        "preview.png"
    ),
    crop: Annotated[str | None, typer.Option(help="Region to show: x,y,w,h in pixels.")] = None,
    start: Annotated[float, typer.Option(min=0, help="Second of the film to start from.")] = 0.0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the picture that --out names.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the regions as JSON.")] = False,
) -> None:
    """Show a film's frame with a grid, your crop, and a region proposed from what moves."""
    check_output_file(out, (".png",), overwrite)
    chosen = None if crop is None else parse_region(crop)
    film = probe(video)
    check_region(film, chosen)
    if start >= film.duration:
        raise InputError(f"--start {start:g} s is after the end of {video}, {film.duration:g} s")
    images = _first_frames(video, start)
    proposed = propose_region(motion_map(images))
    picture = draw_preview(images[0], proposed, chosen)
    content = io.BytesIO()
    picture.save(content, format="PNG")
    write_bytes(out, content.getvalue())
    say(f"proposed region: {proposed}  preview: {out}")
    result = {"proposed": str(proposed), "crop": None if chosen is None else str(chosen)}
    finish({**result, "preview": str(out)}, as_json)


def draw_preview(image: np.ndarray, proposed: Region, chosen: Region | None) -> Image.Image:
    """Draw a grid every 50 pixels, the proposal in green and the chosen crop in orange."""
    picture = Image.fromarray(image).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for x in range(0, picture.width, GRID):
        pen.line([(x, 0), (x, picture.height)], fill=RULE)
        pen.text((x + 2, 1), str(x), fill=RULE)
    for y in range(GRID, picture.height, GRID):
        pen.line([(0, y), (picture.width, y)], fill=RULE)
        pen.text((2, y + 1), str(y), fill=RULE)
    for shown, color in ((proposed, PROPOSED), (chosen, CHOSEN)):
        if shown is not None:
            right, bottom = shown.x + shown.width - 1, shown.y + shown.height - 1
            pen.rectangle([shown.x, shown.y, right, bottom], outline=color, width=2)
    return picture


def _first_frames(video: Path, start: float) -> np.ndarray:
    kept = []
    for frame in frames(video, start):
        kept.append(frame.image)
        if len(kept) == N_FRAMES:
            break
    return np.stack(kept)
