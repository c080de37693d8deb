"""The figures of the mouse-face study; each takes numbers and gives SVG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from affectome.reports.figures import reference
from affectome.reports.style import COLORS, CYCLE, INK, SOFT, canvas, svg

EMBEDDED = 3.3
MOST_LEVELS = 8
NAMES_A_ROW = 4


def glyphs(
    faces: Mapping[str, np.ndarray],
    units: pd.DataFrame,
    mean_image: np.ndarray,
    cell: int,
) -> str:
    """Draw each prototype on the mean face: a stroke along each edge whose strength changes.

    Edges that get stronger are orange, those that get weaker blue.

    Parameters
    ----------
    faces
        Event → signed change of each unit, shape (n_units,).
    units
        ``row``, ``column`` and ``orientation`` of each unit.
    mean_image
        Shape (height, width).
    cell
        Side of a cell in pixels.
    """
    figure, axes = canvas(
        width=min(7.6, 3.8 * len(faces)), height=3.6, columns=len(faces), squeeze=False
    )
    n_bins = int(units["orientation"].max()) + 1
    # A gradient of this angle belongs to an edge at right angles to it.
    angle = np.pi * (units["orientation"] + 0.5) / n_bins + np.pi / 2
    x, y = (units["column"] + 0.5) * cell, (units["row"] + 0.5) * cell
    for panel, (name, face) in zip(axes[0], faces.items(), strict=True):
        panel.imshow(mean_image, cmap="gray")
        strength = np.abs(face)
        length = 0.5 * cell * strength / max(float(strength.max()), 1e-12)
        dx, dy = length * np.cos(angle), length * np.sin(angle)
        for k in np.flatnonzero(length > 0.05 * cell):
            panel.plot(
                [x[k] - dx[k], x[k] + dx[k]],
                [y[k] - dy[k], y[k] + dy[k]],
                color=COLORS["pleasant"] if face[k] > 0 else COLORS["unpleasant"],
                linewidth=1.1,
                alpha=0.9,
            )
        panel.set_title(name)
        panel.set_axis_off()
    return svg(figure)


def similarity(values: np.ndarray) -> str:
    """Draw correlations of frames with frames, neighbours of the tree side by side."""
    figure, axes = canvas(width=4.6, height=3.9)
    step = max(1, len(values) // 300)
    picture = axes.imshow(values[::step, ::step], cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_xlabel("frames, sorted by clusters")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    bar = figure.colorbar(picture, ax=axes, shrink=0.8, label="correlation")
    bar.outline.set_visible(False)
    return svg(figure)


def embedding(at: np.ndarray, labels: pd.DataFrame) -> str:
    """Draw the frames in two dimensions, coloured by event and by animal."""
    figure, axes = canvas(height=3.7, columns=2)
    for panel, column in zip(axes, ("event", "subject"), strict=True):
        for index, name in enumerate(sorted(labels[column].unique())):
            rows = (labels[column] == name).to_numpy()
            quiet = name in ("before", "other")
            color = COLORS["neutral"] if quiet else CYCLE[index % len(CYCLE)]
            panel.plot(*at[rows].T, ".", markersize=EMBEDDED, color=color, label=name, alpha=0.7)
        panel.set_title(f"by {'animal' if column == 'subject' else column}", pad=44)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.grid(visible=False)
        panel.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=2,
            frameon=False,
            fontsize=7.5,
            handletextpad=0.2,
            markerscale=2,
        )
    return svg(figure)


def traces(
    values: np.ndarray, time: np.ndarray, groups: np.ndarray, subjects: np.ndarray, what: str
) -> str:
    """Draw the mean trace of each group over animals, with a thin line an animal."""
    figure, axes = canvas(height=3.1)
    names = sorted(set(groups), key=_as_number)
    for index, name in enumerate(names):
        by_animal = np.stack(
            [
                values[(groups == name) & (subjects == s)].mean(axis=0)
                for s in np.unique(subjects[groups == name])
            ]
        )
        color = CYCLE[index % len(CYCLE)]
        axes.plot(time, by_animal.T, color=color, linewidth=0.6, alpha=0.35)
        axes.plot(time, by_animal.mean(axis=0), color=color, label=f"{what} {name}".strip())
    reference(axes, 0.0, "", vertical=True)
    axes.set_xlabel("seconds from the event")
    axes.set_ylabel("intensity of the expression")
    legend(axes)
    return svg(figure)


def levels(intensity: pd.Series) -> pd.Series:
    """Give the intensities themselves where they are few, else the mean of each one's sixth."""
    if intensity.nunique() <= MOST_LEVELS:
        return intensity
    sixth = pd.qcut(intensity, 6, labels=False, duplicates="drop")
    return intensity.groupby(sixth).transform("mean")


def dose(trials: pd.DataFrame, unseen: str) -> str:
    """Draw decoded against given intensity, a line an animal."""
    figure, axes = canvas(height=3.1)
    for index, (name, rows) in enumerate(trials.groupby("subject")):
        mean = rows.groupby(levels(rows["intensity"]))["decoded"].mean()
        color = CYCLE[index % len(CYCLE)]
        axes.plot(mean.index, mean.to_numpy(), "o-", color=color, label=str(name), markersize=4)
    axes.set_xlabel("intensity given")
    axes.set_ylabel(f"intensity decoded, {unseen} unseen")
    legend(axes)
    return svg(figure)


def expression_or_movement(trials: pd.DataFrame) -> str:
    """Draw decoded intensity against motion energy: what lies off the line is not movement."""
    figure, axes = canvas(height=3.4)
    level_of = levels(trials["intensity"])
    for index, level in enumerate(sorted(level_of.unique())):
        rows = trials[level_of == level]
        axes.plot(
            np.exp(rows["motion_after"]),
            rows["decoded"],
            "o",
            markersize=4.5,
            alpha=0.8,
            color=CYCLE[index % len(CYCLE)],
            label=f"{level:.3g}",
        )
    axes.set_xscale("log")
    axes.set_xlabel("motion energy after the event, grey levels")
    axes.set_ylabel("intensity decoded from the face")
    axes.grid(axis="x", color=SOFT, alpha=0.2)
    legend(axes, title="intensity given")
    return svg(figure)


def neuron_map(counts: Mapping[str, int], tested: int) -> str:
    """Draw how many neurons follow each source, a colour a source; those that don't are pale."""
    figure, axes = canvas(height=0.9 + 0.36 * len(counts))
    rows = np.arange(len(counts))[::-1]
    colors = [CYCLE[k % len(CYCLE)] for k in range(len(counts))]
    axes.barh(rows, [tested] * len(counts), color=colors, alpha=0.15)
    axes.barh(rows, list(counts.values()), color=colors)
    for row, count in zip(rows, counts.values(), strict=True):
        at = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(str(count), (count, row), **at)
    axes.set_yticks(rows, list(counts))
    axes.set_xlabel(f"neurons of {tested} (q < .05)")
    axes.grid(axis="y", visible=False)
    return svg(figure)


def legend(axes: Axes, **kwargs: Any) -> None:
    """Put the legend above the axes, four names a row, so that none is cut."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=min(len(handles), NAMES_A_ROW),
        borderaxespad=0.2,
        frameon=False,
        labelcolor=INK,
        fontsize=8.5,
        **kwargs,
    )


def _as_number(name: Any) -> tuple[float, str]:
    try:
        return float(name), ""
    except ValueError:
        return float("inf"), str(name)
