import io
import json
import struct
import tempfile
import zlib
from pathlib import Path

import pytest
from PIL import Image

from affectome.cli import main
from affectome.people import read
from affectome.studio.answers import ReadAnswer
from affectome.studio.readers import shown_name


def printed(capsys, *words):
    with pytest.raises(SystemExit):
        main(["read", *words, "--json"])
    return capsys.readouterr().out


def bomb(side):
    """A PNG of one colour that says it is ``side`` pixels wide and high."""

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_texts_answer_what_the_command_prints(client, capsys):
    text = "Thank you so much! I was angry, though."
    lines = client.post("/read", json={"text": text}, headers={"accept": "application/x-ndjson"})
    assert lines.text == printed(capsys, "--text", text)
    answer = client.post("/read", json={"text": text})
    assert answer.json()["readings"] == [json.loads(lines.text)]
    ReadAnswer.model_validate(answer.json())


def test_many_texts_are_read_without_explanation_unless_they_are_few(client):
    many = client.post("/read", json={"texts": ["I love it", "I hate it"] * 11}).json()["readings"]
    assert [r["labels"] for r in many[:2]] == [["love"], read("I hate it").to_dict()["labels"]]
    assert not many[0]["attribution"]
    short = {"text": "I love it", "explain": False}
    assert not client.post("/read", json=short).json()["readings"][0]["attribution"]
    assert client.post("/read", json={"text": "I love it"}).json()["readings"][0]["attribution"]


def test_a_file_is_read_as_the_command_reads_it(client, capsys, tmp_path):
    (tmp_path / "a.txt").write_text("I love it")
    sent = client.post("/read", files={"file": ("../../a.txt", b"I love it")}).json()["readings"]
    expected = json.loads(printed(capsys, "a.txt"))
    assert sent == [expected]


def test_uploads_are_gone_and_never_had_their_own_name(client, monkeypatch, tmp_path):
    seen = []
    remove = tempfile.TemporaryDirectory.cleanup

    def watched(self):
        seen.extend(path.name for path in Path(self.name).iterdir())
        remove(self)
        assert not Path(self.name).exists()

    monkeypatch.setattr(tempfile.TemporaryDirectory, "__exit__", lambda self, *_: watched(self))
    client.post("/read", files={"file": ("secret.txt", b"I love it")})
    client.post("/read", files={"file": ("secret.wav", b"no sound")}, data={"purpose": "research"})
    assert seen == ["upload.txt", "upload.wav"]


def test_a_table_asks_for_its_column(client):
    table = {"file": ("t.csv", b"who,said\na,I love it\nb,\n")}
    asked = client.post("/read", files=table)
    assert asked.status_code == 422
    assert asked.json() == {
        "error": "t.csv is a table; say which column holds the texts",
        "columns": ["who", "said"],
    }
    read_ = client.post("/read", files=table, data={"column": "said"}).json()["readings"]
    assert [(r["row"], r["abstains"]) for r in read_] == [(1, False), (2, True)]
    wrong = client.post("/read", files=table, data={"column": "gone"}).json()["error"]
    assert wrong == "t.csv has no column 'gone'; it has who, said"


def test_faces_need_a_purpose_and_consent_where_it_is_kept(client, portrait, capsys):
    face = {"files": {"file": ("p.png", portrait)}, "data": {"modality": "face"}}
    refused = client.post("/read", **face)
    assert refused.status_code == 403
    assert "needs a declared purpose" in refused.json()["error"]
    face["data"]["purpose"] = "workplace"
    refused = client.post("/read", **face)
    assert refused.status_code == 403
    assert "Article 5(1)(f)" in refused.json()["error"]
    face["data"]["purpose"] = "research"
    reading = client.post("/read", **face).json()["readings"][0]
    assert reading["labels"] == ["happiness"]
    assert {part for part, _ in reading["attribution"]} >= {"mouth", "eyes"}
    with pytest.raises(SystemExit):
        main(["privacy", "consent", "ada", "--purpose", "research"])
    assert client.post("/read", **face).status_code == 403
    face["data"]["person"] = "ada"
    assert client.post("/read", **face).status_code == 200


def test_modalities_are_pooled(client, portrait):
    answer = client.post(
        "/read",
        files={"file": ("p.png", portrait)},
        data={"text": "I am so happy!", "modality": "face", "purpose": "research"},
    ).json()
    ReadAnswer.model_validate(answer)
    assert answer["fused"]["reading"]["labels"] == ["happiness"]
    assert sum(answer["fused"]["shares"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ({"json": {}}, 422, "nothing to read"),
        ({"json": {"texts": ["x"] * 513}}, 422, "give 1 to 512 texts; got 513"),
        ({"json": {"text": 3}}, 422, "text: Input should be a valid string"),
        ({"json": {"more": 3}}, 422, "more: Extra inputs are not permitted"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 422, "Invalid JSON"),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415, "multipart/form-data"),
        ({"data": {"text": "x", "model": "/etc"}, "files": {"file": b""}}, 422, "got 'model'"),
        ({"files": {"file": ("x.png", b"")}}, 422, "x.png is empty (0 bytes)"),
        (
            {"files": {"file": ("x.png", bomb(100_000))}},
            422,
            "x.png would unpack to more than 89,478,485",
        ),
        (
            {"files": {"file": ("x.xyz", b"x")}},
            422,
            "x.xyz: nothing reads files that end in '.xyz'",
        ),
        (
            {"files": [("file", ("x.txt", b"x"))] * 17},
            400,
            "Too many files. Maximum number of files is 16.",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line(client, given, status, message):
    answer = client.post("/read", **given)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert message in answer.json()["error"]
    assert "/tmp" not in answer.json()["error"]


def test_one_bad_file_of_several_is_skipped(client):
    files = [("file", ("a.txt", b"I love it")), ("file", ("b.txt", b"\x00" * 99))]
    answer = client.post("/read", files=files).json()
    assert len(answer["readings"]) == 1
    assert answer["skipped"][0]["file"] == "b.txt"
    assert answer["skipped"][0]["why"].startswith("b.txt is not text")


def test_a_name_is_shown_without_its_path_and_what_cannot_be_shown():
    assert shown_name("..\\..\\a\x00\n<b>.txt") == "a<b>.txt"
    assert shown_name("/") == "file"
    assert len(shown_name("x" * 999)) == 200


def test_a_jpeg_of_a_picture_is_read_by_what_it_evokes(client, portrait):
    buffer = io.BytesIO()
    Image.open(io.BytesIO(portrait)).convert("RGB").save(buffer, "JPEG")
    reading = client.post("/read", files={"file": ("p.jpg", buffer.getvalue())}).json()["readings"]
    assert reading[0]["modality"] == "pictures"
    assert reading[0]["valence"]["interval"][0] < reading[0]["valence"]["value"]


def test_models_health_and_metrics(client):
    client.post("/read", json={"text": "I love it"})
    assert {model["name"] for model in client.get("/models").json()} >= {"face", "voice"}
    health = client.get("/health").json()
    assert (health["status"], health["loaded"]) == ("ok", ["words"])
    text = client.get("/metrics").text
    assert 'affectome_readings_total{abstains="false",modality="words"} 1.0' in text
    assert "love" not in text
