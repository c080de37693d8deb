"""A model of voices from a user's own sounds: a linear layer on what the shipped listener hears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectome.data.catalog import FILE_COLUMNS
from affectome.data.outputs import output_folder
from affectome.data.recording import make_recording
from affectome.errors import InputError
from affectome.evidence import Evidence, evaluate
from affectome.features.voice.listening import HEARD
from affectome.features.voice.sound import sound_blocks
from affectome.people.cards import Card, Curve, Metric
from affectome.people.curves import coverage_curve, reliability_curve
from affectome.people.held_out import compared, completed
from affectome.people.own import trusted
from affectome.people.registry import Trained, TrainOptions
from affectome.people.trained import need_columns, own_labels, own_rows, write_trained
from affectome.people.voice.fitting import STEPS, by_person, fit_linear
from affectome.people.voice.model import (
    Array,
    LinearVoice,
    features_of,
    save_head,
    shipped_listener,
)
from affectome.people.voice.windows import Heard, Window, speech_windows, unreadable
from affectome.progress import Progress, silent
from affectome.safeguards import require_purpose

PENALTY = 0.01
LEAST = 0.5


@dataclass(frozen=True, eq=False)
class OwnSounds:
    """Speech of a user's sounds, labels, and the columns that say who and what."""

    features: Array
    y: NDArray[Any]
    trials: pd.DataFrame
    target: str
    left_out: int
    notes: Sequence[str] = ()


def train(catalog: Path, out: Path, options: TrainOptions, progress: Progress = silent) -> Trained:
    """Make a model from a table of sound files, with evidence on people it did not hear.

    Parameters
    ----------
    catalog
        Table with a column of sound files and one of labels, or a folder with ``metadata.csv``.
    out
        Folder for ``head.safetensors``, ``card.json``, ``card.md``, ``result.json`` and
        ``manifest.json``.
    options
        ``target`` is a column of labels; a column ``subject`` brings held-out people and readings
        with a baseline.

    Raises
    ------
    InputError
        If the table or its sounds can't be used, or name nothing to hold out by.
    PurposeError
        If no purpose was declared.
    """
    require_purpose("voice", options.purpose)
    own = read_own(catalog, options, progress)
    recording = make_recording(own.features, own.trials, pd.DataFrame({"feature": list(HEARD)}))
    decoder = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=PENALTY, max_iter=STEPS, class_weight="balanced"),
    )
    evidence = evaluate(
        decoder,
        recording,
        own.target,
        holdout=options.holdout or None,
        nuisance=("loudness", "duration"),
        n_permutations=options.n_permutations,
        random_state=options.random_state,
        progress=progress,
    )
    settings, metrics, p = trusted(own.features, own.y, evidence, PENALTY)
    person: LinearVoice | None = None
    every: dict[str, Any] = {"least": LEAST, "clip": settings}
    if "subject" in own.trials:
        alone = by_person(own.features, own.trials["subject"].to_numpy())
        person = fit_linear(alone, own.y, PENALTY)
        every["person"] = trusted(alone, own.y, evidence, PENALTY)[0]
    names = np.unique(own.y)
    groups = compared(names, own.y, p, own.trials, options.groups)
    card = _card(own, evidence, every, metrics, _curves(own, p), out.name)
    card = completed(card, names, own.y, p, LEAST, groups)
    folder = output_folder(out)
    save_head(folder, fit_linear(own.features, own.y, PENALTY), person)
    return write_trained(
        folder,
        "voice",
        card,
        evidence,
        catalog,
        options,
        left_out=own.left_out,
        notes=own.notes,
        more={} if groups is None else {"groups": groups.to_dict()},
    )


def read_own(catalog: Path, options: TrainOptions, progress: Progress = silent) -> OwnSounds:
    """Hear the files of a user's table; those without speech are left out and counted."""
    source, table = own_rows(catalog, options)
    column = options.column or next((name for name in FILE_COLUMNS if name in table), "file")
    need_columns(table, source, options.target, column)
    table = table[table[options.target].notna()].reset_index(drop=True)
    listener = shipped_listener()
    rows, features, about = [], [], []
    for row, name in enumerate(table[column].astype(str)):
        progress("sounds heard", row, len(table))
        window = speech_of(source.parent / name)
        if window is not None:
            rows.append(row)
            features.append(features_of([window.levelled()], listener)[0])
            about.append((window.level_db, window.end_s - window.start_s))
    progress("sounds heard", len(table), len(table))
    if not rows:
        raise InputError(f"{source}: none of its {len(table)} sounds holds speech")
    trials = table.iloc[rows].drop(columns=[column]).reset_index(drop=True)
    y, notes = own_labels(trials[options.target])
    trials[options.target] = y
    trials[["loudness", "duration"]] = np.array(about)
    left_out = len(table) - len(rows)
    return OwnSounds(np.array(features), y, trials, options.target, left_out, notes)


def speech_of(file: Path) -> Window | None:
    """Join the speech of a clip from its first window to its last."""
    found = [w for w in speech_windows(sound_blocks(file), Heard()) if not unreadable(w)]
    if not found:
        return None
    return Window(np.concatenate([w.signal for w in found]), found[0].start_s, found[-1].end_s)


def _curves(own: OwnSounds, p: Array) -> list[Curve]:
    """Calibration and coverage of held-out probabilities."""
    right = p.argmax(1) == np.unique(own.y, return_inverse=True)[1]
    return [draw(p.max(1), right, "held-out folds") for draw in (reliability_curve, coverage_curve)]


def _card(
    own: OwnSounds,
    evidence: Evidence,
    settings: dict[str, Any],
    metrics: list[Metric],
    curves: list[Curve],
    name: str,
) -> Card:
    held = " and ".join(evidence.split.by) or "single rows (a random split)"
    main = evidence.score
    beside = {n: b.value for n, b in evidence.baselines.items()}
    scores = [
        Metric(
            metric,
            score.value,
            score.interval,
            on=f"held-out {held}",
            over="groups" if evidence.split.by else "rows",
            baselines=beside if metric == evidence.metric else {},
        )
        for metric, score in evidence.scores.items()
    ]
    known = "" if main.interval is None else " [{:.3f}, {:.3f}]".format(*main.interval)
    return Card(
        name=name,
        modality="voice",
        summary=(
            f"{own.target} from voices: {evidence.metric} {main.value:.3f}{known} on held-out "
            f"{held}; best baseline, {evidence.best_baseline}, "
            f"{evidence.baselines[evidence.best_baseline].value:.3f}"
        ),
        data=f"{len(own.y)} sounds of the user's own table, {own.left_out} left out for want of "
        "speech; the listener of the shipped model",
        licence="that of your data; the listener MIT and BSD-2-Clause",
        labels=dict.fromkeys(map(str, np.unique(own.y)), "as in the table it was trained on"),
        metrics=[*scores, *metrics],
        curves=curves,
        failures=["voices, languages and microphones unlike those of the table"],
        intended="sounds like those it was trained on",
        not_for="decisions about people",
        settings=settings,
    )
