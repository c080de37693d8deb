"""The sections of the mouse-face report: a few sentences and figures each."""

from __future__ import annotations

from collections import Counter

import numpy as np

from affectome.evidence import Score
from affectome.reports.figures import Mark, matrix, scores
from affectome.reports.page import Figure, Section
from affectome.reports.style import COLORS
from affectome.studies.mouse_faces import figures as draw
from affectome.studies.mouse_faces.controls import Controls, MotionControl
from affectome.studies.mouse_faces.decoding import Intensity, Reading
from affectome.studies.mouse_faces.neurons import Contrast, Neurons
from affectome.studies.mouse_faces.study import Film

GREY = COLORS["neutral"]


def score_words(found: Score) -> str:
    """Write a score with its interval, its p, and what it is over."""
    if found.interval is None:
        return f"{found.value:.2f} ({found.over}, no interval; {p_words(found)})"
    low, high = found.interval
    return f"{found.value:.2f} (95 % {low:.2f} to {high:.2f} over {found.over}; {p_words(found)})"


def p_words(found: Score) -> str:
    """Write a p in words."""
    if found.p is None:
        return "no p"
    return "p < .001" if found.p < 0.001 else f"p = {found.p:.3f}"


def beyond(found: Score) -> str:
    """Write an interval as small print, nothing where there is none."""
    if found.interval is None:
        return ""
    return f", 95 % {found.interval[0]:.2f} to {found.interval[1]:.2f}"


def intensity_section(film: Film) -> Section:
    """Say how well intensity is read; empty where none was given."""
    found = film.intensity
    if found is None:
        return Section("Intensity")
    marks = [
        _mark("ridge, description chosen", found.ridge),
        _mark("random forest, all descriptions", found.forest),
        *(_mark(f"{name} traces", one) for name, one in _trace_marks(film).items()),
        *(Mark(name, rho, None, GREY) for name, rho in found.ridge.by_subject.items()),
    ]
    return Section(
        "How strong is the expression?",
        f"Ridge learned from other {_unseen(film)} and saw no frame of those it is tested on. Rho "
        f"is Spearman's, within each animal. {_chosen(found)} The random forest beside it reads "
        f"{score_words(found.forest.score)}; {_why(found.forest.score)}",
        [
            Figure("intensity", scores(marks, "rho", 0.0), "Rank correlation with the intensity."),
            Figure(
                "dose",
                draw.dose(film.trials, _unseen(film)),
                "Decoded against given intensity by animal.",
            ),
        ],
    )


def controls_section(film: Film) -> Section:
    """Set the face beside movement, the time before the event, and trial order."""
    controls, intensity = film.controls, film.intensity
    if controls is None or intensity is None:
        return Section("Controls")
    motion = controls.motion
    marks = [
        _mark("face", intensity.ridge),
        _mark("face, motion energy held fixed", motion.partial),
        _mark("motion energy alone", motion.alone, GREY),
        _mark("motion energy and face", motion.together, GREY),
        _mark("face before the event", controls.face_before, GREY),
        _mark("motion before the event", controls.motion_before, GREY),
    ]
    if motion.corrected is not None:
        marks.insert(2, _mark("the same, error of motion allowed for", motion.corrected))
    if controls.pose is not None:
        marks.append(_mark("face, motion and pose held fixed", controls.pose.partial))
        marks.append(_mark("pose speed alone", controls.pose.alone, GREY))
    if controls.order is not None:
        marks.append(_mark("trial order alone", controls.order.from_other_animals, GREY))
    return Section(
        "Expression, or mere movement?",
        f"{_motion_words(motion)} Frames before the event should tell nothing: they read "
        f"{score_words(controls.face_before.score)}. {_order_words(controls)}",
        [
            Figure("controls", scores(marks, "rho", 0.0), "The face and what could stand for it."),
            Figure(
                "movement",
                draw.expression_or_movement(film.trials),
                "Each dot is a clip: at the same motion energy, stronger events stand higher where "
                "the face tells more than measured movement.",
            ),
        ],
    )


def events_section(film: Film) -> Section:
    """Say how well events are told apart, by clip and by frame."""
    found = film.events
    if found is None:
        return Section("Events")
    counts = found.confusion.astype(float)
    shares = counts / counts.sum(axis=1, keepdims=True)
    names = list(found.names)
    return Section(
        "Which event was it?",
        f"Ridge tells events apart with a balanced accuracy of {score_words(found.ridge.score)}, "
        f"the random forest with {score_words(found.forest.score)}; {_why(found.forest.score)} "
        f"Frame by frame, without knowing which belong together, ridge reads "
        f"{score_words(found.frames.score)}; the frames of a clip trade places as one. Chance is "
        f"{1 / len(names):.2f}.",
        [
            Figure(
                "confusion",
                matrix(shares, names, names, "event", "decoded", (0.0, 1.0)),
                f"Share of each event's clips decoded as each event, {_unseen(film)} unseen.",
            )
        ],
    )


def unfolding_section(film: Film) -> Section:
    """Say when expressions begin, and how they fade."""
    clips, by_intensity = film.clips, film.intensity is not None
    groups = film.trials["intensity" if by_intensity else "event"]
    if by_intensity:
        groups = draw.levels(groups).map("{:.3g}".format)
    lines = [
        f"{event}: onset after {_seconds(found.measures['latency_s'])} (seen in "
        f"{found.shown_in['latency_s']:.0%} of clips), decay in "
        f"{_seconds(found.measures['persistence_s'])}."
        for event, found in film.dynamics.items()
    ]
    what = "intensity" if by_intensity else ""
    return Section(
        "How does it unfold?",
        "Traces are of prototypes made without the animal that they are applied to. "
        + " ".join(lines),
        [
            Figure(
                "traces",
                draw.traces(
                    film.traces.own, clips.time, groups.to_numpy(str), clips.subjects, what
                ),
                "Mean over animals; every thin line is an animal.",
            )
        ],
    )


