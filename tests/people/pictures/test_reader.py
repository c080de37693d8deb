import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import affectome
from affectome.cli.app import build
from affectome.errors import InputError
from affectome.networks import own
from affectome.networks.emonet import EMOTIONS, EmoNet
from affectome.people.pictures.backbone import Backbone, columns, objects_of, shorten
from affectome.people.pictures.model import load_head
from affectome.people.pictures.reader import PicturesReader, sides
from affectome.people.pictures.training import train
from affectome.people.registry import TrainOptions
from affectome.people.words.network import SHIPPED as WORDS


def run(*arguments):
    words = [str(a) for a in arguments]
    return CliRunner().invoke(build(words), words)


def draw(file, kind, seed=0):
    """A sunny gradient, or a dark texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:120, :160] / 160
    if kind == "sunny":
        pixels = np.stack([0.9 - 0.3 * y, 0.8 - 0.2 * y, 0.4 + 0.5 * x], axis=2)
    else:
        pixels = 0.2 + 0.15 * np.sin(9 * rng.normal() + 60 * (x + y))[..., None] * [1, 0.3, 0.3]
    noisy = np.clip(pixels + rng.normal(0, 0.05, pixels.shape), 0, 1)
    Image.fromarray((255 * noisy).astype(np.uint8)).save(file)
    return file


@pytest.fixture(autouse=True)
def without_emonet(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


@pytest.fixture(scope="module")
def reader():
    return PicturesReader()


def test_a_reading_says_what_viewers_would_feel(tmp_path):
    file = draw(tmp_path / "a.jpg", "sunny")
    found = affectome.read(file)
    assert found.modality == "pictures"
    assert found.model == "pictures"
    for estimate in (found.valence, found.arousal):
        low, high = estimate.interval
        assert 1 <= low < estimate.value < high <= 7
    assert tuple(found.emotions) == EMOTIONS
    assert sum(found.emotions.values()) == pytest.approx(1)
    assert any("unvalidated estimate" in note for note in found.notes)
    assert "(unvalidated estimate)" in repr(found)
    assert "what viewers would feel, not what a person" in found.notes[0]
    assert "viewers would feel" in found._repr_html_()


def test_the_command_needs_no_purpose_and_lists_broken_pictures(tmp_path):
    draw(tmp_path / "a.png", "dark")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    (tmp_path / "c.jpg").write_bytes(b"")
    done = run("read", tmp_path, "--json")
    assert done.exit_code == 1
    line = json.loads(done.stdout)
    assert line["valence"]["interval"][0] < line["valence"]["value"]
    assert "c.jpg" in done.stderr
    assert "is empty (0 bytes)" in done.stderr
    assert "b.png" in done.stderr


def test_one_colour_is_nothing_to_read(tmp_path):
    Image.new("RGB", (50, 40), (200, 10, 10)).save(tmp_path / "red.png")
    found = affectome.read(tmp_path / "red.png")
    assert found.abstains
    assert "one colour" in found.because


def test_emonet_takes_the_guess_s_place_where_its_weights_are(tmp_path, monkeypatch):
    torch.manual_seed(0)
    network = EmoNet().eval()
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.save(network.state_dict(), checkpoints / "emonet.pth")
    file = draw(tmp_path / "a.png", "sunny")
    found = affectome.read(file)
    see = own.load_emonet()[1]
    pixels = see.shorten(np.asarray(Image.open(file)))
    with torch.inference_mode():
        expected = network(see.to_input(pixels[None].copy())).softmax(1)[0]
    np.testing.assert_allclose(list(found.emotions.values()), expected, rtol=1e-3)
    assert "EmoNet (Kragel et al. 2019), file emonet.pth" in found.notes[-1]
    assert "unvalidated" not in repr(found)


def test_features_lie_where_the_columns_say(tmp_path):
    pixels = shorten(draw(tmp_path / "a.png", "dark"))
    backbone = Backbone()
    features = backbone.features(np.stack([pixels, pixels[:, ::-1]]))
    last = columns()[-1]
    assert features.shape == (2, last.stop)
    probability = objects_of(features)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
    by_block = {(c.network, c.block): features[0, c.start : c.stop] for c in columns()}
    assert (by_block["lite2", "max"] >= by_block["lite2", "mean"] - 1e-5).all()
    objects = backbone.networks["lite0"].objects
    mean = torch.from_numpy(by_block["lite0", "mean"])
    np.testing.assert_allclose(objects(mean), by_block["lite0", "objects"], atol=1e-3)


def test_bfloat16_says_nearly_the_same(reader, tmp_path):
    pixels = [shorten(draw(tmp_path / f"{k}.png", "dark", k)) for k in range(3)]
    fast = PicturesReader(dtype=torch.bfloat16)
    for one, other in zip(reader.read_pixels(pixels), fast.read_pixels(pixels), strict=True):
        assert one.valence.value == pytest.approx(other.valence.value, abs=0.3)


def test_sides():
    assert sides(0.8, 0.75) == ("pleasant",)
    assert sides(0.2, 0.75) == ("unpleasant",)
    assert sides(0.5, 0.75) == ()


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(InputError, match=r"no card\.json"):
        load_head(tmp_path)
    with pytest.raises(InputError, match="holds a model of words, not of pictures"):
        load_head(WORDS)


def make_catalog(folder, n=24):
    rows = []
    for k in range(n):
        kind = "sunny" if k % 3 == 0 else "dark"
        draw(folder / f"{k}.png", kind, k)
        rows.append((f"{k}.png", kind, 5.0 + (kind == "sunny") + k % 2 / 4, f"theme {k // 3}"))
    table = pd.DataFrame(rows, columns=["file_name", "look", "valence", "group"])
    table.to_csv(folder / "metadata.csv", index=False)
    return folder


def test_train_labels_and_read_with_the_model(tmp_path):
    catalog = make_catalog(tmp_path)
    out = tmp_path / "model"
    done = run(
        "train", "picture", catalog, "--target", "look", "--permutations", "20", "--out", out
    )
    assert done.exit_code == 0, done.stderr
    result = json.loads((out / "result.json").read_text())
    names = {"image statistics", "object classes only", "untrained networks"}
    assert names <= set(result["baselines"])
    card = json.loads((out / "card.json").read_text())
    assert card["modality"] == "pictures"
    assert list(card["labels"]) == ["dark", "sunny"]
    before = (out / "features.npz").stat().st_mtime_ns
    again = train(catalog, out, TrainOptions("look", n_permutations=0))
    assert (out / "features.npz").stat().st_mtime_ns == before
    assert again.result["model"] == "model"
    read = run("read", "--model", out, catalog / "0.png", catalog / "1.png", "--json")
    labels = [json.loads(line)["labels"] for line in read.stdout.splitlines()]
    assert labels == [["sunny"], ["dark"]]
    rated = train(catalog, out, TrainOptions("valence", n_permutations=20))
    assert "valence from pictures: pearson_r" in rated.card.summary
    found = next(PicturesReader(out).read_file(catalog / "0.png"))
    assert 5.5 < found.valence.value < 6.5
    assert found.arousal is None
    kinds = [curve.kind for curve in rated.card.curves]
    assert kinds == ["reliability", "coverage"]
    assert rated.card.curves[0].on.startswith("held-out folds: on which side of the middle")


NETWORK = """
import torch
from torch import nn


