"""Overlap of two sets of pictures, in layers whose units are alike and where they are not."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from affectome.data import make_recording
from affectome.errors import InputError
from affectome.units import overlap, shared_stimuli

QUICK = {"n_permutations": 99, "order": "none"}
CLASSES = np.array(["neutral", "pleasant", "unpleasant"])


def layer(rng, mixing, direction, effect, name, per=3, n_themes=30, **columns):
    """A layer that a few directions drive; the classes move it along directions of their own."""
    rank, n_units = mixing.shape
    theme = np.repeat(np.arange(n_themes), per)
    codes = rng.permutation(np.arange(n_themes) % 3)[theme]
    driven = rng.standard_normal((n_themes, rank))[theme]
    driven += rng.standard_normal((theme.size, rank)) + effect * direction[codes]
    X = driven @ mixing + 0.5 * rng.standard_normal((theme.size, n_units))
    trials = pd.DataFrame({"emotion": CLASSES[codes], "theme": [f"{name}{t}" for t in theme]})
    units = pd.DataFrame({"layer": "conv1", "channel": np.arange(n_units)}).assign(**columns)
    return make_recording(X.astype(np.float32), trials, units)


def two_sets(seed, rank=3, related=0.0, effect=1.2, n_units=48):
    """Two sets whose effects have so much to do with each other (0 nothing, 1 the same)."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((rank, n_units)) / np.sqrt(rank)
    one, other = (d - d.mean(axis=0) for d in rng.standard_normal((2, 3, rank)))
    other = related * one + np.sqrt(1 - related**2) * other
    return layer(rng, mixing, one, effect, "a"), layer(rng, mixing, other, effect, "b")


def test_unrelated_effects_in_a_layer_of_low_rank_do_not_overlap():
    p = [
        overlap(*two_sets(s), "emotion", **QUICK, random_state=s).table["p"].iloc[-1]
        for s in range(60)
    ]
    told = np.array(p)[np.isfinite(p)]
    assert told.size > 40
    assert stats.binom.sf(np.sum(told <= 0.05) - 1, told.size, 0.05) > 0.001


def test_the_same_effect_is_found_again():
    found = [
        overlap(
            *two_sets(s, rank=8, related=1.0, effect=2.0, n_units=160), "emotion", **QUICK
        ).table.iloc[-1]
        for s in range(10)
    ]
    assert sum(row["p"] <= 0.05 for row in found) >= 5
    assert sum(row["shared"] > row["expected"] for row in found) >= 9


def test_rows_add_up_and_marks_agree_with_them():
    first, second = two_sets(1, rank=8, related=1.0)
    found = overlap(first, second, "emotion", **QUICK)
    rows = found.table.set_index("preferred")
    assert rows.loc["any", "shared"] == rows.loc[list(CLASSES), "shared"].sum()
    assert rows.loc["any", "shared"] == found.shared.sum() > 0
    assert rows.loc["any", "chosen_a"] == rows.loc["any", "chosen_b"] == 4
    assert rows.loc["any", "expected"] == pytest.approx(rows.loc[list(CLASSES), "expected"].sum())
    assert found.null.n_groups == 30
    assert "in both sets" in found.null.scheme


def test_layers_are_tested_by_themselves_and_corrected_together():
    first, second = (
        part.assign_coords(layer=("unit", np.repeat(["conv1", "conv2"], 24)))
        for part in two_sets(2, rank=8, related=1.0)
    )
    table = overlap(first, second, "emotion", by="layer", **QUICK).table
    assert table["layer"].tolist() == ["conv1"] * 4 + ["conv2"] * 4
    summed = table[table["preferred"] == "any"]
    assert (summed["units"] == 24).all()
    assert (summed["q"] >= summed["p"]).all()


def test_few_themes_give_no_p_and_say_why():
    rng = np.random.default_rng(0)
    mixing, none = rng.standard_normal((3, 20)), np.zeros((3, 3))
    sets = (layer(rng, mixing, none, 0.0, name, per=8, n_themes=3) for name in "ab")
    row = overlap(*sets, "emotion", **QUICK).table.iloc[-1]
    assert np.isnan(row["p"])
    assert row["why"].startswith("no p, because")


def test_other_populations_are_refused_by_any_coordinate():
    first, second = two_sets(0)
    insula = first.assign_coords(region=("unit", ["insula"] * 48))
    amygdala = second.assign_coords(region=("unit", ["amygdala"] * 48))
    with pytest.raises(InputError, match="48 of 48 differ in 'region', such as insula and amygd"):
        overlap(insula, amygdala, "emotion", **QUICK)
    with pytest.raises(InputError, match=r"got 48 \(layer, channel, region\) and 48 \(layer, ch"):
        overlap(insula, second, "emotion", **QUICK)
    with pytest.raises(InputError, match="got 40 "):
        overlap(first[:, :40], second, "emotion", **QUICK)


def test_a_stimulus_in_both_sets_is_refused_by_name():
    first, _ = two_sets(0)
    with pytest.raises(InputError, match=r"30 values of theme are in both sets \(a0, a1, a10, …"):
        overlap(first, first, "emotion", **QUICK)
    tables = [
        pd.DataFrame({"emotion": ["x"] * 4, "stimulus": list("abcd"), "source": ["web"] * 4}),
        pd.DataFrame({"emotion": ["x"] * 4, "stimulus": list("defg"), "source": ["web"] * 4}),
    ]
    assert shared_stimuli(*tables, ("emotion",)) == {"stimulus": ["d"]}


def test_other_classes_and_columns_are_refused():
    first, second = two_sets(0)
    renamed = second.assign_coords(emotion=("trial", second["emotion"].values + "!"))
    with pytest.raises(InputError, match="got neutral, pleasant, unpleasant and neutral!"):
        overlap(first, renamed, "emotion", **QUICK)
    with pytest.raises(InputError, match="the units have no column 'region'"):
        overlap(first, second, "emotion", by="region", **QUICK)
