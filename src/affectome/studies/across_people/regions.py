"""Regions of voxels: labels of an atlas, looked up where each voxel lies, and sums of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectome.data.images import image_values, load_image, squeezed
from affectome.data.tables import read_table
from affectome.errors import InputError

ALL = "all"
WHOLE = "all voxels"
MOST = 40
Inside = NDArray[np.bool_]


def find_regions(
    voxels: pd.DataFrame,
    atlas: Path | None = None,
    names: Path | None = None,
    wanted: Sequence[str] = (),
) -> tuple[dict[str, Inside], list[str]]:
    """Say which voxels belong to which region.

    Parameters
    ----------
    voxels
        A row a voxel: ``x, y, z`` in millimetres for an atlas; a column ``region`` is taken where
        there is none.
    atlas
        One volume of whole numbers, on whatever grid: the label of the place nearest to each voxel
        is taken.
    names
        Table of the labels: a column of whole numbers and one of names.
    wanted
        ``NAME=LABEL+LABEL`` is a sum, and ``NAME=all-LABEL`` takes away; labels are names, numbers,
        regions that were named before, or ``all``. Without any, all voxels and each label.

    Returns
    -------
    regions : dict
        Name → which voxels, shape (n_voxels,).
    notes : list of str
        How labels were found.

    Raises
    ------
    InputError
        If the atlas is no volume of labels, or lies elsewhere, or a label is not known.
    """
    everything = np.ones(len(voxels), dtype=bool)
    labels, notes = _labels(voxels, atlas, names)
    if not wanted:
        if len(labels) > MOST:
            raise InputError(
                f"the atlas has {len(labels)} labels, of which {MOST} can be regions of their own; "
                "name those that you mean: --region NAME=LABEL+LABEL"
            )
        return {WHOLE: everything} | labels, notes
    known, found = {ALL: everything} | labels, dict[str, Inside]()
    for text in wanted:
        name, sign, sum_of = (part.strip() for part in text.partition("="))
        if not name or (sign and not sum_of):
            raise InputError(f"a region is NAME=LABEL+LABEL or a label; got {text!r}")
        known[name] = found[name] = _sum(sum_of or name, known, text)
    return found, notes


def _labels(
    voxels: pd.DataFrame, atlas: Path | None, names: Path | None
) -> tuple[dict[str, Inside], list[str]]:
    if atlas is None:
        if names is not None:
            raise InputError(f"{names} names the labels of an atlas; give the atlas, too")
        if "region" not in voxels:
            return {}, []
        given = voxels["region"].astype(str).to_numpy()
        return {name: given == name for name in dict.fromkeys(given) if name}, []
    codes, note = _looked_up(voxels, atlas)
    called = {} if names is None else _names(names)
    present = [int(code) for code in np.unique(codes) if code != 0]
    labels: dict[str, Inside] = {}
    for code in dict.fromkeys([*called, *present]):
        name = called.get(code, str(code))
        labels[name] = labels.get(name, np.zeros(len(codes), bool)) | (codes == code)
    if names is None:
        return labels, [note]
    return labels, [note]


def _looked_up(voxels: pd.DataFrame, atlas: Path) -> tuple[NDArray[np.intp], str]:
    if not {"x", "y", "z"} <= set(voxels):
        raise InputError(f"units have no places in millimetres, so {atlas} says nothing about them")
    image = squeezed(load_image(atlas))
    if len(image.shape) != 3:
        raise InputError(
            f"{atlas} has the shape {image.shape}; an atlas is one volume of labels (of "
            "probabilities take the largest first)"
        )
    values = np.nan_to_num(image_values(image, atlas))
    if not np.array_equal(values, np.rint(values)):
        raise InputError(f"{atlas} holds fractions; an atlas is one volume of whole numbers")
    xyz = np.column_stack([voxels[["x", "y", "z"]].to_numpy(dtype=float), np.ones(len(voxels))])
    ijk = np.rint(xyz @ np.linalg.inv(image.affine).T[:, :3]).astype(int)
    there = ((ijk >= 0) & (ijk < image.shape)).all(axis=1)
    codes = np.zeros(len(voxels), dtype=np.intp)
    codes[there] = values[tuple(ijk[there].T)].astype(np.intp)
    if not codes.any():
        raise InputError(
            f"no voxel of the maps lies in a label of {atlas}; are both in the same space?"
        )
    return codes, (
        f"{int((codes != 0).sum()):,} of {len(codes):,} voxels lie in a label of {atlas.name}, "
        "by the place nearest to each"
    )


def _names(path: Path) -> dict[int, str]:
    table = read_table(path)
    whole = [c for c in table if pd.api.types.is_integer_dtype(table[c])]
    words = [c for c in table if not pd.api.types.is_numeric_dtype(table[c])]
    if not whole or not words:
        raise InputError(
            f"{path} has the columns {', '.join(map(str, table))}; one of whole numbers and one of "
            "names are needed"
        )
    pairs = zip(table[whole[0]], table[words[0]].astype(str), strict=True)
    return {int(code): name for code, name in pairs if int(code) != 0}


def _sum(text: str, known: Mapping[str, Inside], whole: str) -> Inside:
    """Add and take away; a name may hold + and - itself: the longest that is known is taken."""
    inside = np.zeros(len(next(iter(known.values()))), dtype=bool)
    rest, sign = text.strip(), "+"
    while rest:
        fitting = [n for n in known if rest.startswith(n) and _ends(rest[len(n) :])]
        if not fitting:
            some = ", ".join(list(known)[:12])
            raise InputError(f"{whole!r}: there is no label {rest!r}; there are {some}")
        name = max(fitting, key=len)
        inside = inside | known[name] if sign == "+" else inside & ~known[name]
        rest = rest[len(name) :].strip()
        sign, rest = rest[:1], rest[1:].strip()
        if sign and not rest:
            raise InputError(f"{whole!r} ends in {sign!r}; name a label behind it")
    return inside


def _ends(rest: str) -> bool:
    return not rest.strip() or rest.strip()[0] in "+-"
