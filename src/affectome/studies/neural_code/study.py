"""The neural code of emotion: what is in a recording, how intense, in which mixture, and when.

One function asks a Recording of neurons, sensors or voxels all questions that its trials allow. A
part that they don't allow is absent from the result and named in its warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from affectome.brains import Searchlight
from affectome.data import Skipped, trial_table
from affectome.data.readers.measurement import Measurement
from affectome.decoding import ShrinkageLDA
from affectome.decoding.deep import DeepDecoder
from affectome.errors import AffectomeError, InputError
from affectome.evidence import Evidence, Split, evaluate
from affectome.progress import Progress, silent
from affectome.studies.neural_code import readings as read
from affectome.studies.neural_code import time
from affectome.studies.neural_code import units as carry
from affectome.studies.neural_code.case import Case
from affectome.studies.neural_code.inputs import after_event, choose_split, labelled, responses
from affectome.units import Selectivity, selectivity

DECODERS = ("linear", "eegnet", "shallow", "gru")
DEEP_PERMUTATIONS = 0


@dataclass(frozen=True, eq=False)
class NeuralCode:
    """What a recording holds of a target.

    Attributes
    ----------
    target
        The column of the trials that was decoded.
    classes
        Its values, sorted.
    units, trials
        Sizes of the Recording.
    decoding
        The evidence of the decoder of all classes.
    selectivity
        Which units respond differently to the classes.
    found
        Name of each further part (``contrasts``, ``pre_event``, ``intensity``, …) → its numbers,
        as they go into ``result.json``.
    searchlight
        Where the target can be read from a neighbourhood, where that was asked for.
    skipped
        Trials, channels and files that could not be used.
    warnings
        What a reader has to know, and every part that is absent with its reason.
    notes
        Choices that were made while reading.
    """

    target: str
    classes: tuple[str, ...]
    units: int
    trials: int
    decoding: Evidence
    selectivity: Selectivity
    found: Mapping[str, Any]
    searchlight: Searchlight | None
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def split(self) -> Split:
        """The folds of the decoder."""
        return self.decoding.split

    def to_dict(self) -> dict[str, Any]:
        """Give ``result.json``, schema 1."""
        evidence = self.decoding
        kept = {"kind", "by", "n_folds"}
        selective = self.selectivity.selective
        return {
            "schema": 1,
            "study": "neural-code",
            "target": self.target,
            "classes": list(self.classes),
            "trials": self.trials,
            "split": {k: v for k, v in evidence.split.to_dict().items() if k in kept}
            | {"folds": len(evidence.split)},
            "decoding": {
                "balanced_accuracy": evidence.scores["balanced_accuracy"].to_dict(),
                "auc": evidence.scores["macro_auc"].to_dict(),
                "excess_over_baseline": {
                    "metric": evidence.metric,
                    "value": evidence.excess.value,
                    "interval": evidence.excess.interval,
                    "baseline": evidence.best_baseline,
                },
                "baselines": {k: v.to_dict() for k, v in evidence.baselines.items()},
                "by_subject": dict(evidence.by_subject),
                "null": None if evidence.null is None else evidence.null.to_dict(),
            },
            "units": {
                "tested": self.units,
                "selective": int(selective.sum()),
                "share": float(selective.mean()),
                "q": self.selectivity.level,
            },
            **self.found,
            **({} if self.searchlight is None else {"searchlight": self.searchlight.to_dict()}),
            "skipped": [{"file": s.file, "why": s.why} for s in self.skipped],
            "warnings": list(self.warnings),
        }


def run(
    measurement: Measurement,
    target: str = "emotion",
    *,
    holdout: str | Sequence[str] | None = None,
    decoder: str = "linear",
    features: str = "auto",
    response: tuple[float, float] | None = None,
    connectivity: str = "correlation",
    searchlight: float | None = None,
    nuisance: Sequence[str] = (),
    n_permutations: int = 1000,
    random_state: int = 0,
    n_jobs: int = 1,
    progress: Progress = silent,
) -> NeuralCode:
    """Ask a recording everything that its trials allow.

    Parameters
    ----------
    measurement
        From :func:`affectome.data.read_recording`.
    target
        Column of the trials with the classes.
    holdout
        Columns to hold out, or ``"random"``; by default subject and stimulus. Where there is
        nothing to hold out, consecutive stretches of each class are, and a warning says so.
    decoder
        ``"linear"`` (closed form, with permutations), or a network: ``"eegnet"``, ``"shallow"``,
        ``"gru"`` on the samples themselves.
    features
        For the linear decoder: ``"mean"`` response over the window; ``"band-power"``,
        ``"differential-entropy"`` or its left–right ``"asymmetry"`` by band; ``"tangent"`` space of
        the covariances; or ``"auto"`` (entropy for sensors of 2 s or more, else the mean).
    response
        Seconds ``(start, stop)`` of the window after the event; by default from 0 on.
    connectivity
        ``"correlation"``, ``"coherence"`` or ``"wpli"`` of all pairs of units within a trial.
    searchlight
        Radius of the spheres in the unit of the places of voxels or sensors; none when not given.
    nuisance
        Columns that should not explain the target.
    n_permutations
        Arrangements of the labels in each null.
    random_state, n_jobs, progress
        As elsewhere.

    Raises
    ------
    InputError
        If the target is missing or has one class, or an argument is not one of those above.
    """
    if decoder not in DECODERS:
        raise InputError(f"there is no decoder {decoder!r}; choose {', '.join(DECODERS)}")
    if connectivity not in read.CONNECTIVITY:
        raise InputError(
            f"there is no connectivity {connectivity!r}; choose {', '.join(read.CONNECTIVITY)}"
        )
    recording, skipped = labelled(measurement, target)
    warnings: list[str] = []
    recording, split = choose_split(recording, target, holdout, random_state, warnings)
    X = responses(recording, features, response)
    light = None if searchlight is None else carry.light(X, target, split, searchlight, progress)
    deep = decoder != "linear"
    evidence = evaluate(
        DeepDecoder(decoder, random_state=random_state) if deep else ShrinkageLDA(priors="equal"),
        after_event(recording, response) if deep else X,
        target,
        split,
        nuisance=nuisance,
        n_permutations=DEEP_PERMUTATIONS if deep else n_permutations,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    if deep:
        warnings.append(
            f"p is absent: refitting {decoder} for a thousand permutations takes days; the linear "
            "decoder has one"
        )
    warnings += read.warn_of_clock(evidence)
    progress("decoding", 1, 1)
    case = Case(recording, X, target, split, nuisance, connectivity, n_permutations, random_state)
    found: dict[str, Any] = {}
    for number, (name, part) in enumerate(PARTS.items()):
        progress(name.replace("_", " "), number, len(PARTS))
        try:
            found[name] = part(case)
        except AffectomeError as error:
            words = name.removesuffix("_s").replace("_", " ")
            warnings.append(f"{words}: absent, {error}")
    progress("all parts", len(PARTS), len(PARTS))
    warnings += read.warn_of_pre_event(found, evidence)
    return NeuralCode(
        target,
        tuple(map(str, np.unique(trial_table(recording)[target]))),
        X.sizes["unit"],
        X.sizes["trial"],
        evidence,
        selectivity(X, target),
        found,
        light,
        (*measurement.skipped, *skipped),
        tuple(warnings),
        measurement.notes,
    )


PARTS: Mapping[str, Callable[[Case], Any]] = {
    "contrasts": read.contrasts,
    "pre_event": read.pre_event,
    "calibration": read.calibration,
    "intensity": read.intensity,
    "blends": read.blends,
    "connectivity": read.connectivity,
    "lesion": carry.virtual_lesion,
    "generalisation": time.generalisation,
    "lead_time": time.lead,
    "states": time.states,
    "time_constants_s": time.slow_dimensions,
    "personal": read.personal,
}
