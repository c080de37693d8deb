"""
Arrays, a Pipeline, and a score that holds
==========================================

An engineer has features, labels and who they came from. The pipeline stays as it is; what changes
is what is held out, and what stands beside the score.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import affectome as af

rng = np.random.default_rng(0)
person = rng.permutation(np.repeat(np.arange(12), 20))
anxious = person % 2
X = rng.normal(size=(240, 30)) + 1.5 * rng.normal(size=(12, 30))[person]

# %%
# Nothing in these features tells anxious from calm people, but every person has a voice of their
# own, and a random split knows each of them from training.
pipeline = make_pipeline(StandardScaler(), LogisticRegression())
y = np.where(anxious, "anxious", "calm")
print(f"random folds: {cross_val_score(pipeline, X, y, cv=5).mean():.2f} correct")

# %%
# ``evaluate`` holds whole people out, and says how sure the score is.
evidence = af.evaluate(pipeline, X, y, subject=person, n_permutations=100)
print(evidence)

# %%
# In a notebook the last line of a cell shows the same as a small table; this draws it.
evidence.plot()
