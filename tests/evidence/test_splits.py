import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, RepeatedKFold

from affectome.errors import InputError
from affectome.evidence import Split, inner_split, make_split, purged_time_split, wrap_splitter
from affectome.evidence.cross_fit import fold_of


def crossed(n_subjects=10, n_stimuli=12):
    pairs = np.indices((n_subjects, n_stimuli)).reshape(2, -1)
    trials = pd.DataFrame({"subject": pairs[0], "stimulus": pairs[1]})
    return trials, np.array(["calm", "fear", "joy"])[pairs[1] % 3]


def shared(split, column):
    return [set(column[train]) & set(column[test]) for train, test in split]


def test_default_holds_out_subject_and_stimulus_and_tests_each_trial_once():
    trials, y = crossed()
    split = make_split(trials, y)
    assert (split.kind, split.by) == ("double", ("subject", "stimulus"))
    for name in split.by:
        assert not any(shared(split, trials[name].to_numpy()))
    tested = np.concatenate([test for _, test in split])
    assert np.array_equal(np.sort(tested), np.arange(len(trials)))
    assert all(set(y[train]) == set(y) and set(y[test]) == set(y) for train, test in split)
    assert not split.random


@settings(deadline=None, max_examples=40)
@given(
    st.integers(2, 9),
    st.integers(2, 9),
    st.integers(1, 3),
    st.integers(0, 10_000),
    st.sampled_from(["subject", "stimulus", ("subject", "stimulus")]),
)
def test_no_held_out_value_is_ever_shared(n_subjects, n_stimuli, repeats, seed, holdout):
    trials, _ = crossed(n_subjects, n_stimuli)
    trials = pd.concat([trials] * repeats, ignore_index=True)
    trials = trials.sample(frac=1, random_state=seed).reset_index(drop=True)
    split = make_split(trials, None, holdout, random_state=seed)
    for name in split.by:
        assert not any(shared(split, trials[name].to_numpy()))
    assert np.array_equal(split.tested, np.arange(len(trials)))


