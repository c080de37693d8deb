"""Reading words: 28 emotions, valence, arousal and dominance of English texts.

The network is MiniLM, fine-tuned on GoEmotions and EmoBank; thresholds, calibration and conformal
levels were found on texts that were held back from its training set and stand in its card.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from scipy.special import expit, logit, softmax

from affectome.errors import InputError
from affectome.people.cards import Card, load_card
from affectome.people.reading import Estimate, Reading, blend_of
from affectome.people.words.language import nothing_to_read, without_markup
from affectome.people.words.minilm import pad
from affectome.people.words.network import SHIPPED, load_emotion_words
from affectome.people.words.pieces import Pieces
from affectome.people.words.sentences import sentences

Array = NDArray[np.float32]

TEXTS_AT_ONCE = 512
BATCH = 32
MOST_CHARACTERS = 200_000
MOST_EXPLAINED = 60
SHORT = 200
BELOW_ALL = "no emotion, nor neutral, reaches its threshold"


@dataclass(frozen=True)
class Outputs:
    """What the network gives for texts: vectors (n, 384), logits (n, labels), dimensions (n, 3)."""

    vectors: Array
    logits: Array
    values: Array


class WordsReader:
    """Read texts with the shipped network, or with a head that was trained on its vectors.

    Parameters
    ----------
    folder
        Folder of a model; by default the one that is shipped.
    explain_up_to
        Texts a call up to which each reading says which words it rests on; that takes one more
        run of the network for each word.
    """

    def __init__(self, folder: Path | None = None, explain_up_to: int = 20) -> None:
        self.card: Card = load_card(folder or SHIPPED)
        self.explain_up_to = explain_up_to
        self._network = load_emotion_words()
        self._pieces = Pieces(SHIPPED / "tokenizer.json")
        self._vocabulary = frozenset(
            json.loads((SHIPPED / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        )
        self._decide = decision_of(folder or SHIPPED, self.card)

    def read(self, texts: Iterable[str]) -> Iterator[Reading]:
        """Read texts one after the other, in batches of some hundred; memory stays flat.

        Yields
        ------
        Reading
            One a text. A text of several hundred characters is read by its sentences, which are
            its ``parts``.
        """
        waiting = iter(texts)
        first = list(itertools.islice(waiting, TEXTS_AT_ONCE))
        explain = len(first) <= self.explain_up_to
        while first:
            yield from self._read_some(first, explain)
            first = list(itertools.islice(waiting, TEXTS_AT_ONCE))

    def read_file(self, file: Path, person: str | None = None) -> Iterator[Reading]:
        """Read a text file as one text.

        Raises
        ------
        InputError
            If it isn't text.
        """
        for reading in self.read([read_text(file)]):
            yield replace(reading, file=str(file), person=person)

    def outputs(self, texts: Sequence[str]) -> Outputs:
        """Run the network on texts, batched by length."""
        pieces = self._pieces(texts)
        order = sorted(range(len(pieces)), key=lambda i: len(pieces[i]))
        found = Outputs(*(np.empty((len(texts), n), np.float32) for n in self._widths()))
        for i in range(0, len(order), BATCH):
            rows = order[i : i + BATCH]
            with torch.inference_mode():
                out = self._network(*pad([pieces[row] for row in rows]))
            for kept, new in zip((found.vectors, found.logits, found.values), out, strict=True):
                kept[rows] = new.numpy()
        return found

    def _widths(self) -> tuple[int, int, int]:
        emotions, dimensions = self._network.emotions, self._network.dimensions
        return emotions.in_features, emotions.out_features, dimensions.out_features

    def _read_some(self, texts: Sequence[str], explain: bool) -> Iterator[Reading]:
        spans = [self._spans(text) for text in texts]
        parts = [text[a:b] for text, cut in zip(texts, spans, strict=True) for a, b in cut]
        plain = [without_markup(part) for part in parts]
        reasons = [nothing_to_read(part, self._vocabulary) for part in parts]
        readable = [i for i, reason in enumerate(reasons) if reason is None]
        readings = [Reading("words", abstains=True, because=r) if r else None for r in reasons]
        if readable:
            found = self.outputs([plain[i] for i in readable])
            for i, reading in zip(readable, self._decide(found), strict=True):
                readings[i] = reading
        done = (r for r in readings if r is not None)
        for text, cut in zip(texts, spans, strict=True):
            own = list(itertools.islice(done, len(cut)))
            reading = own[0] if len(own) == 1 else self._whole(own, cut)
            if explain and not reading.parts and reading.emotions:
                reading = self._explain(without_markup(text), reading)
            if len(text) > MOST_CHARACTERS:
                note = f"{len(text):,} characters, of which the first {MOST_CHARACTERS:,} were read"
                reading = replace(reading, notes=(*reading.notes, note))
            yield replace(reading, model=self.card.name, licence=self.card.licence)

    @staticmethod
    def _spans(text: str) -> list[tuple[int, int]]:
        if len(text) <= SHORT:
            return [(0, len(text))]
        return list(sentences(text[:MOST_CHARACTERS])) or [(0, min(len(text), SHORT))]

    def _whole(self, parts: Sequence[Reading], spans: Sequence[tuple[int, int]]) -> Reading:
        """Average what could be read of a long text, each sentence counting by its length."""
        read = [(r, b - a) for r, (a, b) in zip(parts, spans, strict=True) if r.emotions]
        within = tuple(
            replace(r, span=span, model=self.card.name, licence=self.card.licence)
            for r, span in zip(parts, spans, strict=True)
        )
        if not read:
            return Reading("words", abstains=True, because=parts[0].because, parts=within)
        weight = np.array([length for _, length in read], dtype=float)
        weight /= weight.sum()
        emotions = {
            label: float(weight @ [r.emotions[label] for r, _ in read])
            for label in self.card.labels
        }
        labels = self._decide.labels(emotions)
        return Reading(
            "words",
            emotions,
            valence=_average([r.valence for r, _ in read], weight),
            arousal=_average([r.arousal for r, _ in read], weight),
            dominance=_average([r.dominance for r, _ in read], weight),
            intensity=1 - emotions["neutral"] if "neutral" in emotions else None,
            blend=blend_of(emotions),
            labels=labels,
            abstains=not labels,
            because="" if labels else BELOW_ALL,
            parts=within,
            notes=(
                f"the mean of {len(read)} sentences weighted by length; intervals and sets hold "
                "for sentences, not for the mean",
            ),
        )

    def _explain(self, text: str, reading: Reading) -> Reading:
        """Leave each word out in turn: how much less does the network see of the first label?"""
        words = text.split()
        label = (reading.labels or (max(reading.emotions, key=lambda k: reading.emotions[k]),))[0]
        if not 1 < len(words) <= MOST_EXPLAINED:
            return reading
        without = [" ".join(words[:i] + words[i + 1 :]) for i in range(len(words))]
        evidence = self._decide.evidence(self.outputs([text, *without]), label)
        weights = evidence[0] - evidence[1:]
        pairs = tuple((w, float(x)) for w, x in zip(words, weights, strict=True))
        return replace(reading, attribution=pairs, attributed_to=label)


class Decision:
    """From the network's outputs to readings, by what stands in a card.

    Parameters
    ----------
    card
        Its ``settings`` hold ``slope``, ``offset``, ``threshold`` (a number a label each),
        ``level`` (of the conformal set), ``several`` (whether labels occur together) and, for each
        dimension, its ``place`` among the network's, ``mean``, ``spread``, ``half`` (of the 90 %
        interval) and ``scale``.
    weights, bias
        A linear head on the vectors, (n, 384) and (n,), whose outputs are the ``labels`` or the
        ``values`` as ``settings["head"]`` says; None takes the network's own.
    """

    def __init__(self, card: Card, weights: Array | None = None, bias: Array | None = None) -> None:
        settings = card.settings
        self.names = list(card.labels)
        self.slope, self.offset, self.threshold = (
            np.asarray(settings.get(name, []), dtype=float)
            for name in ("slope", "offset", "threshold")
        )
        self.level = float(settings.get("level", 0))
        self.several = bool(settings.get("several", True))
        self.dimensions = settings.get("dimensions", {})
        self.head = str(settings.get("head", ""))
        self.weights, self.bias = weights, bias

    def __call__(self, found: Outputs) -> Iterator[Reading]:
        """Give a reading for each row."""
        found = self._by_head(found)
        probability = self._probability(found)
        for row, p in enumerate(probability):
            emotions = dict(zip(self.names, (float(x) for x in p), strict=True))
            labels = self.labels(emotions)
            yield Reading(
                "words",
                emotions,
                valence=self._estimate("valence", found.values[row]),
                arousal=self._estimate("arousal", found.values[row]),
                dominance=self._estimate("dominance", found.values[row]),
                intensity=1 - emotions["neutral"] if "neutral" in emotions else None,
                blend=blend_of(emotions),
                labels=labels,
                set=_by_probability(emotions, [x >= self.level for x in p]),
                abstains=bool(self.names) and not labels,
                because=BELOW_ALL if self.names and not labels else "",
            )

    def _probability(self, found: Outputs) -> NDArray[np.float64]:
        """Calibrated probabilities, (n, labels)."""
        if not self.names:
            return np.empty((len(found.logits), 0))
        logits = found.logits.astype(float) * self.slope + self.offset
        return expit(logits) if self.several else softmax(logits, axis=1)

    def labels(self, emotions: dict[str, float]) -> tuple[str, ...]:
        """Labels that reach their threshold, most probable first; the top one where one holds."""
        p = np.array(list(emotions.values()))
        if not self.several and len(p):
            return (self.names[int(p.argmax())],)
        return _by_probability(emotions, p >= self.threshold)

    def evidence(self, found: Outputs, label: str) -> NDArray[np.float64]:
        """Calibrated log odds of one label, (n,)."""
        p = self._probability(self._by_head(found))[:, self.names.index(label)].clip(1e-9, 1 - 1e-9)
        return logit(p)

    def _by_head(self, found: Outputs) -> Outputs:
        """Put what the own head gives in place of the network's."""
        if self.weights is None or self.bias is None:
            return found
        own = found.vectors @ self.weights.T + self.bias
        return replace(found, **{"logits" if self.head == "labels" else "values": own})

    def _estimate(self, name: str, values: Array) -> Estimate | None:
        if name not in self.dimensions:
            return None
        how = self.dimensions[name]
        low, high = how["scale"]
        value = float(np.clip(how["mean"] + how["spread"] * values[how["place"]], low, high))
        half = how["half"]
        interval = (max(low, value - half), min(high, value + half))
        return Estimate(value, interval, scale=(low, high))


