"""Calibrate the trained network of words, measure it on the published dev sets, write its card.

    python -m training.words_card --goemotions DIR --emobank DIR --weights RUN/epoch2.safetensors \
        --out src/affectome/people/models/words

Scaling, thresholds, conformal level and intervals come from the tenth of the training sets that
``training.words`` held back. Dev sets are read once, to report. Baselines get their thresholds
from the same held-back texts. ``--only-held`` leaves dev sets and baselines out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fairlearn.metrics import MetricFrame
from safetensors.torch import load_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier

from affectome.decoding.multilabel import (
    LabelScaling,
    conformal_level,
    f1_thresholds,
    fit_scaling,
    label_ece,
    residual_quantile,
)
from affectome.evidence import score
from affectome.evidence.quick import binomial_bounds
from affectome.people.bias import found_gaps, gap
from affectome.people.cards import Card, Curve, Metric
from affectome.people.curves import coverage_curve, reliability_curve
from affectome.people.int8 import save_int8
from affectome.people.words.minilm import (
    WIDTH,
    MiniLM,
    load_pretrained,
    mean_of_pieces,
    pad,
    pretrained_folder,
)
from affectome.people.words.network import EmotionWords, load_emotion_words
from affectome.people.words.pieces import Pieces
from training.words import DIMENSIONS, hold_back, read_emobank, read_goemotions

MEANINGS = {
    "admiration": "finding something impressive or worthy of respect",
    "amusement": "finding something funny",
    "anger": "a strong feeling of displeasure or antagonism",
    "annoyance": "mild anger, irritation",
    "approval": "having or expressing a favourable opinion",
    "caring": "displaying kindness and concern for others",
    "confusion": "lack of understanding, uncertainty",
    "curiosity": "a strong desire to know or learn something",
    "desire": "wanting something, or wishing for it to happen",
    "disappointment": "sadness because hopes were not fulfilled",
    "disapproval": "having or expressing an unfavourable opinion",
    "disgust": "revulsion at something unpleasant or offensive",
    "embarrassment": "self-consciousness, shame or awkwardness",
    "excitement": "great enthusiasm and eagerness",
    "fear": "being afraid or worried",
    "gratitude": "thankfulness and appreciation",
    "grief": "intense sorrow, above all over a death",
    "joy": "pleasure and happiness",
    "love": "strong positive regard and affection",
    "nervousness": "apprehension, worry, anxiety",
    "optimism": "hopefulness and confidence about the future",
    "pride": "pleasure over one's own achievements or those of one's own",
    "realization": "becoming aware of something",
    "relief": "reassurance after anxiety or distress",
    "remorse": "regret or guilt",
    "sadness": "emotional pain, sorrow",
    "surprise": "being astonished by something unexpected",
    "neutral": "none of the above",
}
ENCODED = 8000
"""Training texts that the baseline of the frozen encoder sees; all of them take minutes."""
DEPTHS = 7
PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0)
PULLS = (0.0, 20.0, 50.0, 100.0, 200.0, np.inf)
TOPICS = {
    "women": r"\b(?:she|her|hers|woman|women|girl|girls|wife|mother|mom|sister|daughter)\b",
    "men": r"\b(?:he|him|his|man|men|guy|guys|boy|boys|husband|father|dad|brother|son)\b",
    "religion": r"\[RELIGION\]|\b(?:god|church|muslim|christian|jew|jewish|islam|bible)\b",
    "health": r"\b(?:doctor|hospital|therapy|therapist|depress\w*|anxiety|cancer|sick|pain)\b",
    "politics": r"\b(?:trump|vote|government|president|liberal|conservative|party)\b",
    "sport": r"\b(?:team|game|season|player|players|coach|win|league|goal)\b",
}


@dataclass(frozen=True)
class Part:
    """Texts of one part of a corpus with what is true of them, and the network's outputs."""

    texts: list[str]
    y: np.ndarray
    logits: np.ndarray
    values: np.ndarray


