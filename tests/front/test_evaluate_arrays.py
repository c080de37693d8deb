"""Arrays and tables go through the same gate as a Recording, and give the same numbers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import affectome as af
from people_and_films import planted

FEW = {"n_permutations": 20, "n_bootstrap": 50}
RIDGE = af.RidgeClassifierDecoder()


@pytest.fixture(scope="module")
def held():
    return planted()


@pytest.fixture(scope="module")
def wanted(held):
    X, trials = held
    known = trials.rename(columns={"person": "subject", "film": "stimulus"})
    units = pd.DataFrame({"unit_number": range(X.shape[1])})
    recording = af.make_recording(X, known.drop(columns="valence"), units)
    return af.evaluate(RIDGE, recording, "emotion", **FEW).to_dict()


def same(found, wanted):
    told = found.to_dict()
    told["target"] = wanted["target"]
    assert told == wanted


def test_arrays_with_columns(held, wanted):
    X, trials = held
    y, who, film = (trials[c].to_numpy() for c in ("emotion", "person", "film"))
    found = af.evaluate(RIDGE, X, y, subject=who, stimulus=film, **FEW)
    same(found, wanted)
    assert found.target == ("target",)
    assert found.score.value > 0.8


def test_lists_and_series(held, wanted):
    X, trials = held
    found = af.evaluate(
        RIDGE,
        X.tolist(),
        trials["emotion"],
        subject=trials["person"].tolist(),
        stimulus=trials["film"].astype("category"),
        **FEW,
    )
    same(found, wanted)
    assert found.target == ("emotion",)


def test_a_table_whose_columns_are_named(held, wanted):
    X, trials = held
    table = pd.DataFrame(X, columns=[f"u{k}" for k in range(X.shape[1])]).join(
        trials.drop(columns="valence")
    )
    found = af.evaluate(RIDGE, table, "emotion", subject="person", stimulus="film", **FEW)
    same(found, wanted)


def test_a_recording_takes_further_columns(held, wanted):
    X, trials = held
    recording = af.as_recording(X, trials[["emotion"]])
    found = af.evaluate(
        RIDGE, recording, "emotion", subject=trials["person"], stimulus=trials["film"], **FEW
    )
    same(found, wanted)


def test_three_axes_are_trials_times_and_units():
    X, trials = planted(n_times=3)
    y = trials["emotion"]
    columns = {"subject": trials["person"], "stimulus": trials["film"]}
    found = af.evaluate(RIDGE, X, y, **columns, **FEW)
    flat = af.evaluate(RIDGE, X.reshape(len(X), -1), y, **columns, **FEW)
    assert found.to_dict() == flat.to_dict()


def test_ratings_several_labels_and_nuisances(held):
    X, trials = held
    columns = {"subject": trials["person"], "stimulus": trials["film"]}
    rated = af.evaluate(
        af.RidgeDecoder(),
        X,
        trials["valence"],
        nuisance=("loudness",),
        loudness=trials["valence"] + 1,
        **columns,
        **FEW,
    )
    assert rated.metric == "pearson_r"
    assert rated.best_baseline == "nuisance: loudness"
    assert rated.excess.value < 0
    both = np.column_stack([trials["emotion"] == "joy", trials["emotion"] == "fear"]).astype(int)
    several = af.evaluate(LABELS_AT_ONCE, X, both, **columns, **FEW)
    assert several.target == ("target_1", "target_2")
    assert several.metric == "multilabel_f1"


class _Thresholded(af.RidgeDecoder):
    def predict(self, X):
        return (super().predict(X) > 0.5).astype(int)


LABELS_AT_ONCE = _Thresholded()


def test_groups_are_held_out_however_they_are_given(held):
    X, trials = held
    y, groups = trials["emotion"].to_numpy(), trials["person"].to_numpy()
    by_name = af.evaluate(RIDGE, X, y, groups=groups, **FEW)
    assert by_name.split.by == ("group",)
    assert af.evaluate(RIDGE, X, y, groups, **FEW).to_dict() == by_name.to_dict()
    folds = GroupKFold(3)
    taken = af.evaluate(RIDGE, X, y, folds, subject=groups, **FEW)
    assert taken.split.kind == "given"
    assert taken.split.by == ("subject",)
    listed = list(folds.split(X, y, groups))
    assert af.evaluate(RIDGE, X, y, listed, subject=groups, **FEW).to_dict() == taken.to_dict()


def test_a_pipeline_with_a_random_split_is_stamped(held):
    X, trials = held
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    found = af.evaluate(pipeline, X, trials["emotion"], "random", n_permutations=3, n_bootstrap=20)
    assert found.stamps == ("random split",)
    assert "RANDOM SPLIT" in repr(found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_permutation": 100}, "did you mean 'n_permutations'"),
        ({"subject": ["a", "b"]}, r"subject= has the shape \(2,\), but a column has one value for"),
        ({"subject": "person"}, "subject='person' names no column; there are none"),
        ({"target": ["joy"]}, r"the trials have no coordinate 'joy' to decode"),
        ({"target": np.zeros(3)}, r"y has the shape \(3,\) but there are 36 trials"),
        ({"recording": np.zeros(36)}, r"values have the shape \(36,\)"),
        ({"recording": object()}, "a object is no recording; readable are a path"),
    ],
)
def test_slips_are_told_in_one_line(held, change, message):
    X, trials = held
    given = {"recording": X, "target": trials["emotion"], "subject": trials["person"]} | change
    with pytest.raises(af.InputError, match=message) as caught:
        af.evaluate(RIDGE, **given, **FEW)
    assert "\n" not in str(caught.value)


def test_tables_with_text_or_in_another_order_are_refused(held):
    X, trials = held
    table = pd.DataFrame(X).join(trials)
    with pytest.raises(af.InputError, match="the columns person, film hold text"):
        af.evaluate(RIDGE, table, "emotion", **FEW)
    shuffled = trials["emotion"].sample(frac=1, random_state=0)
    with pytest.raises(af.InputError, match="different indexes; sort them alike"):
        af.evaluate(RIDGE, pd.DataFrame(X), shuffled, groups=trials["person"], **FEW)
    with pytest.raises(af.InputError, match="there is nothing to hold out by"):
        af.evaluate(RIDGE, X, trials["emotion"], **FEW)
