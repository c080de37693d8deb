import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from affectome.errors import InputError
from affectome.evidence import Null, difference, rater_ceiling, score
from affectome.evidence.metrics import METRICS


def drawn(seed=0, n=90, n_classes=3, decimals=1):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % n_classes)
    scores = (rng.normal(size=(n, n_classes)) + np.eye(n_classes)[y]).round(decimals)
    return y, scores, scores.argmax(axis=1), rng.normal(size=n)


def concordance(a, b):
    return 2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)


def test_scores_equal_their_oracles():
    y, scores, found, rating = drawn()
    guess = rating + np.random.default_rng(1).normal(size=rating.size)
    areas = [metrics.roc_auc_score(y == k, scores[:, k]) for k in range(3)]
    oracles = {
        "macro_auc": (y, scores, np.mean(areas)),
        "d_from_auc": (y, scores, np.sqrt(2) * stats.norm.ppf(np.mean(areas))),
        "balanced_accuracy": (y, found, metrics.balanced_accuracy_score(y, found)),
        "f1_macro": (y, found, metrics.f1_score(y, found, average="macro")),
        "pearson_r": (rating, guess, stats.pearsonr(rating, guess)[0]),
        "ccc": (rating, guess, concordance(rating, guess)),
        "r2": (rating, guess, metrics.r2_score(rating, guess)),
        "ordinal_error": (y, found, np.mean([np.abs(found - k)[y == k].mean() for k in range(3)])),
        "multilabel_f1": (
            np.eye(3)[y],
            np.eye(3)[found],
            metrics.f1_score(np.eye(3)[y], np.eye(3)[found], average="macro"),
        ),
    }
    assert set(oracles) == set(METRICS)
    for name, (true, said, wanted) in oracles.items():
        assert score(name, true, said, n_bootstrap=0).value == pytest.approx(wanted, abs=1e-12)


def test_auc_of_two_classes_takes_one_column_and_names_of_classes():
    y, scores, _, _ = drawn(n_classes=2)
    names = np.array(["calm", "fear"])[y]
    one = score("macro_auc", names, scores[:, 1] - scores[:, 0], n_bootstrap=0)
    assert one.value == pytest.approx(metrics.roc_auc_score(y, scores[:, 1] - scores[:, 0]))


def test_auc_compares_within_folds_where_they_have_both_classes():
    y, scores, _, _ = drawn(n_classes=2, decimals=6)
    value = scores[:, 1] - scores[:, 0]
    folds = np.arange(90) // 30
    wanted = np.mean([metrics.roc_auc_score(y[folds == f], value[folds == f]) for f in range(3)])
    shifted = value + 16.0 * folds
    found = score("macro_auc", y, shifted, folds=folds, n_bootstrap=0).value
    assert found == pytest.approx(wanted, abs=1e-12)
    alone = score("macro_auc", y, value, folds=np.arange(90), n_bootstrap=0).value
    assert alone == pytest.approx(metrics.roc_auc_score(y, value), abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from(sorted(METRICS)))
def test_weights_count_like_repeated_trials(seed, name):
    y, scores, found, rating = drawn(seed, n=24)
    rng = np.random.default_rng(seed)
    w = rng.integers(1, 4, 24)
    metric = METRICS[name]
    true, said = {
        "classes": (y, found),
        "scores": (y, scores),
        "labels": (np.eye(3)[y], np.eye(3)[found]),
        "ratings": (y.astype(float), rating),
    }[metric.wants]
    fold = np.zeros(24, dtype=int)
    weighted = metric.weighted(true, said, w[None].astype(float), fold)[0]
    ones = np.ones((1, w.sum()))
    again = metric.weighted(np.repeat(true, w, 0), np.repeat(said, w, 0), ones, np.repeat(fold, w))
    if name != "d_from_auc":  # its clip depends on the number of trials
        assert weighted == pytest.approx(again[0], abs=1e-12)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(0.1, 10), st.floats(-5, 5))
def test_order_and_scale_do_not_matter_where_they_should_not(seed, scale, shift):
    y, scores, _, rating = drawn(seed, n=30, decimals=6)
    order = np.random.default_rng(seed).permutation(30)
    first = score("macro_auc", y, scores, n_bootstrap=0).value
    moved = score("macro_auc", y[order], scale * scores[order] + shift, n_bootstrap=0).value
    assert moved == pytest.approx(first, abs=1e-12)
    r = score("pearson_r", rating, scores[:, 0], n_bootstrap=0).value
    scaled = score("pearson_r", rating[order], scale * scores[order, 0] + shift, n_bootstrap=0)
    assert scaled.value == pytest.approx(r, abs=1e-9)


def test_interval_of_a_mean_is_the_t_interval_over_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 10)
    right = rng.random(120) < rng.beta(6, 4, 12)[groups]
    y = np.zeros(120, dtype=int)
    y[::2] = 1
    found = np.where(right, y, 1 - y)
    one = score("balanced_accuracy", y, found, groups, n_bootstrap=20_000)
    by_group = np.array([right[groups == g].mean() for g in range(12)])
    half = stats.t.ppf(0.975, 11) * by_group.std(ddof=1) / np.sqrt(12)
    low, high = one.interval
    assert high - low == pytest.approx(2 * half, rel=0.05)
    assert one.n_groups == 12


