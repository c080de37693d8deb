"""A model of pictures from a user's own catalog: a linear head on what networks see in them."""

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
from scipy.special import ndtr, softmax
from sklearn.base import clone

from affectome.data import (
    Skipped,
    make_recording,
    picture_statistics,
    read_catalog,
    read_picture,
)
from affectome.data.outputs import output_folder, write_bytes
from affectome.decoding.calibration import fit_temperature, reliability
from affectome.decoding.multilabel import conformal_level, residual_quantile
from affectome.decoding.ridge import BalancedRidgeClassifierDecoder, RidgeDecoder
from affectome.errors import InputError
from affectome.evidence import Evidence, evaluate, group_mean
from affectome.networks import untrained
from affectome.networks.store import digest
from affectome.people.cards import Card, Curve, Metric
from affectome.people.curves import coverage_curve, reliability_curve
from affectome.people.held_out import out_of_fold
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
from affectome.people.pictures.own_network import OwnNetwork
from affectome.people.reading import DIMENSIONS
from affectome.people.registry import Trained, TrainOptions
from affectome.people.trained import write_trained
from affectome.progress import Progress, silent

ALPHAS = tuple(float(a) for a in np.logspace(0, 7, 15))
BATCH = 16
CACHE = "features.npz"
TINY = 1e-9
SIDE_OF = ": on which side of the middle of the scale a rating lies"


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
    """What networks see in a user's pictures, what is to be learned, and where they come from.

    ``features`` are those that are learned from, ``untrained`` the same network's before it learned
    anything; ``eyes`` says which network that is where it is not the shipped ones.
    """

    seen: Seen
    features: Array
    untrained: Array
    eyes: dict[str, Any] | None
    y: NDArray[Any]
    trials: pd.DataFrame
    target: str
    rating: bool
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()


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
        ``valence=COLUMN``. ``network`` looks at the pictures instead of the shipped networks; its
        responses are kept in ``activations.zarr``.

    Raises
    ------
    InputError
        If the catalog can't be used, or names nothing to hold out by.
    """
    own = read_own(catalog, out, options, progress)
    X = own.features.astype(float)
    recording = _recording(own, X)
    decoder = RidgeDecoder(ALPHAS) if own.rating else BalancedRidgeClassifierDecoder(ALPHAS)
    evidence = evaluate(
        decoder,
        recording,
        own.target,
        holdout=options.holdout or None,
        controls={
            "image statistics": _recording(own, own.seen.statistics.to_numpy(float)),
            "object classes only": _recording(
                own, own.seen.trained[:, object_columns()].astype(float)
            ),
            "untrained networks": _recording(own, own.untrained.astype(float)),
        },
        n_permutations=options.n_permutations,
        random_state=options.random_state,
        progress=progress,
    )
    settings, metrics, curves = (
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
    if own.eyes is not None:
        settings["network"] = own.eyes
    card = _card(own, evidence, settings, metrics, curves, out.name)
    folder = output_folder(out)
    save_head({name: values.astype(np.float32) for name, values in arrays.items()}, folder)
    return write_trained(
        folder,
        "pictures",
        card,
        evidence,
        catalog,
        options,
        inputs={"networks": SHIPPED / FILE},
        settings={"network": own.eyes},
        skipped=own.skipped,
        notes=own.notes,
    )


def read_own(
    catalog: Path, folder: Path, options: TrainOptions, progress: Progress = silent
) -> OwnPictures:
    """Read a user's catalog and look at its pictures; those that can't be read are listed."""
    name, _, column = options.target.partition("=")
    rating = name in DIMENSIONS
    read = read_catalog(
        catalog,
        file=options.column,
        target=None if rating or name == "emotion" else column or name,
        ratings={name: column or name} if rating else None,
        subject=options.columns.get("subject"),
        stimulus=options.columns.get("stimulus"),
        session=options.columns.get("session"),
        group=options.columns.get("group"),
    )
    target = name if rating else "emotion"
    for wanted in ("file", target):
        if wanted not in read.table:
            raise InputError(
                f"{catalog} has no column of {'picture files' if wanted == 'file' else target}; it "
                f"has {', '.join(map(str, read.table))}"
            )
    if options.network is None and options.preprocessing is not None:
        raise InputError("--preprocessing is for a --network of your choice; name one")
    network = None
    if options.network is not None:
        network = OwnNetwork.find(options.network, options.preprocessing)
    table = read.table[read.table[target].notna()].reset_index(drop=True)
    seen = see_pictures(table["file"].astype(str).tolist(), folder, progress)
    trials = table.iloc[seen.rows].reset_index(drop=True)
    features, untrained_features, eyes = seen.trained, seen.untrained, None
    if network is not None:
        files = trials["file"].astype(str).tolist()
        features = network.look(files, folder / "activations.zarr", progress=progress)
        blank = untrained(network.network, 0)
        untrained_features = network.look(
            files, folder / "untrained.zarr", blank, progress=progress
        )
        eyes = network.to_dict(options.preprocessing)
    y: NDArray[Any] = trials[target].to_numpy(dtype=float if rating else str)
    trials = trials.drop(columns=["file"])
    trials[target] = y
    skipped = (*read.skipped, *seen.skipped)
    return OwnPictures(
        seen, features, untrained_features, eyes, y, trials, target, rating, skipped, read.notes
    )


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


def _label_settings(
    own: OwnPictures, X: NDArray[Any], decoder: Any, evidence: Evidence
) -> tuple[dict[str, Any], list[Metric], list[Curve]]:
    names, codes = np.unique(own.y, return_inverse=True)
    logits, fold = out_of_fold(X, own.y, decoder, evidence)
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
    settings = {"head": "labels", "temperature": float(temperature), "level": float(level)}
    return settings, metrics, _curves(p.max(axis=1), p.argmax(axis=1) == codes)


def _rating_settings(
    own: OwnPictures, X: NDArray[Any], decoder: Any, evidence: Evidence
) -> tuple[dict[str, Any], list[Metric], list[Curve]]:
    found, fold = out_of_fold(X, own.y, decoder, evidence)
    low, high = float(own.y.min()), float(own.y.max())
    middle = (low + high) / 2
    inside, above = np.zeros(len(own.y)), np.zeros(len(own.y))
    for number in np.unique(fold):
        here, others = fold == number, fold != number
        spread = np.sqrt(np.mean((own.y[others] - found[others]) ** 2))
        above[here] = ndtr((found[here] - middle) / max(spread, TINY))
        half = residual_quantile(own.y[others], found[others])
        inside[here] = np.abs(own.y[here] - found[here]) <= half
    how = {
        "place": 0,
        "half": residual_quantile(own.y, found),
        "spread": float(np.sqrt(np.mean((own.y - found) ** 2))),
        "scale": [low, high],
    }
    settings = {"head": "values", "dimensions": {own.target: how}, "middle": middle}
    metrics = [_coverage("intervals of 90 % hold the rating", inside, fold)]
    right = (above >= 0.5) == (own.y >= middle)
    return settings, metrics, _curves(np.maximum(above, 1 - above), right, SIDE_OF)


def _curves(sure: NDArray[np.float64], right: NDArray[np.bool_], what: str = "") -> list[Curve]:
    """Calibration and coverage on held-out folds."""
    on = f"held-out folds{what}"
    return [draw(sure, right, on) for draw in (reliability_curve, coverage_curve)]


def _coverage(name: str, inside: NDArray[np.float64], fold: NDArray[np.intp]) -> Metric:
    by_fold = [inside[fold == number].mean() for number in np.unique(fold)]
    kept = group_mean(by_fold, "folds")
    return Metric(name, float(inside.mean()), kept.interval, "held-out folds", kept.over)


def _card(
    own: OwnPictures,
    evidence: Evidence,
    settings: dict[str, Any],
    metrics: list[Metric],
    curves: list[Curve],
    name: str,
) -> Card:
    held = " and ".join(evidence.split.by) or "single pictures (a random split)"
    main = evidence.score
    beside = {n: b.value for n, b in evidence.baselines.items() if np.isfinite(b.value)}
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
    eyes, licence = "the networks of the shipped model", "the networks Apache-2.0"
    if own.eyes is not None:
        eyes, licence = f"seen by {own.eyes['words']}", "the network's own"
    return Card(
        name=name,
        modality="pictures",
        summary=(
            f"{own.target} from pictures: {evidence.metric} {main.value:.3f}{known} on held-out "
            f"{held}; best baseline, {evidence.best_baseline}, "
            f"{evidence.baselines[evidence.best_baseline].value:.3f}"
        ),
        data=f"{len(own.y)} pictures of the user's own catalog; {eyes}",
        licence=f"that of your data; {licence}",
        labels=dict.fromkeys(labels, "as in the catalog it was trained on"),
        metrics=[*scores, *metrics],
        curves=curves,
        failures=["pictures unlike those of the catalog"],
        intended="pictures like those it was trained on",
        not_for="saying what a person in a picture feels; decisions about people",
        settings=settings,
    )