def decision_of(folder: Path, card: Card) -> Decision:
    """Load the head of a model's folder, where it has one of its own."""
    file = folder / "head.safetensors"
    if not file.is_file():
        return Decision(card)
    try:
        kept = load_file(file)
        return Decision(card, kept["weights"], kept["bias"])
    except (OSError, SafetensorError, KeyError) as error:
        raise InputError(f"{file} is not the head of a model of words: {error}") from error


def read_text(file: Path) -> str:
    """Read a text file: UTF-8, or UTF-16 with its mark, or Windows-1252.

    Raises
    ------
    InputError
        If it holds bytes that no text holds.
    """
    with file.open("rb") as stream:
        raw = stream.read(8 * MOST_CHARACTERS)
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return raw.decode("utf-16", errors="replace")
    if raw.count(b"\x00") > 0.01 * len(raw):
        raise InputError(f"{file} is not text: it holds null bytes; --modality forces another kind")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.end == len(raw) and len(raw) == 8 * MOST_CHARACTERS:
            return raw.decode("utf-8-sig", errors="ignore")
        return raw.decode("cp1252", errors="replace")


@lru_cache(maxsize=4)
def reader(model: str | None = None) -> WordsReader:
    """Give the reader of the shipped model, or of a folder that ``affectome train`` made."""
    return WordsReader(None if model is None else Path(model))


def _by_probability(emotions: dict[str, float], chosen: Iterable[bool]) -> tuple[str, ...]:
    named = [label for label, inside in zip(emotions, chosen, strict=True) if inside]
    return tuple(sorted(named, key=lambda label: -emotions[label]))


def _average(estimates: Sequence[Estimate | None], weight: NDArray[np.float64]) -> Estimate | None:
    known = [estimate for estimate in estimates if estimate is not None]
    if not known or len(known) < len(weight):
        return None
    mean = float(weight @ [estimate.value for estimate in known])
    return Estimate(mean, scale=known[0].scale)