def make():
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.Conv2d(8, 12, 3, 2), nn.ReLU())
"""


@pytest.mark.slow
def test_train_with_a_network_of_one_s_own_and_read_with_it(tmp_path, monkeypatch):
    catalog = make_catalog(tmp_path)
    (tmp_path / "nets.py").write_text(NETWORK)
    asked, out = f"{tmp_path / 'nets.py'}:make", tmp_path / "model"
    done = run(
        *("train", "picture", catalog, "--target", "look", "--permutations", "20", "--out", out),
        *("--network", asked, "--preprocessing", "side=64,cut=whole"),
    )
    assert done.exit_code == 0, done.stderr
    result = json.loads((out / "result.json").read_text())
    names = {"image statistics", "object classes only", "untrained networks"}
    assert names <= set(result["baselines"])
    assert names == set(result["over_controls"])
    card = json.loads((out / "card.json").read_text())
    assert card["settings"]["network"]["asked"] == asked
    assert "seen by make, as" in card["data"]
    assert [curve["kind"] for curve in card["curves"]] == ["reliability", "coverage"]
    assert sum(card["curves"][0]["n"]) == 24
    weights = load_head(out).weights
    assert weights.shape == (2, 20)
    before = sorted(p.stat().st_mtime_ns for p in (out / "activations.zarr").rglob("c/*"))
    options = TrainOptions(
        "valence", n_permutations=0, network=asked, preprocessing="side=64,cut=whole"
    )
    assert train(catalog, tmp_path / "rated", options).card.curves[0].kind == "reliability"
    train(catalog, out, options)
    assert sorted(p.stat().st_mtime_ns for p in (out / "activations.zarr").rglob("c/*")) == before
    with pytest.raises(InputError, match="which is code: set AFFECTOME_RUN_NETWORK="):
        PicturesReader(tmp_path / "rated")
    monkeypatch.setenv("AFFECTOME_RUN_NETWORK", asked)
    found = next(PicturesReader(tmp_path / "rated").read_file(catalog / "0.png"))
    assert 4.5 < found.valence.value < 7
    (tmp_path / "nets.py").write_text(NETWORK.replace("seed(3)", "seed(4)"))
    monkeypatch.delitem(sys.modules, "nets", raising=False)
    with pytest.raises(InputError, match="is not the network any more that the model was made"):
        PicturesReader(tmp_path / "rated")


def test_networks_are_for_pictures_only(tmp_path):
    (tmp_path / "a.csv").write_text("text,emotion\na,b\n")
    done = run("train", "words", tmp_path / "a.csv", "--network", "vgg16")
    assert "--network looks at pictures; words have none" in str(done.exception)
    catalog = make_catalog(tmp_path, 9)
    with pytest.raises(InputError, match="--preprocessing is for a --network of your choice"):
        train(catalog, tmp_path / "m", TrainOptions("look", preprocessing="side=64"))
    with pytest.raises(InputError, match="there is no network 'resnet'"):
        train(catalog, tmp_path / "m", TrainOptions("look", network="resnet"))
