"""``affectome live``: a film, camera or microphone, read as it runs, without a page."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from affectome.cli.running import emit, say
from affectome.errors import InputError
from affectome.people.reading import Reading
from affectome.people.registry import find_modality
from affectome.studio import capture
from affectome.studio.headless import Stream, check_table, read_live, write_live
from affectome.studio.rules import read_rules


def live(
    source: Annotated[
        Path | None, typer.Option(help="Film or sound, read at its own pace.")
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Number of a camera, such as 0.")] = None,
    microphone: Annotated[bool, typer.Option("--microphone", help="Read the microphone.")] = False,
    purpose: Annotated[
        str | None, typer.Option(help="research, medical, safety or personal; remembered.")
    ] = None,
    person: Annotated[str | None, typer.Option(help="Who is read, as your records say.")] = None,
    rules: Annotated[Path | None, typer.Option(help="TOML file of rules that respond.")] = None,
    lsl: Annotated[
        bool, typer.Option("--lsl", help="Send readings to Lab Streaming Layer, too.")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after so many seconds.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Table of the readings: .parquet or .csv.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON a reading.")
    ] = False,
) -> None:
    """Read faces and voices live; frames are dropped rather than read late."""
    responding = None if rules is None else read_rules(rules)
    if out is not None:
        check_table(out)
    box, modalities = _sources(source, camera, microphone)
    streams: dict[str, Stream] = {}
    if lsl:
        cards = {name: find_modality(name).load().reader().card for name in modalities}
        streams = {name: Stream(name, list(card.labels)) for name, card in cards.items()}
    found: list[Reading] = []
    ended = False
    shown = 0.0
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # written before it ends
    try:
        for reading in read_live(box, modalities, purpose, person, responding, _tell, seconds):
            if reading.modality in streams:
                streams[reading.modality].push(reading)
            if as_json:
                emit(reading.to_json() + "\n")
            elif time.monotonic() - shown > 1:
                shown = time.monotonic()
                emit(f"{reading.start_s or 0:7.1f} s  {_short(reading)}\n")
            if out is not None:
                found.append(reading)
        ended = True
    except KeyboardInterrupt:
        ended = True
        say("ended")
    finally:
        signal.signal(signal.SIGTERM, before)
        if out is not None and (found or ended):  # what is refused leaves an earlier table
            say(f"readings: {write_live(out, found)}")
    if box.dropped:
        say(f"{box.dropped} frames were dropped, for they came faster than they can be read")


def _sources(
    source: Path | None, camera: str | None, microphone: bool
) -> tuple[capture.Mailbox, list[str]]:
    box, modalities = capture.Mailbox(), []
    if (source is None) == (camera is None and not microphone):
        raise InputError("give --source FILE, or --camera 0 and --microphone, or one of these")
    if source is not None:
        if not source.is_file():
            raise InputError(f"{source}: there is no such file")
        begun = time.monotonic()
        if source.suffix.lower() not in find_modality("voice").suffixes:
            box.fill(capture.frames_of(source), begun)
            modalities.append("face")
        if capture.has_sound(source):
            box.fill(capture.sound_of(source), begun)
            modalities.append("voice")
        if not modalities:
            raise InputError(f"{source}: there is no sound in it that can be read")
    if camera is not None:
        box.fill(capture.camera(camera))
        modalities.append("face")
    if microphone:
        box.fill(capture.microphone())
        modalities.append("voice")
    return box, modalities


def _tell(note: dict[str, Any]) -> None:
    say(f"rule {note['rule']}: {note['note'] or 'fired'} {json.dumps(note['values'])}")


def _short(reading: Reading) -> str:
    if reading.abstains:
        return f"{reading.modality}: abstains, {reading.because}"
    top = sorted(reading.emotions.items(), key=lambda item: -item[1])[:3]
    return f"{reading.modality}: " + "  ".join(f"{label} {p:.2f}" for label, p in top)