def states(model: EmotionWords, pieces: Pieces, texts: list[str]) -> np.ndarray:
    """What the network makes of texts at every depth, (text, 2688)."""
    cut = pieces(texts)
    order = np.argsort([len(p) for p in cut], kind="stable")
    found = np.empty((len(texts), DEPTHS * WIDTH))
    for i in range(0, len(order), 64):
        rows = order[i : i + 64]
        with torch.inference_mode():
            found[rows] = torch.cat(model.states(*pad([cut[row] for row in rows])), 1).numpy()
    return found


def with_ridge(
    model: EmotionWords, x: np.ndarray, y: np.ndarray, x_held: np.ndarray, y_held: np.ndarray
) -> EmotionWords:
    """Give the network a head of dimensions that sees all depths.

    A ridge regression on the texts that it was trained on; its penalty is the one with the best
    mean r on texts that were held back. Dimensions are standardised, as in training.
    """
    centre, spread = x.mean(0), x.std(0) + 1e-6
    z, z_held = (x - centre) / spread, (x_held - centre) / spread
    fits = {a: Ridge(alpha=a * len(x)).fit(z, y) for a in PENALTIES}

    def r(fitted: Ridge) -> np.ndarray:
        pairs = zip(fitted.predict(z_held).T, y_held.T, strict=True)
        return np.array([np.corrcoef(a, b)[0, 1] for a, b in pairs])

    for a, fitted in fits.items():
        print(f"ridge {a:g}: held back, r {r(fitted).round(3)}")
    best = max(fits.values(), key=lambda fitted: r(fitted).mean())
    weights = best.coef_ / spread
    new = EmotionWords(model.emotions.out_features, len(weights), DEPTHS)
    kept = {k: v for k, v in model.state_dict().items() if not k.startswith("dimensions.")}
    head = {
        "dimensions.weight": torch.from_numpy(weights).float(),
        "dimensions.bias": torch.from_numpy(best.intercept_ - weights @ centre).float(),
    }
    new.load_state_dict(kept | head)
    return new.eval()


def shrink(
    full: EmotionWords,
    pieces: Pieces,
    texts: list[str],
    ratings: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray],
    out: Path,
) -> EmotionWords:
    """Write the network with eight bits a weight, and its head of dimensions for those weights."""
    file = out / "model.safetensors"
    save_int8(full.state_dict(), file)
    small = load_emotion_words(file)
    seen = states(small, pieces, texts)
    fit, held = parts
    save_int8(
        with_ridge(small, seen[fit], ratings[fit], seen[held], ratings[held]).state_dict(),
        file,
        whole=("dimensions.weight",),
    )
    file.chmod(0o644)
    return load_emotion_words(file)


def outputs(model: EmotionWords, pieces: Pieces, texts: list[str]) -> tuple[np.ndarray, ...]:
    """Vectors, logits and dimensions of texts, batched by length."""
    cut = pieces(texts)
    order = np.argsort([len(p) for p in cut], kind="stable")
    found: list[tuple[np.ndarray, ...]] = []
    for i in range(0, len(order), 64):
        with torch.inference_mode():
            out = model(*pad([cut[row] for row in order[i : i + 64]]))
        found.append(tuple(one.numpy() for one in out))
    back = np.argsort(order, kind="stable")
    return tuple(np.concatenate(one)[back] for one in zip(*found, strict=True))


def cross_fitted(logits: np.ndarray, y: np.ndarray, folds: int = 5) -> np.ndarray:
    """Calibrated probabilities of held-back texts, each scaled by what the other folds say."""
    fold = np.random.default_rng(0).permutation(len(y)) % folds
    p = np.empty(logits.shape)
    for number in range(folds):
        here = fold == number
        p[here] = fit_scaling(logits[~here], y[~here])(logits[here])
    return p


