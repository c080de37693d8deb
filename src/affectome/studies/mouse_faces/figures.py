"""The figures of the mouse-face study; each takes numbers and gives SVG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from affectome.reports.figures import band, legend, reference
from affectome.reports.style import COLORS, CYCLE, SOFT, canvas, svg

EMBEDDED = 3.3
MOST_LEVELS = 8


def glyphs(
    faces: Mapping[str, np.ndarray],
    units: pd.DataFrame,
    mean_image: np.ndarray,
    cell: int,
) -> str:
    """Draw each prototype on the mean face: a stroke along each edge whose strength changes.

    Parameters
    ----------
    faces
        Event → change of each unit, shape (n_units,).
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
        strength = np.maximum(face, 0)
        length = 0.5 * cell * strength / max(float(strength.max()), 1e-12)
        dx, dy = length * np.cos(angle), length * np.sin(angle)
        for k in np.flatnonzero(length > 0.05 * cell):
            panel.plot(
                [x[k] - dx[k], x[k] + dx[k]],
                [y[k] - dy[k], y[k] + dy[k]],
                color=COLORS["pleasant"],
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
    """Draw the mean trace of each group over animals, with its 95 % interval (Student's t)."""
    figure, axes = canvas(height=3.1)
    names = sorted(set(groups), key=_as_number)
    for index, name in enumerate(names):
        by_animal = np.stack(
            [
                values[(groups == name) & (subjects == s)].mean(axis=0)
                for s in np.unique(subjects[groups == name])
            ]
        )
        middle = by_animal.mean(axis=0)
        reach = 0.0 * middle
        if len(by_animal) > 2:
            n = len(by_animal)
            reach = t.ppf(0.975, n - 1) * by_animal.std(axis=0, ddof=1) / np.sqrt(n)
        color = CYCLE[index % len(CYCLE)]
        band(axes, time, middle, middle - reach, middle + reach, color, f"{what} {name}")
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


def neuron_map(neurons: Mapping[str, Any]) -> str:
    """Draw how many neurons follow each source, those that follow nothing in grey."""
    names = list(neurons["counts"])
    figure, axes = canvas(height=0.9 + 0.36 * len(names))
    rows = np.arange(len(names))[::-1]
    axes.barh(rows, [neurons["tested"]] * len(names), color=COLORS["neutral"], alpha=0.25)
    axes.barh(rows, [neurons["counts"][n] for n in names], color=COLORS["trained"])
    axes.set_yticks(rows, names)
    axes.set_xlabel(f"neurons of {neurons['tested']} (q < .05)")
    axes.grid(axis="y", visible=False)
    return svg(figure)


def _as_number(name: Any) -> tuple[float, str]:
    try:
        return float(name), ""
    except ValueError:
        return float("inf"), str(name)
