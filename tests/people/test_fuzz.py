"""Sounds, model folders and written readings: damaged, they are read or told in a line."""

import io
import json

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from affectome.features.voice.sound import read_sound
from affectome.networks.weights import read_state
from affectome.people.cards import Card, Metric, load_card
from affectome.people.face.model import load_network, save_network
from affectome.people.face.network import FaceNet
from affectome.people.monitoring import usual_of
from affectome.people.pictures import model as pictures
from affectome.people.reading import Reading
from affectome.people.runs import read_run
from affectome.people.voice import model as voice
from affectome.people.voice.fitting import fit_linear
from fuzzing import CHANGES, LENGTHS, mended, told, tried

pytestmark = pytest.mark.filterwarnings("ignore")
rng = np.random.default_rng(0)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
@tried(15)
@given(CHANGES, LENGTHS)
def test_sounds(tmp_path, kind, changes, length):
    whole = io.BytesIO()
    soundfile.write(whole, rng.normal(0, 0.1, 8000), 8000, format=kind)
    (tmp_path / "s.wav").write_bytes(mended(whole.getvalue(), changes, length))
    assert "\n" not in told(read_sound, tmp_path / "s.wav")


def a_card():
    metric = Metric("accuracy", 0.7, (0.6, 0.8), "held-out people", "people", "", {"chance": 0.5})
    return Card(
        "mine", "pictures", "what", "which", "mine", {"joy": "j", "fear": "f"}, [metric],
        curves=(), settings={"least": 0.5, "level": 0.1, "temperature": 1.0, "emotions": ["joy"]},
    )  # fmt: skip


def cards(folder):
    """Whatever is shown of a card."""
    card = load_card(folder)
    card.to_text()
    card.to_html()


@tried()
@given(CHANGES, LENGTHS)
def test_cards(tmp_path, changes, length):
    whole = json.dumps(a_card().to_dict()).encode()
    (tmp_path / "card.json").write_bytes(mended(whole, changes, length))
    assert "\n" not in told(cards, tmp_path)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text("ab", max_size=2)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.just("n"), inner)),
    max_leaves=3,
)


@tried()
@given(st.sampled_from(sorted(a_card().to_dict())), VALUES)
def test_cards_of_other_types(tmp_path, name, value):
    (tmp_path / "card.json").write_text(json.dumps(a_card().to_dict() | {name: value}))
    assert "\n" not in told(cards, tmp_path)


def head_of_pictures(folder):
    (folder / "card.json").write_text(json.dumps(a_card().to_dict()))
    arrays = {n: np.ones((4, 2) if n == "weights" else 4) for n in ("mean", "gain", "weights")}
    return pictures.save_head(arrays | {"bias": np.ones(2)}, folder), pictures.load_head


def head_of_voices(folder):
    layer = fit_linear(rng.normal(size=(20, 3)), np.array(["a", "b"] * 10), 1.0)
    voice.save_head(folder, layer, layer)
    return folder / voice.HEAD, voice.load_head


def network_of_faces(folder):
    save_network(folder, FaceNet(3, [8, 8]))
    return folder / "network.safetensors", load_network


def torch_state(folder):
    torch.save({"a": torch.ones(3)}, folder / "state.pt")
    return folder / "state.pt", lambda _: read_state(folder / "state.pt")


@pytest.mark.parametrize("make", [head_of_pictures, head_of_voices, network_of_faces, torch_state])
@tried(15)
@given(CHANGES, LENGTHS)
def test_weights(tmp_path, make, changes, length):
    file, read = make(tmp_path)
    file.write_bytes(mended(file.read_bytes(), changes, length))
    assert "\n" not in told(read, tmp_path)


@pytest.mark.parametrize("whole", [True, False])
@tried()
@given(CHANGES, LENGTHS)
def test_written_readings(tmp_path, whole, changes, length):
    one = Reading("words", emotions={"joy": 0.7, "fear": 0.2}, file="a.txt", row=1).to_dict()
    text = json.dumps({"readings": [one] * 3} if whole else one).encode()
    (tmp_path / "result.json").write_bytes(mended(text, changes, length))
    source = tmp_path if whole else tmp_path / "result.json"
    assert "\n" not in told(lambda: usual_of(read_run(source)))