def faces_section(film: Film) -> Section:
    """Show the prototypes on the mean face, and which frames are alike."""
    faces = dict(zip(film.prototypes.events, film.prototypes.contrasts, strict=True))
    return Section(
        "What does it look like?",
        "Each stroke is an edge that changes in the prototype, on the mean face: orange edges get "
        "stronger than in the neutral face, blue ones weaker. Frames that look alike lie side by "
        "side in the matrix and near each other in the map.",
        [
            Figure(
                "prototypes",
                draw.glyphs(faces, film.units, film.mean_image, film.settings.cell),
                "Prototypes: strokes are as long as the change is large.",
            ),
            Figure("similarity", draw.similarity(film.frames.similarity), "Frames by frames."),
            Figure(
                "embedding",
                draw.embedding(film.frames.embedding, film.frames.labels),
                "t-SNE of frames by their correlations.",
            ),
        ],
    )


def neurons_section(found: Neurons) -> Section:
    """Say which neurons follow what."""
    if found.null is None:
        said = f"Nothing is claimed of single neurons: {found.why}."
        return Section("Which neurons follow?", said)
    text = (
        "A neuron follows a source if it goes with it beyond what the others explain, more than in "
        f"{found.null.n_arrangements} shifts along the recording and as many sign flips of its "
        f"{found.null.n_groups} stretches, after slow drifts and the neuron's own memory are taken "
        f"off; q < .05 over all {len(found.table)} neurons and {len(found.sources)} sources. "
    )
    if found.by_film:
        text += (
            "Face and movement are seen in the same film: a neuron that follows movement which "
            "motion energy measures badly may count as one that follows the face."
        )
    figures = [
        Figure(
            "neurons",
            draw.neuron_map(found.counts, len(found.table)),
            "Neurons that follow each source.",
        )
    ]
    if found.contrasts:
        caption = (
            "Telling two stimuli apart from all neurons, trials unseen; grey below each: its best "
            "baseline."
        )
        marks = [mark for one in found.contrasts for mark in _contrast_marks(one)]
        figures.append(Figure("contrasts", scores(marks, "AUC", 0.5), caption))
        text += " " + " ".join(_contrast_words(one) for one in found.contrasts)
    return Section("Which neurons follow?", text, figures)


def _contrast_marks(one: Contrast) -> list[Mark]:
    name, baseline = one.baseline
    return [
        Mark(" vs ".join(one.pair), one.auc.value, one.auc.interval),
        Mark(name.replace("_", " "), baseline.value, baseline.interval, GREY),
    ]


def _contrast_words(one: Contrast) -> str:
    name, baseline = one.baseline
    said = f"{one.pair[0]} against {one.pair[1]}: AUC {one.auc.value:.2f}, {p_words(one.auc)}"
    if one.auc.p is None and one.auc.why:
        said += f" ({one.auc.why.removeprefix('no p, ')})"
    return f"{said}; {name.replace('_', ' ')} alone reads {baseline.value:.2f}."


def _trace_marks(film: Film) -> dict[str, Reading]:
    words = {"signed": "signed prototype", "how_far": "how-far prototype"}
    return {words[name]: one for name, one in film.trace_readings.items()}


def _mark(label: str, found: Reading, color: str = COLORS["trained"]) -> Mark:
    return Mark(label, found.score.value, found.score.interval, color)


def _unseen(film: Film) -> str:
    return {"subject": "animals", "session": "sessions"}.get(film.split.by[0], "trials")


def _chosen(found: Intensity) -> str:
    if len(found.candidates) == 1:
        return f"Faces were described as {found.candidates[0]}, fixed beforehand."
    counts = Counter(found.chosen.values()).most_common()
    named = ", ".join(f"{name} ({n} of {len(found.chosen)})" for name, n in counts)
    return f"The description was chosen among those that it learned from: {named}."


def _why(found: Score) -> str:
    return f"{found.why}." if found.why else f"its {p_words(found)} is of refits."


def _motion_words(motion: MotionControl) -> str:
    alone, together = motion.alone.score.value, motion.together.score.value
    said = (
        f"Motion energy alone reads intensity with rho {alone:.2f}; motion energy and face "
        f"together with {together:.2f}. "
    )
    if together < alone:
        said += (
            "Together they do worse than motion alone, because the decoder has to learn many more "
            "weights from the same few animals and spends some of them on what is chance. "
        )
    said += (
        f"With motion energy held fixed the face reads {score_words(motion.partial.score)}. That "
        "is not yet expression: movement that motion energy measures badly stays in the face."
    )
    if motion.corrected is not None:
        corrected = motion.corrected.score
        said += (
            f" Every second frame against the others, motion energy is reliable at "
            f"{motion.reliability:.2f}; allowing for that error rho is {score_words(corrected)}. "
            "Error that both halves share is not allowed for."
        )
    return said


def _order_words(controls: Controls) -> str:
    if controls.order is None:
        return ""
    order = controls.order.from_other_animals.score
    if order.p is not None and order.p < 0.05:
        return (
            "The order of trials is predictable: their number alone tells the intensity in another "
            f"animal with rho {order.value:.2f}, and motion energy before the event goes with it "
            f"at rho {controls.motion_before.score.value:.2f}."
        )
    return f"The same trial in the other animals tells the intensity with {score_words(order)}."


def _seconds(found: Score) -> str:
    return "an unknown time" if not np.isfinite(found.value) else f"{found.value:.2f} s"
