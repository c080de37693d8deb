import json

import numpy as np
import pytest

from affectome.people.multimodal import features
from contract import broken_claims

LABELS = ("calm", "tense")


@pytest.fixture(autouse=True)
def _numbers(monkeypatch):
    """Cells are numbers, which stand for what a text, a voice or a face would give."""

    def describer():
        return lambda cell, folder: None if cell == "none" else np.array([float(cell), 1.0])

    monkeypatch.setattr(features, "_MAKERS", dict.fromkeys(features.COLUMNS, describer))


def write(tmp_path, n=60, without=0.2):
    rng = np.random.default_rng(0)
    rows = ["text,voice,emotion,subject"]
    for k in range(n):
        tense = rng.random() < 0.5
        text, voice = rng.normal(1.5 * tense, 1, 2)
        heard = "" if rng.random() < without else f"{voice:.3f}"
        rows.append(f"{text:.3f},{heard},{LABELS[tense]},p{k // 5}")
    (tmp_path / "table.csv").write_text("\n".join(rows))


def test_every_subset_is_scored_and_read(run, tmp_path):
    write(tmp_path)
    words = ("train", "fusion", "table.csv", "--purpose", "research", "--permutations", 0)
    status, _, err = run(*words)
    assert status == 0
    assert "emotion from words, voice: macro_auc" in err
    result = json.loads((tmp_path / "model" / "result.json").read_text())
    assert set(result["subsets"]) == {"words", "voice", "words + voice"}
    both = result["subsets"]["words + voice"]
    assert both["n"] < result["subsets"]["words"]["n"] == 60
    assert both["best_single"] in {"words", "voice"}
    assert both["above_it"]["interval"][0] < both["above_it"]["score"]
    assert not broken_claims(result)
    assert "words + voice" in (tmp_path / "model" / "card.md").read_text()
    (tmp_path / "new.csv").write_text("text,voice\n3.0,3.0\n3.0,\n,-3.0\n,none\n,\n")
    status, out, _ = run("fuse", "new.csv", "--model", "model", "--json")
    assert status == 0
    read = [json.loads(line) for line in out.splitlines()]
    tense = [one["emotions"].get("tense") for one in read]
    assert tense[0] > tense[1] > 0.5 > tense[2]
    assert read[1]["notes"] == ["read from words"]
    assert [one["because"] for one in read[3:]] == ["nothing could be read"] * 2


def test_a_person_who_agreed_to_words_only_is_not_heard(run, tmp_path):
    write(tmp_path)
    words = ("train", "fusion", "table.csv", "--purpose", "research", "--permutations", 0)
    assert run(*words)[0] == 0
    run("privacy", "consent", "ada", "--purpose", "research", "--scope", "words")
    (tmp_path / "new.csv").write_text("text,voice,person\n3.0,,ada\n3.0,3.0,ada\n")
    status, out, err = run("fuse", "new.csv", "--model", "model")
    assert status == 2
    assert len(out.splitlines()) > 0
    assert "'ada' agreed to research: words; not to voice for research: not read" in err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("train", "fusion", "table.csv"), "a person's voice needs a declared purpose"),
        (
            ("train", "fusion", "table.csv", "--target", "mood", "--purpose", "research"),
            "has no column 'mood'",
        ),
        (
            ("train", "fusion", "one.csv", "--purpose", "research"),
            "the table needs two or more of the columns text, voice, face, body",
        ),
        (
            ("train", "fusion", "empty.csv", "--purpose", "research"),
            "nothing could be read in the column 'voice'",
        ),
        (("fuse", "table.csv", "--model", "gone"), "gone holds no model"),
        (("fuse", "table.csv", "--model", "face"), "face reads face; affectome train fusion"),
        (
            ("read", "table.csv", "--modality", "fusion", "--purpose", "research"),
            "affectome fuse TABLE --model FOLDER",
        ),
    ],
)
def test_bad_input_is_one_line(run, tmp_path, words, why):
    write(tmp_path)
    (tmp_path / "one.csv").write_text("text,emotion\n1.0,calm\n")
    (tmp_path / "empty.csv").write_text("text,voice,emotion\n1.0,,calm\n")
    card = {"name": "face", "modality": "face", "summary": "", "data": "", "licence": ""}
    (tmp_path / "face").mkdir()
    (tmp_path / "face" / "card.json").write_text(json.dumps(card | {"labels": {}, "metrics": []}))
    status, _, err = run(*words)
    assert status == 2
    assert why in err
    assert len(err.splitlines()) == 1
