"""The study of EmoNet on pictures small enough for seconds."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from affectome.cli.app import main
from affectome.data import read_catalog
from affectome.errors import InputError
from affectome.evidence import Split, make_design
from affectome.evidence.ceilings import ceiling_of_means
from affectome.networks.emonet import EMOTIONS, EmoNet
from affectome.studies.emonet import run
from affectome.studies.emonet.controls import face_numbers
from affectome.studies.emonet.labels import top_category
from affectome.studies.emonet.report import answer, emonet_page
from affectome.studies.emonet.study import categories
from films import write_film

HUES = {"Awe": (60, 90, 230), "Disgust": (90, 120, 40), "Joy": (250, 210, 60)}


@pytest.fixture(autouse=True)
def without_emonet(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


def make_folder(folder, n=27):
    """Pictures whose colour is their emotion; three of each theme."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(n):
        name = list(HUES)[k % 3]
        pixels = np.array(HUES[name]) + rng.normal(0, 40, (64, 64, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{k}.png")
        own = {other: 0.1 + 0.6 * (other == name) for other in HUES}
        level = list(HUES).index(name) + rng.normal(0, 0.2)
        rows.append({"file_name": f"{k}.png", "group": f"t{k // 3}", "valence": level} | own)
    table = pd.DataFrame(rows).assign(valence_sd=1.0, valence_n=100)
    table.loc[0, "Disgust"] = table.loc[0, "Awe"]
    table.to_csv(folder / "metadata.csv", index=False)
    return folder


def test_the_command_end_to_end_from_ratings_of_categories(tmp_path, capsys):
    folder, out = make_folder(tmp_path), tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("study", "emonet", str(folder), "--out", str(out), "--permutations", "20"),
                *("--bootstrap", "20"),
            ]
        )
    assert ended.value.code == 0
    result = json.loads((out / "result.json").read_text())
    assert [c["name"] for c in result["categories"]] == list(HUES)
    assert all(c["auc"]["score"] > 0.8 for c in result["categories"])
    # Every category has a null of its own, and what is printed together is corrected together.
    assert all(0 < c["auc"]["p"] <= c["auc"]["q"] <= 1 for c in result["categories"])
    assert result["categories"][0]["auc"]["null"]["n_arrangements"] == 20
    assert all(len(c["d"]["interval"]) == 2 for c in result["categories"])
    assert [c["variant"] for c in result["clusters"]] == ["base rate", "rival"]
    names = {"object classes only", "untrained networks", "image statistics"}
    names |= {"colour histogram", "spatial frequencies", "faces"}
    assert names <= set(result["decoding"]["baselines"])
    beside = result["decoding"]["over_controls"]
    assert set(beside) == names
    score = result["decoding"]["scores"]["macro_auc"]["score"]
    for name, one in beside.items():
        control = result["decoding"]["baselines"][name]["score"]
        assert one["score"] == pytest.approx(score - control)
        assert one["interval"][0] <= one["score"] <= one["interval"][1]
    # Colour is the emotion here, faces and frequencies know nothing of it.
    assert result["decoding"]["baselines"]["colour histogram"]["score"] > 0.9
    assert result["decoding"]["baselines"]["faces"]["score"] < 0.6
    assert (out / "figures" / "colours.svg").is_file()
    assert names <= set(result["ratings"]["valence"]["baselines"])
    assert 0.9 < result["ratings"]["valence"]["ceiling"] < 1
    told = " ".join(result["warnings"])
    assert "1 ties go to the first in the alphabet" in told
    assert "EmoNet's weights are not here" in told
    colours = pd.DataFrame(result["colours"])
    assert len(colours) == 10
    assert set(colours["emotion_1"]) <= set(EMOTIONS)
    assert "Flat colours" in (out / "report.html").read_text()
    told = capsys.readouterr().err
    assert "3 categories are read with a macro_auc" in told
    assert "above object classes only and" in told
    assert "above untrained networks" in told


