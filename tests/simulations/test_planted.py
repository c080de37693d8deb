"""Over many simulated populations: what is planted is found, and what is not is not."""

import numpy as np
import pytest
from scipy import stats

from affectome.simulations.population import simulate_population
from affectome.units import selectivity

SEEDS = range(50)


@pytest.mark.slow
def test_coding_units_are_recalled_with_few_false_ones():
    """Four stimuli an emotion trade labels as wholes; so the rival tests the stimuli's means."""
    recall, false, rival = [], [], []
    for seed in SEEDS:
        recording, truth = simulate_population(
            n_trials=180, n_units=200, coding=0.3, effect=0.8, random_state=seed
        )
        coding = truth.coding.any(axis=1)
        found = np.asarray(selectivity(recording, "emotion").selective)
        recall.append(found[coding].mean())
        false.append((found & ~coding).sum() / max(1, found.sum()))
        means = recording.groupby("stimulus").mean()
        emotion = np.array([name.split("-")[0] for name in means["stimulus"].values])
        p = stats.f_oneway(*[means.values[emotion == e] for e in np.unique(emotion)])[1]
        rival.append((stats.false_discovery_control(p) <= 0.05)[coding].mean())
    assert np.mean(recall) >= 0.8 * np.mean(rival)
    assert np.mean(recall) >= 0.7
    assert np.mean(false) <= 0.06
