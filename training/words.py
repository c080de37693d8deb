"""Fine-tune the encoder of words: 28 emotions and valence, arousal and dominance at once.

    python -m training.words --goemotions DIR --emobank DIR --out DIR

GoEmotions (Demszky et al. 2020): ``train.tsv`` and ``labels.txt``. EmoBank (Buechel & Hahn 2017):
``emobank.csv``. A tenth of either training set is held back for thresholds, calibration and
conformal sets; the published dev and test sets are not read here. Runs on a GPU where there is one.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from affectome.people.words.minilm import (
    WIDTH,
    load_pretrained,
    mean_of_pieces,
    pad,
    pretrained_folder,
)
from affectome.people.words.network import EmotionWords
from affectome.people.words.pieces import Pieces

DIMENSIONS = ("V", "A", "D")


@dataclass(frozen=True)
class Configuration:
    """All that a run depends on, beside the data."""

    seed: int = 0
    epochs: int = 2
    batch: int = 48
    frozen: int = 2
    rate: float = 1.5e-4
    layer_decay: float = 0.9
    weight_decay: float = 0.01
    warm_up: float = 0.06
    average: float = 0.998
    longest: int = 48
    rare_weight: float = 0.3
    dimensions_weight: float = 2.0
    neutral_share: float = 0.5
    held_share: float = 0.1
    rated_times: int = 1


def from_block(model: EmotionWords, x: Tensor, mask: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """Logits of the emotions and standardised dimensions, from block ``first`` on."""
    x = model.encoder.climb(x, mask, first, len(model.encoder.blocks))
    x = model.drop(mean_of_pieces(x, mask))
    return model.emotions(x), model.dimensions(x)


@dataclass(frozen=True)
class Lower:
    """What the frozen lower blocks make of all texts: computed once, the half of all work.

    Vectors of all pieces one after the other, ``(piece, 384)``, and where each text begins.
    """

    vectors: Tensor
    begin: np.ndarray
    length: np.ndarray

    def pad(self, rows: np.ndarray, device: str) -> tuple[Tensor, Tensor]:
        """Vectors ``(text, piece, 384)`` and mask of some texts."""
        length = self.length[rows]
        place = np.arange(length.max())
        mask = place[None, :] < length[:, None]
        index = np.where(mask, self.begin[rows][:, None] + place[None, :], 0)
        x = self.vectors[torch.from_numpy(index)].to(device).float()
        return x, torch.from_numpy(mask).to(device)


@dataclass(frozen=True)
class Texts:
    """Texts with what is known of them; NaN where a corpus doesn't rate it."""

    pieces: list[list[int]]
    emotions: np.ndarray
    dimensions: np.ndarray

    def __len__(self) -> int:
        return len(self.pieces)

    def take(self, rows: np.ndarray) -> Texts:
        """Some of the texts."""
        return Texts([self.pieces[i] for i in rows], self.emotions[rows], self.dimensions[rows])


def read_goemotions(file: Path, labels: int) -> tuple[list[str], np.ndarray]:
    """Texts and a 0/1 matrix of their emotions."""
    table = pd.read_csv(file, sep="\t", header=None, quoting=3, names=["text", "labels", "id"])
    y = np.zeros((len(table), labels), np.float32)
    for row, named in enumerate(table["labels"].astype(str)):
        y[row, [int(k) for k in named.split(",")]] = 1
    return table["text"].astype(str).tolist(), y


def read_emobank(folder: Path, split: str) -> tuple[list[str], np.ndarray]:
    """Texts and their valence, arousal and dominance, 1–5."""
    table = pd.read_csv(folder / "emobank.csv", keep_default_na=False)
    table = table[table["split"] == split]
    values = table[list(DIMENSIONS)].astype(np.float32).to_numpy()
    return table["text"].astype(str).tolist(), values


