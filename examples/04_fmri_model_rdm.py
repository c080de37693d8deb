"""
fMRI: does the brain arrange emotions as a model does?
======================================================

Maps of several people, and a matrix of one's own: how different the conditions should be.
"""

import numpy as np
import pandas as pd

import affectome as af

recording, truth = af.simulate_maps(n_subjects=8, n_trials=40, effect=1.5, n_stimuli=4)
data = af.rdms(recording, condition="stimulus")
print(data.conditions.head())

# %%
# A labelled table may name the conditions in any order; a bare matrix is in the order of
# ``data.conditions``.
names = data.conditions["condition"]
emotion = data.conditions["emotion"].to_numpy()
mine = pd.DataFrame((emotion[:, None] != emotion).astype(float), names, names)
shuffled = mine.sample(frac=1, random_state=0)
rng = np.random.default_rng(0)
noise = rng.random((len(names), len(names)))

# %%
# Whole stimuli trade places under the null, and the band is what the true model could reach.
found = af.rsa(data, {"emotion": shuffled, "chance": np.triu(noise, 1) + np.triu(noise, 1).T})
print(found)
found.plot()
