"""A model of pictures from a user's own catalog: a linear head on what the shipped networks see."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import clone

from affectome.data import (
    Skipped,
    make_recording,
    picture_statistics,
    read_catalog,
    read_picture,
)
from affectome.data.outputs import output_folder, write_bytes, write_json, write_text
from affectome.decoding.calibration import fit_temperature, logits_of, reliability
from affectome.decoding.multilabel import conformal_level, residual_quantile
from affectome.decoding.ridge import BalancedRidgeClassifierDecoder, RidgeDecoder
from affectome.errors import InputError
from affectome.evidence import Evidence, evaluate, group_mean, manifest
from affectome.networks.store import digest
from affectome.people.cards import Card, Metric
from affectome.people.pictures.backbone import (
    FILE,
    SHIPPED,
    Array,
    Backbone,
    columns,
    features_of,
    shorten,
)
from affectome.people.pictures.model import save_head
from affectome.people.reading import DIMENSIONS
from affectome.people.registry import Trained, TrainOptions
from affectome.progress import Progress, silent

ALPHAS = tuple(float(a) for a in np.logspace(0, 7, 15))
BATCH = 16
CACHE = "features.npz"


@dataclass(frozen=True, eq=False)
class Seen:
    """What networks see in the readable pictures of a list.

    Attributes
    ----------
    rows
        Places of the readable pictures, shape (n,).
    trained, untrained
        Features of the shipped networks, and of the same ones untrained, shape (n, n_features).
    statistics
        Brightness, contrast, colour and spectrum, a row a picture.
    skipped
        Pictures that can't be read.
    """

    rows: NDArray[np.intp]
    trained: Array
    untrained: Array
    statistics: pd.DataFrame
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, eq=False)
class OwnPictures:
    """What networks see in a user's pictures, what is to be learned, and where they come from."""

    seen: Seen
    y: NDArray[Any]
    trials: pd.DataFrame
    target: str
    rating: bool
    skipped: tuple[Skipped, ...]


def train(catalog: Path, out: Path, options: TrainOptions, progress: Progress = silent) -> Trained:
    """Make a model from a catalog of pictures, with evidence on themes it did not see.

    The head is a ridge, solved exactly (nothing stops early); classes count the same whatever their
    size. Baselines are brightness, contrast and colour, the object classes alone, and the same
    networks untrained.

    Parameters
    ----------
    catalog
        Folder with ``metadata.csv``, folder of class folders, or a table.
    out
        Folder for ``head.safetensors``, ``card.json``, ``card.md``, ``result.json``,
        ``manifest.json`` and ``features.npz``, by which the same pictures are not seen again.
    options
        ``target`` is a column of labels, or a rating: ``valence``, ``arousal``, ``dominance``, or
        ``valence=COLUMN``.

    Raises
    ------
    InputError
        If the catalog can't be used, or names nothing to hold out by.
    """
    folder = output_folder(out)
    own = read_own(catalog, folder, options, progress)
    X = own.seen.trained.astype(float)
    recording = _recording(own, X)
    decoder = RidgeDecoder(ALPHAS) if own.rating else BalancedRidgeClassifierDecoder(ALPHAS)
    evidence = evaluate(
        decoder,
        recording,
        own.target,
        holdout=options.holdout or None,
        controls={
            "image statistics": _recording(own, own.seen.statistics.to_numpy(float)),
            "object classes only": _recording(own, X[:, object_columns()]),
            "untrained networks": _recording(own, own.seen.untrained.astype(float)),
        },
        n_permutations=options.n_permutations,
        random_state=options.random_state,
        progress=progress,
    )
    settings, metrics = (
        _rating_settings(own, X, decoder, evidence)
        if own.rating
        else _label_settings(own, X, decoder, evidence)
    )
    fitted = clone(decoder).fit(X, own.y)
    weights, bias = np.atleast_2d(fitted.coef_), np.atleast_1d(fitted.intercept_)
    if not own.rating and len(weights) == 1:
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    nothing, one = np.zeros(X.shape[1]), np.ones(X.shape[1])
    arrays = {"mean": nothing, "gain": one, "weights": weights, "bias": bias}
    card = _card(own, evidence, settings, metrics, out.name)
    save_head({name: values.astype(np.float32) for name, values in arrays.items()}, folder)
    write_json(folder / "card.json", card.to_dict())
    write_text(folder / "card.md", card.to_text())
    described = manifest(
        "train picture",
        {"catalog": catalog, "networks": SHIPPED / FILE},
        options.random_state,
        settings={"target": options.target, "holdout": list(options.holdout)},
        split=evidence.split,
    )
    write_json(folder / "manifest.json", described)
    result = {
        "schema": 1,
        "model": card.name,
        "skipped": [{"file": one.file, "why": one.why} for one in own.skipped],
        **evidence.to_dict(),
    }
    write_json(folder / "result.json", result)
    return Trained(folder, card, result)


