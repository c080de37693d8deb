"""Maps of what every voxel does: NIfTI files beside the tables, and a glass brain on the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from affectome.data.writers import write_nifti
from affectome.errors import require
from affectome.reports.page import Figure
from affectome.reports.style import INK, svg

COLUMNS = ("F", "index")
TINY = 1e-6
"""Outside of the voxels a map is zero, and not drawn."""
STRONGEST = 0.05
VIEWS = (
    "the largest along each line of sight, from the right, from behind and from above. The "
    "outlines fit data in MNI space."
)


def are_voxels(units: pd.DataFrame) -> bool:
    """Tell whether units are voxels that know their place in millimetres."""
    return {"i", "j", "k", "x", "y", "z"} <= set(units)


def write_maps(folder: str | Path, units: pd.DataFrame) -> list[Path]:
    """Write F and selectivity index of the voxels as ``units_F.nii.gz`` and ``units_index.nii.gz``.

    Parameters
    ----------
    folder
        Of the run.
    units
        A row a voxel: ``i, j, k``, ``x, y, z``, ``F`` and ``index``.

    Returns
    -------
    list of Path
        In this order.

    Raises
    ------
    InputError
        If units are not voxels, or all of them lie in one plane.
    """
    return [
        write_nifti(Path(folder) / f"units_{column}.nii.gz", units[column], units)
        for column in COLUMNS
    ]


def write_searchlight(folder: str | Path, centres: pd.DataFrame) -> Path:
    """Write the AUC around every voxel as ``searchlight_auc.nii.gz``; raises as `write_maps`."""
    return write_nifti(Path(folder) / "searchlight_auc.nii.gz", centres["auc"], centres)


def brain_map(file: str | Path, units: pd.DataFrame) -> Figure:
    """Draw the F of the selective voxels in a glass brain; of all voxels where none is selective.

    Parameters
    ----------
    file
        The map of F.
    units
        A row a voxel: ``F`` and ``selective``.
    """
    some = units["selective"].any()
    drawn = "the selective voxels" if some else "all voxels, none of which is selective"
    caption = (
        f"F of {drawn}: {VIEWS} The values are in units_F.nii.gz, the selectivity index in "
        "units_index.nii.gz."
    )
    return _glass_brain("units_F", str(file), _lowest(units["F"], units["selective"]), caption)


def searchlight_map(file: str | Path, centres: pd.DataFrame) -> Figure:
    """Draw the AUC of the centres from which the target is read, p < .05; of all if there is none.

    Parameters
    ----------
    file
        The map of the AUC.
    centres
        A row a centre: ``auc`` and ``p``.
    """
    passed = centres["p"] < 0.05
    drawn = "the centres with p < .05" if passed.any() else "all centres, none of which has p < .05"
    caption = (
        f"AUC of {drawn}, corrected over centres: {VIEWS} The values are in searchlight_auc.nii.gz."
    )
    return _glass_brain("searchlight_auc", str(file), _lowest(centres["auc"], passed), caption)


def pattern_map(name: str, image: Any, title: str) -> Figure:
    """Draw the weights of a pattern in a glass brain, the strongest of those that are not 0.

    Parameters
    ----------
    name
        Of the figure.
    image
        Weights on a grid (nibabel image).
    title
        What the pattern is called.
    """
    weights = np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32))
    size = np.abs(weights)
    lowest, largest = TINY, 1.0
    if size.any():
        largest = float(size.max())
        lowest = float(np.quantile(size[size > 0], 1 - STRONGEST)) / largest
    scaled = require("nibabel", "fmri").Nifti1Image(weights / largest, image.affine)
    caption = (
        f"{title}: the strongest {STRONGEST:.0%} of its weights, in units of the largest, "
        f"positive and negative; {VIEWS}"
    )
    return _glass_brain(name, scaled, lowest, caption, cmap="RdBu_r", plot_abs=False)


def _glass_brain(name: str, image: Any, threshold: float, caption: str, **how: Any) -> Figure:
    """SVG in the page's ink. The outlines ship with nilearn, so no network is needed."""
    figure = Canvas(figsize=(7.6, 2.6), facecolor="none")
    require("nilearn.plotting", "fmri").plot_glass_brain(
        image,
        figure=figure,
        threshold=threshold,
        resampling_interpolation="nearest",
        colorbar=True,
        **({"cmap": "viridis"} | how),
    )
    _follow_page(figure)
    return Figure(name, svg(figure), caption)


def _follow_page(figure: Canvas) -> None:
    """Drop nilearn's white grounds, and draw what is black in the page's ink."""
    *brains, _ = figure.axes
    for axes in brains:
        axes.patch.set_visible(False)
        for text in axes.texts:
            text.set_bbox(None)
        for outline in axes.patches:
            if outline.get_edgecolor()[:3] == (0, 0, 0):
                outline.set_edgecolor(INK)


def _lowest(values: pd.Series, chosen: pd.Series) -> float:
    drawn = values[chosen].to_numpy(dtype=np.float32)
    if not drawn.size:
        return TINY
    # nilearn draws what is above the threshold, and the weakest chosen voxel belongs to it.
    return max(TINY, float(np.nextafter(drawn.min(), np.float32(0))))
