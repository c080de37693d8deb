"""The report of the emergence study, drawn from ``result.json`` and the tables beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from affectome.data import VALENCE_CLASSES
from affectome.reports.figures import Mark, scores
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import COLORS
from affectome.reports.words import interval
from affectome.studies.emergence.driving_pictures import Drivers, best_units
from affectome.studies.emergence.figures import (
    decoding_by_layer,
    gain_curves,
    manipulation_by_layer,
    overlap_by_layer,
    selective_share,
)

BASELINES = {
    "image_statistics": "brightness, contrast, colour",
    "untrained": "same network, untrained",
    "majority": "majority class",
    "random_split": "random split (leaks near-duplicates)",
}


def emergence_page(
    result: Mapping[str, Any],
    units: pd.DataFrame,
    curves: pd.DataFrame,
    drivers: Sequence[Drivers],
    facts: Mapping[str, str],
) -> Page:
    """Lay out the report.

    Parameters
    ----------
    result
        What `result.json` holds.
    units
        A row a unit: ``layer``, ``unit``, ``selective``, ``preferred``, ``index``, and the columns
        ``mean_CLASS`` and ``sem_CLASS`` for every class.
    curves
        A row for each layer and gain: ``layer``, ``gain``, ``score``, ``random_mean``,
        ``random_low``, ``random_high``, on validation trials.
    drivers
        The pictures that drive the best units most and least.
    facts
        Settings of the run.
    """
    layers, classes = result["layers"], _by_valence(result["classes"])
    return Page(
        title=f"Emergence · {_network(result)} · {result['trials']} pictures",
        question="Do filters of a network that was trained only on objects prefer "
        f"{_listed(classes)} pictures, and do they matter for reading emotion out?",
        answer=answer(result),
        numbers=_numbers(result),
        stamps=["Random split: near-duplicates on both sides"]
        if result["split"]["kind"] == "random"
        else [],
        warnings=result["warnings"],
        skipped=result["skipped"],
        facts=facts,
        sections=[
            _decoding(result),
            Section(
                "How many filters are selective",
                "A filter counts as selective when its mean response differs between the classes "
                "more than chance allows (q < .05, Benjamini–Hochberg over all filters of the "
                "network). It may be selective for none.",
                [
                    Figure(
                        "selective_share",
                        selective_share(layers),
                        "Share of selective filters by layer, from the picture to the depth. The "
                        "grey band spans the untrained networks; the dashed line is what is left "
                        "when brightness, contrast and colour are held constant.",
                    )
                ],
            ),
            best_units(units, drivers, classes),
            Section(
                "Does it hold in a second set",
                "Filters that are selective for the same class in both sets, against what two "
                "independent choices of as many filters would share (hypergeometric test).",
                [
                    Figure(
                        "overlap",
                        overlap_by_layer(layers),
                        "Shared filters by layer; grey is what chance would share. Filled dots: "
                        "p < .05.",
                    )
                ],
            ),
            _manipulation(layers, curves),
            _layer_table(layers),
        ],
    )


def answer(result: Mapping[str, Any]) -> str:
    """Say what came out in two sentences made from the numbers."""
    layers = result["layers"]
    units = sum(layer["units"] for layer in layers)
    selective = sum(layer["selective"] for layer in layers)
    untrained = sum(layer["untrained"]["selective_share"] * layer["units"] for layer in layers)
    above = sum(layer["overlap"]["p"] < 0.05 for layer in layers if layer["overlap"])
    tested = sum(bool(layer["overlap"]) for layer in layers)
    accuracy = result["decoding"]["balanced_accuracy"]
    chance = 1 / len(result["classes"])
    verdict = "can be read out" if accuracy["p"] < 0.05 else "can't be read out above chance"
    hurt = sum(bool(layer["lesion"]) and layer["lesion"]["p"] < 0.05 for layer in layers)
    return (
        f"{selective} of {units} filters ({selective / units:.0%}) are selective, against "
        f"{untrained / units:.0%} in the untrained network, and they recur in a second set more "
        f"than chance allows in {above} of {tested} layers. "
        f"The classes {verdict} with a balanced accuracy of {accuracy['score']:.2f} "
        f"({interval(accuracy)}; chance {chance:.2f}), and silencing the selective filters hurts "
        f"more than silencing random ones in {hurt} of {len(layers)} layers (p < .05, uncorrected)."
    )


def _numbers(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    decoding = result["decoding"]
    rows = [
        (
            "balanced accuracy",
            f"{decoding['balanced_accuracy']['score']:.2f}",
            f"{interval(decoding['balanced_accuracy'])} · {_p(decoding['balanced_accuracy'])}",
        )
    ]
    for name in ("valence", "arousal"):
        if decoding.get(name):
            rows.append(
                (
                    f"{name}, r",
                    f"{decoding[name]['r']:.2f}",
                    f"{interval(decoding[name])} · {_p(decoding[name])}",
                )
            )
    layers = result["layers"]
    units = sum(layer["units"] for layer in layers)
    share = sum(layer["selective"] for layer in layers) / units
    blank = sum(layer["untrained"]["selective_share"] * layer["units"] for layer in layers) / units
    rows.append(("selective filters", f"{share:.0%}", f"untrained {blank:.0%} · {units} filters"))
    return rows


def _decoding(result: Mapping[str, Any]) -> Section:
    decoding = result["decoding"]
    own = decoding["balanced_accuracy"]
    marks = [Mark(f"{_network(result)}, all layers", own["score"], own["interval"])]
    for name, label in BASELINES.items():
        found = decoding["baselines"].get(name)
        if found:
            marks.append(Mark(label, found["score"], found.get("interval"), COLORS["untrained"]))
    chance = 1 / len(result["classes"])
    split = result["split"]
    held_out = _listed(list(split["by"])) or "single trials"
    return Section(
        "Reading emotion out",
        f"A linear decoder reads the class of a picture from the spatial means of the filters. "
        f"Held out in each of {split['folds']} folds: {held_out}. Everything that learns, learns "
        "inside the fold.",
        [
            Figure(
                "decoding",
                scores(marks, "balanced accuracy", chance),
                "Dots are scores on held-out pictures, lines 95 % intervals over held-out groups. "
                "Grey: what would be reached without the trained network, and what a random split "
                "would have claimed.",
            ),
            Figure(
                "decoding_by_layer",
                decoding_by_layer(result["layers"], chance),
                "The same, from each layer alone.",
            ),
        ],
    )


def _manipulation(layers: Sequence[Mapping[str, Any]], curves: pd.DataFrame) -> Section:
    figures = []
    if any(layer["lesion"] for layer in layers):
        figures.append(
            Figure(
                "manipulation",
                manipulation_by_layer(layers),
                "Balanced accuracy on test pictures after the selective filters of one layer are "
                "silenced (left) or turned up by the gain that was best on validation pictures "
                "(right). The grey band holds 95 % of random draws of as many filters "
                "with the same mean activity.",
            )
        )
    if len(curves):
        figures.append(
            Figure(
                "gain_curves",
                gain_curves(curves),
                "Balanced accuracy on validation pictures against the gain: −1 is silence, 0 the "
                "network as it is.",
            )
        )
    return Section(
        "Silencing and turning up",
        "One layer at a time, the output of its selective filters is multiplied by 1 + α and the "
        "layers above run again. Filters and α are chosen on training and validation pictures; the "
        "test pictures are used once.",
        figures,
    )


def _layer_table(layers: Sequence[Mapping[str, Any]]) -> Section:
    rows = []
    for layer in layers:
        found, lesion, up = layer["decoding"], layer["lesion"], layer["enhancement"]
        rows.append(
            [
                layer["name"],
                str(layer["units"]),
                f"{layer['selective_share']:.2f}",
                f"{layer['untrained']['selective_share']:.2f}",
                f"{layer['overlap']['shared']} / {layer['overlap']['expected']:.1f}"
                if layer["overlap"]
                else "–",
                f"{found['balanced_accuracy']:.2f}" if found else "–",
                f"{lesion['score'] - lesion['base']:+.3f}" if lesion else "–",
                f"{lesion['p']:.3f}" if lesion else "–",
                f"{up['score'] - up['base']:+.3f} (α {up['alpha']:g})" if up else "–",
                f"{up['p']:.3f}" if up else "–",
            ]
        )
    header = [
        *("layer", "filters", "selective", "untrained", "shared / expected", "read out"),
        *("lesion", "p", "enhancement", "p"),
    ]
    return Section("All layers", "", tables=[Table(header, rows)])


def _by_valence(classes: Iterable[str]) -> list[str]:
    """Put pleasant, neutral, unpleasant in this order; other classes follow as they come."""
    names = list(classes)
    usual = [name for name in reversed(VALENCE_CLASSES) if name in names]
    return usual + [name for name in names if name not in usual]


def _network(result: Mapping[str, Any]) -> str:
    network = result["network"]
    name = network["name"] if isinstance(network, Mapping) else str(network)
    return {"vgg16": "VGG-16", "alexnet": "AlexNet"}.get(name, name)


def _listed(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _p(found: Mapping[str, Any]) -> str:
    p = found.get("p")
    return "" if p is None or not np.isfinite(p) else f"p = {p:.3f}" if p >= 0.001 else "p < .001"
