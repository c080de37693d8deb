"""What random folds are worth on EmoDB: ``python -m training.voice_folds --emodb DIR --cache DIR``.

The same features and decoder are scored on five random folds, on which all speakers stand on both
sides, and with one speaker out. ``affectome audit`` is run on the table with its folds as a column.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold

from affectome.people.voice.fitting import fit_linear
from training.voice import load

PENALTY = 0.01


def uar(x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> float:
    """UAR of the linear layer over given folds."""
    codes = np.unique(y, return_inverse=True)[1]
    said = np.empty(len(y), dtype=int)
    for number in np.unique(fold):
        out = fold == number
        said[out] = fit_linear(x[~out], y[~out], PENALTY).logits(x[out]).argmax(1)
    return float(balanced_accuracy_score(codes, said))


def main() -> None:
    """Score both ways and audit the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--emodb", "--cache"):
        parser.add_argument(option, type=Path, required=True)
    given = parser.parse_args()
    corpus = load(given.emodb, "emodb", given.cache)
    random = np.zeros(len(corpus.y), dtype=int)
    dealt = StratifiedKFold(5, shuffle=True, random_state=0)
    for number, (_, test) in enumerate(dealt.split(corpus.y, corpus.y)):
        random[test] = number
    for name in ("features", "mfcc", "listener"):
        x = corpus.features[name]
        loose, strict = uar(x, corpus.y, random), uar(x, corpus.y, corpus.speaker)
        print(
            f"{name:<9} random folds {loose:.3f}, one speaker out {strict:.3f}: "
            f"{100 * (loose - strict):.1f} points"
        )
    columns = [f"f{k}" for k in range(corpus.features["features"].shape[1])]
    table = pd.DataFrame(corpus.features["features"], columns=columns)
    table.insert(0, "emotion", corpus.y)
    table.insert(1, "file", corpus.files)
    table.insert(2, "subject", corpus.speaker)
    table["split"] = np.where(random == 0, "test", "train")
    target = given.cache / "emodb_random_folds.csv"
    table.to_csv(target, index=False)
    command = [sys.executable, "-m", "affectome", "audit", str(target), "--target", "emotion"]
    subprocess.run([*command, "--out", str(given.cache / "audit")], check=False)


if __name__ == "__main__":
    main()
