import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from affectome.data import make_recording, to_json
from affectome.decoding.ridge import RidgeClassifierDecoder, RidgeDecoder
from affectome.errors import InputError
from affectome.evidence import evaluate, make_split, purged_time_split

QUICK = {"n_permutations": 100, "n_bootstrap": 200}


def recorded(effect=1.5, n_subjects=8, n_stimuli=12, n_units=12, seed=0, classes=("calm", "fear")):
    rng = np.random.default_rng(seed)
    subject, stimulus = np.indices((n_subjects, n_stimuli)).reshape(2, -1)
    label = np.array(classes)[stimulus % len(classes)]
    X = rng.normal(size=(subject.size, n_units)) + rng.normal(size=(n_subjects, n_units))[subject]
    X[:, 0] += effect * (label == classes[-1])
    trials = pd.DataFrame(
        {
            "subject": [f"s{s}" for s in subject],
            "stimulus": stimulus,
            "emotion": label,
            "valence": X[:, 1] + rng.normal(size=subject.size),
            "brightness": rng.normal(size=subject.size),
            "smile": (rng.random(subject.size) < 0.5).astype(int),
            "frown": (X[:, 0] > 0).astype(int),
        }
    )
    return make_recording(X, trials, pd.DataFrame({"neuron": range(n_units)}))


def test_a_real_effect_stands_above_null_and_baselines():
    evidence = evaluate(
        RidgeClassifierDecoder(10.0),
        recorded(3.0, n_stimuli=24),
        "emotion",
        nuisance=["brightness"],
        **QUICK,
    )
    assert evidence.split.by == ("subject", "stimulus")
    assert evidence.stamps == ()
    assert evidence.score.metric == "macro_auc"
    assert evidence.score.value > 0.75
    assert evidence.score.p == pytest.approx(1 / 101)
    low, high = evidence.score.interval
    assert 0.5 < low < evidence.score.value < high <= 1
    assert set(evidence.scores) == {"macro_auc", "balanced_accuracy", "f1_macro", "d_from_auc"}
    assert all(one.p is not None for one in evidence.scores.values())
    assert {"majority", "trial order", "nuisance: brightness"} <= set(evidence.baselines)
    best = evidence.baselines[evidence.best_baseline].value
    assert best == max(one.value for one in evidence.baselines.values())
    assert evidence.excess.value == pytest.approx(evidence.score.value - best)
    assert len(evidence.by_subject) == 8
    assert evidence.null.how == "closed form"


def test_no_effect_is_at_chance():
    evidence = evaluate(RidgeClassifierDecoder(10.0), recorded(effect=0.0), "emotion", **QUICK)
    assert evidence.score.p > 0.05
    assert evidence.score.interval[0] < 0.5 < evidence.score.interval[1]


def test_the_result_is_plain_json_and_the_same_each_time():
    made = [
        to_json(evaluate(RidgeClassifierDecoder(10.0), recorded(), "emotion", **QUICK).to_dict())
        for _ in range(2)
    ]
    assert made[0] == made[1]
    result = json.loads(made[0])
    assert {"scores", "null", "baselines", "excess", "by_subject", "split"} <= set(result)
    assert result["split"]["kind"] == "double"


def test_predictions_hold_what_was_scored():
    evidence = evaluate(RidgeClassifierDecoder(10.0), recorded(), "emotion", **QUICK)
    table = evidence.predictions
    assert list(table.columns[:4]) == ["trial", "fold", "emotion", "predicted emotion"]
    recall = [(one["predicted emotion"] == name).mean() for name, one in table.groupby("emotion")]
    assert np.mean(recall) == pytest.approx(evidence.scores["balanced_accuracy"].value)
    assert {"score calm", "score fear"} <= set(table.columns)