def hold_back(texts: list[str], share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows held back; equal texts stay on one side."""
    same = pd.factorize(pd.Series(texts).str.lower().str.split().str.join(" "))[0]
    chosen = np.random.default_rng(seed).permutation(same.max() + 1)
    held = np.isin(same, chosen[: round(share * len(chosen))])
    return np.flatnonzero(~held), np.flatnonzero(held)


def choose(texts: Texts, config: Configuration, rng: np.random.Generator) -> np.ndarray:
    """Rows of one epoch in random order.

    Of texts that are only neutral, a share drawn anew; texts with ratings, several times.
    """
    only_neutral = (texts.emotions[:, -1] == 1) & (texts.emotions[:, :-1].sum(1) == 0)
    rated = np.flatnonzero(~np.isnan(texts.dimensions[:, 0]))
    again = np.tile(rated, config.rated_times - 1)
    order = rng.permutation(np.concatenate([np.arange(len(texts)), again]))
    return order[~only_neutral[order] | (rng.random(len(order)) < config.neutral_share)]


def batches(
    lengths: np.ndarray, order: np.ndarray, size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Deal rows into batches of about one length each, in random order."""
    pools = [order[i : i + 50 * size] for i in range(0, len(order), 50 * size)]
    dealt = [
        pool[np.argsort(lengths[pool], kind="stable")][i : i + size]
        for pool in pools
        for i in range(0, len(pool), size)
    ]
    return [dealt[i] for i in rng.permutation(len(dealt))]


def parameter_groups(model: EmotionWords, config: Configuration) -> list[dict[str, object]]:
    """Slower rates further down, no decay on biases and norms."""
    layers = len(model.encoder.blocks)
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        height = layers + 1
        if not parameter.requires_grad:
            continue
        if name.startswith("encoder.blocks."):
            height = int(name.split(".")[2]) + 1
        groups.setdefault((height, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": config.rate * config.layer_decay ** (layers + 1 - height),
            "weight_decay": config.weight_decay if matrix else 0.0,
        }
        for (height, matrix), parameters in groups.items()
    ]


def freeze_lower(model: EmotionWords, frozen: int) -> None:
    """Keep the embeddings and the first blocks as they were published."""
    below = [model.encoder.pieces, model.encoder.positions, model.encoder.norm]
    for part in [*below, *model.encoder.blocks[:frozen]]:
        part.requires_grad_(False)


def run_lower(model: EmotionWords, texts: Texts, frozen: int, device: str) -> Lower:
    """Send all texts through the frozen blocks, without dropout, in half precision."""
    model.eval()
    length = np.array([len(p) for p in texts.pieces])
    begin = np.concatenate([[0], np.cumsum(length)[:-1]])
    vectors = torch.empty(int(length.sum()), WIDTH, dtype=torch.bfloat16)
    order = np.argsort(length, kind="stable")
    for i in range(0, len(order), 64):
        rows = order[i : i + 64]
        pieces, mask = pad([texts.pieces[row] for row in rows])
        with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16):
            encoder, mask = model.encoder, mask.to(device)
            embedded = encoder.pieces(pieces.to(device)) + encoder.positions.weight[: mask.shape[1]]
            x = encoder.climb(encoder.norm(embedded), mask, 0, frozen).to("cpu", torch.bfloat16)
        for row, one in zip(rows, x, strict=True):
            vectors[begin[row] : begin[row] + length[row]] = one[: length[row]]
    return Lower(vectors, begin, length)


