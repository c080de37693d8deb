"""Do units of a network that was trained only on objects prefer pleasant or unpleasant pictures?

The study of Liu, Bo, Ding & Fang (2024, PLOS Computational Biology), with what it leaves open:
selectivity under error control where themes, not pictures, trade places, an overlap test for units
that are alike, decoding by held-out groups, gains chosen on validation pictures for chosen and
random units alike, controls that are matched for activity, and untrained networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from affectome.data import Catalog, Skipped, result_head, trial_table
from affectome.evidence import Null, Split, correct_together, make_design
from affectome.networks import load_network
from affectome.progress import Progress, silent
from affectome.studies.emergence.driving_pictures import Drivers
from affectome.studies.emergence.layers import Layer, layer_results
from affectome.studies.emergence.manipulation import manipulate
from affectome.studies.emergence.readout import Readout, rating_splits, read_out
from affectome.studies.emergence.second_set import overlap_of, second_set
from affectome.studies.emergence.stimuli import (
    Settings,
    image_statistics,
    respond,
    split_pictures,
    with_classes,
)
from affectome.studies.emergence.units import (
    compare_untrained,
    drivers,
    find_selective,
    given_statistics,
    unit_table,
)

FEW = 30


@dataclass(frozen=True, eq=False)
class EmergenceResult:
    """What came out of the study.

    Attributes
    ----------
    network
        ``name``, ``weights`` (where they come from), ``sha256`` and ``precision``.
    trials, classes
        Number of pictures; class → how many of them.
    split
        The folds of all decoding.
    selectivity_null, why_not
        What traded places in the tests of single units; or why nothing could, and they have no p.
    compared
        What the overlap compares: ``"second set"``, ``"halves"`` or ``"none"``.
    layers
        What is known of each layer.
    decoding
        What is read from all layers together, and its baselines.
    skipped, warnings
        Inputs that could not be used; what a reader has to know.
    units
        A row a unit: ``layer``, ``unit``, ``F``, ``eta_squared``, ``p``, ``q``, ``selective``,
        ``preferred``, ``index``, ``mean_CLASS`` and ``sem_CLASS`` for every class,
        ``q_given_statistics`` and ``selective_given_statistics`` (image statistics held constant)
        and ``shared`` (among the strongest for the same class in both sets; missing where there
        are no two sets).
    curves
        A row a layer and gain, on validation pictures: ``layer``, ``gain``, ``score``,
        ``random_mean``, ``random_low``, ``random_high``.
    random
        A row a layer, kind of manipulation and random draw: ``gain``, ``score``.
    untrained
        A row a layer and seed of an untrained network: ``selective_share``, ``median_index``,
        ``shared``, ``expected``, ``overlap_p``.
    drivers
        The pictures that drive the best units of every class most and least.
    predictions
        A row a picture: ``file``, ``fold``, its class, the class and the ratings that were read
        out from all layers, out of fold.
    settings
        Options that the result depends on.
    source
        Name of the folder or table of the pictures.
    held_out
        What was held out, in words.
    """

    network: Mapping[str, str]
    trials: int
    classes: Mapping[str, int]
    split: Split
    selectivity_null: Null | None
    why_not: str | None
    compared: str
    layers: tuple[Layer, ...]
    decoding: Readout
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    units: pd.DataFrame = field(repr=False)
    curves: pd.DataFrame = field(repr=False)
    random: pd.DataFrame = field(repr=False)
    untrained: pd.DataFrame = field(repr=False)
    drivers: tuple[Drivers, ...] = field(repr=False)
    predictions: pd.DataFrame = field(repr=False)
    settings: Settings
    source: str
    held_out: str

    def to_dict(self) -> dict[str, Any]:
        """Give ``result.json``, schema 3; every p with its q over all that are printed together."""
        found = {
            **result_head(
                "study emergence",
                3,
                source=self.source,
                target="emotion",
                held_out=self.held_out,
                trials=self.trials,
                skipped=self.skipped,
                warnings=self.warnings,
            ),
            "network": dict(self.network),
            "classes": dict(self.classes),
            "split": {
                "kind": self.split.kind,
                "by": list(self.split.by),
                "folds": len(self.split),
                "sha256": self.split.digest,
            },
            "selectivity": {
                "selective": sum(layer.selective for layer in self.layers),
                "units": sum(layer.units for layer in self.layers),
                "null": None if self.selectivity_null is None else self.selectivity_null.to_dict(),
                "why": self.why_not,
            },
            "compared": self.compared,
            "layers": [layer.to_dict() for layer in self.layers],
            "decoding": self.decoding.to_dict(),
        }
        return dict(correct_together(found))

    def tables(self) -> dict[str, pd.DataFrame]:
        """Give the tables that are written beside ``result.json``, by name."""
        return {
            "units": self.units,
            "curves": self.curves,
            "random_draws": self.random,
            "untrained": self.untrained,
            "predictions": self.predictions,
        }


def run(
    catalog: Catalog,
    network: str = "vgg16",
    *,
    catalog2: Catalog | None = None,
    weights: str | Path = "imagenet",
    network_layers: Sequence[str] | None = None,
    preprocessing: str | None = None,
    holdout: str = "group",
    n_splits: int | None = None,
    precision: str = "auto",
    n_untrained: int = 5,
    n_random: int = 20,
    n_manipulated: int = 24,
    n_permutations: int = 1000,
    random_state: int = 0,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> EmergenceResult:
    """Ask a network's units and layers about the emotion that pictures carry.

    Parameters
    ----------
    catalog
        Pictures with ``emotion`` (classes), or with a rating of ``valence``, of which thirds are
        made; further ratings are predicted. ``group`` (or theme, subject, stimulus) is held out.
    network
        Name, factory or saved program, as in :func:`affectome.networks.load_network`.
    catalog2
        A second set of pictures with the same classes, to see which units stand out again.
        Stimuli that are in both sets are dealt, half to either. Without a second set the two halves
        of the groups are compared.
    weights, network_layers, preprocessing
        As in :func:`affectome.networks.load_network`; all layers that it finds if not given.
    holdout
        ``"group"``, or ``"random"`` single pictures, which is stamped on the report.
    n_splits
        Folds; 10 where there are enough groups, if not given.
    precision
        ``"auto"``, ``"float32"`` or ``"bfloat16"``.
    n_untrained
        Untrained networks to compare with (seeds 0, 1, …), at least 1.
    n_random
        Random draws that a lesion and an enhancement are held against, at least 20.
    n_manipulated
        Most pictures that gains are chosen and tested on; 0 leaves lesions and enhancements out.
    n_permutations
        Rearrangements of the labels under the null, at least 20.
    random_state
        Seed of everything that is drawn.
    folder
        Where responses and answers are kept, so that a run that was killed goes on where it was.
    progress
        Called with each step.

    Returns
    -------
    EmergenceResult

    Raises
    ------
    InputError
        If there is one class only, nothing to hold out, or a class smaller than the folds.
    """
    settings = Settings(
        holdout,
        n_splits,
        precision,
        n_untrained,
        n_random,
        n_manipulated,
        n_permutations,
        random_state,
    )
    kept = None if folder is None else Path(folder)
    catalog = with_classes(catalog)
    split_pictures(catalog.table, settings)
    trained = load_network(
        network,
        weights,
        random_state=random_state,
        layers=network_layers,
        preprocessing=preprocessing,
    )
    found = respond(trained, catalog, precision, progress, kept)
    recording = found.recording
    settings = replace(settings, precision=found.precision.name)
    folds = split_pictures(trial_table(recording), settings)
    ratings = rating_splits(recording, catalog.ratings, folds, random_state)
    units = find_selective(recording, settings)
    statistics = image_statistics(recording, progress)
    given = given_statistics(recording, statistics, settings)
    second = second_set(trained, recording, catalog2, folds, settings, kept, progress)
    again = overlap_of(trained, recording, second, settings, kept, progress)
    blank = compare_untrained(trained, catalog, second, folds, ratings, settings, kept, progress)
    changed = manipulate(trained, recording, folds, settings, kept, progress)
    read = read_out(
        recording, folds, ratings, statistics, blank.responses, blank.scores, settings, progress
    )
    classes = dict(zip(units.classes, map(int, units.count), strict=True))
    trials = trial_table(recording)
    design = make_design(
        trials.drop(columns="emotion"), trials["emotion"].to_numpy(str), folds, order="none"
    )
    return EmergenceResult(
        network={**trained.to_dict(), "precision": settings.precision},
        trials=recording.sizes["trial"],
        classes=classes,
        split=folds,
        selectivity_null=units.null,
        why_not=units.why,
        compared=second.kind,
        layers=layer_results(units, given, blank, again, read, changed),
        decoding=read,
        skipped=(*catalog.skipped, *found.skipped, *second.skipped),
        warnings=(
            *catalog.notes,
            *design.notes,
            *doubts(folds, classes),
            *([] if units.why is None else [f"selectivity of single units: {units.why}"]),
            second.note,
            *changed.notes,
        ),
        units=unit_table(units, given, again),
        curves=changed.curves,
        random=changed.random_draws(),
        untrained=blank.layers,
        drivers=drivers(recording, units),
        predictions=read.predictions,
        settings=settings,
        source=catalog.source.name,
        held_out=design.headline,
    )


def doubts(split: Split, classes: Mapping[str, int]) -> list[str]:
    """Say what makes the numbers less sure than they look."""
    found = []
    if split.random:
        found.append(
            "the split is random: pictures that are nearly the same may lie on both sides, and "
            "scores are too high by that"
        )
    small = {name: n for name, n in classes.items() if n < FEW}
    if small:
        named = ", ".join(f"{name} ({n})" for name, n in small.items())
        found.append(f"fewer than {FEW} pictures in {named}: intervals are wide")
    if max(classes.values()) > 3 * min(classes.values()):
        found.append("one class has more than three times the pictures of another")
    return found
