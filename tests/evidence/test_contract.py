"""The walk over results finds what doesn't say how it came about."""

import json
from pathlib import Path

from affectome.data import Skipped, result_head
from contract import HEAD, broken_claims, broken_head

NULL = {"scheme": "labels permuted over trials", "n_groups": 9, "n_arrangements": 99}


def test_a_p_without_its_null_and_an_interval_without_its_groups_are_found():
    whole = {"p": 0.1, "null": {**NULL, "correction": None}, "interval": [0, 1], "over": "5 mice"}
    assert broken_claims({"a": [whole, {"p": None, "interval": None}]}) == []
    assert broken_claims({"a": {"p": 0.1}}) == ["/a/p"]
    assert broken_claims([{"p": 0.1, "null": NULL}]) == ["/0/p"]
    assert broken_claims({"b": {"interval": [0, 1]}}) == ["/b/interval"]


def test_the_schema_in_the_documents_names_the_keys_that_every_result_has():
    file = Path(__file__).parents[2] / "docs" / "result.schema.json"
    schema = json.loads(file.read_text())
    assert schema["required"] == list(HEAD)
    assert set(HEAD) <= set(schema["properties"])


def test_a_result_without_its_keys_is_found():
    whole = result_head(
        "rsa", 1, source="a/x.npz", target=None, held_out=None, trials=2,
        skipped=[Skipped("f", "why")], warnings=["w"],
    )  # fmt: skip
    assert whole["source"] == "x.npz"
    assert broken_head(whole) == []
    assert broken_head({**whole, "trials": None}) == ["trials"]
    assert broken_head({**whole, "skipped": [{"file": "x"}]}) == ["skipped"]
