"""One live session over a WebSocket: exactly one numbered reply to each frame.

Binary messages are ``<BId``: what it is (1 a frame as JPEG, 2 sound as 16-bit samples), a number,
and seconds on the client's clock; then the bytes. Text messages are JSON: ``start`` (with consent),
``text`` and ``stop``. Replies are ``result``, ``dropped`` or ``error`` with that number; without
one come ``started``, ``stopped`` and ``note``. While a frame is being read one more may wait; a
newer one takes its place, and the older is answered with ``dropped``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal

import anyio
from fastapi import WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from affectome.errors import AffectomeError, InputError
from affectome.people.reading import Reading
from affectome.safeguards import ConsentError, people, permit, record_consent
from affectome.studio.live import LiveReader
from affectome.studio.metrics import Metrics
from affectome.studio.read_routes import fused_json, one_line
from affectome.studio.recordings import READINGS, SHORTEST_PASSPHRASE, Recorder
from affectome.studio.responding import Responder
from affectome.studio.rules import Rules
from affectome.studio.settings import Limits

HEAD = struct.Struct("<BId")
FRAME, SOUND = 1, 2
MOST_SOUNDS = 20
ASK_AGAIN_S = 30.0
SEND_S = 10.0
LONGEST_TEXT = 10_000


class Record(BaseModel):
    """Record the session, which is agreed to by itself, until its last day."""

    model_config = ConfigDict(extra="forbid")
    agreed: bool
    until: date
    passphrase: str = Field(min_length=SHORTEST_PASSPHRASE, max_length=1000)


class Start(BaseModel):
    """Begin to read: who, what for, which modalities, until when, and that they agreed.

    ``again`` goes on with what was agreed to before, as a page does whose connection was lost; it
    records no new consent, so one that was taken back meanwhile stays so.
    """

    model_config = ConfigDict(extra="forbid")
    type: Literal["start"]
    agreed: bool
    again: bool = False
    person: str = Field(min_length=1, max_length=200)
    purpose: str
    modalities: list[Literal["face", "voice", "words"]] = Field(min_length=1)
    until: date | None = None
    rate: int = 16_000
    record: Record | None = None


class Text(BaseModel):
    """Something that was written."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["text"]
    number: int
    text: str = Field(max_length=LONGEST_TEXT)
    seconds: float = Field(0.0, allow_inf_nan=False)


