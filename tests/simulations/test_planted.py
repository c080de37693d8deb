"""Over many simulated populations: what is planted is found, and what is not is not."""

import numpy as np
import pytest

from affectome.simulations.population import simulate_population
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