def choose_pull(p: np.ndarray, y: np.ndarray, draws: int = 10) -> float:
    """How strongly thresholds are drawn to expectation: the best by halving held-back texts."""
    reached = dict.fromkeys(PULLS, 0.0)
    for draw in range(draws):
        half = np.random.default_rng(draw).permutation(len(y)) % 2 == 0
        if (y[half].sum(0) == 0).any() or (y[~half].sum(0) == 0).any():
            continue
        for pull in PULLS:
            decided = p[~half] >= f1_thresholds(p[half], y[half], pull)
            reached[pull] += f1_score(y[~half], decided, average="macro", zero_division=0)
    print(
        "threshold pull → macro-F1 on halves:", {k: round(v / draws, 4) for k, v in reached.items()}
    )
    return max(reached, key=lambda pull: reached[pull])


@dataclass(frozen=True)
class Calibration:
    """All that is found on held-back texts."""

    scaling: LabelScaling
    thresholds: np.ndarray
    level: float
    dimensions: dict[str, dict[str, object]]


def calibrate(emotions: Part, rated: Part, mean: np.ndarray, spread: np.ndarray) -> Calibration:
    """Find scaling, thresholds, conformal level and intervals on held-back texts."""
    crossed = cross_fitted(emotions.logits, emotions.y)
    pull = choose_pull(crossed, emotions.y)
    scaling = fit_scaling(emotions.logits, emotions.y)
    dimensions = {}
    for k, name in enumerate(("valence", "arousal", "dominance")):
        slope, offset = np.polyfit(rated.values[:, k], rated.y[:, k], 1)
        dimensions[name] = {
            "place": k,
            "mean": float(offset),
            "spread": float(slope),
            "half": residual_quantile(rated.y[:, k], slope * rated.values[:, k] + offset),
            "scale": [1.0, 5.0],
        }
    print("training scale of the dimensions", mean.round(2), spread.round(2))
    print(f"held back: ECE {label_ece(crossed, emotions.y):.4f}")
    return Calibration(
        scaling,
        f1_thresholds(crossed, emotions.y, pull),
        conformal_level(crossed, emotions.y),
        dimensions,
    )


def macro_f1(name: str, y: np.ndarray, decided: np.ndarray, **more: object) -> Metric:
    """Macro-F1 with its interval over texts."""
    found = score("multilabel_f1", y.astype(int), decided.astype(int))
    return Metric(name, found.value, found.interval, on="GoEmotions dev", over="texts", **more)


