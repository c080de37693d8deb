"""The report of ``affectome study mouse-faces``."""

from __future__ import annotations

from affectome.evidence import Score
from affectome.reports.page import Page, Section
from affectome.studies.mouse_faces.report_sections import (
    beyond,
    controls_section,
    events_section,
    faces_section,
    intensity_section,
    neurons_section,
    p_words,
    score_words,
    unfolding_section,
)
from affectome.studies.mouse_faces.study import Film, MouseFaces


def mouse_faces_page(found: MouseFaces) -> Page:
    """Lay out the report."""
    film = found.film
    sections: list[Section] = []
    if film is not None:
        sections += [intensity_section(film), controls_section(film), events_section(film)]
        sections += [unfolding_section(film), faces_section(film)]
    if found.neurons is not None:
        sections.append(neurons_section(found.neurons))
    return Page(
        title="Mouse faces",
        question="What do the faces show, how strongly, and is it more than movement?",
        answer=_answer(found),
        numbers=[] if film is None else _numbers(film),
        warnings=found.warnings,
        skipped=[vars(one) for one in found.skipped],
        facts=_facts(found),
        sections=[s for s in sections if s.figures or s.text],
    )


def _answer(found: MouseFaces) -> str:
    parts = []
    film = found.film
    if film is not None:
        who = f"Held out: {found.held_out}."
        if film.intensity is not None and film.controls is not None:
            given = film.controls.motion.partial.score
            parts.append(
                f"Intensity is read from the face with rho "
                f"{score_words(film.intensity.ridge.score)}; with measured motion energy held "
                f"fixed rho is {score_words(given)}. {who}"
            )
        elif film.events is not None:
            parts.append(
                f"Events are told apart with a balanced accuracy of "
                f"{score_words(film.events.ridge.score)}. {who}"
            )
    neurons = found.neurons
    if neurons is not None:
        if neurons.why is not None:
            parts.append(f"Of the {len(neurons.table)} neurons nothing is claimed: {neurons.why}.")
        else:
            counts = ", ".join(f"{count} follow {name}" for name, count in neurons.counts.items())
            parts.append(f"Of {len(neurons.table)} neurons {counts} (q < .05).")
    return " ".join(parts) or "Neither events nor intensities differ, so nothing was decoded."


def _numbers(film: Film) -> list[tuple[str, str, str]]:
    numbers = []
    if film.intensity is not None and film.controls is not None:
        numbers += [
            _number("intensity", "ρ", film.intensity.ridge.score),
            _number("given motion energy", "ρ", film.controls.motion.partial.score),
            _number("weakest against strongest", "AUC", film.intensity.extremes.score),
        ]
    if film.events is not None:
        chance = 1 / len(film.events.names)
        found = film.events.ridge.score
        small = f"chance {chance:.2f}, {p_words(found)}"
        numbers.append(("events", f"{found.value:.0%}", small))
    return numbers


def _number(label: str, symbol: str, found: Score) -> tuple[str, str, str]:
    return label, f"{symbol} = {found.value:.2f}", f"{p_words(found)}{beyond(found)}"


def _facts(found: MouseFaces) -> dict[str, str]:
    film = found.film
    if film is None:
        return {}
    facts = {
        "clips": str(len(film.clips.trials)),
        "animals": ", ".join(sorted(set(film.clips.subjects))),
        "held out": str(found.held_out),
    }
    candidates = (film.intensity or film.events) and (film.intensity or film.events).candidates  # type: ignore[union-attr]
    if candidates:
        facts["chosen among training animals"] = ", ".join(candidates)
    start, stop = film.clips.window
    facts["fixed beforehand"] = (
        f"square root, {film.settings.orientations} orientations, {start:g} to {stop:g} s after "
        f"the event, signed prototypes with cells of {film.settings.cell} pixels"
    )
    return facts
