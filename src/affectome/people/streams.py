"""Readings of several modalities over time, brought onto one clock and pooled window by window.

A face is read five times a second, a voice in windows of some seconds, a text once. In each window
of the common clock a modality's opinion is the mean of its readings there, each weighted by the
seconds that it shares with the window; what has no time holds throughout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from affectome.errors import InputError
from affectome.people.fusion import Fused, fuse
from affectome.people.reading import Reading

SHORTEST = 1e-6


def fuse_over_time(
    readings: Sequence[Reading],
    step: float,
    weights: Mapping[str, float] | None = None,
    offsets: Mapping[str, float] | None = None,
) -> list[Fused]:
    """Pool readings of one person in each window of a common clock.

    Parameters
    ----------
    readings
        Of any number of modalities, with ``start_s`` and ``end_s`` or without; the parts of a
        reading stand for it.
    step
        Seconds of a window.
    weights
        Modality → reliability, as :func:`affectome.people.fusion.fuse` takes them.
    offsets
        Modality → seconds by which its recorder started later than the others.

    Returns
    -------
    list of Fused
        Windows in which something could be pooled, in their order.

    Raises
    ------
    InputError
        If the step is not above 0, no reading has a time, or two people are named.
    """
    if not step > 0:
        raise InputError(f"a window has more than 0 seconds; got {step:g}")
    people = {reading.person for reading in readings}
    if len(people) > 1:
        raise InputError(f"readings of one person are pooled; got {', '.join(map(str, people))}")
    streams: dict[str, list[Reading]] = {}
    for one in _moments(readings):
        late = (offsets or {}).get(one.modality, 0.0)
        streams.setdefault(one.modality, []).append(_moved(one, late))
    ends = [one.end_s for stream in streams.values() for one in stream if one.end_s is not None]
    if not ends:
        raise InputError("no reading has a time; pool them without a step")
    found = []
    for number in range(int(-(-(max(ends) - SHORTEST) // step))):
        start, end = number * step, (number + 1) * step
        now = [_mean(name, stream, start, end) for name, stream in streams.items()]
        if any(one.emotions for one in now):
            pooled = fuse(now, weights)
            found.append(replace(pooled, reading=replace(pooled.reading, start_s=start, end_s=end)))
    return found


def _moments(readings: Sequence[Reading]) -> Iterator[Reading]:
    """Parts where there are some."""
    for reading in readings:
        if reading.parts and all(part.start_s is not None for part in reading.parts):
            about: dict[str, Any] = {
                name: getattr(reading, name) for name in ("person", "model", "licence")
            }
            yield from (replace(part, **about) for part in reading.parts)
        else:
            yield reading


def _moved(one: Reading, late: float) -> Reading:
    if one.start_s is None or one.end_s is None:
        return one
    return replace(one, start_s=one.start_s + late, end_s=one.end_s + late)


def _mean(name: str, stream: Sequence[Reading], start: float, end: float) -> Reading:
    """Give the opinion of one modality in one window."""
    weighted = [(_shared(one, start, end), one) for one in stream]
    there = [(seconds, one) for seconds, one in weighted if seconds > 0]
    read = [(seconds, one) for seconds, one in there if one.emotions]
    if not read:
        why = there[0][1].because if there else "there is no reading of this time"
        return Reading(name, abstains=True, because=why or "it holds no probabilities")
    total = sum(seconds for seconds, _ in read)
    labels = dict.fromkeys(label for _, one in read for label in one.emotions)
    emotions = {
        label: min(1.0, sum(s * one.emotions.get(label, 0.0) for s, one in read) / total)
        for label in labels
    }
    first = read[0][1]
    about: dict[str, Any] = {
        field: getattr(first, field) for field in ("person", "model", "licence")
    }
    return Reading(name, emotions, **about)


def _shared(one: Reading, start: float, end: float) -> float:
    """Seconds that a reading shares with a window; all of it where it has no time."""
    if one.start_s is None or one.end_s is None:
        return end - start
    return min(one.end_s, end) - max(one.start_s, start)