def predict(
    model: EmotionWords, lower: Lower, frozen: int, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Logits and standardised dimensions of many texts, in their order."""
    model.eval()
    order = np.argsort(lower.length, kind="stable")
    emotions = np.empty((len(order), model.emotions.out_features), np.float32)
    dimensions = np.empty((len(order), len(DIMENSIONS)), np.float32)
    for i in range(0, len(order), 64):
        rows = order[i : i + 64]
        with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16):
            logits, values = from_block(model, *lower.pad(rows, device), frozen)
        emotions[rows] = logits.float().cpu().numpy()
        dimensions[rows] = values.float().cpu().numpy()
    return emotions, dimensions


def train(
    model: EmotionWords,
    training: Texts,
    held: Texts,
    config: Configuration,
    device: str,
    out: Path,
) -> EmotionWords:
    """Fit all weights; write the running average of them after each epoch, and return it."""
    rng = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    prevalence = np.nanmean(training.emotions, axis=0)
    rare = torch.from_numpy(np.clip((0.1 / prevalence) ** config.rare_weight, 1, 4)).float()
    rare = rare.to(device)
    model.to(device)
    freeze_lower(model, config.frozen)
    lower = run_lower(model, training, config.frozen, device)
    lower_held = run_lower(model, held, config.frozen, device)
    optimiser = torch.optim.AdamW(parameter_groups(model, config), fused=True)
    steps = config.epochs * math.ceil(len(choose(training, config, rng)) / config.batch)
    warm = config.warm_up * steps
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, max(0.02, (steps - step) / (steps - warm)))
    )
    average, step, started = copy.deepcopy(model), 0, time.time()
    for epoch in range(config.epochs):
        chosen = choose(training, config, rng)
        for rows in batches(lower.length, chosen, config.batch, rng):
            model.train()
            x, mask = lower.pad(rows, device)
            emotions = torch.from_numpy(training.emotions[rows]).to(device)
            dimensions = torch.from_numpy(training.dimensions[rows]).to(device)
            with torch.autocast(device, dtype=torch.bfloat16):
                logits, values = from_block(model, x, mask, config.frozen)
            loss = losses(logits.float(), values.float(), emotions, dimensions, rare, config)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            if step % 5 == 0:
                move_average(average, model, min(config.average**5, step / (step + 50)))
            if step % 50 == 0:
                print(
                    f"{step}/{steps} loss {loss.item():.3f} {time.time() - started:.0f} s",
                    flush=True,
                )
        save_file(average.state_dict(), out / f"epoch{epoch + 1}.safetensors")
        report(held, *predict(average, lower_held, config.frozen, device))
    return average


def losses(
    logits: Tensor,
    values: Tensor,
    emotions: Tensor,
    dimensions: Tensor,
    rare: Tensor,
    config: Configuration,
) -> Tensor:
    """Weighted cross-entropy of the emotions and squared error of the dimensions, a text."""
    has_emotions, has_dimensions = ~emotions[:, 0].isnan(), ~dimensions[:, 0].isnan()
    cross_entropy = functional.binary_cross_entropy_with_logits(
        logits[has_emotions], emotions[has_emotions], pos_weight=rare, reduction="sum"
    )
    squares = (values[has_dimensions] - dimensions[has_dimensions]).square().sum() / 3
    return (cross_entropy + config.dimensions_weight * squares) / len(logits)


def move_average(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Move the running average a step towards the weights: ``keep·average + (1 - keep)·model``."""
    with torch.no_grad():
        moved = [
            (a, m)
            for a, m in zip(average.parameters(), model.parameters(), strict=True)
            if m.requires_grad
        ]
        torch._foreach_lerp_([a for a, _ in moved], [m for _, m in moved], 1 - keep)


def report(held: Texts, logits: np.ndarray, values: np.ndarray) -> None:
    """Print how it does on what was held back: best F1 of each label, r of each dimension."""
    rated = ~np.isnan(held.emotions[:, 0])
    best = [best_f1(s, y) for s, y in zip(logits[rated].T, held.emotions[rated].T, strict=True)]
    dims = ~np.isnan(held.dimensions[:, 0])
    r = [
        float(np.corrcoef(a, b)[0, 1])
        for a, b in zip(values[dims].T, held.dimensions[dims].T, strict=True)
    ]
    print(
        f"held: macro-F1 {np.mean(best):.4f} (thresholds of its own), r {np.round(r, 3)}",
        flush=True,
    )


def best_f1(score: np.ndarray, y: np.ndarray) -> float:
    """The highest F1 over all thresholds."""
    hits = np.cumsum(y[np.argsort(-score, kind="stable")])
    return float((2 * hits / (np.arange(1, len(y) + 1) + y.sum())).max())


def main() -> None:
    """Read the data, train, and write the weights."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--goemotions", type=Path, required=True)
    asked.add_argument("--emobank", type=Path, required=True)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--epochs", type=int, default=Configuration.epochs)
    asked.add_argument("--frozen", type=int, default=Configuration.frozen)
    asked.add_argument("--rate", type=float, default=Configuration.rate)
    asked.add_argument("--start", type=Path, help="weights of an earlier run to go on from")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--rated-times", type=int, default=1, help="EmoBank's share of an epoch")
    given = asked.parse_args()
    config = Configuration(
        epochs=given.epochs,
        seed=given.seed,
        frozen=given.frozen,
        rate=given.rate,
        rated_times=given.rated_times,
    )
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    labels = (given.goemotions / "labels.txt").read_text().split()
    pieces = Pieces(pretrained_folder() / "tokenizer.json", config.longest)

    words, emotions = read_goemotions(given.goemotions / "train.tsv", len(labels))
    fit, held = hold_back(words, config.held_share, seed=1)
    rated, values = read_emobank(given.emobank, "train")
    fit_rated, held_rated = hold_back(rated, config.held_share, seed=1)
    mean, spread = values[fit_rated].mean(0), values[fit_rated].std(0)
    everything = Texts(
        pieces(words + rated),
        np.vstack([emotions, np.full((len(rated), len(labels)), np.nan, np.float32)]),
        np.vstack([np.full((len(words), 3), np.nan, np.float32), (values - mean) / spread]),
    )
    training = everything.take(np.concatenate([fit, len(words) + fit_rated]))
    holding = everything.take(np.concatenate([held, len(words) + held_rated]))
    (given.out / "configuration.json").write_text(
        json.dumps(
            asdict(config) | {"labels": labels, "mean": mean.tolist(), "spread": spread.tolist()},
            indent=1,
        )
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = EmotionWords(len(labels))
    load_pretrained(model.encoder)
    if given.start is None:
        prevalence = np.nanmean(training.emotions, axis=0)
        model.emotions.bias.data = torch.from_numpy(np.log(prevalence / (1 - prevalence)))
    else:
        model.load_state_dict(load_file(given.start))
    train(model, training, holding, config, device, given.out)


if __name__ == "__main__":
    main()
