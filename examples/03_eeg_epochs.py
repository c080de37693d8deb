"""
EEG: emotions of films from epochs
==================================

Epochs are taken as MNE holds them, with their metadata. People and films are both held out.
"""

import mne

import affectome as af

recording, truth = af.simulate_eeg(n_subjects=8, n_films=12, emotions=("joy", "fear"), effect=1.0)

# %%
# Any epochs will do; these are simulated, 32 sensors and four seconds each.
info = mne.create_info(list(recording["sensor"].values), 64.0, "eeg")
epochs = mne.EpochsArray(
    recording.values.swapaxes(1, 2) * 1e-6,
    info,
    metadata=af.trial_table(recording),
    baseline=None,
    verbose="ERROR",
)
measured = af.read_recording(epochs)
print(measured)

# %%
# Differential entropy by sensor and band, then ridge: features of single trials need no fold.
features = af.differential_entropy(measured.recording)
evidence = af.evaluate(
    af.RidgeClassifierDecoder(alpha=100.0), features, "emotion", n_permutations=100
)
print(evidence)
evidence.plot()
