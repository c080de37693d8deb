"""A figure laid out anew for a phone: panels below each other, long names in several lines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator

WIDTH = 3.4
"""Inches: 364 pixels at 107 an inch."""
WIDE = 5.0
"""Inches; what is no wider is read on a phone as it is."""
PANELS_BELOW = 3
"""Most panels of a row that are put below each other one by one; of more, two stay side by side
where they have no legends of their own."""
NAME = 17
"""Characters of a line of a tick's name."""
ENTRY = 32
"""Characters of a line of a legend."""
HANDLE = 32  # points of a legend's sign and the space around it
LETTER = 0.6  # width of a letter over the size of its font
POINTS = 72.0


def lay_out(figure: Figure) -> bool:
    """Change a figure so that it fits a phone; say whether that could be done.

    Pictures with a bar of colours and maps have a shape of their own, and stay as they are.

    Parameters
    ----------
    figure
        Changed in place.
    """
    if figure.get_figwidth() <= WIDE:
        return False
    panels = [axes for axes in figure.axes if axes.get_subplotspec() is not None]
    if not panels or len(panels) != len(figure.axes) or any(axes.images for axes in panels):
        return False
    shown = [axes for axes in panels if axes.get_visible()]
    height = figure.get_figheight() * _stack(figure, shown) + sum(map(_wrap, shown))
    legends = [(axes, one) for axes in shown if (one := axes.get_legend()) is not None]
    height += sum(_narrow(axes, one) for axes, one in legends)
    height += sum(_narrow(figure, one) for one in list(figure.legends))
    figure.set_size_inches(WIDTH, height)
    return True


def _stack(figure: Figure, shown: Sequence[Axes]) -> float:
    """Put panels below each other; give how many times as many rows that takes."""
    rows, columns, *_ = shown[0].get_subplotspec().get_geometry()  # type: ignore[union-attr]
    if columns == 1:
        return 1.0
    named = any(axes.get_legend() for axes in shown)
    kept = 2 if columns > PANELS_BELOW and not named else 1
    grid = GridSpec(-(-len(shown) // kept), kept, figure)
    for number, axes in enumerate(shown):
        axes.set_subplotspec(grid[number])
        axes.tick_params(labelleft=True, labelbottom=True)
    for axes in set(figure.axes) - set(shown):
        axes.remove()
    return float(grid.nrows / rows)


def _wrap(axes: Axes) -> float:
    """Break names of ticks; give the inches that they need more."""
    taller = 0.0
    if isinstance(axes.yaxis.get_major_locator(), FixedLocator):
        names = [text.get_text() for text in axes.get_yticklabels()]
        broken = ["\n".join(textwrap.wrap(name, NAME)) for name in names]
        axes.set_yticks(axes.get_yticks(), broken)
        taller += 0.13 * sum(name.count("\n") for name in broken)
    if not isinstance(axes.xaxis.get_major_locator(), FixedLocator):
        return taller  # fewer numbers are drawn where there is less room
    below = axes.get_xticklabels()
    room = WIDTH * 0.75 * POINTS
    wanted = sum(_points(t) + LETTER * float(t.get_fontsize()) for t in below)
    if wanted > room and not any(t.get_rotation() for t in below):
        axes.tick_params(axis="x", labelrotation=90)
        taller += max(map(_points, below)) / POINTS
    return taller


def _points(text: Text) -> float:
    """How long a text is, about."""
    return len(text.get_text()) * LETTER * float(text.get_fontsize())


def _narrow(owner: Axes | Figure, legend: Legend) -> float:
    """Give a legend as many columns as fit, above its panel; return the inches that it gains."""
    texts = legend.get_texts()
    room = WIDTH * 0.8 * POINTS
    sizes = [_points(t) + HANDLE for t in texts]
    if sum(sizes) <= room:
        return 0.0
    columns = max(1, int(room // max(sizes)))
    names = [textwrap.fill(t.get_text(), ENTRY) for t in texts]
    place: dict[str, Any] = {"loc": "outside upper left"}
    if isinstance(owner, Axes):
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
    title = legend.get_title()
    owner.legend(
        [sign for sign in legend.legend_handles if sign is not None],
        names,
        **place,
        ncols=columns,
        frameon=False,
        handlelength=1.6,
        labelcolor=texts[0].get_color(),
        fontsize=texts[0].get_fontsize(),
        title=title.get_text() or None,
        title_fontsize=title.get_fontsize(),
    ).get_title().set_color(title.get_color())
    if isinstance(owner, Figure):
        legend.remove()
    lines = -(-len(names) // columns) + sum(name.count("\n") for name in names)
    return 0.19 * (lines - 1)
