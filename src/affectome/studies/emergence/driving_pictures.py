"""The filters that follow a class most closely, and the pictures that drive them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
from PIL import Image

from affectome.data import read_picture
from affectome.reports.page import Figure, Section, data_uri
from affectome.studies.emergence.figures import tuning

THUMBNAIL = 112


@dataclass(frozen=True)
class Drivers:
    """The pictures that drive a unit most and least.

    Attributes
    ----------
    layer, unit, preferred
        Which unit, and the class that it prefers.
    most, least
        Files, the strongest first.
    """

    layer: str
    unit: int
    preferred: str
    most: Sequence[str]
    least: Sequence[str]


def best_units(units: pd.DataFrame, drivers: Sequence[Drivers], classes: list[str]) -> Section:
    """Show the tuning of the best filters and the pictures behind it."""
    figures = []
    if drivers:
        figures = [
            Figure(
                "tuning",
                tuning(units, [(d.layer, d.unit) for d in drivers], classes),
                "Mean response by class of the filters with the highest selectivity index for each "
                "class, with standard errors.",
            ),
            Figure(
                "drivers",
                _driver_rows(drivers),
                "The pictures that drive each of these filters most and least.",
            ),
        ]
    text = (
        "The filters that follow a class most closely, and the pictures behind it. Look at these "
        "before you believe a word like pleasant: a filter may follow a colour or a shape that "
        "pleasant pictures happen to share."
    )
    return Section(
        "What the best filters follow", text if drivers else "No filter is selective.", figures
    )


def _driver_rows(drivers: Sequence[Drivers]) -> str:
    rows = [
        '<div class="row head"><span></span><span>strongest response</span><span></span>'
        "<span>weakest response</span></div>"
    ]
    for d in drivers:
        name = f"{escape(d.layer)} · {d.unit}<br><small>prefers {escape(d.preferred)}</small>"
        most, least = (
            '<div class="strip">' + "".join(_thumbnail(f) for f in files) + "</div>"
            for files in (d.most, d.least)
        )
        rows.append(f'<div class="row"><span>{name}</span>{most}<span></span>{least}</div>')
    return f'<div class="pictures">{"".join(rows)}</div>'


def _thumbnail(file: str) -> str:
    picture = Image.fromarray(read_picture(file))
    picture.thumbnail((THUMBNAIL * 2, THUMBNAIL * 2))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80)
    name = escape(Path(file).stem, quote=True)
    return f'<img alt="{name}" title="{name}" src="{data_uri(stream.getvalue(), "image/jpeg")}">'
