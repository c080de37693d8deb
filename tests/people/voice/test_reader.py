import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from affectome.cli import main
from affectome.errors import InputError
from affectome.features.voice import sound_blocks
from affectome.people import read
from affectome.people.registry import read_files
from affectome.people.voice import windows
from affectome.people.voice.model import Baseline, baseline_of
from affectome.people.voice.reader import VoiceReader, reader
from affectome.safeguards import PurposeError
from voices import RATE, synthetic_voice


def write(path: Path, signal: np.ndarray) -> Path:
    soundfile.write(path, signal, RATE)
    return path


def noises(n: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for k in range(n):
        x = rng.normal(size=RATE)
        if k % 3 == 1:
            x = np.cumsum(x) - np.linspace(0, x.sum(), RATE)
        if k % 3 == 2:
            x *= 1 + np.sin(np.arange(RATE) / RATE * 2 * np.pi * rng.uniform(2, 8))
        yield x / np.abs(x).max() * 10 ** rng.uniform(-2, -0.1)


@pytest.mark.usefixtures("_loud_is_speech")
def test_a_voice_is_read_with_probabilities_and_a_set(tmp_path: Path) -> None:
    (found,) = reader().read_file(write(tmp_path / "a.wav", synthetic_voice(2.0)), "p1")
    assert sum(found.emotions.values()) == pytest.approx(1)
    assert set(found.emotions) == set(reader().card.labels)
    assert found.set
    assert set(found.set) <= set(found.emotions)
    assert (found.person, found.modality, found.valence) == ("p1", "voice", None)
    assert 0 <= found.start_s < found.end_s <= 2.0
    assert found.abstains == (max(found.emotions.values()) < 0.5)


@pytest.mark.usefixtures("_loud_is_speech")
def test_the_microphone_does_not_matter(tmp_path: Path) -> None:
    x = synthetic_voice(2.0)
    (loud,) = reader().read_file(write(tmp_path / "a.wav", x))
    (quiet,) = reader().read_file(write(tmp_path / "b.wav", 0.3 * x))
    for label, p in loud.emotions.items():
        assert quiet.emotions[label] == pytest.approx(p, abs=0.03)


@pytest.mark.usefixtures("_loud_is_speech")
def test_a_long_file_has_parts_in_order(tmp_path: Path) -> None:
    pause = np.zeros(RATE)
    x = np.concatenate([np.concatenate([synthetic_voice(3.0, seed=s), pause]) for s in range(3)])
    (whole,) = reader().read_file(write(tmp_path / "a.wav", x))
    starts = [part.start_s for part in whole.parts]
    assert len(starts) >= 3
    assert starts == sorted(starts)
    assert all(p.end_s - p.start_s <= windows.LONGEST_S + 1e-6 for p in whole.parts)
    assert "the mean of" in whole.notes[0]
    assert len(whole.to_frame()) == len(whole.parts)


@pytest.mark.usefixtures("_loud_is_speech")
def test_windows_do_not_hang_on_the_blocks() -> None:
    pause = np.zeros(RATE, np.float32)
    x = np.concatenate([np.r_[synthetic_voice(2.1, seed=s), pause] for s in range(5)])
    x = x.astype(np.float32)
    whole = list(windows.speech_windows([x], windows.Heard()))
    size = 512 * 100
    cut = [x[i : i + size] for i in range(0, len(x), size)]
    parts = list(windows.speech_windows(cut, windows.Heard()))
    assert sum(w.end_s - w.start_s for w in parts) == pytest.approx(
        sum(w.end_s - w.start_s for w in whole), abs=0.7
    )
    for w in parts:
        begin = round(w.start_s * RATE)
        assert np.array_equal(w.signal, x[begin : begin + len(w.signal)])


def test_silence_noise_and_scraps_are_not_read(tmp_path: Path) -> None:
    for signal, line in (
        (np.zeros(RATE), "silence: nothing in it is louder than 60 dB below full scale"),
        (next(noises(1)), "nobody speaks in it"),
        (0.3 * np.sin(np.arange(3200) / 10), "only 0.2 s of sound, and 0.5 s of speech are needed"),
    ):
        (found,) = reader().read_file(write(tmp_path / "a.wav", signal))
        assert found.abstains
        assert line in found.because
        assert not found.emotions


@pytest.mark.usefixtures("_loud_is_speech")
def test_clipped_sound_is_not_read(tmp_path: Path) -> None:
    x = np.clip(20 * synthetic_voice(2.0), -0.9, 0.9)
    (found,) = reader().read_file(write(tmp_path / "a.wav", x))
    assert found.abstains
    assert "of its samples stand at the highest level" in found.because


def chords(n: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(1)
    t = np.arange(4 * RATE) / RATE
    for _ in range(n):
        x = np.zeros_like(t)
        for begin in np.arange(0, 4, 0.5):
            fade = np.exp(-3 * (t - begin)) * ((t >= begin) & (t < begin + 0.5))
            root = 220 * 2 ** (rng.integers(0, 24) / 12)
            for step in (0, 4, 7):
                for k in range(1, 7):
                    x += fade * np.sin(2 * np.pi * root * 2 ** (step / 12) * k * t) / k**1.2
        yield 0.5 * x / np.abs(x).max()


def test_music_is_not_read(tmp_path: Path) -> None:
    for x in chords(6):
        (found,) = reader().read_file(write(tmp_path / "m.wav", x))
        assert found.abstains
        assert "nobody speaks in it" in found.because


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"just words, no sound " * 40, r"a\.wav is not a sound that can be read, whatever"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), r"a\.wav: there is no sound in it, only pictures"),
    ],
)
def test_a_wrong_ending_is_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(InputError, match=told):
        list(reader().read_file(tmp_path / "a.wav"))


