"""Small data with a planted effect, as users hold them."""

import numpy as np
import pandas as pd

LABELS = np.array(["fear", "joy"])


def planted(n_people=6, n_films=6, n_units=8, n_times=0, effect=1.5, random_state=0):
    """Arrays of people who see films of two emotions once each.

    Returns
    -------
    X, trials
        Measurements (n_trials, [n_times,] n_units); ``emotion``, ``valence``, ``person``, ``film``.
    """
    rng = np.random.default_rng(random_state)
    rows = [(p, f) for p in range(n_people) for f in rng.permutation(n_films)]
    person, film = np.array(rows).T
    joy = film % 2
    shape = (len(rows), n_times, n_units) if n_times else (len(rows), n_units)
    X = rng.standard_normal(shape) + 0.3 * rng.standard_normal((n_people, n_units))[person].reshape(
        len(rows), *((1,) if n_times else ()), n_units
    )
    X[..., :3] += effect * (joy - 0.5).reshape(-1, *([1] * (X.ndim - 1)))
    trials = pd.DataFrame(
        {
            "emotion": LABELS[joy],
            "valence": 2.0 * joy + rng.normal(0, 0.3, len(rows)),
            "person": [f"p{k}" for k in person],
            "film": [f"f{k}" for k in film],
        }
    )
    return X, trials
