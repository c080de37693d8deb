"""A model of body signals from a user's own recordings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectome.data.readers.physiology import read_physiology
from affectome.errors import InputError
from affectome.features.physiology import FEATURES, by_person, physiology_features
from affectome.people.own import read_own, train_linear
from affectome.people.registry import Trained, TrainOptions
from affectome.progress import Progress, silent
from affectome.safeguards import require_purpose

PENALTY = 0.1
NAMES = tuple(name for names in FEATURES.values() for name in names)


def train(catalog: Path, out: Path, options: TrainOptions, progress: Progress = silent) -> Trained:
    """Make a model from a table of recordings, with evidence on people it did not see.

    Features stand against each person's own recordings, labels unseen; so a reading needs other
    recordings of the same person too (``--baseline``).

    Parameters
    ----------
    catalog
        Table with a column of files or folders (E4), one of labels, and ``subject``.
    out
        Folder for the model.

    Raises
    ------
    InputError
        If the table or a recording can't be used, or it has no column ``subject``.
    PurposeError
        If no purpose was declared.
    """
    require_purpose("physiology", options.purpose)
    own = read_own(catalog, options, described, NAMES, progress)
    if "subject" not in own.trials:
        raise InputError(
            f"{catalog} has no column 'subject': body signals are read against the person's own, "
            "so the table has to say who is who"
        )
    usual = by_person(own.features, own.trials["subject"].to_numpy())
    measured = np.asarray(np.isfinite(own.features).any(0))
    kept = [NAMES[k] for k in np.flatnonzero(measured)]
    own = replace(own, features=usual[:, measured], names=kept)
    settings = {"features": kept}
    return train_linear(own, "physiology", PENALTY, catalog, out, options, progress, settings)


def described(path: Path) -> NDArray[np.float64] | None:
    """Give the features of a recording, shape (n_features,); None where nothing was measured."""
    found = physiology_features(read_physiology(path), tuple(FEATURES))
    if not found.measured:
        return None
    return np.array([found.features[name] for name in NAMES])