def read_own(
    catalog: Path, folder: Path, options: TrainOptions, progress: Progress = silent
) -> OwnPictures:
    """Read a user's catalog and look at its pictures; those that can't be read are listed."""
    name, _, column = options.target.partition("=")
    rating = name in DIMENSIONS
    read = read_catalog(
        catalog,
        file=options.column,
        label=None if rating or name == "emotion" else column or name,
        ratings={name: column or name} if rating else None,
    )
    target = name if rating else "emotion"
    for wanted in ("file", target):
        if wanted not in read.table:
            raise InputError(
                f"{catalog} has no column of {'picture files' if wanted == 'file' else target}; it "
                f"has {', '.join(map(str, read.table))}"
            )
    table = read.table[read.table[target].notna()].reset_index(drop=True)
    seen = see_pictures(table["file"].astype(str).tolist(), folder, progress)
    trials = table.iloc[seen.rows].reset_index(drop=True)
    y: NDArray[Any] = trials[target].to_numpy(dtype=float if rating else str)
    trials = trials.drop(columns=["file"])
    trials[target] = y
    return OwnPictures(seen, y, trials, target, rating, (*read.skipped, *seen.skipped))


def see_pictures(files: list[str], folder: Path, progress: Progress = silent) -> Seen:
    """Look at pictures with trained and untrained networks; kept as ``features.npz``.

    Raises
    ------
    InputError
        If none can be read.
    """
    key = f"{digest(files)} {digest([SHIPPED / FILE])}"
    cache = folder / CACHE
    if cache.is_file():
        with np.load(cache, allow_pickle=False) as kept:
            if str(kept["key"]) == key:
                return _seen(dict(kept))
    trained, blank = Backbone(), Backbone(random_state=0)
    rows, skipped, found, controls, plain = [], [], [], [], []
    for first in range(0, len(files), BATCH):
        pixels = []
        for row, file in enumerate(files[first : first + BATCH], first):
            try:
                pixels.append(shorten(file))
                plain.append(picture_statistics(read_picture(file)))
                rows.append(row)
            except InputError as error:
                skipped.append((file, str(error)))
        if pixels:
            found.append(features_of(trained, pixels))
            controls.append(features_of(blank, pixels))
        progress("pictures seen", min(first + BATCH, len(files)), len(files))
    if not rows:
        raise InputError(f"none of {len(files)} pictures can be read: {skipped[0][1]}")
    statistics = pd.DataFrame(plain)
    seen: dict[str, Any] = {
        "key": np.array(key),
        "rows": np.array(rows),
        "skipped": np.array(json.dumps(skipped)),
        "trained": np.concatenate(found),
        "untrained": np.concatenate(controls),
        "statistics": statistics.to_numpy(),
        "names": np.array(json.dumps(list(statistics))),
    }
    content = io.BytesIO()
    np.savez(content, **seen)
    write_bytes(cache, content.getvalue())
    return _seen(seen)


def _seen(kept: dict[str, Any]) -> Seen:
    return Seen(
        kept["rows"],
        kept["trained"],
        kept["untrained"],
        pd.DataFrame(kept["statistics"], columns=json.loads(str(kept["names"]))),
        tuple(Skipped(*item) for item in json.loads(str(kept["skipped"]))),
    )


def object_columns() -> NDArray[np.intp]:
    """Places of the logits of object classes among the features."""
    kept = [np.arange(c.start, c.stop) for c in columns() if c.block == "objects"]
    return np.concatenate(kept)


def _recording(own: OwnPictures, values: NDArray[Any]) -> xr.DataArray:
    return make_recording(values, own.trials, pd.DataFrame({"feature": range(values.shape[1])}))


