import io
import json
import struct
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from affectome.errors import InputError
from affectome.safeguards import entries, people, withdraw
from affectome.studio import session as session_module
from affectome.studio.answers import ReadingAnswer
from affectome.studio.live import LiveReader
from affectome.studio.rules import Condition, Rule, Rules
from live_sessions import FRAME, START, begin, connected, message, served


def test_a_frame_gets_one_numbered_reply(folder, frame):
    with served(folder) as client, connected(client) as socket:
        started = begin(socket)
        assert started["type"] == "started"
        assert started["person"] == "ada"
        for number in (7, 8):
            socket.send_bytes(message(FRAME, number, frame, 1.25))
            reply = socket.receive_json()
            assert (reply["type"], reply["number"], reply["seconds"]) == ("result", number, 1.25)
            reading = ReadingAnswer.model_validate(reply["readings"][0])
            assert reading.labels == ["happiness"]
            assert reading.person == "ada"
            assert bool(reading.attribution) == (number == 7)  # every two seconds
        assert client.get("/health").json()["sessions"] == 1
    assert [e["event"] for e in entries()] == ["consent", "read"]
    assert people()["ada"].consents[0].scope == ("face",)


@pytest.mark.parametrize(
    "given",
    [
        {"agreed": False},
        {"purpose": "workplace"},
        {"purpose": "fun"},
        {"person": " "},
        {"until": "2001-01-01"},
    ],
)
def test_without_consent_nothing_is_read(folder, frame, given, monkeypatch):
    monkeypatch.setattr(LiveReader, "frame", lambda *_: pytest.fail("it was read"))
    with served(folder) as client, connected(client) as socket:
        stopped = begin(socket, **given)
        assert stopped["type"] == "stopped"
        assert stopped["why"]
        socket.send_bytes(message(FRAME, 1, frame))
        reply = socket.receive_json()
        assert (reply["type"], reply["number"]) == ("error", 1)
        assert reply["why"] == "nothing is read before somebody agreed to it"
    assert people() is None


def test_a_consent_that_is_taken_back_ends_the_reading(folder, frame, monkeypatch):
    monkeypatch.setattr(session_module, "ASK_AGAIN_S", 0.0)
    with served(folder) as client, connected(client) as socket:
        begin(socket)
        withdraw("ada")
        socket.send_bytes(message(FRAME, 1, frame))
        assert "withdrew consent" in socket.receive_json()["why"]
        assert socket.receive_json()["type"] == "stopped"
        socket.send_bytes(message(FRAME, 2, frame))
        assert socket.receive_json()["why"] == "nothing is read before somebody agreed to it"


def test_who_took_consent_back_is_not_asked_to_agree_by_a_page_that_comes_back(folder):
    with served(folder) as client:
        with connected(client) as socket:
            assert "ada" in begin(socket, again=True)["why"]  # nobody agreed yet
            begin(socket)
        with connected(client) as socket:
            assert begin(socket, again=True)["type"] == "started"
        withdraw("ada")
        with connected(client) as socket:
            stopped = begin(socket, again=True)
            assert stopped["type"] == "stopped"
            assert "ada" in stopped["why"]
    assert len(people()["ada"].consents) == 1


def test_a_recording_that_cannot_begin_stops_the_session(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session_module, "Recorder", full)
    record = {"agreed": True, "until": "2999-01-01", "passphrase": "correct horse"}
    with served(folder) as client, connected(client) as socket:
        stopped = begin(socket, record=record)
        assert stopped["type"] == "stopped"
        assert "No space left" in stopped["why"]


