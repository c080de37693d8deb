"""The application: its door, its routes, its page."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from affectome import __version__
from affectome.errors import AffectomeError, InputError, MissingExtraError
from affectome.people.cards import shipped_cards
from affectome.safeguards import notice_lines
from affectome.studio.answers import HealthAnswer, ModelAnswer, NoticeAnswer, TokenBody
from affectome.studio.guard import COOKIE, Guard
from affectome.studio.metrics import Metrics
from affectome.studio.read_routes import REFUSALS, read_router
from affectome.studio.readers import Readers, TableError
from affectome.studio.recording_routes import recording_router
from affectome.studio.recordings import recordings
from affectome.studio.rules import Rules
from affectome.studio.run_routes import run_router
from affectome.studio.runs import PROGRAM, Runs
from affectome.studio.session import Session
from affectome.studio.settings import Settings

STATIC = Path(__file__).parent / "static"
LOOK_EVERY_S = 600.0
ABOUT = (
    "Readings of emotion with their uncertainty, live or of files, and the runs of this machine. "
    "A face shows a perceived expression and a decoder gives an estimate; neither says what "
    "somebody feels."
)


def create_app(
    settings: Settings, rules: Rules | None = None, program: Sequence[str] = PROGRAM
) -> FastAPI:
    """Put the studio together.

    Parameters
    ----------
    settings
        What it may open and who may call it.
    rules
        What responds to live readings.
    program
        The command line by which runs are started.
    """
    metrics, readers = Metrics(), Readers(settings.limits)
    runs = Runs(settings.folders, program)
    begun = time.monotonic()
    live_threads = ThreadPoolExecutor(4, "live")
    open_sessions: set[Session] = set()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        recordings()  # those whose last day has passed go now
        looking = asyncio.create_task(_destroy_expired())
        yield
        looking.cancel()
        await run_in_threadpool(runs.close)

    app = FastAPI(
        title="Affectome studio",
        version=__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=REFUSALS,
    )
    app.add_middleware(Guard, settings=settings)
    _say_errors_in_a_line(app)
    app.include_router(read_router(readers, metrics))
    app.include_router(run_router(runs))
    app.include_router(recording_router())

    @app.get("/health", tags=["studio"])
    async def health() -> HealthAnswer:
        """Say that the studio runs."""
        return HealthAnswer(
            status="ok",
            version=__version__,
            seconds=time.monotonic() - begun,
            loaded=readers.loaded,
            sessions=len(open_sessions),
            token=bool(settings.token),
        )

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        if len(open_sessions) >= settings.limits.sessions:
            await socket.close(1013, f"{settings.limits.sessions} sessions are open already")
            return
        session = Session(socket, live_threads, settings.limits, metrics, rules)
        open_sessions.add(session)
        metrics.sessions.inc()
        try:
            await session.run()
        finally:
            open_sessions.discard(session)
            metrics.sessions.dec()

    @app.get("/notice", tags=["live"])
    def notice(purpose: str, until: date, scope: Annotated[list[str], Query()]) -> NoticeAnswer:
        """Give what a person is shown before they agree to be read live."""
        lines = notice_lines(purpose, scope, settings.controller, settings.contact, until)
        return NoticeAnswer(lines=lines)

    @app.get("/models", tags=["studio"])
    def models() -> list[ModelAnswer]:
        """List the models that are shipped, with their cards."""
        return [
            ModelAnswer(
                name=card.name,
                modality=card.modality,
                summary=card.summary,
                licence=card.licence,
                labels=dict(card.labels),
                card=card.to_dict(),
            )
            for card in shipped_cards()
        ]

    @app.get("/metrics", tags=["studio"], response_class=Response)
    async def prometheus() -> Response:
        """Give counts and durations in the format of Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.post("/session", tags=["studio"], status_code=204, response_class=Response)
    async def session(given: TokenBody) -> Response:
        """Take the token once, and keep it in a cookie that pages of other sites don't get."""
        response = Response(status_code=204)
        if settings.token:
            if not hmac.compare_digest(given.token.encode(), settings.token.encode()):
                raise HTTPException(401, "this is not the token that the studio printed")
            response.set_cookie(COOKIE, settings.token, httponly=True, samesite="strict")
        return response

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


async def _destroy_expired() -> None:
    """Destroy recordings whose last day passes while the studio runs."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        with contextlib.suppress(OSError):
            await run_in_threadpool(recordings)


def _say_errors_in_a_line(app: FastAPI) -> None:
    @app.exception_handler(AffectomeError)
    async def ours(_: Request, error: AffectomeError) -> Response:
        answer: dict[str, object] = {"error": str(error)}
        if isinstance(error, TableError):
            answer["columns"] = error.columns
        return JSONResponse(answer, status_of(error))

    @app.exception_handler(HTTPException)
    async def theirs(_: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)


def status_of(error: AffectomeError) -> int:
    """Give the HTTP status of an error: refused, not installed, or can't be read."""
    if isinstance(error, PermissionError):
        return 403
    if isinstance(error, MissingExtraError):
        return 501
    return 422 if isinstance(error, InputError) else 500
