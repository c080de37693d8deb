"""The published size of the brain study of EmoNet, from NIfTI maps to regions with their p.

18 people × 112 pictures × 7,200 voxels, 20 units, five regions and all voxels: everything is fitted
anew for each of 10,000 arrangements of the pictures, in new people and in new people with new
pictures. ``python -m bench.across_people 1000`` draws fewer.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd

from affectome.data.readers import read_recording
from affectome.simulations import simulate_correspondence
from affectome.studies.across_people import run

SHAPE = (20, 20, 18)


def write(folder: Path) -> None:
    """Write maps, rows, units and the atlas."""
    maps, units = simulate_correspondence(shape=SHAPE)
    affine = nibabel.affines.from_matvec(np.eye(3) * 3, -1.5 * (np.array(SHAPE) - 1))
    volumes = maps.values.T.reshape(*SHAPE, -1)
    nibabel.save(nibabel.Nifti1Image(volumes, affine), folder / "maps.nii")
    rows = pd.DataFrame({"subject": maps["subject"].values, "picture": maps["stimulus"].values})
    rows.to_csv(folder / "rows.tsv", sep="\t", index=False)
    units.rename_axis("picture").to_csv(folder / "units.csv")
    codes, names = pd.factorize(maps["region"].values)
    labels = (codes + 1).reshape(SHAPE).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(labels, affine), folder / "atlas.nii")
    table = pd.DataFrame({"index": np.arange(len(names)) + 1, "name": names})
    table.to_csv(folder / "names.csv", index=False)


def main(n_permutations: int = 10_000) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder)
        begun, worked = time.perf_counter(), time.process_time()
        study = run(
            read_recording(folder / "maps.nii", folder / "rows.tsv"),
            folder / "units.csv",
            atlas=folder / "atlas.nii",
            names=folder / "names.csv",
            n_permutations=n_permutations,
        )
        seconds, worked = time.perf_counter() - begun, time.process_time() - worked
    for one in study.found.regions:
        new, both = one.people, one.both
        assert both is not None
        print(
            f"{one.name:<16} {one.n_voxels:5d} voxels  r {new.r.value:.3f} (shuffled "
            f"{new.chance:.3f}, p {new.r.p:.2g})  new pictures {both.r.value:.3f} (shuffled "
            f"{both.chance:.3f}, p {both.r.p:.2g})"
        )
    print(
        f"{n_permutations:,} arrangements: {seconds:.0f} s, {worked:.0f} s of processor, "
        f"{worked / 2:.0f} s on two idle cores",
        flush=True,
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
