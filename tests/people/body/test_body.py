import json
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from affectome.errors import InputError
from affectome.features.body import FEATURES
from affectome.people.body.movement import stretches
from affectome.people.body.reader import BodyReader
from affectome.people.body.training import described
from films import write_film

SIDE = (96, 128)


def film(path, seconds, step, rate=10, seed=0):
    """A bright body of 20 × 40 pixels that goes to and fro, ``step`` pixels a frame."""
    rng = np.random.default_rng(seed)
    images, left, way = [], 10, step
    for _ in range(round(seconds * rate)):
        image = rng.normal(60, 2, SIDE)
        image[30:70, left : left + 20] = 200
        images.append(image.clip(0, 255).astype(np.uint8))
        if not 5 < left + way < 100:
            way = -way
        left += way
    return write_film(path, images, rate)


def test_a_film_gives_movement_every_five_seconds(tmp_path):
    slow, fast = (list(stretches(film(tmp_path / f"{step}.mp4", 12, step))) for step in (2, 6))
    assert [(one.start_s, one.end_s) for one in slow[:2]] == [(0.0, 5.0), (5.0, 10.0)]
    assert not any(one.because for one in slow + fast)
    for one, other in zip(slow, fast, strict=True):
        assert other.features["motion"] == pytest.approx(3 * one.features["motion"], rel=0.2)
        assert one.features["motion"] == pytest.approx(2 / 20, rel=0.3)


def test_a_long_film_is_held_half_a_minute_at_a_time(tmp_path):
    found = list(stretches(film(tmp_path / "a.mp4", 34, 4)))
    assert found[0].start_s == 0
    assert found[-1].end_s == pytest.approx(34, abs=0.3)
    starts = [one.start_s for one in found]
    assert starts == sorted(starts)
    motion = [one.features["motion"] for one in found]
    assert np.ptp(motion[:-1]) < 0.05


def test_a_still_film_and_a_moving_camera_are_not_measured(tmp_path):
    rng = np.random.default_rng(0)
    still = [np.full(SIDE, 90, np.uint8)] * 40
    (found,) = stretches(write_film(tmp_path / "still.mp4", still, 10))
    assert found.because == "no body is seen to move"
    scene = np.kron(rng.integers(0, 255, (24, 64)), np.ones((4, 4))).astype(np.uint8)
    pan = [scene[:, 3 * k : 3 * k + 128] for k in range(40)]
    (found,) = stretches(write_film(tmp_path / "pan.mp4", pan, 10))
    assert found.because.startswith("most of the picture changes")
    (reading,) = BodyReader().read_file(tmp_path / "pan.mp4")
    assert reading.abstains


def test_a_reading_has_movement_and_no_emotion(tmp_path):
    (reading,) = BodyReader().read_file(film(tmp_path / "a.mp4", 7, 4), "ada")
    assert not reading.emotions
    assert not reading.abstains
    assert set(reading.quality) == set(FEATURES)
    assert len(reading.parts) == 2
    assert "names no emotion by itself" in reading.notes[-1]
    assert repr(reading).startswith(f"Reading(body of {tmp_path / 'a.mp4'}): motion 0.")


def deeplabcut(path, bodies, speed=1.0):
    """Four corners of each body, drifting to the right."""
    head = [["scorer"], ["individuals"], ["bodyparts"], ["coords"]]
    columns = []
    for b in range(bodies):
        for k, (x, y) in enumerate([(0, 0), (0, 30), (40, 0), (40, 30)]):
            for name, values in (
                ("x", x + 200 * b + speed * np.arange(90)),
                ("y", np.full(90, float(y))),
                ("likelihood", np.ones(90)),
            ):
                for row, cell in zip(head, ("net", f"b{b}", f"p{k}", name), strict=True):
                    row.append(cell)
                columns.append(values)
    rows = [[str(n), *(f"{v:g}" for v in row)] for n, row in enumerate(np.array(columns).T)]
    path.write_text("\n".join(",".join(row) for row in head + rows))
    return path


def test_a_pose_table_gives_speed_in_sizes_of_the_body(tmp_path):
    (one,) = BodyReader().read_file(deeplabcut(tmp_path / "pose.csv", 1))
    assert one.quality["motion"] == pytest.approx(30 / 50)  # 1 pixel a frame, 30 a second
    assert "30 frames a second were assumed" in one.notes[0]
    film(tmp_path / "pose.mp4", 9, 4)  # ten a second
    (one,) = BodyReader().read_file(tmp_path / "pose.csv")
    assert one.quality["motion"] == pytest.approx(10 / 50)
    assert len(one.notes) == 1


