import json

import numpy as np
import pandas as pd
import pytest

from affectome.cli import main
from affectome.errors import InputError
from affectome.people import read
from affectome.people.registry import TrainOptions
from affectome.people.words.features import WordsFeatures
from affectome.people.words.training import read_own, train

GLAD = ["I love the {}", "The {} made me so happy", "What a wonderful {}", "Thank you for the {}"]
SAD = ["I miss the {}", "The {} made me cry", "What a sad {}", "I lost the {} and I am so sorry"]
THINGS = ["garden", "letter", "film", "song", "walk", "house", "party", "book"]


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {"text": sentence.format(thing), "emotion": emotion, "subject": f"p{k % 8}"}
        for emotion, sentences in (("glad", GLAD), ("sad", SAD))
        for sentence in sentences
        for k, thing in enumerate(rng.permutation(THINGS))
    ]
    frame = pd.DataFrame(rows).sample(frac=1, random_state=0)
    frame["valence"] = np.where(frame["emotion"] == "glad", 4.0, 2.0) + rng.normal(
        0, 0.3, len(rows)
    )
    frame.to_csv(tmp_path / "own.csv", index=False)
    return tmp_path / "own.csv"


def test_one_command_makes_a_model_with_evidence_and_a_card(table, tmp_path, capsys):
    out = tmp_path / "model"
    with pytest.raises(SystemExit) as caught:
        main(["train", "words", str(table), "--out", str(out), "--permutations", "50", "--json"])
    assert not caught.value.code
    result = json.loads(capsys.readouterr().out)
    score = result["scores"][result["metric"]]
    assert score["score"] > 0.85
    assert score["p"] < 0.05
    assert result["split"]["by"] == ["subject"]
    assert "hashed words, linear" in result["baselines"]
    assert {file.name for file in out.iterdir()} == {
        *("head.safetensors", "card.json", "card.md", "result.json", "manifest.json")
    }
    assert "held-out subject" in (out / "card.md").read_text()
    reading = read("What a wonderful surprise, I love it", model=str(out))
    assert reading.labels == ("glad",)
    assert set(reading.emotions) == {"glad", "sad"}
    assert sum(reading.emotions.values()) == pytest.approx(1)
    assert reading.attribution


def test_a_rating_becomes_an_estimate_with_an_interval(table, tmp_path):
    made = train(table, tmp_path / "v", TrainOptions(target="valence", n_permutations=20))
    names = [metric.name for metric in made.card.metrics]
    held = made.card.metrics[names.index("intervals of 90 % hold the rating")].value
    assert held == pytest.approx(0.9, abs=0.1)
    good, bad = (
        read(text, model=str(tmp_path / "v")).valence
        for text in ("Thank you, I love it", "I am so sad and I miss you")
    )
    assert good.value > bad.value + 1
    assert good.interval[0] <= good.value <= good.interval[1]


def test_the_same_table_gives_the_same_bytes(table, tmp_path):
    for name in ("a", "b"):
        train(table, tmp_path / name / "m", TrainOptions(n_permutations=10))
    for file in (tmp_path / "a" / "m").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / "m" / file.name).read_bytes()


def test_files_of_texts_are_read_beside_the_table(tmp_path):
    for k in range(4):
        (tmp_path / f"{k}.txt").write_text(f"text {k}")
    frame = pd.DataFrame({"file_name": [f"{k}.txt" for k in range(4)], "emotion": list("abab")})
    frame.to_csv(tmp_path / "metadata.csv", index=False)
    own = read_own(tmp_path, TrainOptions())
    assert own.texts == [f"text {k}" for k in range(4)]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ({"text": ["a"], "mood": ["x"]}, {}, "has no column 'emotion'; it has text, mood"),
        ({"said": ["a"], "emotion": ["x"]}, {}, "no column of texts .* name it with --column"),
        ({"text": ["a", ""], "emotion": ["x", "y"]}, {}, "text is empty in row 3"),
        ({"text": ["a"], "valence": ["high"]}, {"target": "valence"}, "row 2 is not a number"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path, rows, options, message):
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match=message):
        read_own(tmp_path / "t.csv", TrainOptions(**options))


def test_without_anything_to_hold_out_by_it_asks(table, tmp_path):
    bare = tmp_path / "bare.csv"
    pd.read_csv(table).drop(columns="subject").to_csv(bare, index=False)
    with pytest.raises(InputError, match="random"):
        train(bare, tmp_path / "m", TrainOptions(n_permutations=10))


def test_features_are_a_transformer():
    features = WordsFeatures().fit(["a"])
    vectors = features.transform(["I love it", "I adore it", "The train was late at noon"])
    assert vectors.shape == (3, 384)
    assert len(features.get_feature_names_out()) == 384
    alike = np.corrcoef(vectors)
    assert alike[0, 1] > alike[0, 2]
    with pytest.raises(InputError, match="row 1 is not a text but float"):
        features.transform(["a", float("nan")])
