"""The report of ``affectome study mouse-faces``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectome.reports.page import Page, Section
from affectome.studies.mouse_faces.report_sections import (
    UNSEEN,
    FaceArrays,
    between,
    controls_section,
    events_section,
    faces_section,
    intensity_section,
    neurons_section,
    unfolding_section,
)

__all__ = ["FaceArrays", "mouse_faces_page"]


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
        sections += [intensity_section(result, arrays), controls_section(result, arrays)]
        sections += [events_section(result), unfolding_section(result, arrays)]
        sections += [faces_section(arrays)]
    if result["neurons"]:
        sections.append(neurons_section(result["neurons"]))
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
    unseen = UNSEEN.get(result["held_out"], "")
    intensity = result["intensity"]
    if intensity:
        partial = intensity["partial_given_motion"]
        parts.append(
            f"In {unseen} the decoder had not seen, intensity is read from the face with rho "
            f"{intensity['rho']:.2f}{between(intensity)}; with motion energy held fixed rho is "
            f"{partial['rho']:.2f}{between(partial)}."
        )
    elif result["classification"]:
        accuracy = result["classification"]["balanced_accuracy"]
        parts.append(
            f"In {unseen} the decoder had not seen, events are told apart with a balanced accuracy "
            f"of {accuracy['score']:.2f}{between(accuracy)}."
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
        facts["held out"] = f"{UNSEEN[result['held_out']]} in turn"
    return facts