def test_ratings_without_variance_or_ceiling_are_left_out_and_said(tmp_path):
    folder = make_folder(tmp_path)
    table = pd.read_csv(folder / "metadata.csv").assign(arousal=4.0, valence_sd=9.0, valence_n=2)
    table = table.assign(group=[("one", "other")[k // 3 % 2] for k in range(27)])
    table.to_csv(folder / "metadata.csv", index=False)
    found = run(read_catalog(folder), tmp_path / "out", n_permutations=20, n_bootstrap=20)
    told = " ".join(found.notes)
    assert "arousal is not read: 27 pictures have it, with 1 different values" in told
    assert "no ceiling of valence: mean ratings vary no more than their raters differ" in told
    assert set(found.ratings) == {"valence"}
    assert not found.ceilings
    # Two themes: neither a p nor an interval, and the first sentence says so.
    assert found.clusters[0].interval is None
    assert "(no p, because 2 values of group have 2 distinct arrangements" in answer(found)
    assert "no interval: 2 group" in answer(found)
    for word in ("no ceiling", "is not read"):
        assert word in str(emonet_page(found, "x").warnings)


@pytest.mark.slow
def test_genres_of_films_by_the_mean_over_their_frames(tmp_path, capsys):
    """Red and blue series; EmoNet's units are a drawn network's."""
    folder, out = tmp_path / "films", tmp_path / "out"
    folder.mkdir()
    torch.manual_seed(0)
    torch.save(EmoNet().state_dict(), tmp_path / "emonet.pth")
    rng = np.random.default_rng(0)
    rows = []
    for k in range(12):
        kind = ["horror", "comedy"][k % 2]
        colour = {"horror": (150, 20, 20), "comedy": (40, 90, 230)}[kind]
        images = [
            np.clip(np.array(colour) + rng.normal(0, 40, (48, 64, 3)), 0, 255).astype(np.uint8)
            for _ in range(30)
        ]
        write_film(folder / f"f{k}.mp4", images, rate=10)
        rows.append({"file_name": f"f{k}.mp4", "genre": kind, "series": f"s{k // 2}"})
    (folder / "cut.mp4").write_bytes(b"no film")
    rows.append({"file_name": "cut.mp4", "genre": "comedy", "series": "s9"})
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    arguments = ["study", "emonet", str(folder), "--label", "genre", "--out", str(out)]
    arguments += ["--weights", str(tmp_path / "emonet.pth"), "--permutations", "20"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--group", "series", "--bootstrap", "0"])
    assert ended.value.code == 1  # a film could not be read
    result = json.loads((out / "result.json").read_text())
    assert [one["name"] for one in result["categories"]] == ["comedy", "horror"]
    assert result["decoding"]["baselines"]["colour histogram"]["score"] == 1
    assert result["decoding"]["split"]["by"] == ["group"]
    told = "\n".join(result["warnings"])
    assert "films are the mean over a frame every 1 s, 36 in all" in told
    assert "cut.mp4" in result["skipped"][0]["file"]
    units = pd.read_csv(out / "units.csv")
    assert list(units) == ["file", *EMOTIONS]
    assert len(units) == 12
    frames = sorted((out / "frames").rglob("*.jpg"))
    assert len(frames) == 36
    before = frames[0].stat().st_mtime_ns
    with pytest.raises(SystemExit):
        main([*arguments, "--bootstrap", "0", "--overwrite"])
    assert frames[0].stat().st_mtime_ns == before
    again = json.loads((out / "result.json").read_text())
    assert again["decoding"]["split"]["by"] == ["film"]
    with pytest.raises(SystemExit):
        main([*arguments, "--every", "0", "--overwrite"])
    assert "--every is a positive number of seconds; got 0" in capsys.readouterr().err


def test_faces_are_counted_and_placed():
    """The portrait of an astronaut by NASA, in the public domain."""
    skimage = pytest.importorskip("skimage")
    portrait = Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB")
    pixels = np.asarray(portrait)
    n, largest, all_faces, x, y, sure = face_numbers(pixels)
    assert n == 1
    assert largest == all_faces == pytest.approx(0.05, abs=0.03)
    assert (x, y) == (pytest.approx(0.44, abs=0.06), pytest.approx(0.2, abs=0.1))
    assert sure > 0.5
    assert face_numbers(np.concatenate([pixels, pixels[:, ::-1]], axis=1))[0] == 2
    assert face_numbers(np.full((60, 80, 3), 128, np.uint8)).tolist() == [0] * 6


def test_categories_by_hand():
    rng = np.random.default_rng(0)
    codes = np.arange(60) % 3
    scores = np.eye(3)[codes] + rng.normal(0, 0.6, (60, 3))
    guess = scores.argmax(axis=1)
    names = np.array(["a", "b", "c"])
    theme = np.arange(60) // 4
    half = np.arange(60) < 32
    folds = tuple((np.flatnonzero(~side), np.flatnonzero(side)) for side in (half, ~half))
    split = Split("group", ("group",), folds, {"group": theme})
    design = make_design(pd.DataFrame({"group": theme}), names[codes], split)
    found = categories(names, codes, guess, scores, design)
    for k, one in enumerate(found):
        own = codes == k
        # Decision values of two folds are two scales: pairs within a fold are compared.
        within = [roc_auc_score(own[side], scores[side, k]) for side in (half, ~half)]
        assert one.auc.value == pytest.approx(np.average(within, weights=[32, 28]))
        assert one.d.interval[0] < one.d.value < one.d.interval[1]
        assert one.auc.why == "no p, because none was asked for"
        assert one.sensitivity.value == pytest.approx((guess[own] == k).mean())
        assert one.specificity.value == pytest.approx((guess[~own] != k).mean())
        low, high = one.sensitivity.interval
        assert low < one.sensitivity.value < high


def test_the_top_category_and_its_ties():
    ratings = pd.DataFrame({"Joy": [0.5, 0.2, 0.4], "Awe": [0.5, 0.1, 0.6], "Fear": [0.1, 0.2, 0]})
    found = top_category(ratings)
    assert found.labels.tolist() == ["Awe", "Fear", "Awe"]
    assert found.ties.tolist() == [True, True, False]
    with pytest.raises(InputError, match="rating of Fear is missing in row 3"):
        top_category(ratings.assign(Fear=[0.1, np.nan, 0]))
    with pytest.raises(InputError, match="two or more; there are 1"):
        top_category(ratings[["Joy"]])


def test_the_ceiling_of_mean_ratings_is_what_a_perfect_reader_reaches():
    rng = np.random.default_rng(0)
    true = rng.normal(4, 1, 4000)
    given = true[:, None] + rng.normal(0, 2, (4000, 8))
    mean, spread = given.mean(axis=1), given.std(axis=1, ddof=1)
    ceiling = ceiling_of_means(mean, spread, np.full(4000, 8))
    assert ceiling == pytest.approx(np.corrcoef(true, mean)[0, 1], abs=0.01)
    with pytest.raises(InputError, match="there is no ceiling"):
        ceiling_of_means([1.0, 1.1, 1.0], [2, 2, 2], [3, 3, 3])


def test_what_can_not_be_studied_is_one_line(tmp_path, capsys):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "metadata.csv").write_text("file_name,group,Awe\na.png,t,1\n")
    with pytest.raises(SystemExit):
        main(["study", "emonet", str(tmp_path), "--out", str(tmp_path / "out")])
    told = capsys.readouterr().err
    assert "no label (--target COL) and no columns of ratings such as Adoration" in told
