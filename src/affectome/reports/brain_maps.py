"""Maps of what every voxel does: NIfTI files beside the tables, and a glass brain on the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from affectome.data.writers import write_nifti
from affectome.errors import require
from affectome.reports.page import Figure
from affectome.reports.style import INK, svg

COLUMNS = ("F", "index")
TINY = 1e-6
"""Outside of the voxels F is zero, and not drawn."""


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


def brain_map(file: str | Path, units: pd.DataFrame) -> Figure:
    """Draw the F of the selective voxels in a glass brain; of all voxels where none is selective.

    Parameters
    ----------
    file
        The map of F.
    units
        A row a voxel: ``F`` and ``selective``.

    Returns
    -------
    Figure
        SVG in the page's ink. The outlines ship with nilearn, so no network is needed.
    """
    figure = Canvas(figsize=(7.6, 2.6), facecolor="none")
    require("nilearn.plotting", "fmri").plot_glass_brain(
        str(file),
        figure=figure,
        threshold=_lowest_drawn(units),
        resampling_interpolation="nearest",
        cmap="viridis",
        colorbar=True,
    )
    _follow_page(figure)
    some = units["selective"].any()
    drawn = "the selective voxels" if some else "all voxels, none of which is selective"
    return Figure(
        "units_F",
        svg(figure),
        f"F of {drawn}: the largest along each line of sight, from the right, from behind and "
        "from above. The outlines fit data in MNI space. The values are in units_F.nii.gz, the "
        "selectivity index in units_index.nii.gz.",
    )


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


def _lowest_drawn(units: pd.DataFrame) -> float:
    selective = units.loc[units["selective"], "F"].to_numpy(dtype=np.float32)
    if not selective.size:
        return TINY
    # nilearn draws what is above the threshold, and the weakest selective voxel belongs to it.
    return max(TINY, float(np.nextafter(selective.min(), np.float32(0))))
