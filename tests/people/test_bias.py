import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from affectome.errors import InputError
from affectome.evidence.scores import contrast, difference
from affectome.people.bias import bias

LABELS = np.array(["anger", "happiness", "neutral"])


def readings(right, n_people=40, each=10, seed=0):
    """People of group a or b, read right with the share that their group has."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(n_people), each)
    group = np.where(person % 2, "a", "b")
    y = rng.choice(LABELS, person.size)
    wrong = LABELS[(np.searchsorted(LABELS, y) + 1) % 3]
    hit = rng.random(person.size) < np.where(group == "a", right["a"], right["b"])
    return y, np.where(hit, y, wrong), pd.DataFrame({"age": group}), person


def test_scores_and_gap_are_those_of_fairlearn():
    y, said, columns, _ = readings({"a": 0.9, "b": 0.6})
    found = bias(y, said, columns)
    wanted = MetricFrame(
        metrics={"accuracy": accuracy_score, "mean recall": balanced_accuracy_score},
        y_true=y,
        y_pred=said,
        sensitive_features=columns["age"],
    )
    for row in found.rows:
        assert row.score.value == pytest.approx(wanted.by_group[row.score.metric][row.group])
        assert abs(row.gap.value) == pytest.approx(wanted.difference()[row.score.metric])
        low, high = row.score.interval
        assert low < row.score.value < high


def test_a_gap_is_found_and_said_of_the_group_that_is_read_worse():
    y, said, columns, person = readings({"a": 0.9, "b": 0.6})
    found = bias(y, said, columns, person, "subjects")
    assert [row.group for row in found.rows if row.found] == ["b", "b"]
    assert found.found[0].startswith("age = b: accuracy 0.6")
    assert found.over == "40 subjects"
    assert found.rows[0].score.over == "20 subjects"
    assert found.to_frame()["n"].tolist() == [200] * 4
    assert not bias(*readings({"a": 0.7, "b": 0.7})).found


def test_groups_that_share_people_are_held_against_each_other_on_the_same_draws():
    y, said, columns, person = readings({"a": 0.9, "b": 0.6})
    columns["age"] = np.where(np.arange(len(y)) % 2, "light", "dark")
    found = bias(y, said, columns, person)
    hits = (y == said).astype(int)
    light = columns["age"] == "light"
    wanted = contrast("balanced_accuracy", np.ones_like(hits), hits, light, person)
    row = found.rows[0]
    assert row.gap.value == pytest.approx(wanted.value)
    assert row.gap.interval[0] < wanted.interval[0]  # wider, since several gaps are looked at


def test_a_contrast_with_everything_on_one_side_again_is_a_paired_difference():
    y, said, _, person = readings({"a": 0.9, "b": 0.6})
    other = np.roll(said, 1)
    twice = contrast(
        "balanced_accuracy",
        np.r_[y, y],
        np.r_[said, other],
        np.r_[np.ones(len(y)), np.zeros(len(y))],
        np.r_[person, person],
    )
    wanted = difference("balanced_accuracy", y, said, other, person)
    assert twice.value == pytest.approx(wanted.value)
    assert twice.interval == pytest.approx(wanted.interval, rel=0.1)


@pytest.mark.slow
def test_of_tables_without_a_gap_one_in_twenty_shows_one():
    found = 0
    for seed in range(200):
        y, said, columns, person = readings({"a": 0.7, "b": 0.7}, each=4, seed=seed)
        columns["sex"] = np.where(person % 3, "f", "m")
        found += bool(bias(y, said, columns, person).found)
    assert found / 200 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_small_groups_and_columns_of_numbers_are_left_out_and_named():
    y, said, columns, _ = readings({"a": 0.9, "b": 0.6})
    columns["weight"] = np.arange(len(y))
    columns.loc[:3, "age"] = "c"
    found = bias(y, said, columns)
    assert found.left_out == [
        "age = c: 4 readings, fewer than 10",
        "weight has 400 values; groups are at most 20: bin numbers beforehand",
    ]
    with pytest.raises(InputError, match="no group can be compared: weight has 400 values"):
        bias(y, said, columns[["weight"]])
