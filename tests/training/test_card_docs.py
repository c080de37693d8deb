import pytest
from training.card_docs import DOCS, GREY, filled

from affectome.people.card_page import drawing
from affectome.people.cards import find_card


@pytest.mark.parametrize("name", ["words", "voice"])
def test_the_documents_hold_the_numbers_of_the_cards(name: str) -> None:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert f"<!-- {name}: scores -->" in text
    assert filled(text) == text, "run: python -m training.card_docs"
    for number, curve in enumerate(find_card(name).curves, 1):
        kept = (DOCS / "figures" / f"{name}_{number}.svg").read_text(encoding="utf-8")
        assert kept == drawing(curve, GREY) + "\n", "run: python -m training.card_docs"