def test_a_random_split_reads_the_stimulus_and_is_stamped():
    rng = np.random.default_rng(0)
    cells = np.indices((8, 16)).reshape(2, -1)
    label = np.array(["calm", "fear"])[rng.permutation(np.arange(16) % 2)[cells[1]]]
    X = rng.normal(size=(128, 30)) + 2 * rng.normal(size=(16, 30))[cells[1]]
    trials = pd.DataFrame({"subject": cells[0], "stimulus": cells[1], "emotion": label})
    recording = make_recording(X, trials, pd.DataFrame({"unit_id": range(30)}))
    decoder = RidgeClassifierDecoder(10.0)
    leaky = evaluate(decoder, recording, "emotion", "random", **QUICK)
    honest = evaluate(decoder, recording, "emotion", **QUICK)
    assert leaky.stamps == ("random split",)
    assert leaky.score.value > 0.8
    assert honest.score.p > 0.05
    assert honest.score.interval[0] < 0.5
    assert leaky.baselines["stimulus identity"].value == 1
    assert leaky.excess.value <= 0


@pytest.mark.parametrize("control_effect", [0.0, 1.5])
def test_a_control_recording_is_one_more_baseline(control_effect):
    control = recorded(control_effect, seed=1)
    evidence = evaluate(
        RidgeClassifierDecoder(10.0),
        recorded(),
        "emotion",
        controls={"untrained network": control},
        **QUICK,
    )
    value = evidence.baselines["untrained network"].value
    assert (value > 0.7) == (control_effect > 0)
    few = {"untrained network": control.isel(trial=slice(5))}
    with pytest.raises(InputError, match="control 'untrained network' has the shape"):
        evaluate(RidgeClassifierDecoder(), recorded(), "emotion", controls=few)


