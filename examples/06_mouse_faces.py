"""
Mouse faces: the event in animals that were never seen
======================================================

Clips of five mice, described frame by frame; films come the same way from ``affectome study
mouse-faces``. Movement is the rival to beat.
"""

import affectome as af

clips = af.simulate_clips(n_animals=5, n_trials=30, expression=3.0, movement=1.0)
after = clips.time >= 0
change = clips.frames[:, after].mean(axis=1) - clips.frames[:, ~after].mean(axis=1)
trials = clips.trials.assign(motion=clips.motion[:, after].mean(axis=1))

# %%
# A face is an expression of the animal's own: what is read is its change from before the event.
evidence = af.evaluate(
    af.RidgeDecoder(alpha=100.0),
    change,
    trials["intensity"],
    subject=trials["subject"],
    motion=trials["motion"],
    nuisance=("motion",),
    n_permutations=100,
)
print(evidence)
evidence.plot()
