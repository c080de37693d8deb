"""The neural code of emotion: what is in a recording, how intense, in which mixture, and when.

One function asks a Recording of neurons, sensors or voxels all questions that its trials allow. A
part that they don't allow is absent from the result and named in its warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from affectome.brains import Searchlight
from affectome.data import Skipped, result_head, unit_table
from affectome.data.readers.measurement import Measurement
from affectome.decoding.deep import DeepDecoder
from affectome.errors import AffectomeError, InputError, unknown
from affectome.evidence import Design, Evidence, correct_together, evaluate
from affectome.progress import Progress, silent
from affectome.studies.neural_code import readings as read
from affectome.studies.neural_code import time
from affectome.studies.neural_code import units as carry
from affectome.studies.neural_code.case import (
    MOST_TRIALS,
    RATING,
    Case,
    decoder_for,
    has_times,
    main_score,
)
from affectome.studies.neural_code.inputs import (
    FEATURES,
    after_event,
    check_baseline,
    choose_design,
    held_out_words,
    labelled,
    responder,
)
from affectome.studies.neural_code.parts import Part, excess
from affectome.units import Selectivity, selectivity

DECODERS = ("linear", "eegnet", "shallow", "gru")
DEEP_PERMUTATIONS = 0
BASELINE = {"why": "no p, because it is what the recording is held against"}


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
        The evidence of the decoder of all classes, or of the rating.
    selectivity
        Which units respond differently to the classes; None for ratings.
    found
        Name of each further part (``contrasts``, ``pre_event``, ``intensity``, …) → what it found.
    searchlight
        Where the target can be read from a neighbourhood, where that was asked for.
    skipped
        Trials, channels and files that could not be used.
    warnings
        What a reader has to know.
    unit_names
        One row a unit.
    notes
        Choices that were made while reading.
    absent
        Every part that is absent, with its reason.
    source
        Name of the recording.
    """

    target: str
    classes: tuple[str, ...]
    units: int
    trials: int
    decoding: Evidence
    selectivity: Selectivity | None
    found: Mapping[str, Part]
    searchlight: Searchlight | None
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    unit_names: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = field(default=())
    absent: tuple[str, ...] = field(default=())
    source: str = ""

    @property
    def table(self) -> pd.DataFrame:
        """One row a unit, with its selectivity where the target names classes."""
        return self.unit_names if self.selectivity is None else self.selectivity.table

    @property
    def design(self) -> Design:
        """What is held out, and what may trade places."""
        return self.decoding.design

    def to_dict(self) -> dict[str, Any]:
        """Give ``result.json``, schema 3; every p has its q over all that is printed."""
        evidence, design = self.decoding, self.design
        kept = {"kind", "by", "n_folds"}
        auc = evidence.scores.get("macro_auc")
        main = main_score(evidence)
        result: dict[str, Any] = {
            **result_head(
                "study neural-code",
                3,
                source=self.source,
                target=self.target,
                held_out=held_out_words(design),
                trials=self.trials,
                skipped=self.skipped,
                warnings=self.warnings,
            ),
            "classes": list(self.classes),
            "not_held_out": list(design.notes),
            "split": {k: v for k, v in evidence.split.to_dict().items() if k in kept}
            | {"folds": len(evidence.split)},
            "decoding": {
                main.metric: main.to_dict(),
                **({} if auc is None else {"auc": auc.to_dict()}),
                "excess_over_baseline": excess(evidence).to_dict(),
                "baselines": {k: BASELINE | v.to_dict() for k, v in evidence.baselines.items()},
                "by_subject": dict(evidence.by_subject),
            },
            "units": {"tested": self.units, **self._selective()},
            **{name: part.to_dict() for name, part in self.found.items()},
            **({} if self.searchlight is None else {"searchlight": self.searchlight.to_dict()}),
            "absent": list(self.absent),
        }
        whole: dict[str, Any] = correct_together(result)
        return whole

    def _selective(self) -> dict[str, Any]:
        found = self.selectivity
        if found is None:
            return {"selective": None, "share": None, "why": f"no test of units: {RATING}"}
        why = getattr(found, "why", None)
        if why:
            return {"selective": None, "share": None, "why": why}
        null = getattr(found, "null", None)
        selective = found.selective
        return {
            "selective": int(selective.sum()),
            "share": float(selective.mean()),
            "level": found.level,
            **({} if null is None else {"null": null.to_dict()}),
        }


