"""Networks as scikit-learn estimators: what they learn, their seeds and their early stopping."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from affectome.decoding.deep import MODULES, DeepDecoder
from affectome.errors import InputError


class Mean(torch.nn.Module):
    """A user's own module: linear on the mean over time."""

    def __init__(self, n_chans, n_times, n_outputs, bias=True):
        super().__init__()
        self.linear = torch.nn.Linear(n_chans, n_outputs, bias=bias)

    def forward(self, X):
        return self.linear(X.mean(2))


def oscillations(n=120, n_times=50, n_units=4, seed=0):
    """Two classes that differ in which unit oscillates, with a random phase."""
    rng = np.random.default_rng(seed)
    y = np.array(["calm", "fear"])[rng.integers(0, 2, n)]
    X = rng.normal(size=(n, n_times, n_units)).astype(np.float32)
    t = np.arange(n_times) / n_times
    for i in range(n):
        X[i, :, int(y[i] == "fear")] += 2 * np.sin(2 * np.pi * (6 * t + rng.uniform()))
    return X, y, np.arange(n) // 10


@pytest.mark.parametrize("module", sorted(MODULES))
def test_learns_power_that_no_linear_decoder_sees(module):
    X, y, groups = oscillations()
    decoder = DeepDecoder(module, max_epochs=20, batch_size=16)
    decoder.fit(X[:90], y[:90], groups=groups[:90])
    assert decoder.n_epochs_ <= 20
    assert (decoder.predict(X[90:]) == y[90:]).mean() >= 0.9
    probability = decoder.predict_proba(X[90:])
    np.testing.assert_allclose(probability.sum(1), 1, atol=1e-9)
    np.testing.assert_array_equal(decoder.classes_[probability.argmax(1)], decoder.predict(X[90:]))


def test_same_seed_same_weights_and_the_global_seed_is_left_alone():
    X, y, own = oscillations(40)
    before = torch.get_rng_state()
    a, b, c = (
        DeepDecoder("gru", max_epochs=2, random_state=s).fit(X, y, own).decision_function(X)
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


def test_validation_trials_are_whole_groups_of_the_training_trials():
    X, y, groups = oscillations(60)
    decoder = DeepDecoder("gru", max_epochs=1).fit(X, y, groups=groups)
    train, held = decoder.net_.train_split.cv[0]
    assert not set(groups[train]) & set(groups[held])
    assert sorted([*train, *held]) == list(range(60))


def test_validation_trials_are_new_people_and_new_stimuli_where_both_are_given():
    X, y, _ = oscillations(96)
    groups = np.column_stack([np.arange(96) // 12, np.arange(96) % 12])
    y = np.array(["calm", "fear"])[groups[:, 1] % 2]
    decoder = DeepDecoder("gru", max_epochs=1).fit(X, y, groups)
    train, held = decoder.net_.train_split.cv[0]
    assert len(held)
    for column in groups.T:
        assert not set(column[train]) & set(column[held])
    assert set(y[train]) == {"calm", "fear"}


def test_without_groups_it_says_that_trials_are_taken_as_independent():
    X, y, _ = oscillations(20)
    with pytest.warns(UserWarning, match="early stopping takes the trials as independent"):
        DeepDecoder("gru", max_epochs=1).fit(X, y)


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_the_epoch_that_is_best_by_what_is_monitored_is_kept(monitor):
    X, y, groups = oscillations(60)
    decoder = DeepDecoder("gru", max_epochs=6, learning_rate=0.02, monitor=monitor)
    decoder.fit(X, y, groups=groups)
    held = decoder.net_.train_split.cv[0][1]
    seen = decoder.net_.history
    if monitor == "accuracy":
        kept = (decoder.predict(X[held]) == y[held]).mean()
        assert kept == pytest.approx(max(seen[:, "valid_acc"]))
    else:
        chance = decoder.predict_proba(X[held])[np.arange(len(held)), (y[held] == "fear") * 1]
        assert -np.log(chance).mean() == pytest.approx(min(seen[:, "valid_loss"]), abs=1e-4)


def test_takes_any_module_and_braindecodes_names():
    X, y, groups = oscillations(60)
    X[y == "fear"] += 0.5
    decoder = DeepDecoder(Mean, {"bias": False}, learning_rate=0.05, max_epochs=20)
    decoder.fit(X, y, groups)
    assert decoder.net_.module_.linear.bias is None
    assert (decoder.predict(X) == y).mean() > 0.9


def test_survives_cloning_pickling_flat_units_and_one_trial():
    X, y, groups = oscillations(40)
    X[:, :, 3] = 7
    decoder = clone(DeepDecoder("gru", max_epochs=2)).fit(X, y, groups)
    again = pickle.loads(pickle.dumps(decoder))
    np.testing.assert_array_equal(decoder.predict_proba(X[:1]), again.predict_proba(X[:1]))
    assert np.isfinite(decoder.predict_proba(X)).all()


def test_says_what_is_wrong():
    X, y, each = *oscillations(20)[:2], np.arange(20)
    with pytest.raises(InputError, match=r"shape \(n_trials, n_times, n_units\); got \(20, 50\)"):
        DeepDecoder().fit(X[:, :, 0], y)
    with pytest.raises(InputError, match="monitor is one of loss, accuracy; got 'speed'"):
        DeepDecoder(monitor="speed").fit(X, y, each)
    with pytest.raises(InputError, match="20 trials, but y has 19"):
        DeepDecoder().fit(X, y[:19])
    with pytest.raises(InputError, match="two classes; y holds"):
        DeepDecoder().fit(X, np.full(20, "fear"))
    with pytest.raises(InputError, match="no network 'lstm'; choose eegnet, shallow, gru"):
        DeepDecoder("lstm").fit(X, y, each)
    with pytest.raises(InputError, match="two trials of each class"):
        DeepDecoder().fit(X[:3], ["a", "a", "b"], each[:3])
    with pytest.raises(InputError, match="NaN or infinity"):
        DeepDecoder().fit(np.where(X > 2, np.nan, X), y)
    fitted = DeepDecoder("gru", max_epochs=1).fit(X, y, each)
    with pytest.raises(InputError, match="3 units, but the decoder was trained on 4"):
        fitted.predict(X[:, :, :3])