def test_pipelines_are_fitted_inside_the_folds():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2000))
    trials = pd.DataFrame({"subject": np.arange(80) // 4, "emotion": ["calm", "fear"] * 40})
    recording = make_recording(X, trials, pd.DataFrame({"voxel": range(2000)}))
    pipeline = make_pipeline(SelectKBest(k=20), StandardScaler(), LogisticRegression())
    evidence = evaluate(
        pipeline, recording, "emotion", n_permutations=20, n_bootstrap=200, n_jobs=1
    )
    assert evidence.null.how == "joblib"
    assert 0.25 < evidence.score.value < 0.75  # selection before the split reads above .9


def test_ratings_several_labels_time_and_intensity():
    recording = recorded()
    rated = evaluate(RidgeDecoder(10.0), recording, "valence", **QUICK)
    assert set(rated.scores) == {"pearson_r", "ccc", "r2"}
    assert rated.score.value > 0.3
    both = evaluate(
        DecisionTreeClassifier(max_depth=2, random_state=0),
        recording,
        ["smile", "frown"],
        "subject",
        n_permutations=20,
        n_bootstrap=200,
        n_jobs=1,
    )
    assert both.metric == "multilabel_f1"
    assert {"predicted smile", "predicted frown"} <= set(both.predictions)
    timed = recording.expand_dims(time=[0.0]).transpose("trial", "time", "unit")
    again = evaluate(RidgeDecoder(10.0), timed, "valence", **QUICK)
    assert again.score == rated.score
    split = purged_time_split(np.arange(96.0), 5, 4)
    series = evaluate(RidgeDecoder(10.0), recording, "valence", split, **QUICK)
    assert series.split.kind == "time"
    assert "shifted" in series.null.scheme


def test_scikit_learn_splitters_and_given_splits():
    recording, decoder = recorded(), RidgeClassifierDecoder(10.0)
    assert evaluate(decoder, recording, "emotion", GroupKFold(4), **QUICK).stamps == ()
    mixed = KFold(4, shuffle=True, random_state=0)
    assert evaluate(decoder, recording, "emotion", mixed, **QUICK).stamps == ("random split",)
    trials = pd.DataFrame({"subject": recording["subject"].values})
    split = make_split(trials, recording["emotion"].values, "subject")
    assert evaluate(decoder, recording, "emotion", split, **QUICK).split is split
    with pytest.raises(InputError, match="the split lists row 95, but the Recording has 48"):
        evaluate(decoder, recording.isel(trial=slice(48)), "emotion", split)


def test_no_null_was_asked_for():
    few = recorded(n_stimuli=4)  # six arrangements, too few for a null
    evidence = evaluate(RidgeClassifierDecoder(10.0), few, "emotion", n_permutations=0)
    assert evidence.score.why == (
        "no p, because the labels of 4 values of stimulus have 6 distinct arrangements, and a p of "
        ".05 needs 20"
    )
    asked = evaluate(RidgeClassifierDecoder(10.0), few, "emotion")
    assert (asked.score.p, asked.score.why) == (None, evidence.score.why)
    assert evidence.null is None
    assert evidence.score.p is None
    assert evidence.to_dict()["null"] is None


class Silent(ClassifierMixin, BaseEstimator):
    """Predicts, but tells nothing of how sure it is."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.resize(self.classes_, len(X))


def test_a_decoder_without_scores_is_judged_by_its_labels():
    evidence = evaluate(Silent(), recorded(), "emotion", n_permutations=20, n_bootstrap=200)
    assert evidence.metric == "balanced_accuracy"
    assert set(evidence.scores) == {"balanced_accuracy", "f1_macro"}


def spoilt(value):
    recording = recorded().copy()
    recording[3, 4] = value
    return recording


@pytest.mark.parametrize(
    ("decoder", "recording", "target", "options", "message"),
    [
        (RidgeClassifierDecoder(), recorded(), "mood", {}, "no coordinate 'mood' to decode"),
        (RidgeClassifierDecoder(), recorded(), "valence", {}, "'valence' is a rating"),
        (RidgeDecoder(), recorded(), "emotion", {}, "'emotion' names classes, but RidgeDecoder"),
        (RidgeClassifierDecoder(), spoilt(np.nan), "emotion", {}, "1 of 1152 values are NaN"),
        (RidgeClassifierDecoder(), spoilt(np.inf), "emotion", {}, "NaN or infinite"),
        (RidgeClassifierDecoder(), recorded().astype(str), "emotion", {}, "holds numbers"),
        (
            RidgeClassifierDecoder(),
            recorded(n_subjects=1),
            "emotion",
            {"holdout": "subject"},
            "one",
        ),
        (
            RidgeClassifierDecoder(),
            recorded(),
            "emotion",
            {"holdout": "subject", "n_splits": 9},
            "9 folds need at least 9 groups, but subject has 8",
        ),
        (
            RidgeClassifierDecoder(),
            recorded(classes=("calm",)),
            "emotion",
            {},
            "only one class is calm",
        ),
        (RidgeDecoder(), recorded(), ["valence", "smile"], {}, "labels of 0 and 1"),
        (RidgeClassifierDecoder(), recorded(), "emotion", {"metric": "auc"}, "metric is one of"),
        (RidgeClassifierDecoder(), recorded(), "emotion", {"nuisance": ["x"]}, "of a nuisance"),
    ],
)
def test_bad_input_is_one_line(decoder, recording, target, options, message):
    with pytest.raises(InputError, match=message) as error:
        evaluate(decoder, recording, target, **options)
    assert "\n" not in str(error.value)


def test_ten_million_trials_are_refused_with_the_memory_they_need():
    values = np.broadcast_to(np.float32(0), (10_000_000, 500))
    recording = xr.DataArray(values, dims=("trial", "unit"))
    with pytest.raises(
        InputError, match=r"shape \(10000000, 500\) needs about \d+ GB of memory, but"
    ):
        evaluate(RidgeClassifierDecoder(), recording, "emotion")


def test_progress_is_told():
    told = []
    evaluate(
        RidgeClassifierDecoder(),
        recorded(),
        "emotion",
        progress=lambda *step: told.append(step),
        **QUICK,
    )
    assert told[0] == ("decode", 0, 3)
    assert told[-1] == ("done", 3, 3)
