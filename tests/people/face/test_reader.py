import json
import re

import numpy as np
import pytest
from PIL import Image

from affectome.cli import main
from affectome.errors import InputError
from affectome.people.face.detector import find_faces
from affectome.people.face.reader import PARTS, FaceReader
from films import write_film

pytest.importorskip("onnxruntime")


def save(tmp_path, picture, name="a.png"):
    Image.fromarray(picture).save(tmp_path / name)
    return tmp_path / name


def read(folder, file, **options):
    return list(FaceReader(folder, **options).read_file(file))


def test_a_face_is_found_where_it_is(astronaut):
    (face,) = find_faces(astronaut)
    x, y, width, height = face.box
    assert 160 < x < 200
    assert 40 < y < 80
    assert 70 < width < 110
    assert 100 < height < 140
    left, right, nose, *mouth = face.points
    assert left[0] < nose[0] < right[0]
    assert nose[1] < min(point[1] for point in mouth)


def test_a_reading_has_a_box_probabilities_and_what_it_rests_on(astronaut, untrained, tmp_path):
    (reading,) = read(untrained, save(tmp_path, astronaut))
    assert sum(reading.emotions.values()) == pytest.approx(1)
    assert reading.labels
    assert set(reading.labels) <= set(reading.set)
    assert reading.box[0] == pytest.approx(181, abs=5)
    assert [part for part, _ in reading.attribution] == list(PARTS)
    assert reading.valence is None
    assert reading.arousal is None


def test_several_faces_from_left_to_right(astronaut, untrained, tmp_path):
    head = astronaut[20:220, 120:320]
    row = np.concatenate([head, head[:, ::-1], head], axis=1)
    readings = read(untrained, save(tmp_path, row))
    assert len(readings) == 3
    lefts = [reading.box[0] for reading in readings]
    assert lefts == sorted(lefts)


def test_beside_the_one_who_is_named_nobody_is_read(astronaut, untrained, tmp_path):
    head = astronaut[20:220, 120:320]
    picture = save(tmp_path, np.concatenate([head, head[:, ::-1]], axis=1))
    readings = list(FaceReader(untrained).read_file(picture, "ada"))
    assert len(readings) == 2
    assert all("it is not known which is that of" in reading.because for reading in readings)
    assert all(not reading.emotions and not reading.attribution for reading in readings)
    (alone,) = FaceReader(untrained).read_file(save(tmp_path, head, "b.png"), "ada")
    assert alone.labels
    both = np.concatenate([head, head], axis=1)
    one = np.concatenate([head, np.zeros_like(head)], axis=1)
    film = write_film(tmp_path / "a.mp4", [one] * 5 + [both] * 5, rate=5)
    read_there = [r.labels != () for r in FaceReader(untrained).read_file(film, "ada")]
    assert read_there == [False] * 15  # alone in a frame may be either


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda x: x[::-1, ::-1], "upside down"),
        (np.rot90, "on its side"),
        (lambda x: np.asarray(Image.fromarray(x).resize((72, 72))), "small|no face"),
        (lambda x: np.asarray(Image.fromarray(x).resize((24, 24)).resize((512, 512))), "."),
        (lambda x: x[250:, :100], "no face was found"),
        (np.zeros_like, "no face was found"),
    ],
)
def test_what_can_not_be_read_abstains(astronaut, untrained, tmp_path, change, why):
    readings = read(untrained, save(tmp_path, np.ascontiguousarray(change(astronaut))))
    assert all(reading.abstains for reading in readings)
    assert all(not reading.emotions for reading in readings)
    assert re.search(why, readings[0].because)


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA"])
def test_grey_and_other_modes_of_colour_are_read(astronaut, untrained, tmp_path, mode):
    file = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(astronaut).convert(mode).save(file)
    assert not read(untrained, file)[0].abstains


def test_swapped_channels_are_said(astronaut, untrained, tmp_path):
    (reading,) = read(untrained, save(tmp_path, astronaut[..., ::-1]))
    assert "channels swapped" in reading.notes[0]


def test_noise_has_no_face(untrained, tmp_path):
    rng = np.random.default_rng(0)
    for k in range(5):
        noise = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
        assert read(untrained, save(tmp_path, noise, f"{k}.png"))[0].because == "no face was found"


def test_crops_are_taken_whole_and_blurred_ones_abstain(astronaut, untrained, tmp_path):
    crop = astronaut[60:180, 170:290]
    (reading,) = read(untrained, save(tmp_path, crop), cropped=True)
    assert reading.box is None
    assert not reading.abstains
    blurred = np.asarray(Image.fromarray(crop).resize((5, 5)).resize((120, 120), 2))
    (reading,) = read(untrained, save(tmp_path, blurred), cropped=True)
    assert reading.because == "the face is blurred"


def test_a_film_gives_a_row_a_face_a_frame_with_tracks(astronaut, untrained, tmp_path):
    head = astronaut[20:180, 140:300]
    images = []
    for k in range(20):
        frame = np.full((160, 480, 3), 90, np.uint8)
        frame[:, 2 * k : 2 * k + 160] = head
        if k >= 10:
            frame[:, 320:480] = head
        images.append(frame)
    film = write_film(tmp_path / "a.mp4", images, rate=10)
    readings = read(untrained, film)
    tracks = [reading.quality["track"] for reading in readings]
    assert tracks.count(1.0) == 10
    assert tracks.count(2.0) == 5
    times = sorted({reading.start_s for reading in readings})
    np.testing.assert_allclose(np.diff(times), 0.2, atol=1e-3)


def test_a_film_without_faces_abstains(untrained, tmp_path):
    film = write_film(tmp_path / "a.mp4", [np.zeros((64, 64, 3), np.uint8)] * 10, rate=10)
    (reading,) = read(untrained, film)
    assert reading.because == "no face was found in the film"
    assert reading.end_s == pytest.approx(0.9)


def test_files_that_are_no_pictures(untrained, tmp_path):
    (tmp_path / "a.png").write_bytes(b"none")
    with pytest.raises(InputError) as caught:
        read(untrained, tmp_path / "a.png")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="holds no model"):
        FaceReader(tmp_path)


def test_the_command_asks_for_a_purpose_and_takes_crops(
    astronaut, untrained, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    save(tmp_path, astronaut[60:180, 170:290], "crop.png")
    words = ["read", "crop.png", "--model", str(untrained), "--cropped", "--json"]
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "face needs a declared purpose" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main([*words, "--purpose", "research"])
    assert not caught.value.code
    assert json.loads(capsys.readouterr().out)["modality"] == "face"
