import numpy as np
import pytest

from affectome.people.cards import find_card
from affectome.people.face.model import SHIPPED, load_network
from affectome.people.face.reader import reader

pytest.importorskip("onnxruntime")


def test_the_card_says_how_good_it_is_and_whom_it_fails():
    card = find_card("face")
    accuracy = card.metrics[0]
    assert accuracy.interval[0] < accuracy.value < accuracy.interval[1]
    assert accuracy.baselines["majority"] < accuracy.interval[0]
    recalls = {m.group: m.value for m in card.metrics if m.name == "recall"}
    assert set(recalls) == set(card.labels)
    worst = min(recalls, key=recalls.get)
    assert worst in card.failures[0]
    assert "decisions about people" in card.not_for


def test_the_weights_are_small_and_the_network_too():
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 25e6
    assert sum(p.numel() for p in load_network(SHIPPED).parameters()) < 5e6


def test_a_smile_is_read_from_a_portrait(astronaut):
    (reading,) = reader().read_picture(astronaut)
    assert reading.labels == ("happiness",)
    assert np.isclose(sum(reading.emotions.values()), 1)
