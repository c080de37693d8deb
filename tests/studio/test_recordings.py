import json
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from affectome.errors import InputError
from affectome.safeguards import ConsentError, permit, record_consent, withdraw
from affectome.studio import app as app_module
from affectome.studio import recordings as kept
from affectome.studio.recordings import LockedError, Recorder, pieces, recordings
from live_sessions import begin, connected, message, served

WORDS = "correct horse"
TODAY = kept.today()


def made(until=TODAY, person="ada"):
    recorder = Recorder(person, "research", until, WORDS)
    recorder.add(kept.FRAME, 0.5, b"a face that nobody else may see")
    recorder.add(kept.READINGS, 0.5, b"[]")
    recorder.close()
    (file,) = Path(".affectome/recordings").glob(f"{recorder.name}.recording")
    return recorder.name, file


def test_only_the_passphrase_opens_it():
    name, file = made()
    assert b"a face" not in file.read_bytes()
    assert WORDS.encode() not in b"".join(one.read_bytes() for one in file.parent.iterdir())
    assert file.with_suffix(".secret").stat().st_mode & 0o77 == 0
    assert [(p.kind, p.seconds) for p in pieces(name, WORDS)] == [(1, 0.5), (3, 0.5)]
    with pytest.raises(LockedError, match="the passphrase is another, or it was changed"):
        list(pieces(name, "wrong horse"))


def test_a_changed_byte_a_moved_piece_and_a_later_day_are_found():
    name, file = made()
    whole = file.read_bytes()
    head = whole.index(b"\n") + 1
    later = whole.replace(TODAY.isoformat().encode(), b"2999-01-01", 1)
    for wrong in (whole[:-1] + bytes([whole[-1] ^ 1]), later, whole[:head] + whole[head + 72 :]):
        file.write_bytes(wrong)
        with pytest.raises(LockedError):
            list(pieces(name, WORDS))
    file.write_bytes(whole[:-5])  # killed while it wrote
    assert len(list(pieces(name, WORDS))) == 1


def test_an_expired_recording_is_gone_and_no_copy_opens(monkeypatch, tmp_path):
    name, file = made()
    copy = file.read_bytes()
    monkeypatch.setattr(kept, "today", lambda: TODAY + timedelta(days=1))
    assert recordings() == []
    assert not list(file.parent.iterdir())
    file.write_bytes(copy)
    monkeypatch.setattr(kept, "today", lambda: TODAY)
    with pytest.raises(LockedError, match="nobody can open it"):
        list(pieces(name, WORDS))
    with pytest.raises(InputError, match="has already passed"):
        Recorder("ada", "research", TODAY - timedelta(days=1), WORDS)


def test_a_recording_that_has_just_begun_is_listed():
    recorder = Recorder("ada", "research", TODAY, WORDS)
    assert [one.name for one in recordings()] == [recorder.name]
    recorder.add(kept.FRAME, 0.5, b"a face")
    recorder.close()
    assert [p.content for p in pieces(recorder.name, WORDS)] == [b"a face"]


def test_what_was_opened_is_gone_with_its_recording(folder):
    record_consent("ada", "research")
    name, _ = made()
    with served(folder) as client:
        handle = client.post(f"/recordings/{name}/open", json={"passphrase": WORDS}).json()[
            "handle"
        ]
        assert client.get(f"/recordings/frames/{handle}/0").status_code == 200
        withdraw("ada")
        assert client.get(f"/recordings/frames/{handle}/0").status_code == 404


def test_a_studio_that_keeps_running_destroys_what_has_expired(folder, monkeypatch):
    _, file = made()
    monkeypatch.setattr(app_module, "LOOK_EVERY_S", 0.01)
    with served(folder):
        assert file.exists()
        monkeypatch.setattr(kept, "today", lambda: TODAY + timedelta(days=1))
        for _ in range(200):
            if not file.exists():
                break
            time.sleep(0.02)
        assert not list(file.parent.iterdir())


def test_a_withdrawal_destroys_it():
    for person in ("ada", "eve"):
        record_consent(person, "research")
    _, file = made()
    made(person="eve")
    assert file.resolve() in withdraw("ada")
    assert [one.person for one in recordings()] == ["eve"]
    assert len(list(file.parent.iterdir())) == 2


@pytest.mark.parametrize("name", ["../people", "gone", "", "a/b", "x" * 99])
def test_no_other_file_is_opened(name):
    made()
    with pytest.raises(InputError, match="there is no such recording"):
        list(pieces(name, WORDS))


def test_to_be_read_is_not_to_be_recorded():
    record_consent("ada", "research")
    assert permit("face", "research", "ada") == "research"
    with pytest.raises(ConsentError, match="not to recording for research"):
        permit("recording", "research", "ada")


def test_a_session_is_recorded_on_a_second_consent(folder, frame):
    record = {"agreed": False, "until": str(date.max), "passphrase": WORDS}
    with served(folder) as client:
        with connected(client) as socket:
            stopped = begin(socket, record=record)
            assert stopped["why"] == "not agreed: nothing is read or recorded"
            record["passphrase"] = "short"
            assert "at least 8 characters" in begin(socket, record=record)["why"]
            record |= {"agreed": True, "passphrase": WORDS}
            assert begin(socket, record=record)["recorded"] == str(date.max)
            socket.send_bytes(message(1, 1, frame, 0.25))
            read = socket.receive_json()["readings"]
            begin(socket)  # without one nothing is recorded any more
            socket.send_bytes(message(1, 2, frame, 0.5))
            socket.receive_json()
        (one,) = client.get("/recordings").json()
        assert (one["person"], one["until"]) == ("ada", str(date.max))
        place = f"/recordings/{one['name']}"
        assert client.post(f"{place}/open", json={"passphrase": "wrong horse"}).status_code == 403
        opened = client.post(f"{place}/open", json={"passphrase": WORDS}).json()
        (moment,) = opened["moments"]
        assert moment == {"seconds": 0.25, "readings": read, "frame": 0}
        assert client.get(f"/recordings/frames/{opened['handle']}/0").content == frame
        for wrong in (f"{opened['handle']}/1", f"{opened['handle']}/-1", "guess/0"):
            assert client.get(f"/recordings/frames/{wrong}").status_code == 404
        assert client.delete(place).status_code == 204
        assert client.get("/recordings").json() == []
        assert client.get(f"/recordings/frames/{opened['handle']}/0").status_code == 404
        assert client.delete(place).status_code == 422


def test_nothing_is_read_once_the_log_was_changed(folder, frame):
    with served(folder) as client, connected(client) as socket:
        begin(socket)
        log = Path(".affectome/log.jsonl")
        content = log.read_bytes()
        log.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
        assert "was changed since it was last written" in begin(socket)["why"]
        about = {"modality": "face", "purpose": "research", "person": "ada"}
        refused = client.post("/read", files={"file": ("a.jpg", frame)}, data=about)
        assert refused.status_code == 403
    assert json.loads(content.splitlines()[0])["event"] == "consent"
