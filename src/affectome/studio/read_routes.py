"""``POST /read``: texts as JSON, or texts and files as a form."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header, Request, Response
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from affectome.errors import AffectomeError, InputError
from affectome.people.fusion import Fused, fuse
from affectome.people.reading import Reading
from affectome.studio.answers import ErrorAnswer, ReadAnswer, ReadBody
from affectome.studio.metrics import Metrics
from affectome.studio.readers import About, Readers, TableError, shown_name

LINES = "application/x-ndjson"
FIELDS = ("modality", "purpose", "person", "column")
FORM = {
    "type": "object",
    "properties": {
        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "text": {"type": "array", "items": {"type": "string"}},
        **{name: {"type": "string"} for name in FIELDS},
    },
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": why}
    for status, why in {
        400: "what was sent is cut off or no form",
        401: "the token is missing",
        403: "no purpose or no consent, or a foreign page calls",
        408: "what was sent took too long to arrive",
        413: "too large",
        415: "neither JSON nor a form",
        421: "called by another name",
        422: "can't be read, and why",
        429: "too many requests",
        501: "a package is not installed",
        503: "reading took too long",
    }.items()
}
Body = tuple[list[str], list[UploadFile], About, bool]


def read_router(readers: Readers, metrics: Metrics) -> APIRouter:
    """Give the route that reads."""
    router = APIRouter(tags=["read"])

    @router.post(
        "/read",
        response_model=ReadAnswer,
        responses=REFUSALS,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": ReadBody.model_json_schema()},
                    "multipart/form-data": {"schema": FORM},
                },
            }
        },
    )
    async def read(request: Request, accept: Annotated[str, Header()] = "") -> Response:
        """Read texts, pictures, sounds, films or tables.

        With ``Accept: application/x-ndjson`` the answer is what ``affectome read --json`` prints: a
        line a reading. Faces, voices and bodies need ``purpose``, and ``person`` where consents are
        kept.
        """
        found: list[Reading] = []
        skipped: list[dict[str, str]] = []
        with metrics.reading():
            async with _body(request, readers) as (texts, files, about, explain):
                if texts:
                    found += await readers.texts(texts, about.person, explain)
                for file in files:
                    name = file.filename or "file"
                    try:
                        found += await readers.file(cast(Any, file.file), name, about)
                    except AffectomeError as error:
                        if len(files) == 1 or isinstance(error, PermissionError | TableError):
                            raise
                        skipped.append({"file": shown_name(name), "why": str(error)})
        metrics.count(found)
        if accept.startswith(LINES):
            return Response("".join(r.to_json() + "\n" for r in found), media_type=LINES)
        return Response(_answer(found, skipped), media_type="application/json")

    return router


def fused_json(fused: Fused) -> str:
    """Give a pooled reading as JSON."""
    about = {
        "shares": dict(fused.shares),
        "agreement": fused.agreement,
        "conflict": fused.conflict,
        "left_out": dict(fused.left_out),
    }
    return f'{{"reading": {fused.reading.to_json()}, {json.dumps(about)[1:]}'


def _answer(found: Sequence[Reading], skipped: Sequence[Mapping[str, str]]) -> str:
    readings = ", ".join(reading.to_json() for reading in found)
    fused = pooled(found)
    return (
        f'{{"readings": [{readings}], "skipped": {json.dumps(skipped)}, '
        f'"fused": {"null" if fused is None else fused_json(fused)}}}'
    )


def pooled(readings: Sequence[Reading]) -> Fused | None:
    """Pool one reading each of several modalities; None where they can't be."""
    names = [reading.modality for reading in readings]
    if len(set(names)) < 2 or len(set(names)) < len(names) or "pictures" in names:
        return None  # what a picture evokes in viewers is nobody's expression
    try:
        return fuse(readings)
    except InputError:
        return None


@asynccontextmanager
async def _body(request: Request, readers: Readers) -> AsyncIterator[Body]:
    """Take what was sent apart; files are closed at the end."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        yield _from_json(await request.body())
    elif kind == "multipart/form-data":
        limits = readers.limits
        async with request.form(max_files=limits.files, max_fields=limits.texts) as form:
            yield _from_form(form)
    else:
        raise HTTPException(415, "send application/json or multipart/form-data")


def _from_json(content: bytes) -> Body:
    try:
        given = ReadBody.model_validate_json(content)
    except ValidationError as error:
        raise InputError(one_line(error)) from error
    texts = [*([] if given.text is None else [given.text]), *(given.texts or [])]
    if not texts:
        raise InputError('nothing to read: send {"text": "…"} or {"texts": ["…"]}')
    return texts, [], About(person=given.person), given.explain


def _from_form(form: FormData) -> Body:
    texts = [text for text in form.getlist("text") if isinstance(text, str)]
    files = [file for file in form.getlist("file") if isinstance(file, UploadFile)]
    unknown = set(form) - {"text", "file", *FIELDS}
    if unknown:
        raise InputError(f"a form has text, file, {', '.join(FIELDS)}; got {sorted(unknown)[0]!r}")
    if not texts and not files:
        raise InputError("nothing to read: send text or file")
    fields = {name: value for name in FIELDS if isinstance(value := form.get(name), str) and value}
    return texts, files, About(**fields), True


def one_line(error: ValidationError) -> str:
    """Say what is wrong with what was sent, and where."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "what was sent"
    return f"{where}: {first['msg']}"
