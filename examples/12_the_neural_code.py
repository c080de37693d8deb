"""
The whole study: everything that a recording allows
===================================================

What is in it, how strong, when, in which units: one call, one result. ``affectome study
neural-code RECORDING --out run/`` writes the report of it.
"""

from pathlib import Path

import affectome as af

recording, truth = af.simulate_population(
    n_subjects=3, n_trials=36, n_units=12, n_stimuli=6, effect=2.0, window=(-1.0, 1.0), sfreq=5.0
)
measured = af.Measurement(recording, source=Path("simulated"))
study = af.studies.neural_code.run(measured, "emotion", n_permutations=20)
print(study.decoding)
