"""Overlap of two sets against scipy's hypergeometric law and against shuffled units."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from affectome.errors import InputError
from affectome.units import Selectivity, overlap, shared_units

CLASSES = ("neutral", "pleasant", "unpleasant")


def chosen(preferences, layer=None, classes=CLASSES):
    """Selectivity of units with given preferences; '' is not selective."""
    names = np.asarray(preferences, dtype=object)
    table = pd.DataFrame(
        {
            "layer": "conv1" if layer is None else layer,
            "channel": np.arange(len(names)),
            "selective": names != "",
            "preferred": np.where(names == "", classes[0], names),
        }
    )
    empty = np.zeros((len(classes), len(names)))
    return Selectivity(
        table, classes, empty, empty, empty, empty, np.zeros(3, int), "parametric", 0.05
    )


def random_preferences(seed, n=64):
    return np.random.default_rng(seed).choice(["", *CLASSES], n, p=[0.4, 0.1, 0.3, 0.2])


def test_each_class_follows_the_hypergeometric_law_of_scipy():
    first, second = random_preferences(0), random_preferences(1)
    rows = overlap(chosen(first), chosen(second)).set_index("preferred")
    for name in CLASSES:
        a, b = first == name, second == name
        law = stats.hypergeom(64, a.sum(), b.sum())
        assert rows.loc[name, "shared"] == (a & b).sum()
        assert_allclose(rows.loc[name, "expected"], law.mean())
        assert_allclose(rows.loc[name, "p"], law.sf((a & b).sum() - 1))
    assert rows.loc["any", "shared"] == rows.loc[list(CLASSES), "shared"].sum()
    assert_allclose(rows.loc["any", "expected"], rows.loc[list(CLASSES), "expected"].sum())


def test_with_one_class_in_use_the_sum_is_the_hypergeometric_law_too():
    first = np.where(np.arange(50) < 20, "pleasant", "")
    second = np.where(np.arange(50) % 5 < 2, "pleasant", "")
    row = overlap(chosen(first), chosen(second)).set_index("preferred").loc["any"]
    exact = stats.hypergeom(50, 20, 20).sf(row["shared"] - 1)
    assert abs(row["p"] - exact) < 0.02


def test_the_sum_over_classes_agrees_with_shuffled_units():
    first, second = random_preferences(2), random_preferences(3)
    row = overlap(chosen(first), chosen(second), random_state=1).set_index("preferred").loc["any"]
    rng = np.random.default_rng(0)
    shuffled = [
        ((first == mixed) & (first != "")).sum()
        for mixed in (rng.permutation(second) for _ in range(4000))
    ]
    assert abs(np.mean(shuffled) - row["expected"]) < 0.2
    assert abs(np.mean(np.array(shuffled) >= row["shared"]) - row["p"]) < 0.03


def test_equal_sets_overlap_and_independent_ones_do_not():
    first = random_preferences(4, 300)
    assert overlap(chosen(first), chosen(first)).iloc[-1]["p"] == 1 / 10_000
    p = [
        overlap(
            chosen(random_preferences(s)), chosen(random_preferences(s + 500)), n_draws=499
        ).iloc[-1]["p"]
        for s in range(60)
    ]
    assert stats.binom.sf(np.sum(np.array(p) <= 0.05) - 1, 60, 0.05) > 0.001


def test_layers_are_tested_by_themselves():
    layer = np.repeat(["conv1", "conv2"], 32)
    first, second = random_preferences(5), random_preferences(6)
    rows = overlap(chosen(first, layer), chosen(second, layer), by="layer")
    assert rows["layer"].tolist() == ["conv1"] * 4 + ["conv2"] * 4
    assert (rows["units"] == 32).all()
    alone = overlap(chosen(first[:32]), chosen(second[:32]))
    assert rows["shared"][:4].tolist() == alone["shared"].tolist()


def test_units_shared_are_selective_in_both_for_the_same_class():
    a, b = chosen(["pleasant", "", "neutral", ""]), chosen(["pleasant", "", "pleasant", "neutral"])
    assert shared_units(a, b).tolist() == [True, False, False, False]


def test_nothing_selective_is_no_overlap():
    row = overlap(chosen([""] * 5), chosen([""] * 5)).iloc[-1]
    assert (row["shared"], row["expected"], row["p"]) == (0, 0, 1)


@pytest.mark.parametrize(
    ("b", "by", "message"),
    [
        (chosen([""] * 4), None, "got 5 and 4 units"),
        (chosen([""] * 5, layer="conv9"), None, "the same units"),
        (chosen([""] * 5, classes=("a", "b", "c")), None, "got neutral, pleasant, unpleasant and"),
        (chosen([""] * 5), "region", "the units have no column 'region'"),
    ],
)
def test_what_does_not_compare_is_refused(b, by, message):
    with pytest.raises(InputError, match=message):
        overlap(chosen([""] * 5), b, by=by)
