"""A model of faces from a user's own pictures: a linear layer on what the shipped network sees."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectome.data.pictures import read_picture
from affectome.people.face.alignment import aligned
from affectome.people.face.detector import find_faces
from affectome.people.face.model import SHIPPED, face_features, load_network
from affectome.people.face.network import WIDTHS, FaceNet
from affectome.people.face.quality import crop_quality, face_quality, unreadable
from affectome.people.own import read_own, train_linear
from affectome.people.registry import Trained, TrainOptions
from affectome.progress import Progress, silent
from affectome.safeguards import require_purpose

PENALTY = 0.01


def train(catalog: Path, out: Path, options: TrainOptions, progress: Progress = silent) -> Trained:
    """Make a model from a table of pictures, with evidence on people it did not see.

    Of each picture the largest face that can be read is taken; pictures without one are left out.

    Parameters
    ----------
    catalog
        Table with a column of pictures and one of labels, or a folder with ``metadata.csv``.
    out
        Folder for the model.

    Raises
    ------
    InputError
        If the table or its pictures can't be used, or name nothing to hold out by.
    PurposeError
        If no purpose was declared.
    """
    require_purpose("face", options.purpose)
    names = [f"seen_{k}" for k in range(WIDTHS[-1])]
    network = load_network(SHIPPED)
    own = read_own(catalog, options, partial(described, network=network), names, progress)
    return train_linear(own, "face", PENALTY, catalog, out, options, progress, {})


def described(file: Path, network: FaceNet) -> NDArray[np.float64] | None:
    """Give what the network sees in the largest face of a picture; None without one."""
    picture = read_picture(file)
    for face in sorted(find_faces(picture), key=lambda face: -face.box[2] * face.box[3]):
        crop = aligned(picture, face.points)
        if not unreadable(face_quality(picture, face) | crop_quality(crop)):
            row: NDArray[np.float64] = face_features(network, [crop])[0]
            return row
    return None
