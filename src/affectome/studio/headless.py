"""Live readings without a page: to a table, to Lab Streaming Layer, to rules."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from affectome.data.outputs import write_bytes, write_table
from affectome.errors import InputError, require
from affectome.people.reading import Reading, Readings
from affectome.safeguards import permit, record_output
from affectome.studio.capture import Moment
from affectome.studio.live import LiveReader
from affectome.studio.responding import Responder
from affectome.studio.rules import Rules

ASK_AGAIN_S = 30.0
TABLES = (".parquet", ".csv")


def read_live(
    moments: Iterable[Moment],
    modalities: Sequence[str],
    purpose: str | None,
    person: str | None,
    rules: Rules | None = None,
    tell: Callable[[dict[str, Any]], None] = lambda note: None,
    seconds: float | None = None,
) -> Iterator[Reading]:
    """Read what comes, and respond to it.

    Parameters
    ----------
    moments
        Frames and sound.
    modalities
        ``"face"``, ``"voice"`` or both.
    purpose, person
        What for, and who, as ``affectome read`` asks.
    rules, tell
        What to respond to, and what is called when a rule fires.
    seconds
        When to stop; None reads to the end.

    Raises
    ------
    PurposeError, ConsentError
        If it is refused, at the start or, after a withdrawal, within half a minute.
    """
    agreed = {permit(modality, purpose, person) for modality in modalities}.pop()
    if rules is not None and rules.purpose != agreed:
        raise InputError(f"the rules are for {rules.purpose!r}; this is read for {agreed!r}")
    reader = LiveReader(person, modalities)
    responder = None if rules is None else Responder(rules, tell)
    asked = time.monotonic()
    try:
        for moment in moments:
            if seconds is not None and moment.seconds > seconds:
                return
            if time.monotonic() - asked > ASK_AGAIN_S:
                asked = time.monotonic()
                for modality in modalities:
                    permit(modality, purpose, person)
            for reading in _read(reader, moment):
                if responder is not None:
                    responder.see(reading, moment.seconds)
                yield reading
    finally:
        if responder is not None:
            responder.close(wait=True)


def _read(reader: LiveReader, moment: Moment) -> list[Reading]:
    if moment.is_frame:
        found = reader.picture(moment.content)
        return [replace(one, start_s=moment.seconds, end_s=moment.seconds) for one in found]
    heard = reader.samples(moment.content)
    return [] if heard is None else [heard]


def check_table(out: Path) -> Path:
    """Refuse what is no table, before anything is read.

    Raises
    ------
    InputError
        If its ending is neither ``.parquet`` nor ``.csv``.
    """
    if out.suffix.lower() not in TABLES:
        raise InputError(f"{out}: live readings are written to a table, {' or '.join(TABLES)}")
    if out.suffix.lower() == ".parquet":
        require("pyarrow", "tables")
    return out


def write_live(out: Path, readings: Sequence[Reading]) -> Path:
    """Write a row a reading, and keep in mind where, so that a withdrawal finds it."""
    table = Readings(readings).to_frame()
    if out.suffix.lower() == ".csv":
        write_table(out, table)
    else:
        buffer = BytesIO()
        table.to_parquet(buffer, index=False)
        write_bytes(out, buffer.getvalue())
    record_output(out, {reading.person for reading in readings})
    return out


class Stream:
    """Readings as a stream of Lab Streaming Layer: a channel a label, and whether it abstains.

    Parameters
    ----------
    modality, labels
        What the channels are; the stream is called ``affectome-MODALITY``.

    Raises
    ------
    MissingExtraError
        If pylsl is not installed.
    """

    def __init__(self, modality: str, labels: Sequence[str]) -> None:
        pylsl = require("pylsl", "lsl")
        self._labels = tuple(labels)
        name = f"affectome-{modality}"
        n = len(self._labels) + 1
        info = pylsl.StreamInfo(name, "Emotion", n, pylsl.IRREGULAR_RATE, "float32", name)
        channels = info.desc().append_child("channels")
        for label in (*self._labels, "abstains"):
            channels.append_child("channel").append_child_value("label", label)
        self._outlet = pylsl.StreamOutlet(info)

    def push(self, reading: Reading) -> None:
        """Send one reading; what abstains has NaN for its labels."""
        values = [reading.emotions.get(label, float("nan")) for label in self._labels]
        self._outlet.push_sample([*values, float(reading.abstains)])
