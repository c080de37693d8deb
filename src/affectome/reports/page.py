"""A report: one HTML file that opens without a network, in light and in dark."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from affectome.data import output_folder, write_json, write_manifest, write_table, write_text
from affectome.reports.style import LIGHT


@dataclass(frozen=True)
class Figure:
    """One figure: SVG text (or HTML made by `pictures`) with a name and a caption."""

    name: str
    markup: str
    caption: str


@dataclass(frozen=True)
class Table:
    """A small table under a section: header and rows of text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    @property
    def aligned(self) -> list[str]:
        """Side of each column: left where a cell is words, right where all are numbers."""
        columns = [[row[k] for row in self.rows] for k in range(len(self.header))]
        return ["left" if any(map(_is_words, column)) else "right" for column in columns]


def _is_words(cell: str) -> bool:
    return not re.match(r"[^\w.]*(p\W+)?[^\w.]*(\.?\d|nan\b|$)", cell)


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph or two that say what the figures show, the figures, tables."""

    title: str
    text: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes
    ----------
    title
        Name of the study and what it was run on.
    question
        What was asked, one sentence.
    answer
        What came out, two sentences made from the numbers.
    numbers
        The few headline numbers: (label, value, small print).
    stamps
        Warnings that no reader may miss, such as "random split".
    warnings
        What changes how the numbers are to be read.
    absent
        Parts that the data did not allow, with the reason.
    skipped
        Inputs that could not be used: ``file`` and ``why``.
    sections
        The body.
    facts
        Settings of the run: name → value.
    """

    title: str
    question: str
    answer: str
    sections: Sequence[Section]
    numbers: Sequence[tuple[str, str, str]] = ()
    stamps: Sequence[str] = ()
    warnings: Sequence[str] = ()
    absent: Sequence[str] = ()
    skipped: Sequence[Mapping[str, str]] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def render(page: Page) -> str:
    """Give the page as one self-contained HTML text."""
    environment = Environment(
        loader=PackageLoader("affectome", "reports/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["raw"] = Markup
    return environment.get_template("page.html").render(page=page)


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """Embed bytes in a page."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def write_run(
    folder: str | Path,
    result: Mapping[str, Any],
    page: Page,
    manifest: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> Path:
    """Write what every command writes; ``result.json`` comes last, so that it vouches for the rest.

    Parameters
    ----------
    folder
        Made if missing; what an earlier run wrote is removed before anything is written.
    result
        Numbers, with ``schema``.
    page
        The report; its SVG figures are also written to ``figures/``.
    manifest
        How the run can be repeated.
    tables
        Name → table, written as CSV.

    Returns
    -------
    Path
        Where the report lies.
    """
    out = output_folder(folder)
    figures = {
        f"figures/{figure.name}.svg": figure.markup
        for section in page.sections
        for figure in section.figures
        if figure.markup.lstrip().startswith("<svg")
    }
    named = {f"{name}.csv": table for name, table in (tables or {}).items()}
    write_manifest(out, manifest, [*figures, *named, "report.html"])
    for name, markup in figures.items():
        write_text(out / name, _standalone(markup))
    for name, table in named.items():
        write_table(out / name, table)
    report = write_text(out / "report.html", render(page))
    write_json(out / "result.json", result)
    return report


def _standalone(markup: str) -> str:
    markup = markup[: markup.index("</svg>") + len("</svg>")] + "\n"  # the one for wide pages
    for variable, color in LIGHT.items():
        markup = markup.replace(variable, color)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + markup
