"""The figures of the emergence study; each takes numbers and gives SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from affectome.reports.figures import band, class_color, legend, reference
from affectome.reports.style import COLORS, PAPER, SOFT, canvas, svg

Layers = Sequence[Mapping[str, Any]]


def selective_share(layers: Layers) -> str:
    """Share of selective filters by depth, trained against untrained networks."""
    figure, axes = canvas(height=3.0)
    x = _layer_axis(axes, layers)
    shares = [layer["untrained"].get("selective_interval") for layer in layers]
    blank = [layer["untrained"]["selective_share"] for layer in layers]
    if all(shares):
        low, high = np.transpose(shares)
        band(axes, x, None, low, high, COLORS["untrained"])
    axes.plot(x, blank, "o-", color=COLORS["untrained"], markersize=4, label="untrained")
    trained = [layer["selective_share"] for layer in layers]
    axes.plot(x, trained, "o-", color=COLORS["trained"], markersize=6, label="trained on objects")
    given = [(layer.get("given_image_statistics") or {}).get("selective_share") for layer in layers]
    if all(share is not None for share in given):
        axes.plot(
            x,
            given,
            "o--",
            color=COLORS["second"],
            markersize=4,
            linewidth=1.4,
            label="brightness, contrast, colour held constant",
        )
    axes.set_ylabel("share of selective filters")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    legend(axes)
    return svg(figure)


def decoding_by_layer(layers: Layers, chance: float) -> str:
    """Balanced accuracy from each layer alone, with its interval."""
    figure, axes = canvas(height=2.8)
    x = _layer_axis(axes, layers)
    found = [layer["decoding"]["balanced_accuracy"] for layer in layers]
    intervals = [layer["decoding"]["interval"] or (np.nan, np.nan) for layer in layers]
    low, high = np.transpose(np.asarray(intervals, dtype=float))
    band(axes, x, found, low, high, COLORS["trained"])
    axes.plot(x, found, "o", color=COLORS["trained"], markersize=6)
    axes.set_ylabel("balanced accuracy")
    reference(axes, chance, "chance")
    return svg(figure)


def overlap_by_layer(layers: Layers) -> str:
    """Filters that two sets share, against what chance would share."""
    figure, axes = canvas(height=2.8)
    x = _layer_axis(axes, layers)
    known = [(i, layer["overlap"]) for i, layer in zip(x, layers, strict=True) if layer["overlap"]]
    for i, found in known:
        axes.plot([i, i], [found["expected"], found["shared"]], color=SOFT, linewidth=1, zorder=1)
    places = [i for i, _ in known]
    axes.plot(
        places,
        [found["expected"] for _, found in known],
        "_",
        color=COLORS["untrained"],
        markersize=16,
        markeredgewidth=3,
        label="expected by chance",
    )
    for certain, label in ((True, "shared, p < .05"), (False, "shared, p ≥ .05")):
        chosen = [(i, f["shared"]) for i, f in known if (f["p"] < 0.05) == certain]
        if chosen:
            axes.plot(
                *zip(*chosen, strict=True),
                "o",
                color=COLORS["trained"],
                markerfacecolor=COLORS["trained"] if certain else PAPER,
                markersize=7,
                label=label,
            )
    axes.set_ylabel("filters")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    legend(axes)
    return svg(figure)


def tuning(units: pd.DataFrame, chosen: Sequence[tuple[str, int]], classes: Sequence[str]) -> str:
    """Mean response by class of a few filters, with standard errors."""
    columns = min(len(chosen), 6)
    rows = -(-len(chosen) // columns)
    figure, grid = canvas(7.6, 0.4 + 1.75 * rows, rows, columns, squeeze=False)
    table = units.set_index(["layer", "unit"])
    for axes in grid.flat[len(chosen) :]:
        axes.set_visible(False)
    for axes, key in zip(grid.flat, chosen, strict=False):
        unit: dict[Any, Any] = table.loc[[key]].iloc[0].to_dict()
        for i, name in enumerate(classes):
            axes.bar(i, unit[f"mean_{name}"], width=0.7, color=class_color(name, i))
            axes.errorbar(
                i, unit[f"mean_{name}"], unit[f"sem_{name}"], color=SOFT, linewidth=1, capsize=0
            )
        axes.set_title(f"{key[0]} · {key[1]}", fontsize=8.5, pad=4, fontweight="normal")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.spines["left"].set_visible(False)
    handles = [
        grid.flat[0].plot([], [], "s", color=class_color(n, i), label=n)[0]
        for i, n in enumerate(classes)
    ]
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=len(classes),
        frameon=False,
        labelcolor=SOFT,
        fontsize=8.5,
        handletextpad=0.2,
    )
    return svg(figure)


def manipulation_by_layer(layers: Layers) -> str:
    """Score after lesion and after enhancement of each layer, against random draws."""
    figure, (left, right) = canvas(height=3.1, columns=2, sharey=True)
    for axes, kind, title in (
        (left, "lesion", "Selective filters silenced"),
        (right, "enhancement", "Selective filters turned up"),
    ):
        x = _layer_axis(axes, layers)
        known = [(i, layer[kind]) for i, layer in zip(x, layers, strict=True) if layer[kind]]
        places = [i for i, _ in known]
        spans = [found.get("random_interval") or (np.nan, np.nan) for _, found in known]
        middle = [found["random_mean"] for _, found in known]
        low, high = np.transpose(np.asarray(spans, dtype=float))
        band(axes, places, middle, low, high, COLORS["untrained"], "random filters")
        axes.plot(
            places,
            [found["score"] for _, found in known],
            "o",
            color=COLORS["trained"],
            label="selective filters",
        )
        reference(axes, known[0][1]["base"], "intact" if kind == "enhancement" else "")
        axes.set_title(title, loc="left", fontsize=9.5, pad=24)
        legend(axes)
    left.set_ylabel("balanced accuracy")
    return svg(figure)


def gain_curves(curves: pd.DataFrame) -> str:
    """Validation score against the gain, a small panel a layer."""
    names = list(dict.fromkeys(curves["layer"]))
    columns = min(len(names), 5)
    rows = -(-len(names) // columns)
    figure, grid = canvas(
        7.6, 0.5 + 1.55 * rows, rows, columns, squeeze=False, sharex=True, sharey=True
    )
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    for axes, name in zip(grid.flat, names, strict=False):
        curve = curves[curves["layer"] == name].sort_values("gain")
        band(
            axes,
            curve["gain"],
            curve["random_mean"],
            curve["random_low"],
            curve["random_high"],
            COLORS["untrained"],
        )
        axes.plot(curve["gain"], curve["score"], color=COLORS["trained"])
        axes.set_title(name, fontsize=8.5, pad=4, fontweight="normal")
        axes.set_xticks([-1, 0, 2, 4])
    figure.supxlabel("gain α", fontsize=9.5)
    figure.supylabel("balanced accuracy", fontsize=9.5)
    return svg(figure)


def _layer_axis(axes: Axes, layers: Layers) -> np.ndarray:
    x = np.arange(len(layers))
    names = [layer["name"].removeprefix("conv") for layer in layers]
    axes.set_xticks(x, [name.replace("_", ".") for name in names], fontsize=7.5)
    axes.set_xlim(-0.5, len(layers) - 0.5)
    axes.set_xlabel("convolutional layer")
    return x
