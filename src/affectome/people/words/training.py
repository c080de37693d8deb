"""A model of words from a user's own table: a linear head on the vectors of the shipped encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.special import softmax
from sklearn.base import clone
from sklearn.feature_extraction.text import HashingVectorizer

from affectome.data.catalog import FILE_COLUMNS
from affectome.data.outputs import output_folder
from affectome.data.recording import make_recording
from affectome.decoding.calibration import fit_temperature, reliability
from affectome.decoding.multilabel import conformal_level, residual_quantile
from affectome.decoding.ridge import RidgeClassifierDecoder, RidgeDecoder
from affectome.errors import InputError
from affectome.evidence import Evidence, evaluate
from affectome.evidence.quick import binomial_bounds
from affectome.people.cards import Card, Curve, Metric
from affectome.people.curves import coverage_curve, reliability_curve
from affectome.people.held_out import out_of_fold
from affectome.people.reading import DIMENSIONS
from affectome.people.registry import Trained, TrainOptions
from affectome.people.trained import need_columns, own_labels, own_rows, write_trained
from affectome.people.words.features import WordsFeatures
from affectome.people.words.reader import read_text
from affectome.progress import Progress, silent

TEXT_COLUMNS = ("text", "sentence", "utterance", "transcript", "comment", "message", "words")
ALPHAS = tuple(np.logspace(0, 5, 11))
HASHED = 1024


@dataclass(frozen=True, eq=False)
class OwnTexts:
    """Texts of a user, what is to be learned, and who and what they come from."""

    texts: list[str]
    y: NDArray[Any]
    trials: pd.DataFrame
    target: str
    rating: bool
    notes: Sequence[str] = ()


def train(catalog: Path, out: Path, options: TrainOptions, progress: Progress = silent) -> Trained:
    """Make a model from a table of texts, with evidence on people and stimuli it did not see.

    Parameters
    ----------
    catalog
        Table (CSV, TSV, Parquet) with a column of texts or of text files, or a folder with
        ``metadata.csv``.
    out
        Folder for ``head.safetensors``, ``card.json``, ``card.md``, ``result.json`` and
        ``manifest.json``.
    options
        ``target`` is a column of labels, or a rating: ``valence``, ``arousal``, ``dominance``, or
        ``valence=COLUMN``.

    Raises
    ------
    InputError
        If the table can't be used, or names nothing to hold out by.
    """
    own = read_own(catalog, options)
    progress("vectors of texts", 0, 1)
    features = WordsFeatures()
    vectors = features.transform(own.texts)
    progress("vectors of texts", 1, 1)
    recording = _recording(own, vectors, list(features.get_feature_names_out()))
    decoder = RidgeDecoder(ALPHAS) if own.rating else RidgeClassifierDecoder(ALPHAS)
    evidence = evaluate(
        decoder,
        recording,
        own.target,
        holdout=options.holdout or None,
        nuisance=("characters",),
        controls={"hashed words, linear": _hashed(own)},
        n_permutations=options.n_permutations,
        random_state=options.random_state,
        progress=progress,
    )
    settings, metrics, names, curves = (
        _rating_settings(own, vectors, decoder, evidence)
        if own.rating
        else _label_settings(own, vectors, decoder, evidence)
    )
    fitted = clone(decoder).fit(vectors, own.y)
    card = _card(own, evidence, settings, metrics, names, curves, out.name)
    folder = output_folder(out)
    weights, bias = _linear(fitted)
    save_file({"weights": weights, "bias": bias}, folder / "head.safetensors")
    return write_trained(folder, "words", card, evidence, catalog, options, notes=own.notes)


def read_own(catalog: Path, options: TrainOptions) -> OwnTexts:
    """Read a user's table: texts, target, and the columns that say who and what."""
    table_file, table = own_rows(catalog, options)
    name, _, column = options.target.partition("=")
    column = column or name
    need_columns(table, table_file, column, *([options.column] if options.column else []))
    notes: list[str] = []
    rating = name in DIMENSIONS
    known = table[column].notna()
    table = table[known].reset_index(drop=True)
    if rating:
        numbers = pd.to_numeric(table[column], errors="coerce")
        if numbers.isna().any():
            row = int(np.flatnonzero(numbers.isna())[0])
            raise InputError(f"{table_file}: {column} in row {row + 2} is not a number")
        y: NDArray[Any] = numbers.to_numpy(dtype=float)
    else:
        y, notes = own_labels(table[column])
    texts, used = _texts(table, options.column, table_file)
    trials = table.drop(columns=[used, *({column} - {used})])
    trials[name], trials["characters"] = y, [float(len(text)) for text in texts]
    return OwnTexts(texts, y, trials, name, rating, notes)


def _texts(table: pd.DataFrame, column: str | None, source: Path) -> tuple[list[str], str]:
    usual = (*TEXT_COLUMNS, *FILE_COLUMNS)
    found = column or next((name for name in usual if name in table), None)
    if found is None:
        raise InputError(
            f"{source} has no column of texts ({', '.join(TEXT_COLUMNS)}) or of files; name it "
            f"with --column; it has {', '.join(map(str, table))}"
        )
    cells = table[found].astype(object).where(table[found].notna(), "").astype(str).tolist()
    if found in FILE_COLUMNS or all((source.parent / cell).is_file() for cell in cells[:5] if cell):
        cells = [read_text(source.parent / cell) for cell in cells]
    empty = [row for row, cell in enumerate(cells) if not cell.strip()]
    if empty:
        raise InputError(f"{source}: {found} is empty in row {empty[0] + 2}; fill or drop the row")
    return cells, found


