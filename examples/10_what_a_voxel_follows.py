"""
What does a voxel follow: the emotion, its strength, or just this picture?
==========================================================================

Bands of features compete: what each predicts alone, and what only it adds.
"""

import affectome as af

recording, truth = af.simulate_maps(
    n_subjects=4,
    n_trials=40,
    shape=(8, 8, 6),
    n_regions=1,
    radius=1.5,
    effect=2.0,
    intensity=(0.2, 2.0),
    n_stimuli=4,
)
bands = af.trial_bands(recording)
print({name: values.shape for name, values in bands.items()})

# %%
found = af.encode(recording, bands, n_permutations=400)
print(found)
print(found.to_frame().nlargest(3, "r").T)
found.plot()
