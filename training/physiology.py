"""What body signals tell of music's emotions in HKU956 (Hu et al. 2022): reported, nothing shipped.

    python -m training.physiology --hku DIR --cache DIR --out DIR [--permutations 500]

``DIR`` holds ``3. AV_ratings.csv`` and a table ``PERSON.csv.gz`` a person with the columns
``signal, trial, song, row, value``. Arousal and valence are above or below the person's middle; a
rating that is the middle is left out. Features stand against the person's own trials, without
labels. One decoder, chosen beforehand; held out are people, songs, and both.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from affectome.data import make_recording
from affectome.data.outputs import output_folder, write_json, write_table
from affectome.data.readers.physiology import Signal
from affectome.decoding import ShrinkageLDA
from affectome.evidence import correct_together, evaluate
from affectome.features.physiology import FEATURES, by_person, physiology_features

SIGNALS = {"EDA": ("eda", 4.0), "BVP": ("pulse", 64.0), "TEMP": ("temperature", 4.0)}
KINDS = ("eda", "pulse", "temperature")
NAMES = [name for kind in KINDS for name in FEATURES[kind]]
HELD_OUT = {
    "people": ("participant_id",),
    "songs": ("song_id",),
    "people and songs": ("participant_id", "song_id"),
}


def describe(folder: Path, cache: Path) -> pd.DataFrame:
    """Features of each person and song with their ratings; kept for the next time."""
    kept = cache / "hku956.csv"
    if kept.is_file():
        return pd.read_csv(kept, dtype={"participant_id": str, "song_id": str})
    rows = []
    for file in sorted(folder.glob("*.csv.gz")):
        for (trial, song), part in pd.read_csv(file).groupby(["trial", "song"]):
            signals = {
                kind: Signal(kind, part.loc[part.signal == raw, "value"].to_numpy(), rate, 0.0)
                for raw, (kind, rate) in SIGNALS.items()
                if (part.signal == raw).any()
            }
            found = physiology_features(signals, KINDS)
            about = {"participant_id": file.name.split(".")[0], "trial": trial, "song_id": song}
            rows.append(about | dict(found.features))
    ratings = pd.read_csv(folder / "3. AV_ratings.csv").rename(columns={"song_no": "trial"})
    table = pd.DataFrame(rows).merge(ratings, on=["participant_id", "trial", "song_id"])
    cache.mkdir(parents=True, exist_ok=True)
    write_table(kept, table)
    return describe(folder, cache)


def main() -> None:
    """Describe, decode under three ways of holding out, and write what is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--hku", "--cache", "--out"):
        parser.add_argument(option, type=Path, required=True)
    parser.add_argument("--permutations", type=int, default=500)
    given = parser.parse_args()
    table = describe(given.hku, given.cache)
    result: dict[str, object] = {"schema": 1}
    for rating in ("arousal", "valence"):
        middle = table.groupby("participant_id")[f"{rating}_rating"].transform("median")
        apart = (table[f"{rating}_rating"] - middle).to_numpy()
        rows = apart != 0
        trials = table.loc[rows, ["participant_id", "song_id", "trial", "play_duration"]]
        trials[rating] = np.where(apart[rows] > 0, "above", "below")
        x = by_person(table[NAMES].to_numpy(float), table["participant_id"].to_numpy())[rows]
        recording = make_recording(x, trials, pd.DataFrame({"feature": NAMES}))
        for name, columns in HELD_OUT.items():
            evidence = evaluate(
                ShrinkageLDA(),
                recording,
                rating,
                holdout=columns,
                nuisance=("play_duration",),
                n_permutations=given.permutations,
            )
            result[f"{rating}, {name} held out"] = evidence.to_dict()
            score, best = evidence.score, evidence.baselines[evidence.best_baseline]
            print(
                f"{rating}, {name} held out: AUC {score.value:.3f} {score.interval}, p {score.p}; "
                f"{evidence.best_baseline} {best.value:.3f}; above it {evidence.excess.value:.3f} "
                f"{evidence.excess.interval}; {len(trials)} trials",
                flush=True,
            )
    folder = output_folder(given.out)
    write_json(folder / "result.json", correct_together(result))


if __name__ == "__main__":
    main()
