"""``/runs``: list, start, follow, cancel and continue runs, and show their reports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from affectome.studio.answers import FolderAnswer, RunAnswer, RunsAnswer, StartBody
from affectome.studio.guard import REPORT_POLICY
from affectome.studio.runs import Run, Runs, startable

LOOK_S = 0.5


def run_router(runs: Runs) -> APIRouter:
    """Give the routes of runs."""
    router = APIRouter(prefix="/runs", tags=["runs"])

    @router.get("")
    def list_runs() -> RunsAnswer:
        """List the runs below the folders, the newest first."""
        folders = [FolderAnswer(number=k, name=f.name) for k, f in enumerate(runs.folders)]
        found = [answer(run) for run in runs.all()]
        return RunsAnswer(runs=found, folders=folders, startable=startable())

    @router.post("", status_code=201)
    def start(given: StartBody) -> RunAnswer:
        """Start a command on a folder or file, named relative to one of the studio's folders."""
        return answer(runs.start(given.command, given.folder, given.source, given.options))

    @router.get("/{run}")
    def one(run: str) -> RunAnswer:
        """Give one run."""
        return answer(runs.one(run))

    @router.get("/{run}/events", response_class=StreamingResponse)
    async def events(run: str) -> StreamingResponse:
        """Follow a run: a server-sent event whenever it changed, the last one when it ended."""
        await run_in_threadpool(runs.one, run)
        return StreamingResponse(_events(runs, run), media_type="text/event-stream")

    @router.post("/{run}/cancel")
    def cancel(run: str) -> RunAnswer:
        """End a run; its folder stays, and it can be continued."""
        return answer(runs.cancel(run))

    @router.post("/{run}/resume")
    def resume(run: str) -> RunAnswer:
        """Continue a run in its folder."""
        return answer(runs.resume(run))

    @router.get("/{run}/result", response_class=FileResponse)
    def result(run: str) -> FileResponse:
        """Give a run's ``result.json``."""
        return FileResponse(runs.file(run, "result.json"), media_type="application/json")

    @router.get("/{run}/report", response_class=Response)
    def report(run: str) -> FileResponse:
        """Give a run's report, which may run nothing and load nothing."""
        headers = {"content-security-policy": REPORT_POLICY}
        file = runs.file(run, "report.html")
        return FileResponse(file, media_type="text/html; charset=utf-8", headers=headers)

    return router


def answer(run: Run) -> RunAnswer:
    """Leave out where the run lies on this machine."""
    plain = asdict(run)
    del plain["folder"]
    return RunAnswer(**plain)


async def _events(runs: Runs, name: str) -> AsyncIterator[str]:
    last: Run | None = None
    while True:
        run = await run_in_threadpool(runs.one, name)
        if run != last:
            yield f"data: {json.dumps(answer(run).model_dump())}\n\n"
        if run.state != "running":
            return
        last = run
        await asyncio.sleep(LOOK_S)
