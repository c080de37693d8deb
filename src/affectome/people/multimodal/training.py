"""A model of several modalities from a user's own table, any of which may be missing later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectome.data.outputs import (
    output_folder,
)
from affectome.data.recording import make_recording
from affectome.data.tables import read_table
from affectome.decoding.calibration import fit_temperature, reliability
from affectome.decoding.dropped import DroppedModalities, subsets
from affectome.decoding.multilabel import conformal_level
from affectome.errors import InputError
from affectome.evidence import Evidence, Score, difference, evaluate, score
from affectome.people.cards import Card, Metric
from affectome.people.multimodal.features import cell_of, columns_of, describer
from affectome.people.registry import Trained, TrainOptions
from affectome.people.trained import write_trained
from affectome.people.voice.model import LinearVoice, probabilities, save_head
from affectome.progress import Progress, silent
from affectome.safeguards import require_purpose

Array = NDArray[np.float64]
PENALTY = 0.01
LEAST = 0.5
METRIC = "macro_auc"
SEVERAL = " + "


def train(catalog: Path, out: Path, options: TrainOptions, progress: Progress = silent) -> Trained:
    """Make a model of several modalities, scored with each subset of them on held-out people.

    Parameters
    ----------
    catalog
        Table with two or more of the columns ``text``, ``voice``, ``face`` and ``body`` (texts, and
        names of files; empty where there is none), and one of labels.
    out
        Folder for the model.

    Raises
    ------
    InputError
        If the table or its files can't be used, or name nothing to hold out by.
    PurposeError
        If no purpose was declared.
    """
    source = catalog / "metadata.csv" if catalog.is_dir() else catalog
    table = read_table(source)
    if options.target not in table:
        raise InputError(
            f"{source} has no column {options.target!r}; it has {', '.join(map(str, table))}"
        )
    columns = columns_of(table)
    for modality in columns:
        require_purpose(modality, options.purpose)
    table = table[table[options.target].notna()].reset_index(drop=True)
    x, there, blocks = described(table, columns, source.parent, progress)
    kept = there.any(1)
    if not kept.any():
        raise InputError(f"{source}: nothing could be read in its {len(table)} rows")
    trials = (
        table.iloc[np.flatnonzero(kept)].drop(columns=list(columns.values())).reset_index(drop=True)
    )
    y = trials[options.target].astype(str).str.strip().to_numpy(dtype=str)
    trials[options.target] = y
    x, there = x[kept], there[kept]
    names = [*(f"has_{m}" for m in columns), *(f"x{k}" for k in range(x.shape[1]))]
    recording = make_recording(np.hstack([there, x]), trials, pd.DataFrame({"feature": names}))
    evidence = evaluate(
        DroppedModalities(blocks, PENALTY),
        recording,
        options.target,
        holdout=options.holdout or None,
        n_permutations=options.n_permutations,
        random_state=options.random_state,
        progress=progress,
    )
    logits = held_out(x, there, blocks, y, evidence)
    subject = trials["subject"].astype(str).to_numpy() if "subject" in trials else None
    rows = scored(logits, there, y, list(columns), subject)
    settings = _settings(logits, y, list(columns), blocks)
    card = _card(rows, settings, evidence, y, list(columns), out.name, options.target)
    folder = output_folder(out)
    save_head(folder, linear(DroppedModalities(blocks, PENALTY).fit(np.hstack([there, x]), y)))
    return write_trained(
        folder,
        "fusion",
        card,
        evidence,
        catalog,
        options,
        left_out=int((~kept).sum()),
        more={"subsets": rows},
    )


def described(
    table: pd.DataFrame, columns: Mapping[str, str], folder: Path, progress: Progress = silent
) -> tuple[Array, NDArray[np.bool_], list[int]]:
    """Features of each row (n, n_features), which modalities it has (n, m), block of each."""
    parts, flags, blocks = [], [], []
    for number, (modality, column) in enumerate(columns.items()):
        describe = describer(modality)
        rows: list[Array | None] = []
        for cell in table[column]:
            progress(f"{modality} described", len(rows), len(table))
            there = cell_of(cell)
            rows.append(None if there is None else describe(there, folder))
        progress(f"{modality} described", len(table), len(table))
        width = next((len(row) for row in rows if row is not None), 0)
        if not width:
            raise InputError(f"nothing could be read in the column {column!r}")
        nothing = np.zeros(width)
        parts.append(np.array([nothing if row is None else row for row in rows]))
        flags.append([row is not None for row in rows])
        blocks += [number] * width
    return np.hstack(parts), np.array(flags).T, blocks


def linear(fitted: DroppedModalities) -> LinearVoice:
    """Give the linear layer of a fitted decoder, a row a label."""
    weights, bias = fitted.model_.coef_, fitted.model_.intercept_
    if len(weights) == 1:
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return LinearVoice(weights, bias, fitted.mean_, fitted.scale_)


def held_out(
    x: Array, there: NDArray[np.bool_], blocks: list[int], y: NDArray[Any], evidence: Evidence
) -> dict[tuple[int, ...], Array]:
    """Logits of each trial from each subset, by a model that did not see its fold; NaN without."""
    n = there.shape[1]
    n_labels = len(np.unique(y))
    found = {kept: np.full((len(y), n_labels), np.nan) for kept in subsets(n)}
    for rows, tested in evidence.split.folds:
        fitted = DroppedModalities(blocks, PENALTY).fit(np.hstack([there[rows], x[rows]]), y[rows])
        for kept, logits in found.items():
            left = there[tested] & np.isin(np.arange(n), kept)
            some = left.any(1)
            if some.any():
                z = fitted.decision_function(np.hstack([left[some], x[tested][some]]))
                two = np.stack([-z / 2, z / 2], 1) if z.ndim == 1 else z
                logits[np.asarray(tested)[some]] = two
    return found


def scored(
    logits: Mapping[tuple[int, ...], Array],
    there: NDArray[np.bool_],
    y: NDArray[Any],
    names: list[str],
    subject: NDArray[Any] | None,
) -> dict[str, Any]:
    """Score each subset, beside the best single modality in it on the same trials."""
    found = {}
    for kept, z in logits.items():
        whole = there[:, list(kept)].all(1) & np.isfinite(z).all(1)
        if len(np.unique(y[whole])) < len(np.unique(y)):
            continue
        who = None if subject is None else subject[whole]
        over = "trials" if who is None else f"{len(np.unique(who))} subjects"
        one = score(METRIC, y[whole], _values(z[whole]), who, over=over)
        row: dict[str, Any] = {"n": int(whole.sum()), "score": one.to_dict()}
        if len(kept) > 1:
            singles = {k: _values(logits[k,][whole]) for k in kept}
            best = max(singles, key=lambda k: score(METRIC, y[whole], singles[k], who).value)
            above = difference(METRIC, y[whole], _values(z[whole]), singles[best], who, over=over)
            row |= {"best_single": names[best], "above_it": above.to_dict()}
        found[SEVERAL.join(names[k] for k in kept)] = row
    return found


def _values(z: Array) -> Array:
    return z[:, 1] if z.shape[1] == 2 else z


def _settings(
    logits: Mapping[tuple[int, ...], Array], y: NDArray[Any], names: list[str], blocks: list[int]
) -> dict[str, Any]:
    labels, codes = np.unique(y, return_inverse=True)
    true = np.eye(len(labels), dtype=bool)
    calibrated = {}
    for kept, z in logits.items():
        known = np.isfinite(z).all(1)
        if known.any():
            t = fit_temperature(z[known], codes[known])
            p = probabilities(z[known], t)
            level = conformal_level(p, true[codes[known]])
            calibrated[SEVERAL.join(names[k] for k in kept)] = {
                "temperature": t,
                "level": level,
                "calibration_error": reliability(codes[known], p).ece,
            }
    widths = np.bincount(blocks).tolist()
    return {"least": LEAST, "modalities": names, "widths": widths, "subsets": calibrated}


def _card(
    rows: Mapping[str, Any],
    settings: dict[str, Any],
    evidence: Evidence,
    y: NDArray[Any],
    names: list[str],
    name: str,
    target: str,
) -> Card:
    held = " and ".join(evidence.split.by) or "single rows (a random split)"
    on = f"held-out {held}"
    metrics = []
    for subset, row in rows.items():
        one = row["score"]
        beside = {}
        if "above_it" in row:
            best = row["best_single"]
            beside = {f"{best} alone": one["score"] - row["above_it"]["score"]}
        metrics.append(
            Metric(METRIC, one["score"], _pair(one["interval"]), on, one["over"], subset, beside)
        )
    main: Score = evidence.score
    known = "" if main.interval is None else " [{:.3f}, {:.3f}]".format(*main.interval)
    every = rows.get(SEVERAL.join(names), {}).get("above_it", {}).get("interval")
    failures = ["recordings unlike those of the table it was trained on"]
    if every is None or every[0] <= 0:
        failures.insert(0, "all together are not shown to be better than the best single modality")
    return Card(
        name=name,
        modality="fusion",
        summary=f"{target} from {', '.join(names)}: {evidence.metric} {main.value:.3f}{known} on "
        f"{on}; best baseline, {evidence.best_baseline}, "
        f"{evidence.baselines[evidence.best_baseline].value:.3f}",
        data=f"{len(y)} rows of the user's own table",
        licence="that of your data; the shipped networks that its modalities stand on have theirs",
        labels=dict.fromkeys(map(str, np.unique(y)), "as in the table it was trained on"),
        metrics=metrics,
        failures=failures,
        intended="recordings like those it was trained on, of any subset of its modalities",
        not_for="decisions about people",
        settings=settings,
    )


def _pair(interval: list[float] | None) -> tuple[float, float] | None:
    return None if interval is None else (interval[0], interval[1])
