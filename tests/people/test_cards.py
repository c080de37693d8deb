import json

import pytest

from affectome.errors import InputError
from affectome.people.cards import Card, Curve, Metric, find_card, load_card, shipped_cards


@pytest.fixture
def card():
    return Card(
        name="mine",
        modality="words",
        summary="joy | fear from <words>",
        data="ten texts",
        licence="CC0",
        labels={"joy": "being glad", "fear": "being afraid"},
        metrics=(
            Metric("macro-F1", 0.5, (0.4, 0.6), "dev", "texts", baselines={"majority": 0.1}),
            Metric("F1", 0.25, on="dev", group="joy, n = 3"),
        ),
        gaps=("texts about <sport>: F1 0.40 against 0.60, a gap of 0.20 [0.10, 0.30]",),
        curves=(
            Curve(
                "reliability", (0.2, 0.9), (0.25, 0.8), (4, 10), ((0, 0.8), (0.4, 1)), "dev", 0.1
            ),
            Curve("coverage", (0.5, 1.0), (0.9, 0.7), (7, 14), (), "dev"),
        ),
        failures=("sarcasm",),
        settings={"threshold": [0.2, 0.3]},
    )


def test_a_card_comes_back_from_its_file(card, tmp_path):
    (tmp_path / "card.json").write_text(json.dumps(card.to_dict()))
    again = load_card(tmp_path)
    assert again.metrics == card.metrics
    assert again.labels == card.labels
    assert again.curves == card.curves
    assert again.to_text() == card.to_text()
    assert find_card(str(tmp_path)).name == "mine"


def test_the_text_holds_numbers_baselines_failures_and_meanings(card):
    text = card.to_text()
    assert "| macro-F1 | dev | 0.500 | 0.400 – 0.600 | majority 0.100 |" in text
    assert "| F1, joy, n = 3 | dev | 0.250 |" in text
    assert "- sarcasm" in text
    assert text.splitlines()[2].startswith("**Reads worse.** texts about <sport>: F1 0.40 against")
    assert "| 0.90 | 0.80 | 0.40 – 1.00 | 10 |" in text
    assert "| 0.50 | 0.90 |  | 7 |" in text
    assert "| joy | being glad |" in text
    assert "**Licence.** CC0" in text


def test_the_page_is_escaped_and_stands_alone(card):
    page = card.to_html()
    assert "<h1>mine</h1>" in page
    assert "&lt;words&gt;" in page
    assert "<words>" not in page
    assert "<sport>" not in page
    assert page.index("Reads worse.") < page.index("joy | fear")
    assert page.count("<table") == page.count("</table>") == 3
    assert page.count("<svg") == page.count("</svg>") == 2
    assert page.count("<circle") == 4
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_shipped_model_of_words_says_what_it_is():
    card = {card.name: card for card in shipped_cards()}["words"]
    names = [metric.name for metric in card.metrics]
    f1 = card.metrics[names.index("macro-F1")]
    low, high = f1.interval
    assert low < f1.value < high
    assert set(f1.baselines) == {
        "majority",
        "length",
        "TF-IDF, linear",
        "frozen encoder (8,000 texts), linear",
    }
    assert f1.value > max(f1.baselines.values())
    assert any("tuned on the texts reported" in name for name in names)
    assert len(card.labels) == 28
    assert any(metric.group.startswith("about women") for metric in card.metrics)
    assert sum(metric.name == "F1" for metric in card.metrics) == 28


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"metrics": [{"value": 1}]}'])
def test_what_is_no_card_says_so(tmp_path, content):
    (tmp_path / "card.json").write_text(content)
    with pytest.raises(InputError, match=r"card\.json is not a model card"):
        load_card(tmp_path)


def test_an_unknown_model_names_those_that_are_known(tmp_path):
    with pytest.raises(InputError, match=r"there is no model 'gone'; shipped are .*words"):
        find_card("gone")
