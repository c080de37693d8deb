"""Readings as HTML: self-contained, readable on dark and light grounds."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from affectome import display
from affectome.display import mark, on_scale

if TYPE_CHECKING:
    from affectome.people.reading import Estimate, Reading

SHOWN, MOST = 6, 200


def whole(readings: Sequence[Reading]) -> str:
    """A page of its own."""
    return display.whole(_sections(readings), "Reading")


def fragment(readings: Sequence[Reading]) -> str:
    """A part of a page, as a notebook shows it."""
    return display.fragment(_sections(readings))


def _sections(readings: Sequence[Reading]) -> str:
    several = len(readings) > 1
    shown = "".join(
        _section(reading, number if several else None)
        for number, reading in enumerate(readings[:MOST], 1)
    )
    more = len(readings) - MOST
    rest = f"<section><small>and {more} more</small></section>" if more > 0 else ""
    return shown + rest


def _section(reading: Reading, number: int | None) -> str:
    head = reading.because if reading.abstains else ", ".join(reading.labels) or "no label"
    head = f"abstains: {head}" if reading.abstains else head
    name = reading.file or ("" if number is None else f"no. {number}")
    if reading.row is not None:
        name += f" row {reading.row}"
    if reading.start_s is not None and reading.end_s is not None:
        name += f" {reading.start_s:.1f}–{reading.end_s:.1f} s"
    body = [
        f"<h4>{escape(head)} <small>{escape(name)}</small></h4>",
        _words(reading),
        _bars(reading),
        _set(reading),
        _dimensions(reading),
        _measures(reading),
        "".join(f"<p><small>{escape(note)}</small></p>" for note in reading.notes),
        f"<small>{escape(reading.modality)}, model {escape(reading.model)}: "
        f"{_claim(reading)}</small>",
        _timeline(reading),
    ]
    return f"<section>{''.join(body)}</section>"


def _claim(reading: Reading) -> str:
    if reading.modality == "pictures":
        return "an estimate of what viewers would feel, not of what a person in it feels"
    return "an estimate of what is expressed, not of what is felt"


def _set(reading: Reading) -> str:
    if not reading.set:
        return ""
    return f"<p><small>in nine of ten readings among: {escape(', '.join(reading.set))}</small></p>"


def _bars(reading: Reading) -> str:
    top = sorted(reading.emotions.items(), key=lambda item: -item[1])[:SHOWN]
    cells = [(label, f"{p:.2f}", mark(p, label not in reading.labels)) for label, p in top]
    return display.rows(cells) if cells else ""


def _dimensions(reading: Reading) -> str:
    rows = "".join(
        f"<tr><td>{name}<td>{estimate.value:.2f}<td>{_scale(estimate)}"
        for name in ("valence", "arousal", "dominance")
        if (estimate := getattr(reading, name)) is not None
    )
    return f"<table>{rows}</table>" if rows else ""


def _measures(reading: Reading) -> str:
    """What was measured, where that is all there is."""
    if reading.emotions or reading.abstains:
        return ""
    rows = "".join(f"<tr><td>{escape(k)}<td>{v:.3g}" for k, v in reading.quality.items())
    return f"<table>{rows}</table>" if rows else ""


def _scale(estimate: Estimate) -> str:
    """Draw the interval on its scale, and write both."""
    low, high = estimate.interval or (estimate.value, estimate.value)
    written = "" if estimate.interval is None else f"[{low:.2f}, {high:.2f}]"
    if estimate.scale is None:
        return f"<small>{written}</small>"
    least, most = estimate.scale
    return (
        f"{on_scale(estimate.value, estimate.interval, estimate.scale)} "
        f"<small class='whole'>{written} on {least:g}–{most:g}</small>"
    )


def _words(reading: Reading) -> str:
    if not reading.attribution:
        return ""
    largest = max(abs(weight) for _, weight in reading.attribution) or 1.0
    marked = " ".join(
        f"<mark style='background:rgba({'59,125,216' if weight > 0 else '200,80,60'},"
        f"{0.6 * abs(weight) / largest:.2f})' title='{weight:+.3f}'>{escape(word)}</mark>"
        for word, weight in reading.attribution
    )
    label = escape(reading.attributed_to or "")
    towards = f"<br><small>blue words speak for {label}, red ones against</small>"
    return f"<p>{marked}{towards}</p>"


def _timeline(reading: Reading) -> str:
    if not reading.parts:
        return ""
    rows = "".join(
        f"<tr><td>{number}<td>{escape(part.because or ', '.join(part.labels))}"
        f"<td>{'' if part.valence is None else f'{part.valence.value:.2f}'}"
        for number, part in enumerate(reading.parts[:MOST], 1)
    )
    head = "<tr><td>part<td>labels<td>valence"
    table = f"<table>{head}{rows}</table>"
    return f"<details><summary>{len(reading.parts)} parts</summary>{table}</details>"
