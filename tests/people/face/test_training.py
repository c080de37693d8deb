import numpy as np
import pandas as pd
import pytest
from PIL import Image

from affectome.errors import InputError
from affectome.people.face import reader, training
from affectome.people.registry import TrainOptions
from affectome.safeguards import PurposeError

pytest.importorskip("onnxruntime")
OPTIONS = TrainOptions(holdout=("subject",), n_permutations=20, purpose="research")


@pytest.fixture
def catalog(astronaut, untrained, tmp_path, monkeypatch):
    """One face, as of six people by its light, half of the time with another mouth."""
    monkeypatch.chdir(tmp_path)
    for module in (training, reader):
        monkeypatch.setattr(module, "SHIPPED", untrained)
    rng = np.random.default_rng(0)
    rows = []
    for who in range(6):
        for trial in range(4):
            head = astronaut[20:220, 120:320].astype(float) * (0.7 + 0.06 * who)
            open_mouth = trial % 2 == 0
            if open_mouth:
                head[115:130, 92:112] = 20
            head += rng.normal(0, 4, head.shape)
            name = f"{who}-{trial}.png"
            Image.fromarray(np.clip(head, 0, 255).astype(np.uint8)).save(tmp_path / name)
            rows.append((name, "surprise" if open_mouth else "neutral", f"p{who}"))
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "none.png")
    rows.append(("none.png", "neutral", "p0"))
    table = pd.DataFrame(rows, columns=["file", "emotion", "subject"])
    table.to_csv(tmp_path / "catalog.csv", index=False)
    return tmp_path / "catalog.csv"


def test_a_model_of_own_pictures_is_scored_on_people_it_did_not_see(catalog, tmp_path):
    made = training.train(catalog, tmp_path / "model", OPTIONS)
    assert made.result["left_out"] == 1
    assert made.result["scores"]["macro_auc"]["score"] > 0.8
    assert "held out: 6 people" in made.result["held_out"]
    (reading,) = reader.FaceReader(tmp_path / "model").read_file(tmp_path / "2-0.png")
    assert set(reading.emotions) == {"neutral", "surprise"}
    assert max(reading.emotions, key=reading.emotions.get) == "surprise"
    assert reading.model == "model"


def test_without_a_purpose_or_a_face_nothing_is_learned(catalog, tmp_path):
    with pytest.raises(PurposeError, match="face needs a declared purpose"):
        training.train(catalog, tmp_path / "model", TrainOptions())
    pd.read_csv(catalog).tail(1).to_csv(catalog, index=False)
    with pytest.raises(InputError, match="nothing could be read in its 1 files"):
        training.train(catalog, tmp_path / "model", OPTIONS)
    pd.read_csv(catalog).drop(columns="emotion").to_csv(catalog, index=False)
    with pytest.raises(InputError, match="has no column 'emotion'"):
        training.train(catalog, tmp_path / "model", OPTIONS)