def test_several_bodies_are_read_apart_but_not_where_one_is_named(tmp_path):
    file = deeplabcut(tmp_path / "pose.csv", 2)
    both = list(BodyReader().read_file(file))
    assert [one.quality["track"] for one in both] == [1.0, 2.0]
    (named,) = BodyReader().read_file(file, "ada")
    assert named.because.startswith("several people are there, and it is not known")
    assert not named.parts
    with pytest.raises(InputError, match="holds several bodies; training needs one a recording"):
        described(file)


def test_bodies_of_openpose_are_followed_by_where_they_are(tmp_path):
    body = np.array([[0.0, 0], [0, 30], [40, 0], [40, 30]])
    for frame in range(12):
        people = [body + np.array([left, 0]) for left in (frame, 300 + 2 * frame)]
        if frame % 2:
            people.reverse()  # the order in a frame says nothing
        flat = [np.c_[p, np.ones(4)].ravel().tolist() for p in people]
        content = {"people": [{"pose_keypoints_2d": one} for one in flat]}
        (tmp_path / f"a_{frame:012}_keypoints.json").write_text(json.dumps(content))
    motion = [one.quality["motion"] for one in BodyReader().read_file(tmp_path)]
    assert motion == pytest.approx([30 / 50, 60 / 50])


def test_a_film_of_two_people_is_not_read_where_one_is_named(tmp_path):
    pytest.importorskip("onnxruntime")
    portrait = Path(skimage.__file__).parent / "data" / "astronaut.png"
    head = np.asarray(Image.open(portrait).convert("RGB"))[20:220, 120:320]
    alone = np.concatenate([head, np.zeros_like(head)], 1)
    both = np.concatenate([head, head[:, ::-1]], 1)
    file = write_film(tmp_path / "a.mp4", [alone] * 10 + [both] * 10 + [alone] * 10, 10)
    (named,) = BodyReader().read_file(file, "ada")
    assert named.because.startswith("several people are there")
    assert not named.quality
    (unnamed,) = BodyReader().read_file(file)
    assert "several people" not in unnamed.because


def test_a_body_is_read_only_for_a_purpose(run, tmp_path):
    deeplabcut(tmp_path / "pose.csv", 1)
    status, _, err = run("read", "pose.csv", "--modality", "body")
    assert status == 2
    assert "reading a person's body needs a declared purpose" in err
    words = ("read", "pose.csv", "--modality", "body", "--purpose", "research", "--out", "run")
    status, out, _ = run(*words)
    assert status == 0
    assert "motion 0.6" in out
    assert "quality.motion" in (tmp_path / "run" / "readings.csv").read_text()
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<td>motion<td>0.6" in page


def test_pose_tables_are_read_only_where_they_are_named(run, tmp_path):
    deeplabcut(tmp_path / "pose.csv", 1)
    (tmp_path / "pose.json").write_text("[]")
    status, _, err = run("read", "pose.json", "--purpose", "research")
    assert status == 2
    assert "nothing reads files that end in '.json'" in err
    status, _, err = run("read", ".", "--modality", "body", "--purpose", "research")
    assert status == 1
    assert "names no key points" in err


@pytest.mark.slow
def test_a_model_of_own_bodies_tells_the_quick_from_the_slow(run, tmp_path):
    rows, rng = [], np.random.default_rng(0)
    for k in range(24):
        quick = rng.random() < 0.5
        deeplabcut(tmp_path / f"{k}.csv", 1, speed=1.0 + quick + 0.2 * np.sin(k))
        age = "old" if k // 4 % 2 else "young"
        rows.append(f"{k}.csv,{'excited' if quick else 'calm'},p{k // 4},{age}")
    (tmp_path / "table.csv").write_text("file,emotion,subject,age\n" + "\n".join(rows))
    words = ("train", "body", "table.csv", "--purpose", "research", "--permutations", 20)
    words += ("--group", "age")
    status, _, err = run(*words)
    assert status == 0
    assert "macro_auc 1.000" in err
    groups = json.loads((tmp_path / "model" / "result.json").read_text())["groups"]
    assert {one["group"] for one in groups["groups"]} == {"old", "young"}
    assert groups["found"] == []
    status, out, _ = run("read", "1.csv", "--modality", "body", "--model", "model")
    assert status == 0
    assert f"): {rows[1].split(',')[1]}" in out
