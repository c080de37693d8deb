import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from affectome.cli import main
from affectome.errors import InputError
from affectome.people import read
from affectome.people.registry import TrainOptions
from affectome.people.voice.training import read_own, train
from affectome.safeguards import PurposeError
from voices import RATE, synthetic_voice

HIGH_AND_LOW = {"bright": (1.5, (900, 1900, 3000)), "dark": (1.0, (450, 900, 2300))}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Eight people, each with a pitch of their own, who speak brightly and darkly."""
    rng = np.random.default_rng(0)
    rows = []
    for person in range(8):
        for take in range(6):
            label = ("bright", "dark")[take % 2]
            higher, formants = HIGH_AND_LOW[label]
            sound = synthetic_voice(1.2, (90 + 12 * person) * higher, formants, 10 * person + take)
            name = f"{rng.integers(10**9)}.wav"
            soundfile.write(tmp_path / name, sound, RATE)
            rows.append({"file": name, "emotion": label, "subject": f"p{person}"})
    pd.DataFrame(rows).sample(frac=1, random_state=0).to_csv(tmp_path / "own.csv", index=False)
    return tmp_path / "own.csv"


@pytest.mark.usefixtures("_loud_is_speech")
def test_one_command_makes_a_model_that_reads(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", "voice", str(table), "--out", "mine", "--permutations", "50", "--json"]
    with pytest.raises(SystemExit) as caught:
        main([*words, "--purpose", "research"])
    assert not caught.value.code
    result = json.loads(capsys.readouterr().out)
    found = result["scores"][result["metric"]]
    assert found["score"] > 0.8
    assert found["p"] < 0.05
    assert result["split"]["by"] == ["subject"]
    assert {"nuisance: loudness", "nuisance: duration"} <= set(result["baselines"])
    card = (tmp_path / "mine" / "card.md").read_text()
    assert "held-out subject" in card
    assert "Is it as often right as it is sure?" in card
    new = tmp_path / "new.wav"
    soundfile.write(new, synthetic_voice(1.5, 200, HIGH_AND_LOW["bright"][1], 999), RATE)
    reading = read(new, model="mine")
    assert set(reading.emotions) == {"bright", "dark"}
    assert max(reading.emotions, key=reading.emotions.get) == "bright"


@pytest.mark.usefixtures("_loud_is_speech")
def test_what_cannot_be_learned_from_is_one_line(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PurposeError, match="voice needs a declared purpose"):
        train(table, tmp_path / "m", TrainOptions())
    with pytest.raises(InputError, match=r"has no column 'mood'; it has file, emotion, subject"):
        read_own(table, TrainOptions(target="mood"))
    for sound in tmp_path.glob("*.wav"):
        soundfile.write(sound, np.zeros(RATE), RATE)
    with pytest.raises(InputError, match="none of its 48 sounds holds speech"):
        read_own(table, TrainOptions())
