"""Read a network's units, or categories, from the voxels of people who were not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from affectome.brains import AcrossPeople, pls_across_people
from affectome.data import result_head, trial_table, unit_table
from affectome.data.catalog import Skipped
from affectome.data.readers import Measurement
from affectome.data.roles import role_of
from affectome.errors import InputError
from affectome.evidence import correct_together
from affectome.evidence.clusters import VARIANTS, Clusters, discriminable_clusters
from affectome.progress import Progress, silent
from affectome.studies.across_people.regions import find_regions
from affectome.studies.encoding.study import averaged, stimulus_column, stimulus_table

FEWEST_CLUSTERED = 3


@dataclass(frozen=True, eq=False)
class AcrossPeopleStudy:
    """What can be read from other people's voxels.

    Attributes
    ----------
    source
        Name of the recording.
    found
        The readings.
    clusters
        Groups of units (or categories) that are told apart, by either rule.
    voxels
        A row a voxel of the first region, the one that weights are of.
    n_components
        Of the fits.
    skipped, notes
        What could not be used, and what a reader has to know.
    trials
        Number of trials.
    """

    source: str
    found: AcrossPeople
    clusters: tuple[Clusters, ...]
    voxels: pd.DataFrame
    n_components: int
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    trials: int

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        result = {
            "n_components": self.n_components,
            **self.found.to_dict(),
            "clusters": [one.to_dict() for one in self.clusters],
            **result_head(
                "pls",
                2,
                source=self.source,
                target=None,
                held_out="held out: each person in turn",
                trials=self.trials,
                skipped=self.skipped,
                warnings=self.notes,
            ),
        }
        return dict(correct_together(result))


def run(
    measurement: Measurement,
    units: Path | None = None,
    *,
    stimulus: str | None = None,
    atlas: Path | None = None,
    names: Path | None = None,
    regions: Sequence[str] = (),
    controls: Mapping[str, Path] | None = None,
    n_components: int = 10,
    n_permutations: int = 1000,
    n_bootstrap: int = 200,
    random_state: int = 0,
    progress: Progress = silent,
) -> AcrossPeopleStudy:
    """Read units from voxels, person by person from what the others' maps gave.

    Parameters
    ----------
    measurement
        Maps, one a trial; trials over time are averaged over it.
    units
        Table with one row a stimulus: a column of their names, called as in the recording (or the
        first one), and a numeric column a unit. Without it the categories of the trials are read.
    stimulus
        Column of the recording that names the stimuli; found by its name when None.
    atlas, names, regions
        As in `find_regions`.
    controls
        Name → table like ``units``, of a network that saw objects only, or of an untrained one.
    n_components, n_permutations, n_bootstrap, random_state
        As in :func:`affectome.brains.pls_across_people`.
    progress
        Called with each region.

    Raises
    ------
    InputError
        If nobody or no stimulus is named, or units, atlas and maps do not fit.
    """
    recording, notes = averaged(measurement)
    trials = trial_table(recording)
    name = stimulus_column(trials, stimulus)
    people = [c for c in map(str, trials) if role_of(c) == "subject"]
    people.sort(key=lambda c: trials[c].nunique() < 2)  # a file's name, where a table names people
    if not people:
        raise InputError(f"no column names people; the trials have {', '.join(map(str, trials))}")
    if units is None:
        table, said = category_table(trials, name), list[str]()
    else:
        table, said = stimulus_table(units, name)
    others: dict[str, pd.DataFrame] = {}
    for control, path in (controls or {}).items():
        others[control], more = stimulus_table(path, name)
        said = [*said, *more]
    voxels = unit_table(recording)
    inside, told = find_regions(voxels, atlas, names, regions)
    found = pls_across_people(
        recording,
        table,
        subject=people[0],
        stimulus=name,
        regions=inside,
        controls=others,
        categorical=units is None,
        n_components=n_components,
        n_permutations=n_permutations,
        n_bootstrap=n_bootstrap,
        random_state=random_state,
        progress=progress,
    )
    clusters: tuple[Clusters, ...] = ()
    if len(found.units) >= FEWEST_CLUSTERED:
        clusters = tuple(
            discriminable_clusters(
                found.confusion[:, 0],
                found.confusion[:, 1],
                len(found.units),
                variant=variant,
                groups=found.tested,
                n_bootstrap=max(n_bootstrap, 0),
                random_state=random_state,
                over=f"{len(set(found.tested.tolist()))} people",
            )
            for variant in VARIANTS
        )
    return AcrossPeopleStudy(
        measurement.source.name,
        found,
        clusters,
        voxels[inside[found.regions[0].name]].reset_index(drop=True),
        n_components,
        measurement.skipped,
        (*measurement.warnings, *notes, *said, *told, *measurement.notes, *found.notes),
        measurement.recording.sizes["trial"],
    )


def category_table(trials: pd.DataFrame, stimulus: str) -> pd.DataFrame:
    """Give 0 and 1 of the category of each stimulus.

    Raises
    ------
    InputError
        If there are no categories, or a stimulus has two.
    """
    if "emotion" not in trials:
        raise InputError("there are neither --units nor a column of categories (--label) to read")
    many = trials.groupby(stimulus)["emotion"].nunique()
    if (many > 1).any():
        raise InputError(
            f"{many.index[many > 1][0]!r} in {stimulus!r} has {int(many.max())} categories; a "
            "stimulus has one"
        )
    first = trials.groupby(trials[stimulus].astype(str))["emotion"].first()
    return pd.get_dummies(first).astype(float)
