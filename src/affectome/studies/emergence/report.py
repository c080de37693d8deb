"""The report of the emergence study, drawn from ``result.json`` and the tables beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from affectome.data import VALENCE_CLASSES
from affectome.reports.figures import Mark, scores
from affectome.reports.page import Figure, Page, Section, Table
from affectome.reports.style import COLORS
from affectome.reports.words import interval, p_text
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
                _selectivity_words(result),
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
            *_overlap(result),
            *_manipulation(layers, curves),
            _layer_table(layers),
        ],
    )


def answer(result: Mapping[str, Any]) -> str:
    """Say what came out, of what was measured and of nothing else."""
    sentences = [_selective_sentence(result), _decoding_sentence(result)]
    kept = [layer["lesion"]["frozen"] for layer in result["layers"] if layer["lesion"]]
    matched = [one for one in kept if one["p"] is not None]
    if matched:
        hurt = sum(one["q"] < 0.05 for one in matched)
        sentences.append(
            "Silencing the strongest filters hurts reading more than silencing random ones in "
            f"{hurt} of {_layers(len(matched))}."
        )
    return " ".join(sentences)


def _selective_sentence(result: Mapping[str, Any]) -> str:
    found = result["selectivity"]
    if found["null"] is None:
        return f"Whether single filters are selective can't be said: {found['why']}."
    blank = _untrained_share(result)
    return (
        f"{found['selective']} of {found['units']} filters "
        f"({found['selective'] / found['units']:.1%}) are selective (q < .05), against {blank:.1%} "
        "in untrained networks."
    )


def _untrained_share(result: Mapping[str, Any]) -> float:
    layers = result["layers"]
    blank = sum(layer["untrained"]["selective_share"] * layer["units"] for layer in layers)
    return float(blank / result["selectivity"]["units"])


def _overlap_sentence(result: Mapping[str, Any]) -> str:
    tested = [o for layer in result["layers"] if (o := layer["overlap"]) and o["p"] is not None]
    if result["compared"] == "none" or not any(layer["overlap"] for layer in result["layers"]):
        return ""
    where = (
        "a second set of pictures"
        if result["compared"] == "second set"
        else "the other half of the pictures"
    )
    if not tested:
        return f"Whether the same filters stand out in {where} can't be said."
    above = sum(one["q"] < 0.05 for one in tested)
    shared = sum(layer["overlap"]["shared"] for layer in result["layers"])
    blank = [layer["untrained"]["shared"] for layer in result["layers"]]
    beside = "" if None in blank else f", and {sum(blank):.0f} in untrained networks"
    return (
        f"The tenth of the filters that differs most between the classes is the same in {where} "
        f"more often than rearranged labels allow in {above} of {_layers(len(tested))} (q < .05): "
        f"{shared} filters{beside}."
    )


def _decoding_sentence(result: Mapping[str, Any]) -> str:
    decoding = result["decoding"]
    accuracy, excess = decoding["balanced_accuracy"], decoding["excess"]
    chance = 1 / len(result["classes"])
    held_out = decoding["held_out"].removeprefix("held out: ")
    verdict = f"{accuracy['score']:.2f} ({interval(accuracy)}; chance {chance:.2f}"
    if accuracy["p"] is None:
        said = f"The classes are read with a balanced accuracy of {verdict}; {accuracy['why']})"
    else:
        above = accuracy["q"] < 0.05
        can = "can be read" if above else "can't be read above chance"
        said = f"The classes {can}: the balanced accuracy is {verdict}, q = {accuracy['q']:.3f})"
    baseline = BASELINES.get(decoding["best_baseline"], decoding["best_baseline"])
    return (
        f"{said}, with {held_out} held out; that is {excess['score']:+.2f} ({interval(excess)}) "
        f"beside the best baseline, {baseline}."
    )


def _lesion_sentence(layers: Sequence[Mapping[str, Any]], kind: str, decoder: str) -> str:
    found = [layer["lesion"][kind] for layer in layers if layer["lesion"]]
    matched = [one for one in found if one["p"] is not None]
    if not found:
        return ""
    if not matched:
        return (
            f"What silencing the strongest filters does to {decoder} can't be said: no layer has "
            "random filters that are as active."
        )
    hurt = sum(one["q"] < 0.05 for one in matched)
    return (
        f"Silencing the strongest filters of a layer hurts {decoder}, more than silencing random "
        f"ones that are as active, in {hurt} of {_layers(len(matched))} (p < .05, corrected over "
        "layers)."
    )


def _layers(n: int) -> str:
    return f"{n} layer{'s' * (n != 1)}"


def _numbers(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    decoding, found = result["decoding"], result["selectivity"]
    named = [("balanced accuracy", decoding["balanced_accuracy"])]
    named += [
        (f"{name}, r", decoding[name]["pearson_r"])
        for name in ("valence", "arousal")
        if name in decoding
    ]
    rows = [
        (name, f"{one['score']:.2f}", f"{interval(one)} · {p_text(one)}") for name, one in named
    ]
    if found["null"] is not None:
        share = found["selective"] / found["units"]
        small = f"untrained {_untrained_share(result):.1%} · {found['units']} filters"
        rows.append(("selective filters", f"{share:.1%}", small))
    return rows


def _selectivity_words(result: Mapping[str, Any]) -> str:
    null = result["selectivity"]["null"]
    if null is None:
        return f"Single filters have no p here: {result['selectivity']['why']}."
    return (
        "A filter counts as selective when its mean response differs between the classes more than "
        f"under rearranged labels ({null['scheme']}; {null['n_groups']} of them; q < .05 over all "
        "filters of the network). Pictures that belong together are alike, so they may not trade "
        "labels one by one. A filter may be selective for no class."
    )


def _overlap(result: Mapping[str, Any]) -> list[Section]:
    layers = result["layers"]
    known = [layer["overlap"] for layer in layers if layer["overlap"]]
    if not known:
        return []
    sets = {
        "second set": "in a second set of pictures, which shares none with the first",
        "halves": "in both halves of the pictures, which share nothing that is held out",
    }[result["compared"]]
    words = (
        "Filters that are among the tenth of their layer that differs most between the classes, "
        f"for the same class {sets}. Filters of a layer are alike, so chance is what rearranged "
        "labels give: both sets' labels trade places, filters are chosen anew and counted again."
    )
    found = _overlap_sentence(result)
    if all(one["p"] is None for one in known):
        words = f"{found}\n\n{words} {known[0]['why']}."
        return [Section("Do the same filters stand out again", words)]
    figure = Figure(
        "overlap",
        overlap_by_layer(layers),
        "Shared filters by layer; grey is what rearranged labels share. Filled dots: q < .05 over "
        "layers.",
    )
    return [Section("Do the same filters stand out again", f"{found}\n\n{words}", [figure])]


def _decoding(result: Mapping[str, Any]) -> Section:
    decoding = result["decoding"]
    own = decoding["balanced_accuracy"]
    marks = [Mark(f"{_network(result)}, all layers", own["score"], own["interval"])]
    for name, label in BASELINES.items():
        found = decoding["baselines"].get(name)
        if found:
            spread = found.get("interval", found.get("range"))
            marks.append(Mark(label, found["score"], spread, COLORS["untrained"]))
    chance = 1 / len(result["classes"])
    return Section(
        "Reading emotion out",
        "A linear decoder reads the class of a picture from the spatial means of the filters, in "
        f"{result['split']['folds']} folds; {decoding['held_out']}. Everything that learns, learns "
        "inside the fold.",
        [
            Figure(
                "decoding",
                scores(marks, "balanced accuracy", chance),
                f"Dots are scores on held-out pictures, lines 95 % intervals over {own['over']} "
                "(untrained: the range of the networks). Grey: what would be reached without the "
                "trained network, and what a random split would have claimed.",
            ),
            Figure(
                "decoding_by_layer",
                decoding_by_layer(result["layers"], chance),
                "The same, from each layer alone.",
            ),
        ],
    )


def _manipulation(layers: Sequence[Mapping[str, Any]], curves: pd.DataFrame) -> list[Section]:
    if not any(layer["lesion"] for layer in layers):
        return []
    figures = [
        Figure(
            "manipulation",
            manipulation_by_layer(layers),
            "Balanced accuracy on test pictures after the strongest filters of one layer are "
            "silenced, with the decoder kept or fitted anew, or turned up by the "
            "gain that was best on validation pictures. The grey band holds 95 % of random "
            "draws of as many filters, each with the gain that was best for it. Filled dots: "
            "p < .05, corrected over layers; crosses: no random filters are as active.",
        ),
        Figure(
            "gain_curves",
            gain_curves(curves),
            "Balanced accuracy on validation pictures against the gain α: 0 is the network as it "
            "is. The grey band holds 95 % of the random draws.",
        ),
    ]
    words = (
        "One layer at a time, the output of the tenth of its filters that differ most between the "
        "classes is multiplied by 1 + α and the layers above run again. Filters are chosen on "
        "training pictures; α on validation pictures, for them and for each random draw alike; the "
        "test pictures are used once. With the decoder kept, a lesion also hurts by what the "
        "decoder does not expect; a decoder that is fitted anew shows whether the other filters of "
        "the layer know the same."
    )
    kept = "the decoder of the last layer, which is kept as it was"
    found = [
        _lesion_sentence(layers, "frozen", kept),
        _lesion_sentence(layers, "refitted", "a decoder that is fitted without them"),
    ]
    return [Section("Silencing and turning up", f"{' '.join(found)}\n\n{words}", figures)]


def _layer_table(layers: Sequence[Mapping[str, Any]]) -> Section:
    rows = []
    for layer in layers:
        found, lesion, up = layer["decoding"], layer["lesion"], layer["enhancement"]
        blank, overlap = layer["untrained"], layer["overlap"]
        row = [
            layer["name"],
            str(layer["units"]),
            f"{layer['selective_share']:.1%}",
            f"{blank['selective_share']:.1%}",
        ]
        if overlap:
            row += [_shared(overlap), "–" if blank["shared"] is None else _shared(blank)]
        row += [f"{found['balanced_accuracy']['score']:.2f}"]
        if lesion:
            row += [_effect(lesion["frozen"]), _effect(lesion["refitted"]), _effect(up)]
        rows.append(row)
    header = ["layer", "filters", "selective", "untrained"]
    if any(layer["overlap"] for layer in layers):
        header += ["shared / by chance", "untrained, shared / by chance"]
    header += ["read out"]
    if any(layer["lesion"] for layer in layers):
        header += ["lesion, decoder kept", "lesion, refitted", "enhancement"]
    rows = [row + ["–"] * (len(header) - len(row)) for row in rows]
    words = (
        "Effects are differences in balanced accuracy, with p corrected over layers."
        if any(layer["lesion"] for layer in layers)
        else ""
    )
    return Section("All layers", words, tables=[Table(header, rows)])


def _shared(found: Mapping[str, Any]) -> str:
    return f"{found['shared']:.3g} / {found['expected']:.1f}"


def _effect(found: Mapping[str, Any]) -> str:
    change = f"{found['score'] - found['base']:+.2f}"
    gain = f", α {found['alpha']:g}" if found["alpha"] >= 0 else ""
    if found["p"] is None:
        ratio = found["activity_ratio"]
        return f"{change}{gain} (no control" + (")" if ratio is None else f": ratio {ratio:.2f})")
    return f"{change}{gain} (p = {found['q']:.2f})"


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