@pytest.mark.usefixtures("_loud_is_speech")
def test_a_long_file_takes_no_more_memory(tmp_path: Path) -> None:
    voice = np.tile(np.r_[synthetic_voice(3.0), np.zeros(RATE)], 15).astype(np.float32)
    peaks = []
    for minutes in (2, 12):
        with soundfile.SoundFile(tmp_path / "a.flac", "w", RATE, 1) as file:
            for _ in range(minutes):
                file.write(voice)
        tracemalloc.start()
        heard = windows.Heard()
        spoken = sum(
            w.end_s - w.start_s
            for w in windows.speech_windows(sound_blocks(tmp_path / "a.flac"), heard)
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert heard.seconds == pytest.approx(60 * minutes)
        assert spoken / 60 / minutes == pytest.approx(0.7, abs=0.15)
    assert peaks[1] < 1.1 * peaks[0] + 2e6


@pytest.mark.slow
def test_many_files_read_the_same_in_two_processes(tmp_path: Path) -> None:
    for number, x in enumerate(noises(17)):
        write(tmp_path / f"{number:02}.wav", x)
    (tmp_path / "bad.wav").write_bytes(b"no sound" * 50)
    files = sorted(tmp_path.iterdir())
    alone, apart = (list(read_files(files, None, "personal", n_jobs=n)) for n in (1, 2))
    assert [repr(found) for found in apart] == [repr(found) for found in alone]
    assert isinstance(apart[-1], InputError)


@pytest.mark.slow
def test_noise_abstains(tmp_path: Path) -> None:
    abstained = [
        next(reader().read_file(write(tmp_path / "n.wav", x))).abstains for x in noises(200)
    ]
    assert np.mean(abstained) >= 0.95


def test_a_purpose_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path / "a.wav", np.zeros(RATE))
    with pytest.raises(PurposeError, match="needs a declared purpose"):
        read(file)
    with pytest.raises(SystemExit) as caught:
        main(["read", str(file), "--purpose", "research", "--json"])
    assert not caught.value.code
    found = json.loads(capsys.readouterr().out)
    assert found["because"].startswith("silence")


@pytest.mark.usefixtures("_loud_is_speech")
def test_a_baseline_changes_the_reading_and_needs_enough(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{s}.wav", synthetic_voice(2.0, seed=s)) for s in range(6)]
    with pytest.raises(InputError, match="needs 5 or more stretches of speech"):
        reader().with_baseline(files[:2])
    own = reader().with_baseline(files)
    (against,), (alone,) = own.read_file(files[0]), reader().read_file(files[0])
    assert against.emotions != alone.emotions
    assert isinstance(own, VoiceReader)


def test_a_baseline_is_mean_and_spread() -> None:
    found = baseline_of(list(np.arange(12.0).reshape(6, 2)))
    assert isinstance(found, Baseline)
    assert found.mean.tolist() == [5, 6]
    assert found.n_clips == 6