def _recording(own: OwnTexts, values: NDArray[Any], names: list[str]) -> xr.DataArray:
    return make_recording(values, own.trials, pd.DataFrame({"feature": names}))


def _hashed(own: OwnTexts) -> xr.DataArray:
    """Counts of words and pairs of words in 1,024 bins: what a plain linear model would see."""
    counted = HashingVectorizer(n_features=HASHED, ngram_range=(1, 2), alternate_sign=False)
    counts = counted.transform(own.texts).toarray()
    return _recording(own, counts, [f"bin{k}" for k in range(HASHED)])


def _label_settings(
    own: OwnTexts, vectors: NDArray[Any], decoder: Any, evidence: Evidence
) -> tuple[dict[str, Any], list[Metric], list[str], list[Curve]]:
    names, codes = np.unique(own.y, return_inverse=True)
    logits, fold = out_of_fold(vectors, own.y, decoder, evidence)
    true = np.eye(len(names), dtype=bool)[codes]
    probability = np.full(logits.shape, np.nan)
    inside = np.zeros(len(codes), dtype=bool)
    for number in np.unique(fold):
        here, others = fold == number, fold != number
        probability[here] = softmax(
            logits[here] / fit_temperature(logits[others], codes[others]), 1
        )
    for number in np.unique(fold):
        here, others = fold == number, fold != number
        level = conformal_level(probability[others], true[others])
        inside[here] = probability[here][true[here]] >= level
    kept = int(inside.sum())
    metrics = [
        Metric("calibration error", reliability(codes, probability).ece, on="held-out folds"),
        Metric(
            "conformal sets of 90 % hold the label",
            kept / len(inside),
            binomial_bounds(kept, len(inside)),
            on="held-out folds",
            over="trials",
        ),
    ]
    temperature = fit_temperature(logits, codes)
    settings = {
        "head": "labels",
        "several": False,
        "slope": [1 / temperature] * len(names),
        "offset": [0.0] * len(names),
        "level": conformal_level(probability, true),
    }
    right = probability.argmax(1) == codes
    curves = [
        draw(probability.max(1), right, "held-out folds")
        for draw in (reliability_curve, coverage_curve)
    ]
    return settings, metrics, [str(name) for name in names], curves


def _rating_settings(
    own: OwnTexts, vectors: NDArray[Any], decoder: Any, evidence: Evidence
) -> tuple[dict[str, Any], list[Metric], list[str], list[Curve]]:
    found, fold = out_of_fold(vectors, own.y, decoder, evidence)
    inside = np.zeros(len(own.y), dtype=bool)
    for number in np.unique(fold):
        here, others = fold == number, fold != number
        half = residual_quantile(own.y[others], found[others])
        inside[here] = np.abs(own.y[here] - found[here]) <= half
    kept = int(inside.sum())
    metric = Metric(
        "intervals of 90 % hold the rating",
        kept / len(inside),
        binomial_bounds(kept, len(inside)),
        on="held-out folds",
        over="trials",
    )
    how = {
        "place": 0,
        "mean": 0.0,
        "spread": 1.0,
        "half": residual_quantile(own.y, found),
        "scale": [float(own.y.min()), float(own.y.max())],
    }
    return {"head": "values", "dimensions": {own.target: how}}, [metric], [], []


def _linear(fitted: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (n, 384) and bias (n,) of a fitted decoder; two classes get a row each."""
    weights = np.atleast_2d(np.asarray(fitted.coef_, dtype=np.float32))
    bias = np.atleast_1d(np.asarray(fitted.intercept_, dtype=np.float32))
    if len(weights) == 1 and hasattr(fitted, "classes_"):
        weights, bias = (
            np.vstack([-weights / 2, weights / 2]),
            np.concatenate([-bias / 2, bias / 2]),
        )
    return np.ascontiguousarray(weights), np.ascontiguousarray(bias)


def _card(
    own: OwnTexts,
    evidence: Evidence,
    settings: dict[str, Any],
    metrics: list[Metric],
    names: list[str],
    curves: list[Curve],
    name: str,
) -> Card:
    held = " and ".join(evidence.split.by) or "single rows (a random split)"
    scores = [
        Metric(
            metric,
            score.value,
            score.interval,
            on=f"held-out {held}",
            over="groups" if evidence.split.by else "rows",
            baselines={n: b.value for n, b in evidence.baselines.items()}
            if metric == evidence.metric
            else {},
        )
        for metric, score in evidence.scores.items()
    ]
    main = evidence.score
    known = "" if main.interval is None else " [{:.3f}, {:.3f}]".format(*main.interval)
    beside = evidence.baselines[evidence.best_baseline].value
    return Card(
        name=name,
        modality="words",
        summary=(
            f"{own.target} from words: {evidence.metric} {main.value:.3f}{known} on held-out "
            f"{held}; best baseline, {evidence.best_baseline}, {beside:.3f}"
        ),
        data=f"{len(own.texts)} texts of the user's own table; the encoder of the shipped model",
        licence="that of your data; the encoder CC BY-SA 4.0",
        labels=dict.fromkeys(names, "as in the table it was trained on"),
        metrics=[*scores, *metrics],
        curves=curves,
        failures=["what the shipped model of words gets wrong: sarcasm, other languages"],
        intended="texts like those it was trained on",
        not_for="decisions about people",
        settings=settings,
    )
