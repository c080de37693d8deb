"""The figures that every report draws: scores with intervals, curves with bands, matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from affectome.reports.style import COLORS, CYCLE, INK, SOFT, canvas, svg


@dataclass(frozen=True)
class Mark:
    """One score of a dot-and-whisker figure.

    Attributes
    ----------
    label
        What was scored.
    value
        The score.
    interval
        95 % interval, or None.
    color
        Baselines are grey, claims have a colour.
    """

    label: str
    value: float
    interval: Sequence[float] | None = None
    color: str = COLORS["trained"]


def scores(marks: Sequence[Mark], xlabel: str, chance: float | None = None) -> str:
    """Draw scores below each other, each with its interval and its number, and chance as a line.

    Returns
    -------
    str
        SVG.
    """
    figure, axes = canvas(height=0.8 + 0.36 * len(marks))
    rows = np.arange(len(marks))[::-1]
    for row, mark in zip(rows, marks, strict=True):
        if mark.interval is not None:
            axes.plot(mark.interval, [row, row], color=mark.color, linewidth=2.2)
        axes.plot([mark.value], [row], "o", color=mark.color, markersize=7)
        axes.annotate(
            f"{mark.value:.2f}",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=INK,
        )
    axes.set_yticks(rows, [mark.label for mark in marks])
    axes.set_ylim(-0.6, len(marks) - 0.4)
    axes.set_xlabel(xlabel)
    axes.grid(axis="x")
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    if chance is not None:
        reference(axes, chance, "chance", vertical=True)
    return svg(figure)


def reference(axes: Axes, value: float, label: str, vertical: bool = False) -> None:
    """Draw a dashed line at a value that scores are held against, named at its end."""
    style: dict[str, Any] = {"color": SOFT, "linewidth": 1, "linestyle": (0, (4, 3)), "zorder": 1}
    if vertical:
        axes.axvline(value, **style)
        axes.annotate(
            label,
            (value, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=SOFT,
        )
    else:
        axes.axhline(value, **style)
        axes.annotate(
            label,
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=SOFT,
        )


def band(
    axes: Axes,
    x: ArrayLike,
    middle: ArrayLike | None,
    low: ArrayLike,
    high: ArrayLike,
    color: str,
    label: str | None = None,
) -> None:
    """Draw a curve with its interval; without ``middle`` only the interval."""
    axes.fill_between(np.asarray(x), low, high, color=color, alpha=0.22, linewidth=0)
    if middle is not None:
        axes.plot(x, middle, color=color, label=label)
    elif label is not None:
        axes.fill_between([], [], [], color=color, alpha=0.22, linewidth=0, label=label)


def matrix(
    values: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    ylabel: str,
    xlabel: str,
    limits: tuple[float, float] | None = None,
    diverging: bool = False,
) -> str:
    """Draw a small matrix with its numbers, such as a confusion matrix (rows: truth).

    Returns
    -------
    str
        SVG.
    """
    shown = np.asarray(values, dtype=float)
    side = 0.52 if len(rows) <= 10 else 0.36
    figure, axes = canvas(
        width=min(7.6, 2.2 + side * 1.7 * len(columns)), height=1.0 + side * len(rows)
    )
    low, high = limits or (float(np.nanmin(shown)), float(np.nanmax(shown)))
    picture = axes.imshow(
        shown, cmap="RdBu_r" if diverging else "cividis", vmin=low, vmax=high, aspect="auto"
    )
    if len(rows) <= 10:
        for (i, j), value in np.ndenumerate(shown):
            red, green, blue, _ = picture.cmap(picture.norm(value))
            dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
            axes.text(
                j,
                i,
                f"{value:.2f}",
                ha="center",
                va="center",
                fontsize=8.5,
                color="#ffffff" if dark else "#111111",
            )
    axes.set_xticks(range(len(columns)), columns, rotation=0 if len(columns) <= 8 else 60)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
    return svg(figure)


def legend(axes: Axes, **kwargs: Any) -> None:
    """Put the legend above the axes, in one row, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            ncols=len(handles),
            borderaxespad=0.2,
            handlelength=1.6,
            columnspacing=1.6,
            frameon=False,
            labelcolor=INK,
            fontsize=8.5,
            **kwargs,
        )


def class_color(name: str, index: int) -> str:
    """Give a class its colour: the same in every figure."""
    return COLORS.get(name, CYCLE[index % len(CYCLE)])
