"""What pooling is worth on MOSI's training features, for all seven subsets of three modalities.

    python -m training.fusion --mosi DIR --out DIR

``DIR`` holds ``audio_train.csv.gz``, ``text_train.csv.gz`` and ``video_train.csv.gz``: a row an
utterance, the last column its sentiment. Who speaks is not in them, and the rows are sorted by
sentiment; within a sentiment they stand in the order of the films. So blocks of neighbouring rows
of both sentiments stand in for speakers. A speaker's rows don't lie at the same place in both, so
five blocks to either side are kept out of training too. Single models, temperatures and weights
know nothing of the block they are scored on. One decoder, chosen beforehand.

Two ways to fuse are held against each other: pooled opinions of single models, and one model of all
features that was trained with modalities dropped.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectome.data.outputs import output_folder, write_json
from affectome.decoding.calibration import fit_temperature
from affectome.decoding.dropped import DroppedModalities, subsets
from affectome.evidence import difference, score
from affectome.people.fusion import fit_weights, pool
from affectome.people.voice.model import probabilities

MODALITIES = ("text", "audio", "video")
N_BLOCKS, N_INNER, APART = 20, 5, 5
PENALTY = 0.01


def load(folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Features of each modality, sentiment (0, 1), and the block of each row."""
    tables = {m: pd.read_csv(folder / f"{m}_train.csv.gz", header=None) for m in MODALITIES}
    y = tables["text"].iloc[:, -1].to_numpy(dtype=int)
    place = np.zeros(len(y))
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        place[rows] = np.arange(len(rows)) / len(rows)
    x = {m: t.iloc[:, :-1].to_numpy(dtype=float) for m, t in tables.items()}
    return x, y, (place * N_BLOCKS).astype(int)


def logits(x: np.ndarray, y: np.ndarray, fitted: np.ndarray, tested: np.ndarray) -> np.ndarray:
    """Logits of tested rows by a model of fitted ones, shape (n, 2)."""
    decoder = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=2000))
    z = decoder.fit(x[fitted], y[fitted]).decision_function(x[tested])
    return np.stack([-z / 2, z / 2], 1)


def opinions(
    x: dict[str, np.ndarray], y: np.ndarray, block: np.ndarray
) -> tuple[dict[tuple[str, ...], np.ndarray], dict[str, list[float]]]:
    """Pooled probabilities of every subset for each row, by models that don't know its block."""
    subsets = [s for n in (1, 2, 3) for s in combinations(MODALITIES, n)]
    found = {subset: np.empty((len(y), 2)) for subset in subsets}
    weights: dict[str, list[float]] = {}
    for out in range(N_BLOCKS):
        tested = block == out
        fitted = np.abs(block - out) > APART
        part = block % N_INNER
        inner, outer = {}, {}
        for m in MODALITIES:
            held = np.empty((len(y), 2))
            for k in range(N_INNER):
                here = fitted & (part == k)
                held[here] = logits(x[m], y, fitted & (part != k), here)
            t = fit_temperature(held[fitted], y[fitted])
            inner[m] = probabilities(held[fitted], t)
            outer[m] = probabilities(logits(x[m], y, fitted, tested), t)
        for subset in subsets:
            w = fit_weights([inner[m] for m in subset], y[fitted])
            found[subset][tested] = pool([outer[m] for m in subset], w)
            weights.setdefault(" + ".join(subset), []).append(w.round(3).tolist())
    return found, weights


def on_features(
    x: dict[str, np.ndarray], y: np.ndarray, block: np.ndarray
) -> dict[tuple[str, ...], np.ndarray]:
    """Scores of every subset for each row, by one model trained with modalities dropped."""
    table = np.hstack([x[m] for m in MODALITIES])
    blocks = np.repeat(range(len(MODALITIES)), [x[m].shape[1] for m in MODALITIES])
    every = list(subsets(len(MODALITIES)))
    found = {tuple(MODALITIES[k] for k in kept): np.empty(len(y)) for kept in every}
    for out in range(N_BLOCKS):
        tested, fitted = block == out, np.abs(block - out) > APART
        flags = np.ones((len(y), len(MODALITIES)))
        decoder = DroppedModalities(blocks.tolist(), PENALTY, 2000)
        decoder.fit(np.hstack([flags, table])[fitted], y[fitted])
        for kept in every:
            left = np.tile(np.isin(range(len(MODALITIES)), kept), (int(tested.sum()), 1))
            scores = decoder.decision_function(np.hstack([left, table[tested]]))
            found[tuple(MODALITIES[k] for k in kept)][tested] = scores
    return found


def main() -> None:
    """Score all subsets beside the best single one that is in them."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--mosi", "--out"):
        parser.add_argument(option, type=Path, required=True)
    given = parser.parse_args()
    x, y, block = load(given.mosi)
    found, weights = opinions(x, y, block)
    joint = on_features(x, y, block)
    over = f"{N_BLOCKS} blocks"
    rows = {}
    for subset, p in found.items():
        auc = score("macro_auc", y, p[:, 1], block, over=over)
        right = score("balanced_accuracy", y, p.argmax(1), block, over=over)
        single = max(subset, key=lambda m: score("macro_auc", y, found[m,][:, 1], block).value)
        above = difference("macro_auc", y, p[:, 1], found[single,][:, 1], block, over=over)
        more_right = difference(
            "balanced_accuracy", y, p.argmax(1), found[single,].argmax(1), block, over=over
        )
        name = " + ".join(subset)
        one = score("macro_auc", y, joint[subset], block, over=over)
        over_single = difference(
            "macro_auc", y, joint[subset], found[single,][:, 1], block, over=over
        )
        rows[name] = {
            "auc": auc.to_dict(),
            "balanced_accuracy": right.to_dict(),
            "best_single": single,
            "above_it": above.to_dict(),
            "right_above_it": more_right.to_dict(),
            "on_features": {"auc": one.to_dict(), "above_it": over_single.to_dict()},
            "weights": weights[name],
        }
        print(
            f"{name:<22} AUC {auc.value:.3f} {auc.interval}; balanced accuracy {right.value:.3f}, "
            f"above {single} {more_right.value:+.3f} {more_right.interval}; "
            f"above {single} {above.value:+.3f} {above.interval}; on features {one.value:.3f} "
            f"{one.interval}, above {single} {over_single.value:+.3f} {over_single.interval}",
            flush=True,
        )
    write_json(output_folder(given.out) / "result.json", {"schema": 1, "subsets": rows})


if __name__ == "__main__":
    main()
