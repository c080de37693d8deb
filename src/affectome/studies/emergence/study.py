"""Do units of a network that was trained only on objects prefer pleasant or unpleasant pictures?

The study of Liu, Bo, Ding & Fang (2024, PLOS Computational Biology), with what it leaves open:
selectivity under error control, an overlap test, decoding by held-out groups, gains chosen on
validation pictures, random controls that are matched for activity, and untrained networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from affectome.data import Catalog, Skipped, trial_table
from affectome.evidence import Split
from affectome.networks import load_network
from affectome.progress import Progress, silent
from affectome.studies.emergence.driving_pictures import Drivers
from affectome.studies.emergence.layers import layer_results
from affectome.studies.emergence.manipulation import manipulate
from affectome.studies.emergence.readout import rating_splits, read_out
from affectome.studies.emergence.stimuli import (
    Settings,
    image_statistics,
    respond,
    split_pictures,
    with_classes,
)
from affectome.studies.emergence.units import (
    LEVEL,
    compare_untrained,
    drivers,
    given_statistics,
    two_sets,
    unit_table,
)
from affectome.units import selectivity

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
    layers
        A mapping a layer, as in ``result.json``.
    decoding
        Scores from all layers together and their baselines, as in ``result.json``.
    skipped, warnings
        Inputs that could not be used; what a reader has to know.
    units
        A row a unit: ``layer``, ``unit``, ``F``, ``eta_squared``, ``p``, ``q``, ``selective``,
        ``preferred``, ``index``, ``mean_CLASS`` and ``sem_CLASS`` for every class,
        ``selective_given_statistics`` (with image statistics held constant) and ``shared``
        (selective for the same class in both sets; missing where there are no two sets).
    curves
        A row a layer and gain, on validation pictures: ``layer``, ``gain``, ``score``,
        ``random_mean``, ``random_low``, ``random_high`` (missing: random draws are made for the
        chosen gain on test pictures only).
    random
        A row a layer, kind (``lesion`` or ``enhancement``) and random draw: ``score``.
    untrained
        A row a layer and seed of an untrained network: ``selective_share``, ``median_index``.
    drivers
        The pictures that drive the best units of every class most and least.
    predictions
        A row a picture: ``file``, ``fold``, its class, the class and the ratings that were read
        out from all layers, out of fold.
    settings
        Options that the result depends on.
    """

    network: Mapping[str, str]
    trials: int
    classes: Mapping[str, int]
    split: Split
    layers: tuple[Mapping[str, Any], ...]
    decoding: Mapping[str, Any]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    units: pd.DataFrame = field(repr=False)
    curves: pd.DataFrame = field(repr=False)
    random: pd.DataFrame = field(repr=False)
    untrained: pd.DataFrame = field(repr=False)
    drivers: tuple[Drivers, ...] = field(repr=False)
    predictions: pd.DataFrame = field(repr=False)
    settings: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Give ``result.json``, schema 1."""
        return {
            "schema": 1,
            "study": "emergence",
            "network": dict(self.network),
            "trials": self.trials,
            "classes": dict(self.classes),
            "split": {
                "kind": self.split.kind,
                "by": list(self.split.by),
                "folds": len(self.split),
                "sha256": self.split.digest,
            },
            "layers": [dict(layer) for layer in self.layers],
            "decoding": dict(self.decoding),
            "skipped": [{"file": s.file, "why": s.why} for s in self.skipped],
            "warnings": list(self.warnings),
        }

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
    split: str = "group",
    n_splits: int | None = None,
    precision: str = "auto",
    n_untrained: int = 10,
    n_random: int = 20,
    n_manipulated: int = 36,
    n_permutations: int = 1000,
    random_state: int = 0,
    progress: Progress = silent,
) -> EmergenceResult:
    """Ask a network's units and layers about the emotion that pictures carry.

    Parameters
    ----------
    catalog
        Pictures with ``emotion`` (classes), or with a rating of ``valence``, of which thirds are
        made; further ratings are predicted. ``group`` (or theme, subject, stimulus) is held out.
    network
        ``"alexnet"`` or ``"vgg16"``.
    catalog2
        A second set of pictures with the same classes, to see which units are selective again.
        Without it the two halves of the groups are compared.
    weights
        As in :func:`affectome.networks.load_network`.
    split
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
        Permutations of the labels under the null.
    random_state
        Seed of everything that is drawn.
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
        split,
        n_splits,
        precision,
        n_untrained,
        n_random,
        n_manipulated,
        n_permutations,
        random_state,
    )
    catalog = with_classes(catalog)
    split_pictures(catalog.table, settings)
    trained = load_network(network, weights, random_state=random_state)
    found = respond(trained, catalog, precision, progress)
    recording = found.recording
    settings = replace(settings, precision=found.precision.name)
    folds = split_pictures(trial_table(recording), settings)
    ratings = rating_splits(recording, catalog.ratings, folds, random_state)
    units = selectivity(recording, "emotion", q=LEVEL)
    statistics = image_statistics(recording, progress)
    given = given_statistics(recording, statistics)
    sets = two_sets(trained, recording, units, catalog2, folds, settings, progress)
    blank = compare_untrained(network, catalog, folds, ratings, settings, progress)
    changed = manipulate(trained, recording, folds, settings, progress)
    controls = {"image_statistics": statistics, "untrained": blank.responses}
    read = read_out(recording, folds, ratings, controls, blank.scores, settings, progress)
    classes = dict(zip(units.classes, map(int, units.count), strict=True))
    return EmergenceResult(
        network={**trained.to_dict(), "precision": settings.precision},
        trials=recording.sizes["trial"],
        classes=classes,
        split=folds,
        layers=layer_results(units, given, blank, sets, read, changed),
        decoding=read.decoding,
        skipped=(*catalog.skipped, *found.skipped, *sets.skipped),
        warnings=(*catalog.notes, *doubts(folds, classes), sets.note, *changed.notes),
        units=unit_table(units, given, sets),
        curves=changed.curves,
        random=changed.random_draws(),
        untrained=blank.layers,
        drivers=drivers(recording, units),
        predictions=read.predictions,
        settings=asdict(settings),
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
