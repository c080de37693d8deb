"""Decoding over time against the estimator fitted anew, and its null."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from affectome.data import make_recording
from affectome.decoding.ridge import RidgeClassifierDecoder
from affectome.dynamics.over_time import decode_over_time, predict_memory
from affectome.errors import InputError
from affectome.evidence import make_split


def planted(n_people=3, n_trials=40, n_times=6, n_classes=2, effect=1.0, seed=0):
    rng = np.random.default_rng(seed)
    n = n_people * n_trials
    y = np.array(["calm", "fear", "joy"])[rng.integers(0, n_classes, n)]
    trials = pd.DataFrame(
        {"subject": np.repeat([f"s{i}" for i in range(n_people)], n_trials), "emotion": y}
    )
    X = rng.normal(size=(n, n_times, 5))
    X[y == "fear", 4:, 0] += effect
    X[y == "joy", 4:, 1] += effect
    units = pd.DataFrame({"sensor": list("abcde")})
    return make_recording(X, trials, units, np.arange(n_times) / 10), trials


def random_split(trials):
    return make_split(trials, trials["emotion"].to_numpy(), holdout="random", n_splits=4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_equals_the_estimator_fitted_anew_in_every_fold(n_classes):
    recording, trials = planted(1, n_classes=n_classes)
    split = random_split(trials)
    found = decode_over_time(recording, "emotion", split, n_permutations=30, alpha=2.0)
    y = trials["emotion"].to_numpy()
    marked = np.unique(y)[1:] if n_classes == 2 else np.unique(y)
    for t in range(6):
        wins, pairs = np.zeros(len(marked)), np.zeros(len(marked))
        for train, test in split:
            model = RidgeClassifierDecoder(alpha=2.0).fit(recording.values[train, t], y[train])
            scores = model.decision_function(recording.values[test, t]).reshape(len(test), -1)
            for c, name in enumerate(marked):
                is_c = y[test] == name
                weight = is_c.sum() * (~is_c).sum()
                wins[c] += weight * roc_auc_score(is_c, scores[:, c])
                pairs[c] += weight
        assert found.auc[0, t] == pytest.approx((wins / pairs).mean(), abs=1e-9)


def test_the_null_is_the_best_time_of_each_permutation():
    recording, trials = planted(effect=2.0)
    found = decode_over_time(
        recording, "emotion", random_split(trials), within="subject", n_permutations=99
    )
    assert found.blocks == ("s0", "s1", "s2")
    assert "within subject" in found.null.scheme
    assert found.null.correction == "best of 6 times"
    assert (found.p[4:] == 0.01).all()
    assert found.p[:4].min() > 0.05
    mean = found.auc.mean(0)
    expected = [(1 + (found.best >= m - 1e-12).sum()) / 100 for m in mean]
    np.testing.assert_allclose(found.p, expected)
    curve = found.to_dict()["curve"]
    assert [row["auc"] for row in curve] == pytest.approx(mean.tolist())
    assert all(row["null"]["n_arrangements"] == 99 for row in curve)
    none = decode_over_time(recording, "emotion", random_split(trials), n_permutations=0)
    assert none.to_dict()["curve"][0] | {"time_s": 0, "auc": 0} == {
        "time_s": 0,
        "auc": 0,
        "p": None,
        "why": "no p, because none was asked for",
    }


def test_noise_is_seldom_called():
    called = 0
    for seed in range(20):
        recording, trials = planted(2, 24, effect=0.0, seed=seed)
        found = decode_over_time(
            recording, "emotion", random_split(trials), within="subject", n_permutations=60
        )
        called += bool((found.p <= 0.05).any())
    assert called <= 4


def test_blocks_may_run_side_by_side_and_memory_is_bounded():
    recording, trials = planted()
    split = random_split(trials)
    steps = []
    one, two = (
        decode_over_time(
            recording,
            "emotion",
            split,
            within="subject",
            n_permutations=30,
            n_jobs=n_jobs,
            progress=lambda *step: steps.append(step),
        )
        for n_jobs in (1, 2)
    )
    np.testing.assert_allclose(one.auc, two.auc)
    np.testing.assert_allclose(one.best, two.best)
    assert steps[-1] == ("decoding over time", 3, 3)
    assert predict_memory(recording, 3, 1000) > recording.nbytes
    assert predict_memory(recording, 3, 1000) < predict_memory(recording, 3, 1000, n_jobs=2)


def test_says_what_is_wrong():
    recording, trials = planted()
    split = random_split(trials)
    with pytest.raises(InputError, match=r"decoding over time needs the dims"):
        decode_over_time(recording[:, 0], "emotion", split)
    with pytest.raises(InputError, match="no column 'run'"):
        decode_over_time(recording, "emotion", split, within="run")
    with pytest.raises(InputError, match="one class only"):
        decode_over_time(
            recording.assign_coords(emotion=("trial", np.full(120, "x"))), "emotion", split
        )
    people = make_split(trials, trials["emotion"].to_numpy(), holdout="subject")
    with pytest.raises(InputError, match="no fold both trains and tests inside s0"):
        decode_over_time(recording, "emotion", people, within="subject")