def run(
    measurement: Measurement,
    target: str = "emotion",
    *,
    holdout: str | Sequence[str] | None = None,
    decoder: str = "linear",
    features: str = "auto",
    response: tuple[float, float] | None = None,
    baseline: tuple[float, float] | None = None,
    connectivity: str = "correlation",
    searchlight: float | None = None,
    nuisance: Sequence[str] = (),
    parts: Collection[str] | None = None,
    n_permutations: int = 1000,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Progress = silent,
) -> NeuralCode:
    """Ask a recording everything that its trials allow.

    Parameters
    ----------
    measurement
        From :func:`affectome.data.read_recording`.
    target
        Column of the trials with the classes, or with ratings (numbers).
    holdout
        Columns to hold out, or ``"random"``; by default those that name people and stimuli. Where
        there is nothing to hold out, consecutive stretches of each class are, and a warning says
        so.
    decoder
        ``"linear"`` (closed form, with permutations), or a network: ``"eegnet"``, ``"shallow"``,
        ``"gru"`` on the samples themselves.
    features
        For the linear decoder: ``"mean"`` response over the window; ``"band-power"``,
        ``"differential-entropy"`` or its left–right ``"asymmetry"`` by band; ``"tangent"`` space of
        the covariances; or ``"auto"`` (entropy for sensors of 2 s or more, else the mean).
    response
        Seconds ``(start, stop)`` of the window after the event; by default from 0 on.
    baseline
        Seconds whose mean was subtracted from the trials when they were read.
    connectivity
        ``"correlation"``, ``"coherence"`` or ``"wpli"`` of all pairs of units within a trial.
    searchlight
        Radius of the spheres in the unit of the places of voxels or sensors; none when not given.
    nuisance
        Columns that should not explain the target.
    parts
        Names of the further parts to make, of ``PARTS``; all when None.
    n_permutations
        Arrangements of the labels in each null.
    random_state, n_jobs, progress
        As elsewhere.

    Raises
    ------
    InputError
        If the target is missing or has one class, or an argument is not one of those above.
    """
    check_options(decoder, features, connectivity, baseline, response, searchlight)
    wanted = tuple(PARTS) if parts is None else tuple(parts)
    for name in wanted:
        if name not in PARTS:
            raise unknown("a part", name, PARTS)
    if n_permutations < 0:
        raise InputError(f"permutations are 0 or more; got {n_permutations}")
    recording, skipped = labelled(measurement, target)
    design, chosen = choose_design(recording, target, holdout, random_state)
    warnings = [*measurement.warnings, *chosen]
    respond = responder(recording, features, response)
    timed = has_times(recording)
    if response is not None and not timed:
        raise InputError(
            f"{measurement.source} has one value a trial, of which response makes no use; leave "
            "that out"
        )
    X = respond(after_event(recording, response) if timed else recording)
    light = (
        None if searchlight is None else carry.light(X, target, design.split, searchlight, progress)
    )
    deep = decoder != "linear"
    if deep and design.y.dtype.kind == "f":
        raise InputError(f"{target!r} holds ratings, but {decoder} reads classes; take linear")
    evidence = evaluate(
        DeepDecoder(decoder, random_state=random_state) if deep else decoder_for(design.y),
        after_event(recording, response) if deep else X,
        target,
        design,
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
    case = Case(
        recording, X, respond, target, design, nuisance, connectivity, n_permutations, random_state
    )
    found: dict[str, Part] = {}
    absent: list[str] = []
    left_out = [name for name in PARTS if name not in wanted]
    if left_out:
        absent.append(f"left out, as asked: {', '.join(map(part_name, left_out))}")
    for number, name in enumerate(name for name in PARTS if name in wanted):
        progress("further parts", number, len(wanted))
        try:
            found[name] = PARTS[name](case)
        except AffectomeError as error:
            absent.append(f"{part_name(name)}: {error}")
    progress("further parts", len(wanted), len(wanted))
    warnings += read.warn_of_pre_event(found.get("pre_event"), evidence) + _limits(case, found)
    return NeuralCode(
        target,
        () if case.rated else tuple(map(str, case.names)),
        X.sizes["unit"],
        X.sizes["trial"],
        evidence,
        None if case.rated else selectivity(X, target),
        found,
        light,
        (*measurement.skipped, *skipped),
        tuple(warnings),
        unit_table(X),
        measurement.notes,
        tuple(absent),
        measurement.source.name,
    )


def part_name(name: str) -> str:
    """Give the name of a part in words."""
    return name.removesuffix("_s").replace("_", " ")


def check_options(
    decoder: str,
    features: str,
    connectivity: str,
    baseline: tuple[float, float] | None,
    response: tuple[float, float] | None,
    searchlight: float | None,
) -> None:
    """Refuse what can't be used before anything is read.

    Raises
    ------
    InputError
        If a name is not known, an option would do nothing, or the baseline lies in the response.
    """
    if decoder not in DECODERS:
        raise unknown("the decoder", decoder, DECODERS)
    known = ("auto", *FEATURES)
    if features not in known:
        raise unknown("features", features, known)
    if decoder != "linear" and features != "auto":
        raise InputError(
            f"{decoder} reads samples as they are and makes no use of features; leave that out, or "
            "take linear"
        )
    if connectivity not in read.CONNECTIVITY:
        raise unknown("connectivity", connectivity, read.CONNECTIVITY)
    if searchlight is not None and not 0 < searchlight < float("inf"):
        raise InputError(f"searchlight is a radius above 0; got {searchlight:g}")
    check_baseline(baseline, response)


def _limits(case: Case, found: Mapping[str, Part]) -> list[str]:
    """Say which parts saw fewer trials or arrangements than were there."""
    lines = []
    n = case.recording.sizes["trial"]
    thin = [name for name in ("states", "time_constants_s") if name in found]
    if n > MOST_TRIALS and thin:
        words = " and ".join(map(part_name, thin))
        lines.append(
            f"{words}: fitted to {MOST_TRIALS} of the {n} trials, evenly spaced, for speed"
        )
    limits = (
        ("generalisation", time.MOST_MAPS),
        ("lead_time", time.MOST_LEADS),
        ("blends", read.MOST_MIXTURES),
    )
    for name, most in limits:
        if name in found and case.n_permutations > most and case.design.why_no_p is None:
            lines.append(
                f"{part_name(name)}: {most} arrangements of the labels instead of "
                f"{case.n_permutations}, for speed"
            )
    return lines


PARTS: Mapping[str, Callable[[Case], Part]] = {
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
