"""
Probabilities that can be believed, and the right to abstain
============================================================

Scores of a linear decoder are no probabilities. What makes them some is learned on people whom the
decoder did not see; a conformal set then holds the truth as often as it promises.
"""

import numpy as np

import affectome as af

rng = np.random.default_rng(0)
person = np.repeat(np.arange(30), 12)
label = rng.integers(0, 3, person.size)
X = rng.normal(size=(person.size, 12)) + 0.5 * rng.normal(size=(30, 12))[person]
X[np.arange(person.size), label] += 2.0
y = np.array(["anger", "calm", "joy"])[label]
seen = person < 24

# %%
# Groups go to ``fit``; inside ``evaluate`` and scikit-learn's routing they come by themselves.
calibrated = af.CalibratedDecoder(af.RidgeClassifierDecoder(alpha=10.0))
calibrated.fit(X[seen], y[seen], groups=person[seen])
print(calibrated.predict_proba(X[~seen])[:3].round(2))

# %%
# Sets of the six people who were left out, with nine of ten promised.
sets = af.ConformalDecoder(calibrated, confidence=0.9).fit(X[seen], y[seen], groups=person[seen])
held = sets.predict_sets(X[~seen])
truth = np.searchsorted(sets.classes_, y[~seen])
print(f"the set holds the truth in {held[np.arange(len(truth)), truth].mean():.0%} of trials")
print(f"one class in it: {np.mean(held.sum(axis=1) == 1):.0%}; else the decoder abstains")
