"""Over many simulated populations: what is planted is found, and what is not is not."""

import numpy as np
import pytest

from affectome.data import trial_table
from affectome.data.simulate import simulate_population
from affectome.decoding import RidgeClassifierDecoder
from affectome.evidence import make_split
from affectome.units import selectivity

SEEDS = range(50)


@pytest.mark.slow
def test_coding_units_are_recalled_with_few_false_ones():
    recall, false = [], []
    for seed in SEEDS:
        recording, truth = simulate_population(
            n_trials=180, n_units=200, coding=0.3, effect=0.8, random_state=seed
        )
        coding = truth.coding.any(axis=1)
        found = np.asarray(selectivity(recording, "emotion").selective)
        recall.append(found[coding].mean())
        false.append((found & ~coding).sum() / max(1, found.sum()))
    assert np.mean(recall) >= 0.9
    assert np.mean(false) <= 0.06


@pytest.mark.slow
def test_the_identity_of_stimuli_is_chance_only_when_stimuli_are_held_out_too():
    def accuracy(recording, holdout):
        trials = trial_table(recording)
        y = trials["emotion"].to_numpy()
        split = make_split(trials, y, holdout)
        hits = []
        for train, test in split:
            decoder = RidgeClassifierDecoder(alpha=10.0).fit(recording.values[train], y[train])
            hits.append(decoder.predict(recording.values[test]) == y[test])
        return np.concatenate(hits).mean()

    double, by_subject = [], []
    for seed in SEEDS:
        recording, _ = simulate_population(
            n_subjects=6,
            n_trials=36,
            n_stimuli=6,
            n_units=40,
            effect=0.0,
            stimulus_effect=1.0,
            random_state=seed,
        )
        by_subject.append(accuracy(recording, "subject"))
        double.append(accuracy(recording, ["subject", "stimulus"]))
    assert np.mean(by_subject) > 0.8
    error = np.std(double) / np.sqrt(len(double))
    assert abs(np.mean(double) - 1 / 3) < 3 * error + 0.02
