"""A studio for tests, and what a client of a live session sends."""

import struct

from starlette.testclient import TestClient

from affectome.studio.app import create_app
from affectome.studio.settings import Limits, Settings

START = {"type": "start", "agreed": True, "person": "ada", "purpose": "research"}
FRAME, SOUND = 1, 2


def message(kind, number, content=b"", seconds=0.5):
    return struct.pack("<BId", kind, number, seconds) + content


def served(folder, rules=None, **limits):
    app = create_app(Settings((folder,), limits=Limits(**limits)), rules)
    return TestClient(app, base_url="http://127.0.0.1:8765")


def connected(client):
    return client.websocket_connect("ws://127.0.0.1:8765/live")


def begin(socket, *modalities, **more):
    socket.send_json({**START, "modalities": list(modalities or ["face"]), **more})
    return socket.receive_json()