def _out_of_fold(
    own: OwnPictures, X: NDArray[Any], decoder: Any, evidence: Evidence
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Logits or ratings of each picture by a decoder that did not see its fold, and the fold."""
    fold = np.full(len(own.y), -1)
    parts: list[tuple[NDArray[np.intp], NDArray[np.float64]]] = []
    for number, (rows, test) in enumerate(evidence.split.folds):
        fitted = clone(decoder).fit(X[rows], own.y[rows])
        parts.append((test, fitted.predict(X[test]) if own.rating else logits_of(fitted, X[test])))
        fold[test] = number
    found = np.full((len(own.y), *parts[0][1].shape[1:]), np.nan)
    for test, values in parts:
        found[test] = values
    return found, fold


def _label_settings(
    own: OwnPictures, X: NDArray[Any], decoder: Any, evidence: Evidence
) -> tuple[dict[str, Any], list[Metric]]:
    names, codes = np.unique(own.y, return_inverse=True)
    logits, fold = _out_of_fold(own, X, decoder, evidence)
    true = np.eye(len(names), dtype=bool)[codes]
    p, inside = np.full(logits.shape, np.nan), np.zeros(len(codes))
    for number in np.unique(fold):
        here, others = fold == number, fold != number
        temperature = fit_temperature(logits[others], codes[others])
        p[here] = softmax(logits[here] / temperature, axis=1)
        level = conformal_level(softmax(logits[others] / temperature, axis=1), true[others])
        inside[here] = p[here][true[here]] >= level
    temperature = fit_temperature(logits, codes)
    level = conformal_level(softmax(logits / temperature, axis=1), true)
    metrics = [
        Metric("calibration error", reliability(codes, p).ece, on="held-out folds"),
        _coverage("conformal sets of 90 % hold the label", inside, fold),
    ]
    return {"head": "labels", "temperature": float(temperature), "level": float(level)}, metrics


def _rating_settings(
    own: OwnPictures, X: NDArray[Any], decoder: Any, evidence: Evidence
) -> tuple[dict[str, Any], list[Metric]]:
    found, fold = _out_of_fold(own, X, decoder, evidence)
    inside = np.zeros(len(own.y))
    for number in np.unique(fold):
        here, others = fold == number, fold != number
        half = residual_quantile(own.y[others], found[others])
        inside[here] = np.abs(own.y[here] - found[here]) <= half
    low, high = float(own.y.min()), float(own.y.max())
    how = {
        "place": 0,
        "half": residual_quantile(own.y, found),
        "spread": float(np.sqrt(np.mean((own.y - found) ** 2))),
        "scale": [low, high],
    }
    settings = {"head": "values", "dimensions": {own.target: how}, "middle": (low + high) / 2}
    return settings, [_coverage("intervals of 90 % hold the rating", inside, fold)]


def _coverage(name: str, inside: NDArray[np.float64], fold: NDArray[np.intp]) -> Metric:
    by_fold = [inside[fold == number].mean() for number in np.unique(fold)]
    kept = group_mean(by_fold, "folds")
    return Metric(name, float(inside.mean()), kept.interval, "held-out folds", kept.over)


def _card(
    own: OwnPictures,
    evidence: Evidence,
    settings: dict[str, Any],
    metrics: list[Metric],
    name: str,
) -> Card:
    held = " and ".join(evidence.split.by) or "single pictures (a random split)"
    main = evidence.score
    beside = {n: b.value for n, b in evidence.baselines.items()}
    scores = [
        Metric(
            metric,
            one.value,
            one.interval,
            on=f"held-out {held}",
            over=one.over,
            baselines=beside if metric == evidence.metric else {},
        )
        for metric, one in evidence.scores.items()
    ]
    known = "" if main.interval is None else " [{:.3f}, {:.3f}]".format(*main.interval)
    labels = [] if own.rating else [str(label) for label in np.unique(own.y)]
    return Card(
        name=name,
        modality="pictures",
        summary=(
            f"{own.target} from pictures: {evidence.metric} {main.value:.3f}{known} on held-out "
            f"{held}; best baseline, {evidence.best_baseline}, "
            f"{evidence.baselines[evidence.best_baseline].value:.3f}"
        ),
        data=f"{len(own.y)} pictures of the user's own catalog; the networks of the shipped model",
        licence="that of your data; the networks Apache-2.0",
        labels=dict.fromkeys(labels, "as in the catalog it was trained on"),
        metrics=[*scores, *metrics],
        failures=["pictures unlike those of the catalog"],
        intended="pictures like those it was trained on",
        not_for="saying what a person in a picture feels; decisions about people",
        settings=settings,
    )
