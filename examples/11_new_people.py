"""
A new person: how many of their trials does it take?
====================================================

Everyone has a code of their own, like the others' but turned. With none of a person's trials the
decoder knows the others only; with a few it knows the person.
"""

import pandas as pd

import affectome as af

recording, truth = af.simulate_population(
    n_subjects=8, n_trials=60, n_units=30, n_stimuli=6, effect=1.2, basis="own"
)
trials = af.trial_table(recording)
curve = af.few_shot_curve(
    recording.values,
    trials["emotion"],
    trials["subject"],
    stimuli=trials["stimulus"],
    n_repeats=3,
)
print(pd.DataFrame(curve.to_dict()["curve"])[["shots", "personal", "alone", "better_than_none"]])
