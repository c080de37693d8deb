"""Keep in the card of words what is usual, for ``affectome monitor`` to watch against.

    python -m training.usual --goemotions DIR

To be run after ``training.words_card``, which writes the card anew. The texts are those of
GoEmotions dev, which the shipped model was not trained on. The shipped model
of voices knows all of EmoDB, so nothing that it was not trained on is at hand; that of faces is
measured with its usual values by ``training.face``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from affectome.data.outputs import write_text
from affectome.people.cards import MODELS
from affectome.people.monitoring import likeliest, usual_of
from affectome.people.words.reader import reader
from training.words import read_goemotions


def main() -> None:
    """Read the texts and write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goemotions", type=Path, required=True)
    given = parser.parse_args()
    labels = (given.goemotions / "labels.txt").read_text().split()
    texts, y = read_goemotions(given.goemotions / "dev.tsv", len(labels))
    readings = list(reader().read(texts))
    named = [{labels[k] for k in row.nonzero()[0]} for row in y]
    right = [likeliest(one) in true for one, true in zip(readings, named, strict=True)]
    file = MODELS / "words" / "card.json"
    card = json.loads(file.read_text(encoding="utf-8"))
    card["usual"] = {name: asdict(one) for name, one in usual_of(readings, right).items()}
    write_text(file, json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(readings)} texts, the likeliest emotion right in {sum(right) / len(right):.3f}")


if __name__ == "__main__":
    main()
