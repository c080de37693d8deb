"""The sections of the mouse-face report: a few sentences and figures each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from affectome.reports.figures import Mark, matrix, scores
from affectome.reports.page import Figure, Section
from affectome.reports.style import COLORS
from affectome.studies.mouse_faces import figures as draw


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


UNSEEN = {"subject": "animals", "session": "sessions", "stretch": "trials"}


def between(score: Mapping[str, Any]) -> str:
    """Write an interval as text, nothing where there is none."""
    if not score["interval"]:
        return ""
    low, high = score["interval"]
    return f" [{low:.2f}, {high:.2f}]"


def intensity_section(result: Mapping[str, Any], arrays: FaceArrays) -> Section:
    """Say how well intensity is read; empty where none was given."""
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
    unseen = UNSEEN[result["held_out"]]
    return Section(
        "How strong is the expression?",
        f"A decoder learned from other {unseen}; it saw no frame of those it is tested on. Rho is "
        "Spearman's, within each animal, and its interval is over animals. Which decoder is used "
        f"was chosen inside the {unseen} it learned from.",
        [
            Figure("intensity", scores(marks, "rho", 0.0), "Rank correlation with the intensity."),
            Figure(
                "dose",
                draw.dose(arrays.trials, unseen),
                "Decoded against given intensity by animal.",
            ),
        ],
    )


def controls_section(result: Mapping[str, Any], arrays: FaceArrays) -> Section:
    """Set the face beside movement, the time before the event, and trial order."""
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
    if "pose_speed" in controls:
        marks += [
            _mark(
                "face, given motion and pose", controls["pose_speed"]["partial"], COLORS["trained"]
            ),
            _mark("pose speed alone", controls["pose_speed"]["alone"], grey),
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


def events_section(result: Mapping[str, Any]) -> Section:
    """Say how well events are told apart, by clip and by frame."""
    found = result["classification"]
    if not found:
        return Section("Events")
    frames = found["frames"]["balanced_accuracy"]
    counts = np.array(found["confusion"]["counts"], dtype=float)
    names = found["confusion"]["events"]
    unseen = UNSEEN[result["held_out"]]
    shares = counts / counts.sum(axis=1, keepdims=True)
    return Section(
        "Which event was it?",
        f"Random forest: balanced accuracy {found['balanced_accuracy']['score']:.2f}"
        f"{between(found['balanced_accuracy'])}, p {found['balanced_accuracy']['p']:.2g}; ridge: "
        f"{found['linear']['score']:.2f}, p {found['linear']['p']:.2g}. Frame by frame, without "
        f"knowing which belong together: {frames['score']:.2f}{between(frames)}, p "
        f"{frames['p']:.2g}. Chance is {found['chance']:.2f}.",
        [
            Figure(
                "confusion",
                matrix(shares, names, names, "event", "decoded", (0.0, 1.0)),
                f"Share of each event's clips decoded as each event, {unseen} unseen.",
            )
        ],
    )


def unfolding_section(result: Mapping[str, Any], arrays: FaceArrays) -> Section:
    """Say when expressions begin, and how they fade."""
    column = "intensity" if result["intensity"] else "event"
    groups = arrays.trials[column]
    if result["intensity"]:
        groups = draw.levels(groups).map("{:.3g}".format)
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
        f"prototype (1), which was made of other {UNSEEN[result['held_out']]}. {'; '.join(lines)}.",
        [
            Figure(
                "traces",
                draw.traces(arrays.traces, arrays.time, groups.to_numpy(str), subjects, column),
                "Mean over animals with its 95 % interval.",
            )
        ],
    )


def _seconds(found: Mapping[str, Any]) -> str:
    value = found["median"]
    return "an unknown time" if value is None or np.isnan(value) else f"{value:.2f} s"


def faces_section(arrays: FaceArrays) -> Section:
    """Show the prototypes on the mean face, and which frames are alike."""
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


def neurons_section(neurons: Mapping[str, Any]) -> Section:
    """Say which neurons follow what."""
    text = (
        f"A neuron follows a source if it goes with it beyond what the other sources explain, more "
        f"than in {neurons['n_shifts']} circular shifts, q < .05 over neurons"
    )
    if neurons["face"] is None:
        text += "."
    else:
        text += (
            ", and alone explains at least a fifth of what its strongest source does: less than "
            "that may have leaked from a source that is measured with error."
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