def test_trials_of_a_group_are_not_taken_for_independent():
    y, _, found, _ = drawn(n=30)
    repeated = [np.repeat(a, 10, axis=0) for a in (y, found)]
    groups = np.repeat(np.arange(30), 10)
    width = [np.diff(score("balanced_accuracy", *repeated, g).interval)[0] for g in (groups, None)]
    assert width[0] > 2.5 * width[1]


def test_crossed_groups_widen_the_interval():
    rng = np.random.default_rng(3)
    subject, stimulus = np.indices((12, 12)).reshape(2, -1)
    rating = rng.normal(size=12)[stimulus] + 0.3 * rng.normal(size=144)
    guess = rating + rng.normal(size=12)[stimulus] + 0.3 * rng.normal(size=144)
    both = np.column_stack([subject, stimulus])
    narrow = score("pearson_r", rating, guess, subject)
    wide = score("pearson_r", rating, guess, both)
    assert np.diff(wide.interval)[0] > 2 * np.diff(narrow.interval)[0]


def test_perfect_scores_keep_a_lower_bound():
    y = np.tile([0, 1], 20)
    one = score("balanced_accuracy", y, y, np.arange(40) // 4)
    assert one.interval[1] == 1
    assert one.interval[0] == pytest.approx(0.025**0.1)
    both = score(
        "macro_auc", y, y.astype(float), np.column_stack([np.arange(40) // 4, np.arange(40) % 4])
    )
    assert both.value == 1
    assert both.interval[0] < 0.8


@pytest.mark.parametrize("flipped", [False, True])
def test_nearly_perfect_scores_promise_no_more_than_perfect_ones(flipped):
    y = np.tile(["a", "b"], 50)
    groups = np.repeat(np.arange(5), 20)
    found = y if not flipped else np.where(y == "a", "b", "a")
    perfect = score("balanced_accuracy", y, found, groups)
    found = found.copy()
    found[0] = "b" if found[0] == "a" else "a"
    near = score("balanced_accuracy", y, found, groups, inflation=2.0)
    assert 0 < abs(near.value - perfect.value) < 0.02
    if flipped:
        assert near.interval[1] >= perfect.interval[1]
    else:
        assert near.interval[0] <= perfect.interval[0]


def test_too_few_groups_have_no_interval():
    y, _, found, _ = drawn()
    assert score("balanced_accuracy", y, found, np.arange(90) % 2).interval is None


def test_difference_is_paired():
    y, _, found, _ = drawn(n=60)
    groups = np.arange(60) // 5
    same = difference("balanced_accuracy", y, found, found, groups)
    assert same.value == 0
    assert same.interval == (0, 0)
    worse = np.zeros(60, dtype=int)
    gap = difference("balanced_accuracy", y, found, worse, groups)
    assert gap.value == pytest.approx(metrics.balanced_accuracy_score(y, found) - 1 / 3)
    assert gap.interval[0] < gap.value < gap.interval[1]
    error = difference("ordinal_error", y, found, worse, groups)
    assert error.value > 0


def test_to_dict_and_determinism():
    y, scores, _, _ = drawn()
    one = score("macro_auc", y, scores, random_state=4)
    assert one == score("macro_auc", y, scores, random_state=4)
    null = Null("labels permuted over trials", 120, 999)
    assert one.with_p(0.01, null).to_dict() == {
        "metric": "macro_auc",
        "score": one.value,
        "interval": list(one.interval),
        "over": f"{one.n_groups} groups",
        "n_groups": one.n_groups,
        "p": 0.01,
        "null": null.to_dict(),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("accuracy", [0, 1], [0, 1]), "metric is one of balanced_accuracy, .*; got 'accuracy'"),
        (("f1_macro", [0, 1], [0]), "2 labels but 1 predictions"),
        (("macro_auc", [0, 1, 2], [0.1, 0.2, 0.3]), "names 3 classes|name 3 classes"),
        (("macro_auc", [0, 1], [np.nan, 1.0]), "wants finite numbers"),
        (("pearson_r", [0.0, 1.0], ["a", "b"]), "wants finite numbers as predictions"),
        (("multilabel_f1", [0, 1], [0, 1]), "can't compare labels"),
        (("f1_macro", [0, 1], [0, 1], [1]), r"groups have the shape \(1,\) but there are 2"),
    ],
)
def test_bad_input_says_why(arguments, message):
    with pytest.raises(InputError, match=message):
        score(*arguments)


def test_rater_ceiling_brackets_the_truth():
    rng = np.random.default_rng(0)
    ratings = rng.normal(size=400) + rng.normal(size=(20, 400))
    ceiling = rater_ceiling(ratings)
    best = np.mean([np.corrcoef(ratings.mean(0), one)[0, 1] for one in ratings])
    assert ceiling.lower < np.sqrt(0.5) < ceiling.upper
    assert ceiling.upper == pytest.approx(best)
    assert ceiling.reliability == pytest.approx(20 * 0.5 / (1 + 19 * 0.5), abs=0.02)
    ratings[0, :390] = np.nan
    assert rater_ceiling(ratings).lower == pytest.approx(ceiling.lower, abs=0.05)


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        (np.zeros((1, 5)), "at least 2 raters and 3 stimuli"),
        (np.zeros((3, 5)), "no two raters share 3 stimuli"),
    ],
)
def test_rater_ceiling_says_what_it_needs(ratings, message):
    with pytest.raises(InputError, match=message):
        rater_ceiling(ratings)