def test_markers_that_cannot_be_sent_stop_the_session(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pylsl", None)
    rules = Rules("research", (Rule("x", (Condition("anger", True, 0.4),), marker="m"),))
    with served(folder, rules) as client, connected(client) as socket:
        stopped = begin(socket, "words")
        assert stopped["type"] == "stopped"
        assert "affectome[lsl]" in stopped["why"]


def test_a_frame_that_comes_too_fast_takes_the_place_of_the_one_that_waits(folder, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(LiveReader, "frame", lambda *_: [go.wait(5)][:0])
    with served(folder) as client, connected(client) as socket:
        begin(socket)
        for number in range(1, 8):
            socket.send_bytes(message(FRAME, number))
            time.sleep(0.01)
        dropped = [socket.receive_json() for _ in range(5)]
        assert [(r["type"], r["number"]) for r in dropped] == [("dropped", k) for k in range(2, 7)]
        go.set()
        last = [socket.receive_json() for _ in range(2)]
        assert [(r["type"], r["number"]) for r in last] == [("result", 1), ("result", 7)]


def test_a_broken_frame_ends_nothing(folder, frame):
    with served(folder, frame_bytes=100_000) as client, connected(client) as socket:
        begin(socket)
        for number, content, why in (
            (1, b"", "the frame is empty"),
            (2, b"no picture", "the frame is not a picture in one of the formats JPEG"),
            (3, frame[: len(frame) // 2], "can't read the frame"),
            (4, b"x" * 100_001, "at most 100,000 bytes"),
        ):
            socket.send_bytes(message(FRAME, number, content))
            reply = socket.receive_json()
            assert (reply["type"], reply["number"]) == ("error", number)
            assert why in reply["why"]
        socket.send_bytes(message(FRAME, 5, frame))
        assert socket.receive_json()["readings"][0]["labels"] == ["happiness"]


def test_malformed_messages_are_answered_and_leave_it_alive(folder, frame):
    rng = np.random.default_rng(0)
    wrong = [b"", b"x", "{", "[]", '{"type": "no"}', '{"type": "text"}', '{"type": "stop", "x": 1}']
    wrong += [message(kind, 3) for kind in (0, 3, 255)] + ["\x00", "[" * 5000, '"' + "x" * 70_000]
    wrong += ['{"type": "text", "number": 1, "text": "x", "seconds": 1e999}']
    wrong += ['{"type": "text", "number": 1, "text": "\\ud800"}']
    wrong += [struct.pack("<BId", FRAME, 4, value) for value in (float("nan"), float("inf"))]
    with served(folder) as client, connected(client) as socket:
        begin(socket)
        for k in range(1000):
            one = wrong[k] if k < len(wrong) else rng.bytes(rng.integers(0, 12))
            send = socket.send_text if isinstance(one, str) else socket.send_bytes
            send(one)
            assert socket.receive_json()["type"] == "error"
        socket.send_bytes(message(FRAME, 9, frame))
        assert socket.receive_json()["number"] == 9


def test_the_number_of_a_malformed_text_is_kept(folder):
    with served(folder) as client, connected(client) as socket:
        socket.send_json({"type": "text", "number": 12})
        reply = socket.receive_json()
        assert (reply["number"], reply["why"]) == (12, "text.text: Field required")


def test_words_and_rules(folder):
    rule = Rule("cross", (Condition("anger", True, 0.4),), note="speak softly")
    rules = Rules("research", (rule,))
    with served(folder, rules) as client, connected(client) as socket:
        assert "rules are for 'research'" in begin(socket, "words", purpose="personal")["why"]
        begin(socket, "words")
        for number, text in enumerate(("Thank you!", "I am so angry at you!"), 1):
            socket.send_json({"type": "text", "number": number, "text": text})
        replies = [socket.receive_json() for _ in range(3)]
        assert [r["number"] for r in replies if r["type"] == "result"] == [1, 2]
        (note,) = [r for r in replies if r["type"] == "note"]
        assert (note["rule"], note["note"]) == ("cross", "speak softly")
        assert note["values"]["anger"] > 0.4
        socket.send_text('{"type": "text", "number": 3, "text": "x", "seconds": 1e999}')
        assert (reply := socket.receive_json())["type"] == "error"
        assert "finite number" in reply["why"]
        socket.send_json({"type": "stop"})
        assert socket.receive_json()["type"] == "stopped"


def test_two_pages_at_once_and_no_more_than_allowed(folder, frame):
    with served(folder, sessions=2) as client, connected(client) as one, connected(client) as two:
        for socket in (one, two):
            assert begin(socket)["type"] == "started"
            socket.send_bytes(message(FRAME, 1, frame))
        assert [s.receive_json()["number"] for s in (one, two)] == [1, 1]
        with connected(client) as three, pytest.raises(WebSocketDisconnect) as full:
            three.receive_json()
        assert (full.value.code, full.value.reason) == (1013, "2 sessions are open already")


def test_a_session_ends_when_its_time_is_over(folder):
    with (
        served(folder, session_s=0.05) as client,
        connected(client) as socket,
        pytest.raises(WebSocketDisconnect),
    ):
        socket.receive_json()


def test_of_several_faces_nobody_is_read(frame):
    pixels = np.asarray(Image.open(io.BytesIO(frame)))
    both = np.hstack([pixels, pixels])
    found = LiveReader("ada").picture(both)
    assert [one.abstains for one in found] == [True, True]
    assert "several faces" in found[0].because
    assert all(one.box for one in found)
    assert [one.abstains for one in LiveReader(None).picture(both)] == [False, False]


def test_sound_is_read_about_once_a_second():
    reader = LiveReader("ada", ["voice"], 48_000)
    quarter = (np.zeros(12_000, np.int16)).tobytes()
    found = [reader.sound(quarter) for _ in range(8)]
    assert [one is not None for one in found] == 2 * [False, False, False, True]
    assert found[7].because.startswith("silence")
    assert found[7].end_s == pytest.approx(2.0, abs=0.05)
    with pytest.raises(InputError, match="16-bit samples"):
        reader.sound(b"x")


@pytest.mark.parametrize(
    ("given", "message_"),
    [
        ((None, ["smell"]), "live are face, voice, words; got 'smell'"),
        ((None, ["voice"], 1000), "8,000 to 192,000 samples"),
    ],
)
def test_what_cannot_be_read_live(given, message_):
    with pytest.raises(InputError, match=message_):
        LiveReader(*given)
    with pytest.raises(InputError, match="faces are not read in this session"):
        LiveReader(None, ["words"]).frame(b"")
    assert json.dumps(START)
