"""A model of how bodies move from a user's own films or pose tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectome.errors import InputError
from affectome.features.body import FEATURES
from affectome.people.body.movement import stretches
from affectome.people.body.reader import mean_features
from affectome.people.own import read_own, train_linear
from affectome.people.registry import Trained, TrainOptions
from affectome.progress import Progress, silent
from affectome.safeguards import require_purpose

PENALTY = 0.1


def train(catalog: Path, out: Path, options: TrainOptions, progress: Progress = silent) -> Trained:
    """Make a model from a table of films or pose tables, with evidence on people it did not see.

    Parameters
    ----------
    catalog
        Table with a column of files and one of labels, or a folder with ``metadata.csv``.
    out
        Folder for the model.

    Raises
    ------
    InputError
        If the table or a recording can't be used, or a recording shows several bodies.
    PurposeError
        If no purpose was declared.
    """
    require_purpose("body", options.purpose)
    own = read_own(catalog, options, described, FEATURES, progress)
    known = np.isfinite(own.features)
    total = np.where(known, own.features, 0).sum(0)
    middle = total / np.maximum(known.sum(0), 1)
    own = replace(own, features=np.where(known, own.features, middle))
    settings = {"middle": middle.tolist()}
    return train_linear(own, "body", PENALTY, catalog, out, options, progress, settings)


def described(file: Path) -> NDArray[np.float64] | None:
    """Give the mean movement of the body in a recording; None where nothing was measured."""
    found = list(stretches(file))
    if len({one.body for one in found}) > 1:
        raise InputError(f"{file} holds several bodies; training needs one a recording")
    return mean_features(found)