def thresholded(p_held: np.ndarray, y_held: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Decide with thresholds from held-back texts, as for the network."""
    return p >= f1_thresholds(p_held, y_held)


def baselines(
    fit: tuple[list[str], np.ndarray], held: Part, dev: Part, pieces: Pieces
) -> dict[str, float]:
    """Macro-F1 of majority, length, TF-IDF and the frozen encoder, each with tuned thresholds."""
    texts, y = fit

    def linear(train: object, tune: object, test: object, strength: float) -> float:
        known = y[: train.shape[0]]
        model = OneVsRestClassifier(LogisticRegression(C=strength, solver="liblinear"))
        model.fit(train, known)
        decided = thresholded(model.predict_proba(tune), held.y, model.predict_proba(test))
        return float(f1_score(dev.y, decided, average="macro", zero_division=0))

    def lengths(some: list[str]) -> np.ndarray:
        n = np.array([[len(t), len(t.split())] for t in some], dtype=float)
        return np.column_stack([np.log(n), np.log(n) ** 2])

    often = np.zeros_like(dev.y)
    often[:, y.sum(0).argmax()] = 1
    found = {
        "majority": float(f1_score(dev.y, often, average="macro", zero_division=0)),
        "length": linear(*map(lengths, (texts, held.texts, dev.texts)), 1.0),
    }
    counted = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True).fit(texts)
    found["TF-IDF, linear"] = linear(*map(counted.transform, (texts, held.texts, dev.texts)), 5.0)
    frozen = load_pretrained(MiniLM()).eval()

    def vectors(some: list[str]) -> np.ndarray:
        cut = pieces(some)
        order = np.argsort([len(p) for p in cut], kind="stable")
        rows = []
        for i in range(0, len(order), 64):
            with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
                batch, mask = pad([cut[row] for row in order[i : i + 64]])
                rows.append(mean_of_pieces(frozen(batch, mask), mask).float().numpy())
        return np.concatenate(rows)[np.argsort(order, kind="stable")] * 10

    some = texts[:ENCODED]
    found["frozen encoder (8,000 texts), linear"] = linear(
        *map(vectors, (some, held.texts, dev.texts)), 1.0
    )
    return found


def per_label(labels: list[str], dev: Part, decided: np.ndarray, sets: np.ndarray) -> pd.DataFrame:
    """F1, precision, recall of each label, and how often sets hold it, with exact bounds."""
    rows = []
    for k, label in enumerate(labels):
        true, said = dev.y[:, k] == 1, decided[:, k]
        hits, n = int(sets[true, k].sum()), int(true.sum())
        low, high = binomial_bounds(hits, n)
        rows.append(
            {
                "label": label,
                "texts": n,
                "F1": f1_score(true, said, zero_division=0),
                "precision": (true & said).sum() / max(said.sum(), 1),
                "recall": (true & said).sum() / max(n, 1),
                "holds": hits / max(n, 1),
                "low": low,
                "high": high,
            }
        )
    return pd.DataFrame(rows)


def group_metrics(dev: Part, decided: np.ndarray) -> tuple[list[Metric], list[str]]:
    """Mean F1 of a text by length and topic, with the bootstrap of fairlearn, and the gaps."""
    both = (decided & (dev.y == 1)).sum(1)
    f1 = 2 * both / (decided.sum(1) + dev.y.sum(1))
    length = pd.Series([len(text.split()) for text in dev.texts])
    groups = {"length": pd.cut(length, [0, 8, 1000], labels=["≤ 8 words", "> 8 words"])}
    for topic, pattern in TOPICS.items():
        about = pd.Series(dev.texts).str.contains(pattern, case=False)
        groups[f"about {topic}"] = about.map({True: "yes", False: "no"})
    metrics, gaps = [], []
    for name, group in groups.items():
        frame = MetricFrame(
            metrics=lambda y_true, y_pred: float(np.mean(y_pred)),
            y_true=f1,
            y_pred=f1,
            sensitive_features=group.astype(str),
            n_boot=400,
            ci_quantiles=[0.025, 0.975],
            random_state=0,
        )
        low, high = frame.by_group_ci
        both_groups = {
            value: Metric(
                "mean F1 of a text",
                float(frame.by_group[value]),
                (float(low[value]), float(high[value])),
                on="GoEmotions dev",
                over="texts",
                group=f"{name}: {value}, n = {int((group == value).sum())}",
            )
            for value in frame.by_group.index
        }
        better, worse = sorted(both_groups, key=lambda value: -both_groups[value].value)
        one, other = both_groups[better], both_groups[worse]
        apart = gap(one, other, f"{name}: {better} over {worse}")
        metrics += [*both_groups.values(), apart]
        who = f"texts {name}" if name != "length" else f"texts of {worse}"
        who = who if worse != "no" else f"texts not {name}"
        gaps.append((apart, one, other, who))
    return metrics, found_gaps(gaps)


def speed(model: EmotionWords, pieces: Pieces, texts: list[str], threads: int) -> float:
    """Sentences a second, the best of three runs over 1,024 texts."""
    torch.set_num_threads(threads)
    some, taken = texts[:1024], []
    for _ in range(3):
        begun = time.perf_counter()
        outputs(model, pieces, some)
        taken.append(time.perf_counter() - begun)
    torch.set_num_threads(1)
    return len(some) / min(taken)


def main() -> None:
    """Calibrate, measure, write."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("goemotions", "emobank", "weights", "out"):
        asked.add_argument(f"--{name}", type=Path, required=True)
    asked.add_argument("--only-held", action="store_true")
    asked.add_argument("--baselines", type=Path, help="file to keep the baselines' scores in")
    given = asked.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    run = json.loads((given.weights.parent / "configuration.json").read_text())
    labels: list[str] = run["labels"]
    pieces = Pieces(pretrained_folder() / "tokenizer.json")
    shutil.copyfile(pretrained_folder() / "tokenizer.json", given.out / "tokenizer.json")

    full = EmotionWords(len(labels))
    full.load_state_dict(load_file(given.weights))
    full.eval()
    words, emotions = read_goemotions(given.goemotions / "train.tsv", len(labels))
    fit_rows, held_rows = hold_back(words, run["held_share"], seed=1)
    rated, ratings = read_emobank(given.emobank, "train")
    fit_rated, held_rated = hold_back(rated, run["held_share"], seed=1)
    standard = (ratings - np.array(run["mean"])) / np.array(run["spread"])
    small = shrink(full, pieces, rated, standard, (fit_rated, held_rated), given.out)

    def part(texts: list[str], y: np.ndarray, model: EmotionWords) -> Part:
        _, logits, values = outputs(model, pieces, texts)
        return Part(texts, y, logits, values)

    held = part([words[i] for i in held_rows], emotions[held_rows], small)
    held_values = part([rated[i] for i in held_rated], ratings[held_rated], small)
    found = calibrate(held, held_values, np.array(run["mean"]), np.array(run["spread"]))
    p_held = found.scaling(held.logits)
    own = f1_score(held.y, p_held >= found.thresholds, average="macro", zero_division=0)
    print(f"held back: macro-F1 {own:.4f} at thresholds of its own")
    card = Card(
        name="words",
        modality="words",
        summary="28 emotions, valence, arousal and dominance of English texts",
        data=(
            "GoEmotions (Demszky et al. 2020; comments on Reddit, its train split) and EmoBank "
            "(Buechel & Hahn 2017; its train split), a tenth of each held back for calibration; "
            "encoder all-MiniLM-L6-v2 (Apache-2.0), "
            f"{'all' if run['frozen'] == 0 else 'the upper ' + str(6 - run['frozen']) + ' of'} 6 "
            "blocks fine-tuned; weights in 8 bits"
        ),
        licence="CC BY-SA 4.0 (EmoBank); GoEmotions CC BY 4.0; encoder Apache-2.0",
        labels={label: MEANINGS[label] for label in labels},
        intended="short English texts such as comments, messages and utterances",
        not_for="decisions about people, other languages, and what someone feels",
        settings={
            "several": True,
            "slope": found.scaling.slope.tolist(),
            "offset": found.scaling.offset.tolist(),
            "threshold": found.thresholds.tolist(),
            "level": found.level,
            "dimensions": found.dimensions,
        },
    )
    if not given.only_held:
        dev = part(*read_goemotions(given.goemotions / "dev.tsv", len(labels)), small)
        dev_full = part(dev.texts, dev.y, full)
        dev_values = part(*read_emobank(given.emobank, "dev"), small)
        fit = ([words[i] for i in fit_rows], emotions[fit_rows])
        if given.baselines is not None and given.baselines.is_file():
            beside = json.loads(given.baselines.read_text())
        else:
            beside = baselines(fit, held, dev, pieces)
            if given.baselines is not None:
                given.baselines.write_text(json.dumps(beside))
        metrics, gaps, curves, table = measure(found, dev, dev_full, dev_values, beside, labels)
        fast = speed(small, pieces, dev.texts, 2)
        print(f"speed: {fast:.0f} sentences/s on two threads")
        table.to_csv(given.out / "labels.csv", index=False, float_format="%.3f")
        worst = table.sort_values("F1").head(4)
        card = replace(
            card,
            metrics=metrics,
            gaps=gaps,
            curves=curves,
            failures=[
                "sarcasm is read by its words: praise that is meant as blame reads as praise",
                "the emotion it reads worst: "
                + ", ".join(
                    f"{r.label} (F1 {r.F1:.2f}, {r.texts} texts)" for r in worst.itertuples()
                ),
                "raters of GoEmotions were English speakers in India reading comments of Reddit's "
                "mostly young, male, American users",
                "other languages, for which it abstains",
            ],
        )
    (given.out / "card.json").write_text(
        json.dumps(card.to_dict(), indent=1, ensure_ascii=False) + "\n"
    )
    (given.out / "card.md").write_text(card.to_text())
    print(card.to_text())


def measure(
    found: Calibration,
    dev: Part,
    dev_full: Part,
    dev_values: Part,
    beside: dict[str, float],
    labels: list[str],
) -> tuple[list[Metric], list[str], list[Curve], pd.DataFrame]:
    """All numbers of the card, on the published dev sets: metrics, gaps, curves, labels."""
    p = found.scaling(dev.logits)
    decided = p >= found.thresholds
    sets = p >= found.level
    tuned = p >= f1_thresholds(p, dev.y, pull=0.0)
    wide = found.scaling(dev_full.logits) >= found.thresholds
    covered = int((sets | (dev.y == 0)).all(1).sum())
    right = dev.y[np.arange(len(p)), p.argmax(1)] == 1
    on = "GoEmotions dev, first label of each text"
    curves = [reliability_curve(p.max(1), right, on), coverage_curve(p.max(1), right, on)]
    metrics = [
        macro_f1("macro-F1", dev.y, decided, baselines=beside),
        macro_f1("macro-F1 of the weights before 8 bits", dev.y, wide),
        macro_f1("macro-F1 if thresholds had been tuned on the texts reported", dev.y, tuned),
        Metric("calibration error over all labels", label_ece(p, dev.y), on="GoEmotions dev"),
        Metric("calibration error of the first label", curves[0].ece or 0.0, on="GoEmotions dev"),
        Metric(
            "sets of 90 % hold all labels of the raters",
            covered / len(p),
            binomial_bounds(covered, len(p)),
            on="GoEmotions dev",
            over="texts",
        ),
        Metric("labels in a set, mean", float(sets.sum(1).mean()), on="GoEmotions dev"),
        Metric("texts without a decision", float((~decided.any(1)).mean()), on="GoEmotions dev"),
    ]
    for k, name in enumerate(DIMENSIONS):
        how = list(found.dimensions.values())[k]
        value = how["spread"] * dev_values.values[:, k] + how["mean"]
        r = score("pearson_r", dev_values.y[:, k], value)
        inside = int((np.abs(dev_values.y[:, k] - value) <= how["half"]).sum())
        metrics += [
            Metric(
                f"r of {list(found.dimensions)[k]} ({name})",
                r.value,
                r.interval,
                "EmoBank dev",
                "texts",
            ),
            Metric(
                f"intervals of 90 % hold the {list(found.dimensions)[k]}",
                inside / len(value),
                binomial_bounds(inside, len(value)),
                "EmoBank dev",
                "texts",
            ),
        ]
    table = per_label(labels, dev, decided, sets)
    for row in table.itertuples():
        group = f"{row.label}, n = {row.texts}"
        held = (float(row.low), float(row.high))
        metrics += [
            Metric("F1", float(row.F1), on="GoEmotions dev", group=group),
            Metric("sets hold it", float(row.holds), held, "GoEmotions dev", "texts", group),
        ]
    by_group, gaps = group_metrics(dev, decided)
    return metrics + by_group, gaps, curves, table


if __name__ == "__main__":
    main()
