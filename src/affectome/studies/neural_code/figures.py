"""The figures of the neural-code study; each takes numbers and gives SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from affectome.reports.figures import band, class_color, legend, reference
from affectome.reports.style import COLORS, RULE, SOFT, canvas, svg

Point = tuple[float, float]


def people(scores: Mapping[str, float]) -> str:
    """Score of each subject, sorted."""
    names = sorted(scores, key=lambda name: scores[name])
    figure, axes = canvas(height=2.4)
    values = [scores[name] for name in names]
    axes.vlines(range(len(names)), 0.5, values, color=RULE, linewidth=2)
    axes.plot(range(len(names)), values, "o", color=COLORS["trained"], markersize=5)
    axes.set_xticks(range(len(names)), names, rotation=90 if len(names) > 8 else 0, fontsize=7.5)
    axes.set_ylabel("AUC")
    reference(axes, 0.5, "chance")
    return svg(figure)


def lead_curve(curve: Sequence[Mapping[str, Any]]) -> str:
    """AUC against the lead; time runs to the event at the right."""
    figure, axes = canvas(height=2.9)
    lead = [-point["lead_s"] for point in curve]
    ends = [p["interval"] or (p["auc"], p["auc"]) for p in curve]
    low, high = np.transpose(ends)
    band(axes, lead, [p["auc"] for p in curve], low, high, COLORS["trained"], "recording")
    axes.plot(
        lead,
        [p["baseline_auc"] for p in curve],
        color=COLORS["untrained"],
        label="best baseline",
    )
    axes.set_xlabel("end of the window, seconds from the event")
    axes.set_ylabel("AUC")
    axes.set_ylim(0, 1.02)
    reference(axes, 0.5, "chance")
    legend(axes)
    return svg(figure)


def generalisation(found: Mapping[str, Any]) -> str:
    """Training time against testing time."""
    auc, times = np.asarray(found["auc"]), np.asarray(found["times_s"])
    figure, axes = canvas(width=4.6, height=3.9)
    reach = max(0.1, float(np.abs(auc - 0.5).max()))
    edges = (times[0], times[-1], times[0], times[-1])
    picture = axes.imshow(
        auc,
        origin="lower",
        extent=edges,
        cmap="RdBu_r",
        vmin=0.5 - reach,
        vmax=0.5 + reach,
        aspect="equal",
    )
    axes.set_xlabel("tested at, s")
    axes.set_ylabel("trained at, s")
    axes.grid(visible=False)
    if times[0] < 0 < times[-1]:
        axes.axhline(0, color=SOFT, linewidth=0.8)
        axes.axvline(0, color=SOFT, linewidth=0.8)
    bar = figure.colorbar(picture, ax=axes, shrink=0.8, label="AUC")
    bar.outline.set_visible(False)
    return svg(figure)


def reliability(found: Mapping[str, Any]) -> str:
    """Accuracy against confidence, dots as large as their bin."""
    figure, axes = canvas(width=4.2, height=3.4)
    count = np.asarray(found["count"], dtype=float)
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
    axes.scatter(
        found["confidence"],
        found["accuracy"],
        s=20 + 180 * count / count.max(),
        color=COLORS["trained"],
        alpha=0.85,
        linewidths=0,
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("confidence")
    axes.set_ylabel("share right")
    return svg(figure)


def unit_map(units: pd.DataFrame, classes: Sequence[str]) -> str:
    """Selectivity index of the units, sorted, coloured by the class that they prefer."""
    table = units.sort_values("index", ascending=False).reset_index(drop=True)
    figure, axes = canvas(height=2.6)
    idle = ~table["selective"].to_numpy(dtype=bool)
    axes.vlines(table.index[idle], 0, table["index"][idle], color=RULE, linewidth=2)
    for number, name in enumerate(classes):
        own = ~idle & (table["preferred"] == name).to_numpy()
        if own.any():
            color = class_color(name, number)
            axes.vlines(table.index[own], 0, table["index"][own], color=color, linewidth=2)
            axes.plot([], [], "s", color=color, label=name)
    axes.set_xlabel("units, sorted")
    axes.set_ylabel("selectivity index, d′")
    axes.set_ylim(bottom=0)
    legend(axes)
    return svg(figure)


def states(found: Mapping[str, Any]) -> str:
    """Share of time in each state, a group of bars a class."""
    names = list(found["occupancy"])
    shares = np.array([found["occupancy"][name] for name in names], dtype=float)
    figure, axes = canvas(height=2.8)
    width = 0.8 / len(names)
    for number, name in enumerate(names):
        places = np.arange(shares.shape[1]) + (number - (len(names) - 1) / 2) * width
        axes.bar(places, shares[number], width * 0.9, color=class_color(name, number), label=name)
    axes.set_xticks(range(shares.shape[1]), [f"state {i + 1}" for i in range(shares.shape[1])])
    axes.set_ylabel("share of time")
    legend(axes)
    return svg(figure)


def state_graph(found: Mapping[str, Any]) -> str:
    """Changes from state to state, a panel a class; the first state is at the top."""
    count = found["n_states"]
    angle = np.pi / 2 - 2 * np.pi * np.arange(count) / count
    x, y = np.cos(angle), np.sin(angle)
    columns = min(4, len(found["graphs"]))
    rows = -(-len(found["graphs"]) // columns)
    figure, panels = canvas(height=2.3 * rows, rows=rows, columns=columns, squeeze=False)
    for panel in panels.flat:
        panel.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal")
        panel.set_axis_off()
    for number, (name, shares) in enumerate(found["graphs"].items()):
        panel, color = panels.flat[number], class_color(name, number)
        panel.set_title(name, loc="center")
        for start, stop in np.argwhere(np.asarray(shares) > 0):
            ends = (x[start], y[start]), (x[stop], y[stop])
            _arrow(panel, *ends, shares[start][stop], color)
        dwelt = np.asarray(found["occupancy"][name])
        panel.scatter(x, y, s=110 + 450 * dwelt, color=color, linewidths=0, zorder=3)
        for state in range(count):
            where = x[state], y[state]
            panel.text(*where, str(state + 1), ha="center", va="center", color="white", zorder=4)
    return svg(figure)


def _arrow(panel: Axes, start: Point, stop: Point, share: float, color: str) -> None:
    panel.annotate(
        "",
        stop,
        start,
        arrowprops={
            "arrowstyle": "-|>",
            "connectionstyle": "arc3,rad=0.2",
            "color": color,
            "linewidth": 0.5 + 4 * share,
            "mutation_scale": 8 + 10 * share,
            "alpha": 0.7,
            "shrinkA": 11,
            "shrinkB": 13,
        },
    )


def time_constants(found: Mapping[str, Any]) -> str:
    """Time constants on a logarithmic axis, the slowest with its interval."""
    count = len(found["values"])
    figure, axes = canvas(height=0.9 + 0.35 * count)
    slowest = found["slowest"]
    ends = slowest["interval"] or [slowest["longer_than"], found["longest_s"]]
    axes.plot(ends, [count - 1] * 2, color=COLORS["trained"], linewidth=2.2)
    axes.plot(found["values"], range(count)[::-1], "o", color=COLORS["trained"])
    axes.set_yticks(range(count), [f"dimension {i + 1}" for i in range(count)][::-1])
    axes.set_xscale("log")
    axes.set_xlabel("time constant, s")
    axes.grid(axis="x")
    return svg(figure)


def personal(curve: Sequence[Mapping[str, Any]], chance: float) -> str:
    """Accuracy against the trials of a new person."""
    figure, axes = canvas(height=2.9)
    shots = [point["shots"] for point in curve]
    middle = np.array([point["personal"] for point in curve])
    low, high = np.transpose([point["range"] for point in curve])
    places = np.arange(len(shots))
    band(
        axes,
        places,
        middle,
        low,
        high,
        COLORS["trained"],
        "everybody's model, adapted",
    )
    alone = np.array([np.nan if p["alone"] is None else p["alone"] for p in curve], dtype=float)
    axes.plot(places, alone, "o-", color=COLORS["untrained"], label="the person's trials alone")
    axes.set_xticks(places, [str(k) for k in shots])
    axes.set_xlabel("trials of each class from the new person")
    axes.set_ylabel("balanced accuracy")
    reference(axes, chance, "chance")
    legend(axes)
    return svg(figure)
