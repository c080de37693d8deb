"""Figures as SVG that follow the page: ink and rules take the reader's light or dark theme."""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text

from affectome.reports.narrow import WIDE, lay_out

COLORS = {
    "pleasant": "#E69F00",
    "neutral": "#8A8F98",
    "unpleasant": "#0072B2",
    "trained": "#0072B2",
    "untrained": "#999999",
    "second": "#D55E00",
    "good": "#009E73",
    "highlight": "#CC79A7",
}
"""Colours that people with colour-blindness can tell apart (Okabe & Ito 2008)."""

CYCLE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8A8F98", "#A68A00")

INK, SOFT, RULE, PAPER = "#010203", "#040506", "#070809", "#0a0b0c"
_THEMED = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    RULE: "var(--rule)",
    PAPER: "var(--paper)",
    "#0072b2": "var(--blue)",
}
LIGHT = {
    "var(--ink)": "#1b1f24",
    "var(--soft)": "#5d6670",
    "var(--rule)": "#e4e7eb",
    "var(--paper)": "#ffffff",
    "var(--blue)": "#0072b2",
}
"""The light theme's colours, for a figure that stands outside a page."""

_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 9.5,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=CYCLE),
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "ytick.major.size": 0,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
}


def canvas(
    width: float = 7.6, height: float = 3.2, rows: int = 1, columns: int = 1, **kwargs: Any
) -> tuple[Canvas, Any]:
    """Make a styled figure.

    Parameters
    ----------
    width, height
        Inches; a report's column is 7.6 wide.
    rows, columns
        Grid of axes.
    **kwargs
        Passed on to ``matplotlib.figure.Figure.subplots``.

    Returns
    -------
    figure
        Draw on it, then give it to `svg`.
    axes
        One ``Axes``, or an array of them.
    """
    with mpl.rc_context(_STYLE):
        figure = Canvas(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, **kwargs)
    return figure, axes


def svg(figure: Canvas) -> str:
    """Give a figure as SVG text whose ink and rules are the page's CSS variables.

    The same figure gives the same bytes. It is drawn as wide as the page allows, at most 107
    pixels an inch, so that text has the same size in every figure. A figure that is wider than a
    phone is followed by one that is laid out anew for it; the page shows the one that fits.

    Parameters
    ----------
    figure
        Used up: it has the layout for a phone afterwards.
    """
    for label in figure.findobj(Text):
        if to_rgb(label.get_color()) == (0.0, 0.0, 0.0):
            label.set_color(INK)
    whole = figure.get_figwidth() > WIDE
    text = _draw(figure, "whole" if whole else "small")
    if not lay_out(figure):
        return text
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "constrained_layout not applied", UserWarning)
        try:
            narrow = _draw(figure, "narrow")
        except UserWarning:  # what it says takes more room than a phone has
            return text
    return text.replace('class="whole"', 'class="wide"', 1) + narrow


def _draw(figure: Canvas, kind: str) -> str:
    stream = io.StringIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": f"affectome {kind}"}):
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    for sentinel, variable in _THEMED.items():
        text = text.replace(sentinel, variable)
    text = re.sub(r'font(?:-family)?: ?([^;"]*)DejaVu Sans[^;"]*', _font, text)
    width = round(107 * figure.get_figwidth())
    return re.sub(
        r'<svg ([^>]*?)width="[^"]*" height="[^"]*"',
        rf'<svg class="{kind}" \1style="max-width:{width}px"',
        text,
        count=1,
    )


def _font(match: re.Match[str]) -> str:
    kind = match.group(0).partition(":")[0]
    return f"{kind}: {match.group(1).replace(chr(39), '')}system-ui, 'DejaVu Sans', sans-serif"
