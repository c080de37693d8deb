from pathlib import Path

import numpy as np
import pytest
import soundfile

from affectome.errors import InputError
from affectome.features.voice import read_sound, sound_blocks
from voices import RATE, synthetic_voice


def test_a_tone_comes_back_at_any_rate_and_in_blocks(tmp_path: Path) -> None:
    for rate in (8_000, 16_000, 22_050, 44_100, 48_000):
        t = np.arange(3 * rate) / rate
        soundfile.write(tmp_path / "t.wav", np.sin(2 * np.pi * 440 * t) * 0.5, rate)
        found = np.concatenate(list(sound_blocks(tmp_path / "t.wav", 0.5)))
        assert abs(len(found) - 3 * RATE) <= 2
        wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(found)) / RATE)
        inner = slice(800, -800)
        assert np.abs(found[inner] - wanted[inner]).max() < 5e-3


def test_pieces_resampled_one_by_one_equal_the_whole() -> None:
    from affectome.features.voice.sound import _resampled  # noqa: PLC0415

    x = synthetic_voice(3.0).astype(np.float32)
    pieces = np.concatenate(list(_resampled(iter(np.array_split(x, 7)), 44_100)))
    whole = np.concatenate(list(_resampled(iter([x]), 44_100)))
    assert len(pieces) == len(whole)
    assert np.abs(pieces - whole).max() < 1e-6


def test_channels_are_averaged_and_endings_do_not_matter(tmp_path: Path) -> None:
    stereo = np.stack([np.full(RATE, 0.2), np.full(RATE, 0.4)], 1)
    soundfile.write(tmp_path / "a.flac", stereo, RATE)
    (tmp_path / "a.flac").rename(tmp_path / "a.mp3")
    assert read_sound(tmp_path / "a.mp3") == pytest.approx(0.3, abs=1e-3)


def test_what_is_no_sound_gets_one_line(tmp_path: Path) -> None:
    for name, content, line in (
        ("text.wav", b"not a sound at all " * 50, "is not a sound that can be read"),
        ("empty.wav", b"", "it is empty"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=line):
            read_sound(tmp_path / name)
    with pytest.raises(InputError, match="there is no such file"):
        read_sound(tmp_path / "missing.wav")
    soundfile.write(tmp_path / "none.wav", np.zeros(0), RATE)
    with pytest.raises(InputError, match="it holds no sound"):
        read_sound(tmp_path / "none.wav")
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    with pytest.raises(InputError, match="samples that are not numbers"):
        read_sound(tmp_path / "nan.wav")
    soundfile.write(tmp_path / "slow.wav", np.zeros(2000), 2_000)
    with pytest.raises(InputError, match="a voice needs 4,000 or more"):
        read_sound(tmp_path / "slow.wav")


def test_what_a_telephone_records_is_read_as_m4a(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * 44_100) / 44_100)
    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], "fltp", "mono")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (tmp_path / "a.m4a").rename(tmp_path / "a.wav")
    found = read_sound(tmp_path / "a.wav")
    assert len(found) / RATE == pytest.approx(2, abs=0.1)
    middle = found[RATE // 2 : 3 * RATE // 2]
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.05)


def test_the_log_of_decoders_is_off(tmp_path: Path) -> None:
    # With a level, threads of a decoder wait for the interpreter while it waits for them.
    av = pytest.importorskip("av")
    (tmp_path / "a.m4a").write_bytes(b"no sound at all")
    with pytest.raises(InputError):
        read_sound(tmp_path / "a.m4a")
    assert av.logging.get_level() is None
