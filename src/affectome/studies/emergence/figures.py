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
    shares = [layer["untrained"].get("selective_range") for layer in layers]
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
    scored = [layer["decoding"]["balanced_accuracy"] for layer in layers]
    found = [one["score"] for one in scored]
    intervals = [one["interval"] or (np.nan, np.nan) for one in scored]
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
    known = [
        (i, layer["overlap"])
        for i, layer in zip(x, layers, strict=True)
        if layer["overlap"] and layer["overlap"]["p"] is not None
    ]
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
        label="rearranged labels",
    )
    for certain, label in ((True, "shared, q < .05"), (False, "shared, q ≥ .05")):
        chosen = [(i, f["shared"]) for i, f in known if (f["q"] < 0.05) == certain]
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
        axes.margins(y=0.12)
        axes.set_ylim(bottom=0)
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
    """Score after lesions and after enhancement of each layer, against random draws."""
    figure, panels = canvas(height=3.2, columns=3, sharey=True)
    known = [(i, layer) for i, layer in enumerate(layers) if layer["lesion"]]
    places = [i for i, _ in known]
    for axes, title, found in zip(
        panels,
        ("Silenced, decoder kept", "Silenced, decoder refitted", "Turned up, decoder kept"),
        (
            [layer["lesion"]["frozen"] for _, layer in known],
            [layer["lesion"]["refitted"] for _, layer in known],
            [layer["enhancement"] for _, layer in known],
        ),
        strict=True,
    ):
        _layer_axis(axes, layers)
        low, high = np.transpose([one["random_range"] for one in found])
        middle = [one["random_mean"] for one in found]
        band(axes, places, middle, low, high, COLORS["untrained"], "random")
        for kind, marker, filled in (("yes", "o", True), ("no", "o", False), ("none", "x", False)):
            chosen = [
                (i, o["score"]) for i, o in zip(places, found, strict=True) if _sure(o) == kind
            ]
            if chosen:
                axes.plot(
                    *zip(*chosen, strict=True),
                    marker,
                    color=COLORS["trained"],
                    markerfacecolor=COLORS["trained"] if filled else PAPER,
                    markersize=6,
                )
        bases = [one["base"] for one in found]
        axes.plot(places, bases, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), label="intact")
        axes.set_title(title, loc="left", fontsize=9, pad=24)
        axes.tick_params(axis="x", labelsize=6 if len(layers) > 8 else 7.5)
        legend(axes)
    panels[0].set_ylabel("balanced accuracy")
    return svg(figure)


def _sure(found: Mapping[str, Any]) -> str:
    """Whether an effect is sure, or has no control."""
    if found["p"] is None:
        return "none"
    return "yes" if found["q"] < 0.05 else "no"


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
        axes.set_xticks([0, 2, 4])
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
