"""Films: what is decoded, and one line for each way that a film can be bad."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from affectome.data.video import (
    Region,
    batches,
    frame_times,
    frames,
    is_variable,
    parse_region,
    probe,
)
from affectome.errors import InputError
from films import noise, write_film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(
        tmp_path_factory.mktemp("film") / "film.mp4", noise(60), options={"movflags": "faststart"}
    )


def test_probe_says_what_the_film_is(film: Path) -> None:
    video = probe(film, rate=20)
    assert (video.width, video.height, video.rate, video.codec) == (64, 48, 20, "h264")
    assert video.duration == pytest.approx(3.0)


def test_frames_come_in_order_with_their_own_times(film: Path) -> None:
    given = list(frames(film))
    assert [f.seconds for f in given] == pytest.approx(np.arange(60) / 20)
    level = [f.image.mean() for f in given]
    assert np.corrcoef(level, np.arange(60))[0, 1] > 0.99
    assert given[0].image.shape == (48, 64)
    assert given[0].image.dtype == np.uint8


def test_a_window_holds_the_same_frames_as_the_whole_film(film: Path) -> None:
    whole = list(frames(film))
    part = list(frames(film, 1.0, 1.5, Region(8, 4, 20, 10)))
    assert [f.seconds for f in part] == pytest.approx(np.arange(20, 30) / 20)
    for got, wanted in zip(part, whole[20:30], strict=True):
        np.testing.assert_array_equal(got.image, wanted.image[4:14, 8:28])


def test_batches_are_the_frames_in_stacks(film: Path) -> None:
    stacks = list(batches(film, size=25))
    assert [len(times) for times, _ in stacks] == [25, 25, 10]
    np.testing.assert_array_equal(
        np.concatenate([s for _, s in stacks]), np.stack([f.image for f in frames(film)])
    )


def test_variable_rates_are_read_from_the_film(tmp_path: Path) -> None:
    times = [0.0, 0.05, 0.10, 0.30, 0.35, 0.60]
    path = write_film(tmp_path / "variable.mp4", noise(6), times=times)
    seen = np.array([f.seconds for f in frames(path)])
    assert seen == pytest.approx(times, abs=2e-3)
    assert is_variable(seen)
    assert not is_variable(np.arange(10) / 30)
    assert not is_variable(np.array([0.0]))


def test_times_without_decoding_are_the_frames_times(film: Path, tmp_path: Path) -> None:
    assert frame_times(film) == pytest.approx([f.seconds for f in frames(film)])
    uneven = [0.0, 0.05, 0.10, 0.30, 0.35, 0.60]
    path = write_film(tmp_path / "variable.mp4", noise(6), times=uneven)
    assert frame_times(path) == pytest.approx(uneven, abs=2e-3)


def test_colour_is_converted_to_grey(tmp_path: Path) -> None:
    colour = np.zeros((5, 48, 64, 3), np.uint8)
    colour[..., 1] = 200
    path = write_film(tmp_path / "colour.avi", list(colour), codec="png", pixels="rgb24")
    given = next(frames(path))
    assert given.image.shape == (48, 64)
    assert given.image.mean() == pytest.approx(0.587 * 200, abs=3)
    assert next(frames(path, colour="rgb")).image.shape == (48, 64, 3)


def test_the_films_rate_against_the_tables(film: Path) -> None:
    with pytest.raises(InputError, match=r"table says 30 frames/s, the film says 20; correct"):
        probe(film, rate=30)


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "-1,0,4,4", "0,0,0,4", "1.5,0,4,4", ""])
def test_regions_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="a region"):
        parse_region(text)


def test_a_region_reads_back_what_it_writes() -> None:
    region = Region(1, 2, 30, 40)
    assert parse_region(str(region)) == region


def test_a_region_outside_the_frame(film: Path) -> None:
    with pytest.raises(InputError, match="region 60,0,10,10 leaves the frame, which is 64 pixels"):
        next(frames(film, region=Region(60, 0, 10, 10)))


def test_after_the_end(film: Path) -> None:
    with pytest.raises(InputError, match=r"no frames from 9 s to 10 s; it is 3 s long"):
        next(frames(film, 9, 10))


def test_cut_off_in_the_middle(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.raises(InputError, match=r"3 s long but its frames end at .* cut off: copy it"):
        list(frames(path))


@pytest.mark.parametrize("content", [b"", b"no film at all" * 100])
def test_no_film_at_all(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "none.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match="can't be opened as a video"):
        probe(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no video"):
        probe(tmp_path / "missing.mp4")


def test_an_unknown_codec(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "codec.mp4"
    path.write_bytes(film.read_bytes().replace(b"avc1", b"zzz9"))
    with pytest.raises(InputError, match=r"codec that can't be decoded here; write it as H\.264"):
        probe(path)


def test_a_size_that_changes(tmp_path: Path) -> None:
    parts = [
        write_film(
            tmp_path / f"{h}.mjpeg", noise(10, h, w), codec="mjpeg", pixels="yuvj420p"
        ).read_bytes()
        for h, w in [(48, 64), (32, 48)]
    ]
    path = tmp_path / "both.mjpeg"
    path.write_bytes(b"".join(parts))
    with pytest.raises(InputError, match=r"changes its size at .* from 64×48 to 48×32"):
        list(frames(path))


def test_sound_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "none"))
        sound.writeframes(bytes(1600))
    with pytest.raises(InputError, match="no video stream"):
        probe(path)
