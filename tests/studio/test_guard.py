import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from affectome.errors import InputError
from affectome.studio.app import create_app
from affectome.studio.guard import Buckets, Guard
from affectome.studio.settings import Limits, Settings, make_settings

TEXT = {"text": "x"}
LIVE, THERE = "ws://127.0.0.1:8765/live", "ws://lab.example:8765/live"


def served(folder, **settings):
    made = Settings((folder,), **settings)
    return TestClient(create_app(made), base_url="http://127.0.0.1:8765")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "127.0.0.2"]
)
def test_a_foreign_host_is_refused(client, host):
    for path in ("/", "/health", "/static/studio.css"):
        answer = client.get(path, headers={"host": host})
        assert answer.status_code == 421
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LIVE, headers={"host": host}):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"])
def test_this_machine_is_served(client, host):
    with client.websocket_connect(LIVE, headers={"host": host}):
        pass
    assert client.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_other_sites_are_refused(client, headers):
    answer = client.post("/read", json=TEXT, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (
        403,
        "pages of other sites may not call the studio",
    )
    assert not any(name.startswith("access-control") for name in answer.headers)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LIVE, headers=headers):
        pass


def test_a_link_from_elsewhere_opens_the_page_alone(client):
    link = {"sec-fetch-site": "cross-site"}
    assert client.get("/", headers=link).status_code == 200
    assert client.get("/runs", headers=link).status_code == 403
    same = {"origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}
    assert client.post("/read", json=TEXT, headers=same).status_code == 200


def test_other_machines_need_the_token(folder):
    settings = make_settings((folder,), "0.0.0.0", 8765, ("lab.example",))
    assert len(settings.token) >= 32
    app = create_app(settings)
    with TestClient(app, base_url="http://lab.example:8765") as client:
        assert client.get("/").status_code == client.get("/health").status_code == 200
        for wrong in ({}, {"authorization": "Bearer no"}, {"cookie": "affectome=no"}):
            for path in ("/runs", "/models", "/metrics", "/openapi.json", "/notice"):
                assert client.get(path, headers=wrong).status_code == 401
            with pytest.raises(WebSocketDisconnect):
                client.websocket_connect(THERE, headers=wrong).__enter__()
        shown = {"authorization": f"Bearer {settings.token}"}
        assert client.get("/models", headers=shown).status_code == 200
        assert client.post("/session", json={"token": "no"}).status_code == 401
        cookie = client.post("/session", json={"token": settings.token}).headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert client.get("/models").status_code == 200
        with client.websocket_connect(THERE):
            pass


def test_what_is_too_large_is_refused_before_and_while_it_comes(folder):
    with served(folder, limits=Limits(body_bytes=1000)) as client:
        answer = client.post("/read", json={"text": "x" * 2000})
        assert (answer.status_code, answer.json()) == (
            413,
            {"error": "at most 1,000 bytes a request"},
        )
        pieces = {"content": (b"x" * 100 for _ in range(50))}
        answer = client.post("/read", **pieces, headers={"content-type": "application/json"})
        assert answer.status_code == 413
        form = {"content-type": "multipart/form-data; boundary=b"}
        pieces = {"content": (b"x" * 100 for _ in range(50))}
        assert client.post("/read", **pieces, headers=form).status_code == 413
        headers = {"content-encoding": "gzip", "content-type": "application/json"}
        packed = client.post("/read", content=b"x", headers=headers)
        assert packed.status_code == 415
        assert client.post("/read", headers={"content-length": "-1"}).status_code == 413


def test_a_slow_client_is_let_go(folder):
    app = create_app(Settings((folder,), limits=Limits(body_s=0.05)))
    sent = []

    async def talk():
        async def receive():
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b"x", "more_body": True}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/read",
            "raw_path": b"/read",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
        }
        await asyncio.wait_for(app(scope, receive, send), 5)

    asyncio.run(talk())
    assert sent[0]["status"] == 408
    assert b"did not arrive within 0.05 s" in sent[1]["body"]


def test_too_many_calls_are_refused(folder):
    with served(folder, limits=Limits(per_second=0.001, burst=3)) as client:
        assert [client.get("/health").status_code for _ in range(4)] == [200, 200, 200, 429]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_nobody_gets_more_than_the_rate_and_the_burst(steps):
    buckets, now, given_ = Buckets(2.0, 5.0), 0.0, 0
    for step in steps:
        now += step
        given_ += buckets.take("a", now)
    assert given_ <= 5 + 2 * (now - steps[0]) + 1e-6
    assert buckets.take("b", now)


def test_every_answer_forbids_scripts_from_elsewhere(client):
    for path in ("/", "/static/main.js", "/models", "/none"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404
    assert client.get("/docs").status_code == 404


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"folders": ("gone",)}, "there is no such folder"),
        ({"port": 70000}, "--port takes 0 to 65535; got 70000"),
        ({"host": "lab"}, "--host takes an address such as 0.0.0.0; got 'lab'"),
    ],
)
def test_a_wrong_start_is_one_line(folder, given_, message):
    folders = tuple(Path(one) for one in given_.pop("folders", (str(folder),)))
    with pytest.raises(InputError, match=message):
        make_settings(folders, **given_)


def test_the_guard_passes_the_start_on():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(Guard(app, Settings(()))({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
