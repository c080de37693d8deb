"""
Which neurons carry the emotion?
================================

Selectivity with its error rate under control, and what is found is compared with what was planted.
"""

import affectome as af

recording, truth = af.simulate_population(
    n_subjects=1, n_trials=200, n_units=60, n_stimuli=10, coding=0.3, effect=1.5
)
found = af.selectivity(recording, "emotion", n_permutations=1000)
print(found)

# %%
# Three tenths of the units code an emotion in truth.
planted = truth.coding.any(axis=1)
print(
    f"planted {planted.sum()}, found {found.selective.sum()}, "
    f"of them planted {int((planted & found.selective).sum())}"
)
print(found.to_frame().nlargest(5, "F"))
found.plot()
