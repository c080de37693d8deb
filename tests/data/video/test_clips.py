"""Tables of clips, and what becomes of rows that can't be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectome.data.video import Region
from affectome.data.video.clips import clip_of, read_clips
from affectome.errors import InputError
from affectome.features.hog import HogSettings, describe_clips, stream_film
from affectome.features.motion import motion_energy, motion_map
from films import noise, write_film

SMALL = HogSettings(orientations=4, cell=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("films")
    write_film(made / "a.mp4", noise(80, 48, 64), options={"movflags": "faststart"})
    write_film(made / "b.mp4", noise(80, 48, 64, seed=1))
    cut = (made / "a.mp4").read_bytes()
    (made / "cut.mp4").write_bytes(cut[: len(cut) * 2 // 3])
    (made / "none.mp4").write_bytes(b"")
    write_film(made / "blank.mp4", list(np.full((80, 48, 64), 90, np.uint8)))
    write_film(made / "frozen.avi", [noise(1)[0]] * 80, codec="png", pixels="gray")
    return made


def table(folder: Path, *rows: dict[str, object]) -> Path:
    whole = [{"file": "a.mp4", "subject": "m1", "event": "shock", "onset": 2.0, **r} for r in rows]
    pd.DataFrame(whole).to_csv(folder / "clips.csv", index=False)
    return folder / "clips.csv"


def test_rows_become_clips(folder: Path) -> None:
    path = table(folder, {"region": "8,0,32,48", "mask": "8,0,4,4;20,0,4,4", "intensity": 3})
    catalog = read_clips(path, 1, 1)
    assert catalog.skipped == ()
    assert catalog.table["session"].tolist() == ["a"]
    clip = clip_of(catalog.table.to_dict("records")[0])
    assert (clip.onset, clip.region) == (2.0, Region(8, 0, 32, 48))
    image = np.full((48, 64), 9, np.uint8)
    cut = clip.cut(image)
    assert cut.shape == (48, 32)
    assert (cut[:4, :4].max(), cut[:4, 12:16].max(), cut[5:].min()) == (0, 0, 9)
    assert image.min() == 9


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"file": "missing.mp4"}, "there is no video"),
        ({"file": "none.mp4"}, "can't be opened as a video"),
        ({"region": "60,0,10,10"}, "region 60,0,10,10 leaves the frame, which is 64"),
        ({"mask": "0,40,10,10"}, "region 0,40,10,10 leaves the frame"),
        ({"region": "here"}, "a region is x,y,w,h"),
        ({"onset": 9}, "event at 9 s is after the end of the film, which is 4 s long"),
        ({"onset": 3.5}, "does not hold 1 s before and 1 s after the event at 3.5 s"),
        ({"onset": "soon"}, "onset 'soon' is not a number"),
        ({"onset": -1}, "give seconds from the start"),
        ({"subject": None}, "no subject in this row"),
        ({"rate": 60}, "table says 60 frames/s, the film says 20"),
        ({"intensity": "strong"}, "intensity 'strong' is not a number"),
        ({}, "the same clip as row 2, which is kept"),
    ],
)
def test_bad_rows_are_skipped_and_the_rest_goes_on(
    folder: Path, bad: dict[str, object], why: str
) -> None:
    catalog = read_clips(table(folder, {"intensity": 1}, {"intensity": 1, **bad}), 1, 1)
    assert len(catalog) == 1
    assert len(catalog.skipped) == 1
    assert why in catalog.skipped[0].why
    assert "clips.csv row 3" in catalog.skipped[0].file


def test_one_bad_intensity_leaves_the_others_numbers(folder: Path) -> None:
    catalog = read_clips(table(folder, {"intensity": 1}, {"onset": 2.5, "intensity": "x"}), 1, 1)
    assert catalog.table["intensity"].tolist() == [1.0]


def test_empty_cells_mean_the_whole_frame() -> None:
    for nothing in ("", None, float("nan")):
        clip = clip_of({"file": "a.mp4", "onset": 1, "region": nothing, "mask": nothing})
        assert (clip.region, clip.mask) == (None, ())


def test_tables_that_can_not_be_used(folder: Path) -> None:
    with pytest.raises(InputError, match="no usable clip"):
        read_clips(table(folder, {"onset": 99}), 1, 1)
    (folder / "short.csv").write_text("file,subject\na.mp4,m1\n")
    with pytest.raises(InputError, match="no column 'event'"):
        read_clips(folder / "short.csv", 1, 1)
    with pytest.raises(InputError, match="there is no file or folder"):
        read_clips(folder / "other.csv", 1, 1)


def test_clips_of_one_film_are_described_as_if_alone(folder: Path) -> None:
    rows = [{"onset": 1.5}, {"onset": 2.0, "region": "0,0,64,48"}, {"file": "b.mp4"}]
    together = describe_clips(read_clips(table(folder, *rows), 1, 1), 1, 1, SMALL)
    assert together.hog.dims == ("trial", "time", "unit")
    assert together.hog.shape == (3, 40, 3 * 4 * 4)
    for number, row in enumerate(rows):
        alone = describe_clips(read_clips(table(folder, row), 1, 1), 1, 1, SMALL)
        np.testing.assert_array_equal(alone.hog.values[0], together.hog.values[number])
        np.testing.assert_allclose(alone.motion[0], together.motion[number])


def test_the_stream_of_a_film_gives_the_clips_numbers(folder: Path) -> None:
    catalog = read_clips(table(folder, {"onset": 2.0}), 1, 1)
    clip = describe_clips(catalog, 1, 1, SMALL)
    parts = list(stream_film(folder / "a.mp4", settings=SMALL, start=1, stop=3, size=16))
    assert [len(p.times) for p in parts] == [16, 16, 8]
    np.testing.assert_array_equal(np.concatenate([p.hog for p in parts]), clip.hog.values[0])
    motion = np.concatenate([p.motion for p in parts])
    np.testing.assert_allclose(motion[1:], clip.motion[0][1:])


def test_films_of_two_rates_meet_on_one_grid(folder: Path, tmp_path: Path) -> None:
    fast = write_film(tmp_path / "fast.mp4", noise(160), rate=40)
    rows = [{"onset": 2.0}, {"file": str(fast), "onset": 2.0}]
    found = describe_clips(read_clips(table(folder, *rows), 1, 1), 1, 1, SMALL)
    np.testing.assert_allclose(found.hog["time"], np.arange(-20, 20) / 20)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"file": "blank.mp4"}, "blank: no frame has any contrast"),
        ({"file": "frozen.avi"}, "frozen: all its 40 frames are the same"),
        ({"file": "cut.mp4"}, "the file is cut off"),
        ({"region": "0,0,32,48"}, "its frames are 32×48, the first clip's 64×48"),
    ],
)
def test_clips_without_a_picture_are_skipped(
    folder: Path, bad: dict[str, object], why: str
) -> None:
    path = table(folder, {"file": "b.mp4"}, {"onset": 2.5, **bad})
    found = describe_clips(read_clips(path, 1, 1), 1, 1, SMALL)
    assert found.hog.sizes["trial"] == 1
    assert why in found.skipped[0].why
    region = f", region {bad['region']}" if "region" in bad else ""
    assert found.skipped[0].file == f"{bad.get('file', 'a.mp4')} at 2.5 s{region}"


def test_nothing_left(folder: Path) -> None:
    with pytest.raises(InputError, match="no clip could be described; the first: blank"):
        describe_clips(read_clips(table(folder, {"file": "blank.mp4"}), 1, 1), 1, 1, SMALL)


def test_units_say_where_they_lie() -> None:
    units = HogSettings(orientations=2, cell=8, block=2).units(24, 16)
    assert len(units) == 2 * 1 * 4 * 2
    assert units.iloc[-1].tolist() == [2, 1, 1]
    assert HogSettings(cell=8, block=2).describe(noise(2, 24, 16)).shape == (2, 2 * 1 * 4 * 8)


def test_motion_is_the_mean_change() -> None:
    images = noise(5)
    change = np.abs(np.diff(images.astype(float), axis=0))
    np.testing.assert_allclose(motion_energy(images)[1:], change.mean(axis=(1, 2)))
    assert motion_energy(images)[0] == motion_energy(images)[1]
    np.testing.assert_allclose(motion_map(images), change.mean(axis=0), rtol=1e-6)
    with pytest.raises(InputError, match="two frames or more"):
        motion_energy(images[:1])
