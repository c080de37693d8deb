import json
import os
import signal
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from affectome.cli import live as live_command
from affectome.cli import main
from affectome.errors import MissingExtraError
from affectome.people.reading import Reading
from affectome.safeguards import export_person, record_consent, withdraw
from affectome.studio.capture import Mailbox, Moment
from affectome.studio.headless import Stream, write_live


def run(capsys, *words):
    with pytest.raises(SystemExit) as caught:
        main(["live", *words])
    captured = capsys.readouterr()
    return caught.value.code or 0, captured.out, captured.err


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """A second of a face, at a rate that varies."""
    av = pytest.importorskip("av")
    skimage = pytest.importorskip("skimage")
    face = Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB")
    face = face.resize((320, 240), box=(64, 20, 384, 260))
    file = tmp_path_factory.mktemp("film") / "face.mp4"
    with av.open(str(file), "w") as out:
        stream = out.add_stream("h264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for at in (0, 2, 9, 12, 20, 21, 22, 30):
            frame = av.VideoFrame.from_image(face)
            frame.pts = at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file


def test_a_film_of_variable_rate_is_read_at_its_own_pace(film, capsys):
    (Path("r.toml")).write_text(
        'purpose = "research"\n[[rule]]\nname = "smile"\nwhen = "happiness > .5"\nnote = "hello"\n'
    )
    words = ["--source", str(film), "--purpose", "research", "--person", "ada"]
    status, out, err = run(capsys, *words, "--json", "--out", "t.parquet", "--rules", "r.toml")
    assert status == 0
    read = [json.loads(line) for line in out.splitlines()]
    times = {round(k / 30, 3) for k in (0, 2, 9, 12, 20, 21, 22, 30)}
    assert {round(one["start_s"], 3) for one in read} <= times
    assert all(one["labels"] == ["happiness"] for one in read)
    table = pd.read_parquet("t.parquet")
    assert len(table) == len(read)
    assert set(table["person"]) == {"ada"}
    assert err.count("rule smile: hello") == 1
    assert "readings: t.parquet" in err


def test_a_sound_is_heard(tmp_path, capsys):
    with wave.open("quiet.wav", "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(2 * 24_000))
    status, out, _ = run(capsys, "--source", "quiet.wav", "--purpose", "research", "--json")
    (read,) = [json.loads(line) for line in out.splitlines()]
    assert (status, read["modality"], read["abstains"]) == (0, "voice", True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give --source FILE, or --camera 0 and --microphone"),
        (["--source", "gone.mp4"], "gone.mp4: there is no such file"),
        (["--source", "x.mp4", "--camera", "0"], "give --source FILE, or --camera 0"),
        (["--camera", "99", "--purpose", "research"], "the camera /dev/video99 can't be opened"),
        (["--camera", "0"], "needs a declared purpose"),
        (["--camera", "0", "--purpose", "workplace"], "Article 5(1)(f)"),
        (["--source", "empty.wav", "--purpose", "research"], "empty.wav: there is no sound in it"),
        (["--source", "x", "--out", "t.txt"], "are written to a table, .parquet or .csv"),
        (["--source", "x", "--rules", "gone.toml"], "gone.toml can't be read as rules"),
    ],
)
def test_what_cannot_be_read_is_one_line(capsys, words, message):
    Path("empty.wav").touch()
    status, _, err = run(capsys, *words)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


def test_what_was_read_is_written_when_it_is_ended(film, capsys, monkeypatch):
    def ended(*_):
        yield Reading("face", {"anger": 0.5}, start_s=0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(live_command, "read_live", ended)
    status, _, err = run(capsys, "--source", str(film), "--out", "t.csv")
    assert status == 0
    assert "ended" in err
    assert len(pd.read_csv("t.csv")) == 1


def test_what_is_refused_leaves_an_earlier_table_as_it_was(film, capsys):
    Path("t.csv").write_text("earlier")
    words = ["--source", str(film), "--out", "t.csv", "--purpose", "workplace"]
    status, _, err = run(capsys, *words)
    assert status == 2
    assert "readings:" not in err
    assert Path("t.csv").read_text() == "earlier"


def test_a_camera_that_is_unplugged_keeps_what_was_read(capsys, monkeypatch):
    av = pytest.importorskip("av")

    class Camera:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def decode(self, **_):
            yield av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            raise av.error.OSError(19, "No such device", "/dev/video0")

    monkeypatch.setattr(av, "open", lambda *_, **__: Camera())
    words = ["--camera", "0", "--purpose", "research", "--out", "t.csv"]
    status, _, err = run(capsys, *words)
    assert status == 2
    assert "the camera was lost" in err
    assert "Traceback" not in err
    assert len(pd.read_csv("t.csv")) == 1


@pytest.mark.slow
def test_another_program_receives_the_stream():
    pylsl = pytest.importorskip("pylsl")
    stream = Stream("face", ["anger", "neutral"])
    found = pylsl.resolve_byprop("name", "affectome-face", timeout=5)
    if not found:
        pytest.skip("multicast is not allowed here")
    inlet = pylsl.StreamInlet(found[0])
    inlet.open_stream(timeout=5)
    info = inlet.info(timeout=5)
    channel, labels = info.desc().child("channels").child("channel"), []
    while not channel.empty():
        labels.append(channel.child_value("label"))
        channel = channel.next_sibling()
    assert labels == ["anger", "neutral", "abstains"]
    stream.push(Reading("face", {"anger": 0.25, "neutral": 0.75}))
    stream.push(Reading("face", abstains=True, because="no face"))
    assert inlet.pull_sample(timeout=5)[0] == [0.25, 0.75, 0.0]
    values, _ = inlet.pull_sample(timeout=5)
    assert np.isnan(values[:2]).all()
    assert values[2] == 1.0


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_a_withdrawal_finds_live_readings(name):
    record_consent("ada", "research")
    record_consent("eve", "research")
    write_live(Path(name), [Reading("face", person="ada"), Reading("face", person="eve")])
    held = export_person("ada")["readings"]
    assert [one["reading"]["person"] for one in held] == ["ada"]
    assert withdraw("ada") == [Path(name).resolve()]
    read = pd.read_parquet if name.endswith("parquet") else pd.read_csv
    assert list(read(name)["person"]) == ["eve"]
    assert withdraw("ada") == []


def test_frames_that_wait_are_replaced_and_sound_is_not():
    box = Mailbox()
    frame, sound = np.zeros((2, 2, 3), np.uint8), np.zeros(4, np.float32)
    box.fill(iter([Moment(k, frame) for k in range(5)]))
    box.fill(iter([Moment(k, sound) for k in range(5)]))
    while box._sources:
        pass
    found = list(box)
    assert [(one.is_frame, one.seconds) for one in found] == [
        *((False, k) for k in range(5)),
        (True, 4),
    ]
    assert box.dropped == 4


def test_a_stream_of_lab_streaming_layer():
    pylsl = pytest.importorskip("pylsl")
    stream = Stream("face", ["anger", "neutral"])
    info = stream._outlet.get_info()
    assert (info.name(), info.channel_count(), info.type()) == ("affectome-face", 3, "Emotion")
    assert info.nominal_srate() == pylsl.IRREGULAR_RATE
    stream.push(Reading("face", {"anger": 0.25, "neutral": 0.75}))
    assert issubclass(MissingExtraError, ImportError)
