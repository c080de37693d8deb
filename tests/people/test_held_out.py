import numpy as np
import pandas as pd
import pytest

from affectome.data.outputs import write_json
from affectome.errors import InputError
from affectome.people.cards import Card, load_card
from affectome.people.held_out import compared, completed

NAMES = np.array(["calm", "tense"])


def trials(n=120):
    """People of whom the old are read at chance, the young always right."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"subject": [f"p{k % 20}" for k in range(n)]})
    table["age"] = np.where(np.arange(n) % 2, "old", "young")
    y = rng.choice(NAMES, n)
    sure = np.where(table["age"] == "young", 0.9, rng.uniform(0.1, 0.9, n))
    p = np.where(y[:, None] == NAMES, sure[:, None], 1 - sure[:, None])
    return table, y, p


def test_a_gap_stands_in_the_first_line_of_the_card_and_what_is_usual_is_kept(tmp_path):
    table, y, p = trials()
    groups = compared(NAMES, y, p, table, ["age"])
    assert groups.over == "20 subjects"
    card = Card("mine", "voice", "emotion from voices", "", "", dict.fromkeys(NAMES.tolist(), ""))
    whole = completed(card, NAMES, y, p, 0.5, groups)
    assert whole.to_text().splitlines()[2].startswith("**Reads worse.** age = old: accuracy 0.")
    assert whole.usual["right"].counts == (
        int((p.max(1) != p[y[:, None] == NAMES]).sum()),
        int((p.max(1) == p[y[:, None] == NAMES]).sum()),
    )
    write_json(tmp_path / "card.json", whole.to_dict())
    kept = load_card(tmp_path).usual
    for name, usual in whole.usual.items():
        assert kept[name].edges == usual.edges
        assert kept[name].counts == usual.counts


def test_without_groups_nothing_is_compared():
    table, y, p = trials()
    assert compared(NAMES, y, p, table, []) is None
    with pytest.raises(InputError, match="the table has no column 'sex' of groups; it has subject"):
        compared(NAMES, y, p, table, ["sex"])
