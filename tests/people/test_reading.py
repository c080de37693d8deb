import json
import webbrowser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectome.errors import InputError
from affectome.people import Estimate, Reading, Readings
from affectome.people.reading import blend_of


@pytest.fixture
def joyful():
    return Reading(
        "words",
        {"joy": 0.8, "love": 0.3, "neutral": 0.05},
        valence=Estimate(4.1, (3.2, 4.6), scale=(1, 5)),
        arousal=Estimate(3.4),
        intensity=0.95,
        labels=("joy",),
        set=("joy", "love"),
        file="a.txt",
        row=3,
        person="p1",
        model="words-1",
        licence="CC BY 4.0",
        attribution=(("so", 0.01), ("<happy>", 0.4)),
        attributed_to="joy",
    )


@pytest.fixture
def abstaining():
    return Reading("voice", abstains=True, because="no speech in it", start_s=1.0, end_s=2.5)


def test_a_line_of_json_has_the_fields_of_every_modality(joyful, abstaining):
    wanted = {
        *("file", "modality", "emotions", "valence", "arousal", "intensity", "labels", "set"),
        *("abstains", "because", "person", "start_s", "end_s", "model", "licence"),
    }
    for reading in (joyful, abstaining):
        line = reading.to_json()
        assert "\n" not in line
        assert wanted <= set(json.loads(line))
    plain = json.loads(joyful.to_json())
    wanted = {"value": 4.1, "interval": [3.2, 4.6], "confidence": 0.9, "scale": [1, 5]}
    assert plain["valence"] == wanted
    assert plain["because"] is None
    assert json.loads(abstaining.to_json())["because"] == "no speech in it"


def test_a_frame_of_different_modalities_is_tidy(joyful, abstaining):
    frame = Readings([joyful, abstaining]).to_frame()
    assert len(frame) == 2
    assert frame["emotion.joy"].tolist()[0] == 0.8
    assert np.isnan(frame["emotion.joy"].tolist()[1])
    assert frame.loc[0, ["valence", "valence_low", "valence_high"]].tolist() == [4.1, 3.2, 4.6]
    assert np.isnan(frame.loc[0, "arousal_low"])
    assert frame["set"].tolist() == ["joy|love", ""]
    assert frame["abstains"].tolist() == [False, True]
    assert frame["start_s"].dtype == float
    assert frame["row"].isna().tolist() == [False, True]
    assert list(frame.columns[:6]) == ["file", "row", "modality", "person", "start_s", "end_s"]


def test_an_empty_collection_gives_an_empty_frame():
    frame = Readings([]).to_frame()
    assert len(frame) == 0
    assert "valence_low" in frame.columns


def test_a_frame_survives_a_spreadsheet(joyful, abstaining, tmp_path):
    frame = Readings([joyful, abstaining]).to_frame()
    frame.to_csv(tmp_path / "r.csv", index=False)
    again = pd.read_csv(tmp_path / "r.csv")
    assert list(again.columns) == list(frame.columns)


def test_parts_become_rows_and_a_list(joyful):
    whole = Reading("words", {"joy": 0.5}, parts=(joyful, joyful))
    assert len(whole.to_frame()) == 2
    assert len(whole.to_dict()["parts"]) == 2
    assert "2 parts" in repr(whole)


def test_repr_is_a_few_lines(joyful, abstaining):
    assert repr(joyful).splitlines() == [
        "Reading(words of a.txt): joy",
        "  joy 0.80  love 0.30  neutral 0.05",
        "  valence 4.10 [3.20, 4.60]  arousal 3.40",
    ]
    assert repr(abstaining) == "Reading(voice): abstains, no speech in it"
    many = Readings([joyful] * 9)
    assert repr(many).splitlines()[0] == "Readings: 9, of which 0 abstain"
    assert len(repr(many).splitlines()) == 7


def test_html_stands_alone_and_escapes(joyful, abstaining, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    hostile = Reading("words", abstains=True, because="<script>", file="<b>.txt")
    page = Readings([joyful, abstaining, hostile]).open(tmp_path / "r.html")
    text = page.read_text()
    assert opened == [page.as_uri()]
    assert "&lt;happy&gt;" in text
    assert "<script>" not in text
    assert "<b>" not in text
    assert "http" not in text
    assert "not of what is felt" in joyful._repr_html_()


def test_a_slice_is_readings(joyful, abstaining):
    both = Readings([joyful, abstaining])
    assert both[1:] == Readings([abstaining])
    assert both[0] is joyful
    assert hash(both)


def test_a_reading_abstains_with_a_reason_or_not_at_all():
    with pytest.raises(InputError, match="says why"):
        Reading("words", abstains=True)
    with pytest.raises(InputError, match="says why"):
        Reading("words", because="it's empty")


def test_probabilities_are_probabilities():
    with pytest.raises(InputError, match=r"'joy' lies in 0–1; got 1\.2"):
        Reading("words", {"joy": 1.2})


@given(st.dictionaries(st.sampled_from(["joy", "fear", "anger", "neutral"]), st.floats(0, 1)))
def test_a_blend_adds_up_to_one_or_is_empty(emotions):
    blend = blend_of(emotions)
    assert "neutral" not in blend
    assert not blend or sum(blend.values()) == pytest.approx(1)
    assert list(blend.values()) == sorted(blend.values(), reverse=True)
