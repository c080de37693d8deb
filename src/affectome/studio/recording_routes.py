"""``/recordings``: list, open with the passphrase, look at frames, destroy."""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from affectome.studio import recordings as kept
from affectome.studio.answers import MomentAnswer, OpenBody, OpenedAnswer, RecordingAnswer

MOST_OPEN = 4


def recording_router() -> APIRouter:
    """Give the routes of recordings; what is open is remembered in memory only."""
    router = APIRouter(prefix="/recordings", tags=["live"])
    opened: OrderedDict[str, tuple[str, list[bytes]]] = OrderedDict()

    @router.get("")
    def list_recordings() -> list[RecordingAnswer]:
        """List the recordings; those whose last day has passed are gone."""
        return [RecordingAnswer(**vars(one)) for one in kept.recordings()]

    @router.post("/{name}/open", response_model_exclude_unset=True)
    def open_recording(name: str, given: OpenBody) -> OpenedAnswer:
        """Open a recording: what was read when; ``handle`` gives its frames for a while."""
        moments: list[MomentAnswer] = []
        frames: list[bytes] = []
        for piece in kept.pieces(name, given.passphrase):
            if piece.kind == kept.FRAME:
                frames.append(piece.content)
            elif piece.kind == kept.READINGS:
                readings = json.loads(piece.content)
                is_face = any(reading["modality"] == "face" for reading in readings)
                frame = len(frames) - 1 if frames and is_face else None
                moment = MomentAnswer(seconds=piece.seconds, readings=readings, frame=frame)
                moments.append(moment)
        handle = secrets.token_urlsafe(16)
        opened[handle] = (name, frames)
        while len(opened) > MOST_OPEN:
            opened.popitem(last=False)
        return OpenedAnswer(handle=handle, moments=moments)

    @router.get("/frames/{handle}/{number}", response_class=Response)
    def frame(handle: str, number: int) -> Response:
        """Give a frame of an open recording."""
        name, frames = opened.get(handle, ("", []))
        if name and not kept.exists(name):  # withdrawn or past its last day since it was opened
            del opened[handle]
            frames = []
        if not 0 <= number < len(frames):
            raise HTTPException(404, "there is no such frame; open the recording again")
        return Response(frames[number], media_type="image/jpeg")

    @router.delete("/{name}", status_code=204, response_class=Response)
    def destroy(name: str) -> Response:
        """Destroy a recording, for good."""
        kept.destroy(kept.find(name))
        opened.clear()
        return Response(status_code=204)

    return router
