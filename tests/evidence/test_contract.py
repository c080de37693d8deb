"""The walk over results finds what doesn't say how it came about."""

from contract import broken_claims

NULL = {"scheme": "labels permuted over trials", "n_groups": 9, "n_arrangements": 99}


def test_a_p_without_its_null_and_an_interval_without_its_groups_are_found():
    whole = {"p": 0.1, "null": {**NULL, "correction": None}, "interval": [0, 1], "over": "5 mice"}
    assert broken_claims({"a": [whole, {"p": None, "interval": None}]}) == []
    assert broken_claims({"a": {"p": 0.1}}) == ["/a/p"]
    assert broken_claims([{"p": 0.1, "null": NULL}]) == ["/0/p"]
    assert broken_claims({"b": {"interval": [0, 1]}}) == ["/b/interval"]