class Stop(BaseModel):
    """End the reading."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["stop"]


MESSAGE: TypeAdapter[Start | Text | Stop] = TypeAdapter(
    Annotated[Start | Text | Stop, Field(discriminator="type")]
)


@dataclass(frozen=True)
class Given:
    """A frame, a stretch of sound or a text that waits."""

    number: int
    seconds: float
    content: bytes | str
    arrived: float
    kind: int = 0


class RefusedError(Exception):
    """A message that is answered with an error, and the number it had."""

    def __init__(self, why: str, number: int | None = None) -> None:
        super().__init__(why)
        self.number = number


class Session:
    """Serve one WebSocket until it ends.

    Parameters
    ----------
    socket
        Accepted.
    threads
        Where frames and sounds are read.
    """

    def __init__(
        self,
        socket: WebSocket,
        threads: ThreadPoolExecutor,
        limits: Limits,
        metrics: Metrics,
        rules: Rules | None = None,
    ) -> None:
        self._socket, self._threads = socket, threads
        self._limits, self._metrics, self._rules = limits, metrics, rules
        self._sending = asyncio.Lock()
        self._frames: deque[Given] = deque()
        self._others: deque[Given] = deque()
        self._frame_there, self._other_there = asyncio.Event(), asyncio.Event()
        self._reader: LiveReader | None = None
        self._responder: Responder | None = None
        self._recorder: Recorder | None = None
        self._start: Start | None = None
        self._asked = 0.0

    async def run(self) -> None:
        """Read until the client goes, or the session has lasted as long as it may."""
        frames = partial(self._work, self._frames, self._frame_there, self._frame)
        others = partial(self._work, self._others, self._other_there, self._other)
        try:
            with anyio.move_on_after(self._limits.session_s):
                async with anyio.create_task_group() as group:
                    for work in (self._receive, frames, others):
                        group.start_soon(self._until_gone, work, group.cancel_scope)
        finally:
            self._end()
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close()  # unless the client did

    async def _until_gone(
        self, work: Callable[[], Awaitable[None]], scope: anyio.CancelScope
    ) -> None:
        """Do one part of the session; when it ends, the client is gone and the others end too."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            await work()
        scope.cancel()

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                if message.get("bytes") is not None:
                    await self._take(message["bytes"])
                else:
                    await self._hear(message.get("text") or "")
            except RefusedError as error:
                await self._error(error.number, str(error))
            except AffectomeError as error:
                await self._error(None, str(error))

    async def _take(self, content: bytes) -> None:
        if len(content) < HEAD.size:
            raise RefusedError(f"a frame begins with {HEAD.size} bytes: kind, number, seconds")
        kind, number, seconds = HEAD.unpack_from(content)
        body = content[HEAD.size :]
        most = {FRAME: self._limits.frame_bytes, SOUND: self._limits.sound_bytes}.get(kind)
        if most is None:
            raise RefusedError(
                f"kind is {FRAME} for a frame or {SOUND} for sound; got {kind}", number
            )
        if len(body) > most:
            raise RefusedError(f"at most {most:,} bytes", number)
        if not abs(seconds) < 1e12:
            raise RefusedError("seconds are no number", number)
        if self._reader is None:
            raise RefusedError("nothing is read before somebody agreed to it", number)
        given = Given(number, seconds, body, time.monotonic(), kind)
        if kind == FRAME:
            await self._queue(given, self._frames, self._frame_there, 1)
        else:
            await self._queue(given, self._others, self._other_there, MOST_SOUNDS)

    async def _queue(
        self, given: Given, waiting: deque[Given], there: asyncio.Event, most: int
    ) -> None:
        old = waiting.popleft() if len(waiting) >= most else None
        waiting.append(given)
        there.set()
        if old is not None:
            await self._reply(old, "dropped", "")

    async def _hear(self, text: str) -> None:
        try:
            message = MESSAGE.validate_json(text)
        except ValidationError as error:
            raise RefusedError(one_line(error), _number_in(text)) from error
        if isinstance(message, Start):
            await self._begin(message)
        elif isinstance(message, Stop):
            await self._stop("")
        elif self._reader is None:
            raise RefusedError("nothing is read before somebody agreed to it", message.number)
        else:
            given = Given(message.number, message.seconds, message.text, time.monotonic())
            await self._queue(given, self._others, self._other_there, MOST_SOUNDS)

    async def _begin(self, start: Start) -> None:
        if not start.agreed or (start.record and not start.record.agreed):
            await self._stop("not agreed: nothing is read or recorded")
            return
        if self._rules is not None and self._rules.purpose != start.purpose:
            why = f"the studio's rules are for {self._rules.purpose!r}; got {start.purpose!r}"
            await self._stop(why)
            return
        try:
            until = await self._in_thread(lambda: _agreed(start))
            reader = await self._in_thread(
                lambda: LiveReader(start.person, start.modalities, start.rate)
            )
            self._end()
            if start.record is not None:
                self._recorder = await self._in_thread(lambda: _recorder(start))
            if self._rules is not None:
                loop = asyncio.get_running_loop()
                self._responder = Responder(
                    self._rules,
                    lambda note: loop.call_soon_threadsafe(self._note, note),  # type: ignore[arg-type]
                )
        except (AffectomeError, OSError) as error:
            await self._stop(str(error))
            return
        self._reader, self._start, self._asked = reader, start, time.monotonic()
        shown = {"person": start.person, "purpose": start.purpose, "until": until}
        shown["recorded"] = start.record.until.isoformat() if start.record else ""
        shown |= {"modalities": " ".join(start.modalities)}
        await self._send(json.dumps({"type": "started", **shown}))

    def _note(self, note: dict[str, Any]) -> None:
        task = asyncio.ensure_future(self._send(json.dumps(note)))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _stop(self, why: str) -> None:
        self._end()
        for waiting in (self._frames, self._others):
            while waiting:
                await self._reply(waiting.popleft(), "dropped", "")
        await self._send(json.dumps({"type": "stopped", "why": why}))

    def _end(self) -> None:
        if self._responder is not None:
            self._responder.close()
        if self._recorder is not None:
            self._recorder.close()
        self._reader = self._responder = self._recorder = self._start = None

    async def _work(
        self,
        waiting: deque[Given],
        there: asyncio.Event,
        read: Callable[[LiveReader, Given], list[Reading]],
    ) -> None:
        while True:
            await there.wait()
            if not waiting:
                there.clear()
                continue
            given = waiting.popleft()
            reader = self._reader
            if reader is None:
                await self._reply(given, "dropped", "")
                continue
            try:
                await self._ask_again()
                found = await self._in_thread(lambda: read(reader, given))  # noqa: B023
            except PermissionError as error:
                await self._error(given.number, str(error))
                await self._stop(str(error))
            except AffectomeError as error:
                await self._error(given.number, str(error))
            except Exception as error:  # one frame that breaks a reader does not end the session
                await self._error(given.number, f"an error inside affectome: {error!r}")
            else:
                if self._reader is reader:
                    await self._result(given, reader, found)
                else:  # it was stopped meanwhile
                    await self._reply(given, "dropped", "")

    def _frame(self, reader: LiveReader, given: Given) -> list[Reading]:
        return reader.frame(bytes(given.content)) if isinstance(given.content, bytes) else []

    def _other(self, reader: LiveReader, given: Given) -> list[Reading]:
        if isinstance(given.content, str):
            return [reader.text(given.content)]
        found = reader.sound(given.content)
        return [] if found is None else [found]

    async def _ask_again(self) -> None:
        """See from time to time whether the consent still stands; it can be taken back."""
        start = self._start
        if start is not None and time.monotonic() - self._asked > ASK_AGAIN_S:
            self._asked = time.monotonic()
            await self._in_thread(lambda: _permit(start))

    async def _result(self, given: Given, reader: LiveReader, found: list[Reading]) -> None:
        self._metrics.count(found)
        fused = reader.fused() if found else None
        if self._responder is not None:
            for reading in found:
                self._responder.see(reading, time.monotonic())
        readings = ", ".join(reading.to_json() for reading in found)
        if self._recorder is not None:
            await self._in_thread(partial(_record, self._recorder, given, f"[{readings}]"))
        pooled = "null" if fused is None else fused_json(fused)
        await self._reply(given, "result", f', "readings": [{readings}], "fused": {pooled}')

    async def _reply(self, given: Given, kind: str, more: str) -> None:
        took = time.monotonic() - given.arrived
        self._metrics.replied(kind, took)
        await self._send(
            f'{{"type": "{kind}", "number": {given.number}, '
            f'"seconds": {json.dumps(given.seconds)}, "took_ms": {1000 * took:.1f}{more}}}'
        )

    async def _error(self, number: int | None, why: str) -> None:
        self._metrics.replied("error", 0.0)
        await self._send(json.dumps({"type": "error", "number": number, "why": why}))

    async def _send(self, text: str) -> None:
        async with self._sending:
            await asyncio.wait_for(self._socket.send_text(text), SEND_S)

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _agreed(start: Start) -> str:
    """Record the consent that was just given, and see that it is enough; give its last day."""
    if start.again:
        if people() is None:
            raise ConsentError(f"no consent of {start.person!r} is recorded; agree first")
        _permit(start)
        return start.until.isoformat() if start.until else ""
    consent = record_consent(start.person, start.purpose, start.modalities, start.until)
    if start.record is not None:
        record_consent(start.person, start.purpose, ["recording"], start.record.until)
    _permit(start)
    return consent.until


def _recorder(start: Start) -> Recorder:
    if start.record is None:
        raise InputError("this session is not recorded")
    record = start.record
    return Recorder(start.person, start.purpose, record.until, record.passphrase)


def _record(recorder: Recorder, given: Given, readings: str) -> None:
    """Keep what was read and what it was read in; a text is kept with its reading only."""
    if isinstance(given.content, bytes):
        recorder.add(given.kind, given.seconds, given.content)
    if readings != "[]":
        recorder.add(READINGS, given.seconds, readings.encode())


def _permit(start: Start) -> None:
    for modality in (*start.modalities, *(["recording"] if start.record else [])):
        permit(modality, start.purpose, start.person)


def _number_in(text: str) -> int | None:
    """Find the number of a message that is otherwise malformed."""
    try:
        number = json.loads(text)["number"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return number if isinstance(number, int) and abs(number) < 2**53 else None