def test_stimuli_of_a_theme_are_held_out_with_the_theme():
    trials = pd.DataFrame({"stimulus": np.arange(60), "theme": np.arange(60) // 4})
    split = make_split(trials)
    assert split.by == ("theme",)
    assert not any(shared(split, trials["theme"].to_numpy()))
    both = make_split(trials, None, ("theme", "stimulus"))
    assert len(both) == len(split)


def test_default_ignores_a_column_with_one_value_and_falls_back():
    trials = pd.DataFrame({"subject": ["a"] * 30, "session": np.arange(30) // 5})
    split = make_split(trials)
    assert (split.kind, split.by) == ("blocked", ("session",))
    only_themes = pd.DataFrame({"group": np.arange(30) // 3})
    assert make_split(only_themes).by == ("group",)
    patients = pd.DataFrame({"subject": np.arange(40) // 4, "group": np.arange(40) // 20})
    assert make_split(patients).by == ("subject",)


def test_groups_are_dealt_so_that_a_rare_class_is_in_every_training_set():
    subject = np.repeat(np.arange(12), 10)
    y = np.array(["no"] * 120, dtype=object)
    y[[3, 15]] = "yes"
    for seed in range(20):
        split = make_split(pd.DataFrame({"subject": subject}), y, "subject", 5, seed)
        assert all("yes" in y[train] for train, _ in split)


def test_random_split_has_to_be_asked_for_and_says_so():
    trials, y = crossed()
    split = make_split(trials, y, "random")
    assert split.random
    assert split.kind == "random"
    assert split.to_dict()["random"] is True
    assert [np.unique(y[test], return_counts=True)[1].tolist() for _, test in split] == [
        [8, 8, 8]
    ] * 5
    assert make_split(trials, np.arange(120.0), "random").random


def test_same_seed_same_folds_and_another_seed_others():
    trials, y = crossed()
    assert make_split(trials, y).digest == make_split(trials, y).digest
    assert make_split(trials, y).digest != make_split(trials, y, random_state=1).digest
    described = make_split(trials, y).to_dict()
    assert described["n_folds"] == 20
    assert described["sha256"] == make_split(trials, y).digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"holdout": "face"}, "no column 'face' to hold out; they have subject, stimulus"),
        ({"holdout": "subject", "n_splits": 11}, "11 folds need at least 11 groups, but subject"),
        ({"holdout": "subject", "n_splits": 1}, "1 folds need at least 2 groups"),
        ({"holdout": ()}, "holdout is empty"),
        ({"y": ["joy"] * 120}, "only one class is joy"),
        ({"y": ["joy", "fear"]}, r"shape \(2,\) but there are 120 trials"),
        ({"y": [np.nan] + [1.0] * 119}, "1 of 120 labels are missing or not finite, the first"),
        ({"y": [np.inf] + [1.0] * 119}, "missing or not finite"),
        ({"y": [None] + ["a", "b"] * 59 + ["a"]}, "trial 0"),
        ({"y": [""] + ["a", "b"] * 59 + ["a"]}, "labels are missing"),
        ({"y": ["rare"] + ["a", "b"] * 59 + ["a"]}, "class rare has 1 trials, all held out at"),
        (
            {"y": ["rare"] * 3 + ["a", "b"] * 58 + ["a"], "holdout": "random"},
            "smallest class has 3 trials, fewer than 5 folds; take n_splits=3",
        ),
        ({"holdout": "random", "n_splits": 121}, "120 trials can't be cut into 121 folds"),
    ],
)
def test_what_can_not_be_split_says_why(change, message):
    trials, y = crossed()
    with pytest.raises(InputError, match=message) as error:
        make_split(trials, **{"y": y, **change})
    assert "\n" not in str(error.value)


def test_one_group_empty_rows_and_nothing_to_hold_out_say_why():
    one = pd.DataFrame({"subject": ["s1"] * 6})
    with pytest.raises(InputError, match=r"only one subject \(s1\)"):
        make_split(one, None, "subject")
    with pytest.raises(InputError, match="nothing to hold out by"):
        make_split(one)
    with pytest.raises(InputError, match=r"'subject' is empty in 1 of 3 trials, the first is tr"):
        make_split(pd.DataFrame({"subject": ["a", None, "b"]}), None, "subject")


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ((), "at least one fold"),
        ((([0, 1], [1, 2]),), "row 1 in training and test"),
        ((([0, 0], [1]),), "row 0 in one side twice"),
        ((([], [1]),), "not empty"),
        ((([-1], [1]),), "count from 0"),
        ((([0.5], [1]),), "row numbers"),
        ((([0], [1]),), "fold 0 has subject a in training and in test"),
    ],
)
def test_a_split_that_shares_something_can_not_be_made(folds, message):
    with pytest.raises(InputError, match=message):
        Split("group", ("subject",), folds, {"subject": np.array(["a", "a", "b"])})


def test_a_split_needs_the_values_of_what_it_holds_out_and_a_known_kind():
    folds = (([0], [1]),)
    with pytest.raises(InputError, match="'subject' are not given"):
        Split("group", ("subject",), folds)
    with pytest.raises(InputError, match="kind of a split is one of"):
        Split("leave-one-out", (), folds)


def test_purge_keeps_the_gap_on_both_sides_within_runs():
    time = np.tile(np.arange(50.0), 2)
    run = np.repeat([0, 1], 50)
    split = purged_time_split(time, gap=5, n_splits=4, run=run)
    for train, test in split:
        for r in (0, 1):
            a, b = time[train][run[train] == r], time[test][run[test] == r]
            if a.size and b.size:
                assert np.abs(a[:, None] - b).min() >= 5
    assert np.array_equal(split.tested, np.arange(100))
    with pytest.raises(InputError, match="fold 0 tests 1 s from training, nearer than the gap"):
        Split("time", (), (([0, 1], [2]),), {"time": np.arange(3.0), "run": np.zeros(3)}, gap=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.array([0.0, np.nan]), 1), "time of trial 1 is not finite"),
        ((np.arange(10.0), -1), "at least 0 seconds"),
        ((np.arange(10.0), 100), "leaves no trial to train on"),
        ((np.arange(3.0), 0, 4), "can't be cut into 4 stretches"),
        ((np.arange(3.0), 0, 2, [1]), "3 times but 1 runs"),
    ],
)
def test_bad_times_say_why(arguments, message):
    with pytest.raises(InputError, match=message):
        purged_time_split(*arguments)


def test_scikit_learn_splitters_are_taken_and_checked():
    trials, y = crossed()
    grouped = wrap_splitter(GroupKFold(5), trials, y)
    assert grouped.by == ("subject",)
    assert not grouped.random
    assert len(wrap_splitter(LeaveOneGroupOut(), trials, y)) == 10
    shuffled = wrap_splitter(KFold(5, shuffle=True, random_state=0), trials, y)
    assert shuffled.random
    with pytest.raises(InputError, match="in training and in test, so the split does not hold"):
        wrap_splitter(KFold(5, shuffle=True, random_state=0), trials, y, "subject")
    with pytest.raises(InputError, match="GroupKFold can't split these trials"):
        wrap_splitter(GroupKFold(11), trials, y)
    pairs = [(np.arange(60), np.arange(60, 120))]
    assert wrap_splitter(pairs, trials).by == ("subject",)
    with pytest.raises(InputError, match="rows beyond the 120 trials"):
        wrap_splitter([(np.arange(60), np.array([120]))], trials)


def test_repeats_are_refused_where_each_trial_is_to_be_tested_once():
    trials, y = crossed()
    split = wrap_splitter(RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), trials, y)
    with pytest.raises(InputError, match="run repeats of a split one by one"):
        fold_of(split, len(trials))


def test_inner_splits_stay_inside_training_and_hold_out_the_same():
    trials, y = crossed()
    outer = make_split(trials, y)
    inner = inner_split(outer, 0, y, 2)
    train = outer.folds[0][0]
    assert inner.by == outer.by
    assert max(rows.max() for fold in inner for rows in fold) < train.size
    subject = trials["subject"].to_numpy()[train]
    assert not any(shared(inner, subject))
    timed = purged_time_split(np.arange(100.0), 3, 4)
    assert inner_split(timed, 1, n_splits=3).kind == "time"
    assert inner_split(make_split(trials, y, "random"), 0, y).random
