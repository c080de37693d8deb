"""
Ratings instead of classes
==========================

Valence as a number: a regressor, *r* over held-out people and stimuli, and what loudness alone
would have said.
"""

import numpy as np

import affectome as af

rng = np.random.default_rng(0)
person, clip = np.divmod(np.arange(10 * 12), 12)
valence_of = rng.normal(size=12)
valence = valence_of[clip] + rng.normal(0, 0.4, 120)
loudness = 0.5 * valence_of[clip] + rng.normal(size=120)
X = rng.normal(size=(120, 20))
X[:, :4] += valence_of[clip][:, None]

evidence = af.evaluate(
    af.RidgeDecoder(alpha=(1.0, 10.0, 100.0)),
    X,
    valence,
    subject=person,
    stimulus=clip,
    loudness=loudness,
    nuisance=("loudness",),
    n_permutations=100,
)
print(evidence)
evidence.plot()
