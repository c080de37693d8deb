"""The report of ``affectome study mouse-faces``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from affectome.reports import mouse_faces_figures as draw
from affectome.reports.figures import Mark, matrix, scores
from affectome.reports.page import Figure, Page, Section
from affectome.reports.style import COLORS


@dataclass(frozen=True, eq=False)
class FaceArrays:
    """What the figures need beside ``result.json``.

    Attributes
    ----------
    trials
        One row a clip: ``subject``, ``event``, ``intensity``, ``decoded``, ``motion_after``.
    time
        Seconds relative to the event, shape (n_times,).
    traces
        Intensity of each clip's expression, shape (n_trials, n_times).
    prototypes
        Event → change of each unit, shape (n_units,).
    units
        Where each unit lies.
    mean_image
        The mean face.
    cell
        Side of a cell in pixels.
    frames
        ``similarity``, ``embedding`` and ``labels`` of sampled frames.
    """

    trials: pd.DataFrame
    time: np.ndarray
    traces: np.ndarray
    prototypes: Mapping[str, np.ndarray]
    units: pd.DataFrame
    mean_image: np.ndarray
    cell: int
    frames: Mapping[str, Any]


def mouse_faces_page(result: Mapping[str, Any], arrays: FaceArrays | None = None) -> Page:
    """Lay out the report.

    Parameters
    ----------
    result
        What ``result.json`` holds.
    arrays
        What the figures of faces need; None for neurons without a film.
    """
    sections: list[Section] = []
    if arrays is not None:
        sections += [_intensity(result, arrays), _controls(result, arrays)]
        sections += [_events(result), _unfolding(result, arrays), _faces(arrays)]
    if result["neurons"]:
        sections.append(_neurons(result["neurons"]))
    return Page(
        title="Mouse faces",
        question="What do the faces show, how strongly, and is it more than movement?",
        answer=_answer(result),
        numbers=_numbers(result),
        warnings=result["warnings"],
        skipped=result["skipped"],
        facts=_facts(result),
        sections=[s for s in sections if s.figures or s.text],
    )


def _answer(result: Mapping[str, Any]) -> str:
    parts = []
    intensity = result["intensity"]
    if intensity:
        partial = intensity["partial_given_motion"]
        parts.append(
            f"In animals the decoder had not seen, intensity is read from the face with rho "
            f"{intensity['rho']:.2f}{_between(intensity)}; with motion energy held fixed rho is "
            f"{partial['rho']:.2f}{_between(partial)}."
        )
    elif result["classification"]:
        accuracy = result["classification"]["balanced_accuracy"]
        parts.append(
            f"In animals the decoder had not seen, events are told apart with a balanced accuracy "
            f"of {accuracy['score']:.2f}{_between(accuracy)}."
        )
    neurons = result["neurons"]
    if neurons:
        counts = ", ".join(f"{count} {name}" for name, count in neurons["counts"].items())
        parts.append(f"Of {neurons['tested']} neurons these follow (q < .05): {counts}.")
    return " ".join(parts) or "Neither events nor intensities differ, so nothing was decoded."


def _numbers(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    numbers = []
    intensity, events = result["intensity"], result["classification"]
    if intensity:
        partial, ends = intensity["partial_given_motion"], intensity["none_vs_strongest"]
        numbers += [
            ("intensity", f"ρ = {intensity['rho']:.2f}", f"p = {intensity['p']:.2g}"),
            ("given motion", f"ρ = {partial['rho']:.2f}", f"p = {partial['p']:.2g}"),
            ("weakest against strongest", f"AUC = {ends['score']:.2f}", "within animals"),
        ]
    if events:
        accuracy = events["balanced_accuracy"]
        chance = f"chance {events['chance']:.2f}"
        numbers.append(("events", f"{accuracy['score']:.0%}", chance))
    return numbers


def _facts(result: Mapping[str, Any]) -> dict[str, str]:
    facts = {}
    if result["clips"]:
        facts["clips"] = str(result["clips"])
        facts["animals"] = ", ".join(result["subjects"])
        facts["held out"] = "one animal at a time"
    if result["speed"]:
        facts["speed"] = f"{result['speed']['real_time_factor']:.0f} times real time"
    return facts


def _between(score: Mapping[str, Any]) -> str:
    if not score["interval"]:
        return ""
    low, high = score["interval"]
    return f" [{low:.2f}, {high:.2f}]"


def _intensity(result: Mapping[str, Any], arrays: FaceArrays) -> Section:
    found = result["intensity"]
    if not found:
        return Section("Intensity")
    marks = [
        Mark("chosen decoder", found["rho"], found["interval"]),
        *(
            Mark(name.replace("_", " "), one["rho"], one["interval"])
            for name, one in found["decoders"].items()
        ),
        *(Mark(name, rho, None, COLORS["neutral"]) for name, rho in found["by_subject"].items()),
    ]
    return Section(
        "How strong is the expression?",
        "A decoder learned from the other animals; it saw no frame of the animal it is tested on. "
        "Rho is Spearman's, within each animal, and its interval is over animals. Which decoder is "
        "used was chosen inside the training animals.",
        [
            Figure("intensity", scores(marks, "rho", 0.0), "Rank correlation with the intensity."),
            Figure("dose", draw.dose(arrays.trials), "Decoded against given intensity by animal."),
        ],
    )


def _controls(result: Mapping[str, Any], arrays: FaceArrays) -> Section:
    intensity, controls = result["intensity"], result["controls"]
    if not intensity:
        return Section("Controls")
    motion, before, order = (controls[n] for n in ("motion_energy", "pre_event", "trial_order"))
    given = intensity["partial_given_motion"]
    grey = COLORS["neutral"]
    marks = [
        _mark("face", intensity, COLORS["trained"]),
        _mark("face, given motion", given, COLORS["trained"]),
        _mark("motion energy alone", motion["motion_alone"], grey),
        _mark("face before the event", before["face"], grey),
        _mark("motion before the event", before["motion"], grey),
    ]
    text = (
        f"Motion energy alone reads intensity with rho {motion['nested']['motion']:.2f}; motion "
        f"and face together with {motion['nested']['motion_and_face']:.2f}. Frames before the "
        "event should tell nothing. "
    )
    if order:
        marks.append(_mark("trial order alone", order["from_other_animals"], grey))
        known = order["from_other_animals"]["p"] < 0.05
        text += (
            "The order of trials is predictable: their number alone tells the intensity in another "
            f"animal with rho {order['from_other_animals']['rho']:.2f}, and motion energy before "
            f"the trigger goes with it at rho {before['motion']['rho']:.2f}."
            if known
            else "The order of trials does not tell the intensity."
        )
    return Section(
        "Expression, or mere movement?",
        text,
        [
            Figure("controls", scores(marks, "rho", 0.0), "The face and what could stand for it."),
            Figure(
                "movement",
                draw.expression_or_movement(arrays.trials),
                "Each dot is a clip: at the same motion energy, stronger events stand higher where "
                "the face tells more than movement.",
            ),
        ],
    )


def _mark(label: str, found: Mapping[str, Any], color: str) -> Mark:
    return Mark(label, found["rho"], found["interval"], color)


def _events(result: Mapping[str, Any]) -> Section:
    found = result["classification"]
    if not found:
        return Section("Events")
    counts = np.array(found["confusion"]["counts"], dtype=float)
    names = found["confusion"]["events"]
    shares = counts / counts.sum(axis=1, keepdims=True)
    return Section(
        "Which event was it?",
        f"Random forest: balanced accuracy {found['balanced_accuracy']['score']:.2f}"
        f"{_between(found['balanced_accuracy'])}, p {found['balanced_accuracy']['p']:.2g}; ridge: "
        f"{found['linear']['score']:.2f}, p {found['linear']['p']:.2g}. Chance is "
        f"{found['chance']:.2f}.",
        [
            Figure(
                "confusion",
                matrix(shares, names, names, "event", "decoded", (0.0, 1.0)),
                "Share of each event's clips that were decoded as each event, animals unseen.",
            )
        ],
    )


def _unfolding(result: Mapping[str, Any], arrays: FaceArrays) -> Section:
    column = "intensity" if result["intensity"] else "event"
    groups = arrays.trials[column].astype(str).to_numpy()
    subjects = arrays.trials["subject"].astype(str).to_numpy()
    lines = [
        f"{event}: onset after {_seconds(found['latency_s'])} (seen in "
        f"{found['latency_s']['shown_in']:.0%} of clips), decay in "
        f"{_seconds(found['persistence_s'])}"
        for event, found in result["dynamics"].items()
    ]
    return Section(
        "How does it unfold?",
        "The trace is how far a frame has gone from the animal's neutral face (0) towards the "
        f"prototype (1), which was made of other animals. {'; '.join(lines)}.",
        [
            Figure(
                "traces",
                draw.traces(arrays.traces, arrays.time, groups, subjects, column),
                "Mean over animals with its 95 % interval.",
            )
        ],
    )


def _seconds(found: Mapping[str, Any]) -> str:
    value = found["median"]
    return "an unknown time" if value is None or np.isnan(value) else f"{value:.2f} s"


def _faces(arrays: FaceArrays) -> Section:
    return Section(
        "What does it look like?",
        "Each stroke is an edge that changes in the prototype, on the mean face. Frames that look "
        "alike lie side by side in the matrix and near each other in the map.",
        [
            Figure(
                "prototypes",
                draw.glyphs(arrays.prototypes, arrays.units, arrays.mean_image, arrays.cell),
                "Prototypes: strokes are as long as the change is large.",
            ),
            Figure("similarity", draw.similarity(arrays.frames["similarity"]), "Frames by frames."),
            Figure(
                "embedding",
                draw.embedding(arrays.frames["embedding"], arrays.frames["labels"]),
                "t-SNE of frames by their correlations.",
            ),
        ],
    )


def _neurons(neurons: Mapping[str, Any]) -> Section:
    text = (
        f"A neuron follows a source if it goes with it beyond what the other sources explain, more "
        f"than in {neurons['n_shifts']} circular shifts, q < .05 over neurons."
    )
    contrasts: Sequence[Mapping[str, Any]] = neurons.get("contrasts", ())
    figures = [Figure("neurons", draw.neuron_map(neurons), "Neurons that follow each source.")]
    if contrasts:
        marks = [
            Mark(
                " vs ".join(c["pair"]),
                c["auc"]["score"],
                c["auc"]["interval"],
                COLORS["trained"] if c["auc"]["p"] < 0.05 else COLORS["neutral"],
            )
            for c in contrasts
        ]
        caption = "Telling two stimuli apart from all neurons, trials unseen; grey: p ≥ .05."
        figures.append(Figure("contrasts", scores(marks, "AUC", 0.5), caption))
    return Section("Which neurons follow?", text, figures)
