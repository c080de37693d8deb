"""What the studio answers, typed for its OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Base of all answers: nothing is in them that is not documented."""

    model_config = ConfigDict(extra="forbid")


class EstimateAnswer(Answer):
    """A number on its scale, with the interval that holds the raters'."""

    value: float
    interval: tuple[float, float] | None
    confidence: float
    scale: tuple[float, float] | None


class ReadingAnswer(Answer):
    """One reading: a line of ``affectome read --json``."""

    file: str | None
    row: int | None
    modality: str
    emotions: dict[str, float]
    valence: EstimateAnswer | None
    arousal: EstimateAnswer | None
    dominance: EstimateAnswer | None
    intensity: float | None
    blend: dict[str, float]
    labels: list[str]
    set: list[str]
    abstains: bool
    because: str | None
    person: str | None
    start_s: float | None
    end_s: float | None
    span: tuple[int, int] | None
    model: str
    licence: str
    attribution: list[tuple[str, float]]
    attributed_to: str | None
    box: tuple[float, float, float, float] | None
    quality: dict[str, float]
    notes: list[str]
    parts: list[ReadingAnswer] = []


class SkippedAnswer(Answer):
    """A file that could not be read, and why."""

    file: str
    why: str


class FusedAnswer(Answer):
    """One reading of several modalities, and how far they agree."""

    reading: ReadingAnswer
    shares: dict[str, float]
    agreement: float
    conflict: bool
    left_out: dict[str, str]


class ReadAnswer(Answer):
    """Readings in the order of what was sent."""

    readings: list[ReadingAnswer]
    skipped: list[SkippedAnswer]
    fused: FusedAnswer | None


class ErrorAnswer(Answer):
    """What was wrong, in one line; for a table, the columns it has."""

    error: str
    columns: list[str] | None = None


class HealthAnswer(Answer):
    """Whether the studio runs, and since when."""

    status: str
    version: str
    seconds: float
    loaded: list[str]
    sessions: int
    token: bool


class ModelAnswer(Answer):
    """A model card, shortened; ``card`` is the whole of it."""

    name: str
    modality: str
    summary: str
    licence: str
    labels: dict[str, str]
    card: dict[str, Any]


class NoticeAnswer(Answer):
    """The notice before a live reading, paragraph by paragraph."""

    lines: list[str]


class RecordingAnswer(Answer):
    """What is known of a recording without its passphrase."""

    name: str
    person: str
    purpose: str
    until: str
    begun: str
    size: int


class MomentAnswer(Answer):
    """What was read at one moment of a recording, and the number of the frame it was read in."""

    seconds: float
    readings: list[ReadingAnswer]
    frame: int | None


class OpenedAnswer(Answer):
    """An open recording."""

    handle: str
    moments: list[MomentAnswer]


class FolderAnswer(Answer):
    """A folder that the studio was started with."""

    number: int
    name: str


class RunAnswer(Answer):
    """A run: a folder that a command wrote or writes to.

    ``state`` is ``running``, ``done``, ``partly`` (inputs were skipped), ``failed``, ``cancelled``
    or ``unfinished``.
    """

    id: str
    name: str
    title: str
    command: str
    state: str
    changed: float
    report: bool
    resumable: bool
    step: str = ""
    done: int = 0
    total: int = 0
    message: str = ""


class RunsAnswer(Answer):
    """All runs below the folders, the newest first, and what can be started."""

    runs: list[RunAnswer]
    folders: list[FolderAnswer]
    startable: dict[str, list[str]]


class ReadBody(BaseModel):
    """Texts to read, as JSON."""

    model_config = ConfigDict(extra="forbid")
    text: str | None = None
    texts: list[str] | None = None
    person: str | None = None
    explain: bool = True


class StartBody(BaseModel):
    """A command to start, on a folder or file below one of the studio's folders."""

    model_config = ConfigDict(extra="forbid")
    command: str
    source: str
    folder: int = 0
    options: dict[str, str] = {}


class TokenBody(BaseModel):
    """The token that the studio printed."""

    model_config = ConfigDict(extra="forbid")
    token: str


class OpenBody(BaseModel):
    """The passphrase of a recording."""

    model_config = ConfigDict(extra="forbid")
    passphrase: str
