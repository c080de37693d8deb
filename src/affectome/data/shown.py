"""What every result can do: a few lines, a part of a page, a table, a plot, and files of them."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from affectome import display
from affectome.data.outputs import (
    for_spreadsheet,
    write_bytes,
    write_json,
    write_table,
    write_text,
)
from affectome.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 12
"""Rows of a table that a notebook shows."""
MOST_COLUMNS = 10
WIDEST = 120
INK = "#010203"
INKED = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
"""What takes the colour of the page's text, light or dark."""
SAVED = (".html", ".json", ".csv", ".png", ".svg", ".pdf")


class Shown(ABC):
    """A result that shows itself; each says what its title, lines, table and plot are.

    A dataclass that is shown says ``repr=False``, or its own repr would stand before this one.
    """

    @property
    @abstractmethod
    def _title(self) -> str:
        """What it is and what came out, one line."""

    @property
    def _lines(self) -> Sequence[str]:
        """What a reader has to know besides, a few short lines."""
        return ()

    @property
    def _stamps(self) -> Sequence[str]:
        """What no reader may miss."""
        return ()

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Give the numbers as a table."""

    @abstractmethod
    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it, on given axes or on new ones."""

    def __repr__(self) -> str:
        stamps = [stamp.upper() for stamp in self._stamps]
        return "\n  ".join([self._title, *stamps, *map(_short, self._lines)])

    def _repr_html_(self) -> str:
        return display.fragment(self._sections(figure=False))

    def _sections(self, figure: bool) -> str:
        stamps = "".join(display.paragraph(stamp, "stamp") for stamp in self._stamps)
        lines = "".join(display.paragraph(line, "small") for line in self._lines)
        drawn = f"<figure>{self._svg()}</figure>" if figure else ""
        return (
            f"<section><h4>{escape(self._title)}</h4>{stamps}{lines}{drawn}"
            f"{_table(self.to_frame(), len(self.to_frame()) if figure else SHOWN)}</section>"
        )

    def _svg(self) -> str:
        import matplotlib as mpl  # noqa: PLC0415  as in new_axes

        with mpl.rc_context(dict.fromkeys(INKED, INK)):
            return _drawn(self.plot(), "svg").decode().replace(INK, "currentColor")

    def open(self, file: str | Path | None = None) -> Path:
        """Show it in the browser; the page is one file without outside links."""
        name = type(self).__name__
        page = display.whole(self._sections(figure=True), name)
        return display.open_page(page, file, name.lower())

    def save(self, file: str | Path) -> Path:
        """Write it as the suffix says: .html, .json, .csv, .png, .svg or .pdf.

        Raises
        ------
        InputError
            If the suffix is none of these.
        OutputError
            If the file can't be written.
        """
        target = Path(file)
        suffix = target.suffix.lower()
        if suffix == ".html":
            page = display.whole(self._sections(figure=True), type(self).__name__)
            return write_text(target, page)
        if suffix == ".json":
            told = getattr(self, "to_dict", None)
            rows = {"rows": self.to_frame().to_dict(orient="records")}
            return write_json(target, rows if told is None else told())
        if suffix == ".csv":
            return write_table(target, for_spreadsheet(self.to_frame()))
        if suffix in SAVED:
            return write_bytes(target, _drawn(self.plot(), suffix[1:]))
        raise InputError(f"{target} has no suffix that can be saved; take {', '.join(SAVED)}")


def new_axes(ax: Axes | None, height: float = 3.0) -> Axes:
    """Give the axes, or new ones of pyplot's."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt  # noqa: PLC0415  a second that results which aren't drawn spare

    _, made = plt.subplots(figsize=(6.4, height), layout="constrained")
    return made


def plot_scores(
    ax: Axes | None,
    marks: Sequence[tuple[str, float, tuple[float, float] | None]],
    label: str,
    chance: float | None = None,
) -> Axes:
    """Draw numbers below each other, each with its interval; the first stands out.

    Parameters
    ----------
    ax
        Axes to draw on; new ones when None.
    marks
        Name, value and interval of each.
    label
        What the values are.
    chance
        Value that is drawn as a line.
    """
    axes = new_axes(ax, 0.9 + 0.34 * len(marks))
    for place, (_, value, interval) in enumerate(marks):
        color = "C0" if place == 0 else "0.55"
        if interval is not None:
            axes.plot(interval, [-place, -place], color=color, linewidth=2)
        axes.plot([value], [-place], "o", color=color)
    axes.set_yticks([-place for place in range(len(marks))], [name for name, *_ in marks])
    axes.set_ylim(0.6 - len(marks), 0.6)
    axes.set_xlabel(label)
    if chance is not None:
        axes.axvline(chance, color="0.5", linewidth=1, linestyle="--", zorder=0)
    return axes


def plot_counts(ax: Axes | None, counts: pd.Series, label: str) -> Axes:
    """Draw numbers of things by their names, as bars below each other."""
    axes = new_axes(ax, 0.9 + 0.3 * len(counts))
    axes.barh([-place for place in range(len(counts))], counts.to_numpy(dtype=float), color="C0")
    axes.set_yticks([-place for place in range(len(counts))], [str(name) for name in counts.index])
    axes.set_xlabel(label)
    return axes


def _drawn(axes: Axes, kind: str) -> bytes:
    import matplotlib.pyplot as plt  # noqa: PLC0415  as in new_axes

    figure: Any = axes.get_figure()
    stream = io.BytesIO()
    with plt.rc_context({"svg.hashsalt": "affectome", "svg.fonttype": "none"}):
        figure.savefig(stream, format=kind, transparent=kind != "pdf")
    plt.close(figure)
    content = stream.getvalue()
    return content[content.index(b"<svg") :] if kind == "svg" else content


def _short(line: str) -> str:
    return line if len(line) <= WIDEST else line[: WIDEST - 1] + "…"


def _table(frame: pd.DataFrame, most: int) -> str:
    shown = frame.iloc[: min(most, 200), :MOST_COLUMNS]
    plain = shown.astype(object).where(shown.notna(), None)
    more = []
    if len(frame) > len(shown):
        more.append(f"{len(frame) - len(shown):,} more rows")
    if frame.shape[1] > shown.shape[1]:
        more.append(f"{frame.shape[1] - shown.shape[1]} more columns")
    cells = plain.itertuples(index=False, name=None)
    rest = display.paragraph(f"and {' and '.join(more)}; .to_frame() has them", "small")
    return display.rows(cells, list(map(str, shown.columns))) + (rest if more else "")
