"""Train the shipped network of expressions on FER2013 (Goodfellow et al. 2013).

    python -m training.face train --fer DIR --cache DIR [--epochs 22] [--seed 0]
    python -m training.face measure --fer DIR --cache DIR --out DIR

``DIR`` holds ``Training.zip`` and ``PublicTest.zip`` with files ``label/name.jpg``. A tenth of the
training set is kept apart: what is chosen, and the temperature and conformal level, come from it.
PublicTest serves to leave out of training what it holds too, pixel for pixel, and to measure. Blank
pictures are left out. One thread; a checkpoint an epoch, from which a run that was stopped goes on,
also to another number of epochs.
"""

from __future__ import annotations

import argparse
import io
import math
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as f

from affectome.data.outputs import write_json, write_text
from affectome.decoding.calibration import fit_temperature, reliability
from affectome.decoding.multilabel import conformal_level
from affectome.evidence import score
from affectome.evidence.quick import binomial_bounds
from affectome.people.cards import Card, Metric
from affectome.people.face.model import face_logits, load_network, probabilities, save_network
from affectome.people.face.network import SIZE, FaceNet, standardised
from affectome.people.face.quality import crop_quality

LABELS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "sad": "sadness",
    "surprise": "surprise",
}
NAMES = tuple(LABELS.values())
BATCH = 128
RATE, WARM_EPOCHS, DECAY, EMA = 0.1, 1.0, 5e-4, 0.995
SMALL, SMALL_SHARE = 36, 0.5
SMOOTHING, MIXED, MIX_ALPHA, COVERED = 0.05, 0.1, 0.2, 0.15
TURN, ZOOM, SHIFT = 12.0, 0.1, 0.08
APART = 0.1
LEAST = 0.4
SOFT = 0.2


@dataclass(frozen=True, eq=False)
class Faces:
    """Grey faces ``x`` of shape (n, 48, 48) as bytes, labels ``y`` as columns of ``NAMES``."""

    x: np.ndarray
    y: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Faces:
        return Faces(self.x[rows], self.y[rows])


def load(archive: Path, cache: Path) -> Faces:
    """Read an archive of pictures, or what was read before."""
    kept = cache / f"{archive.stem}.npz"
    if kept.is_file():
        found = np.load(kept)
        return Faces(found["x"], found["y"])
    codes = {name: code for code, name in enumerate(LABELS)}
    pictures, labels = [], []
    with zipfile.ZipFile(archive) as held:
        for name in sorted(held.namelist()):
            label = name.split("/")[0]
            if name.endswith(".jpg") and label in codes:
                picture = Image.open(io.BytesIO(held.read(name))).convert("L")
                pictures.append(np.asarray(picture.resize((SIZE, SIZE))))
                labels.append(codes[label])
    cache.mkdir(parents=True, exist_ok=True)
    faces = Faces(np.stack(pictures), np.array(labels))
    np.savez_compressed(kept, x=faces.x, y=faces.y)
    return faces


def part(faces: Faces, tested: Faces, seed: int) -> tuple[Faces, Faces]:
    """Leave out what is blank or tested on, and keep a tenth apart; copies stay together."""
    pixels = [x.tobytes() for x in faces.x]
    known = {x.tobytes() for x in tested.x}
    good = np.array([p not in known for p in pixels]) & (faces.x.std((1, 2)) > 2)
    first = {p: k for k, p in reversed(list(enumerate(pixels)))}
    group = np.array([first[p] for p in pixels])
    apart = np.random.default_rng(seed).random(len(group))[group] < APART
    return faces[good & ~apart], faces[good & apart]


def varied(x: Tensor, size: int, rng: torch.Generator) -> Tensor:
    """Turn, zoom, shift, mirror, dim and partly cover faces of shape (n, 1, 48, 48)."""

    def drawn(low: float, high: float) -> Tensor:
        return torch.rand(len(x), generator=rng) * (high - low) + low

    angle, zoom = torch.deg2rad(drawn(-TURN, TURN)), 1 + drawn(-ZOOM, ZOOM)
    mirror = torch.where(drawn(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = zoom * torch.cos(angle), zoom * torch.sin(angle)
    rows = torch.stack([cos * mirror, -sin, 2 * drawn(-SHIFT, SHIFT)], 1)
    columns = torch.stack([sin * mirror, cos, 2 * drawn(-SHIFT, SHIFT)], 1)
    grid = f.affine_grid(torch.stack([rows, columns], 1), [len(x), 1, size, size], False)
    y = f.grid_sample(x, grid, padding_mode="border", align_corners=False)
    y = standardised(y) * drawn(0.8, 1.2)[:, None, None, None]
    at, bands = torch.arange(size), []
    for _ in range(2):
        start, width = drawn(-0.2, 1.0)[:, None] * size, drawn(0.1, 0.35)[:, None] * size
        bands.append((at >= start) & (at < start + width))
    covered = bands[0][:, None, :, None] & bands[1][:, None, None, :]
    covered &= (drawn(0, 1) < COVERED)[:, None, None, None]
    return y.masked_fill(covered, 0.0)


def logits(network: nn.Module, x: np.ndarray) -> Tensor:
    """Logits of faces as bytes, one crop, in full precision."""
    network.eval()
    with torch.inference_mode():
        return torch.cat(
            [
                network(standardised(torch.from_numpy(x[k : k + 512]).float()[:, None]))
                for k in range(0, len(x), 512)
            ]
        )


def train(given: argparse.Namespace) -> None:
    """Train, or go on with what was begun."""
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    tested = load(given.fer / "PublicTest.zip", given.cache)
    fitted, apart = part(load(given.fer / "Training.zip", given.cache), tested, given.seed)
    if given.first:
        rng = np.random.default_rng(given.seed)
        fitted = fitted[rng.choice(len(fitted.y), given.first, replace=False)]
        apart = apart[rng.choice(len(apart.y), given.first, replace=False)]
    network = FaceNet(len(NAMES)).to(memory_format=torch.channels_last)
    average = {k: v.clone() for k, v in network.state_dict().items()}
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, RATE, momentum=0.9, nesterov=True)
    checkpoint, start = given.cache / "face.pt", 0
    if checkpoint.is_file():
        kept = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(kept["network"])
        optimiser.load_state_dict(kept["optimiser"])
        average, start = kept["average"], kept["epoch"]
    x, y = torch.from_numpy(fitted.x), torch.from_numpy(fitted.y)
    judge = FaceNet(len(NAMES))
    n_steps = max(1, len(x) // BATCH)
    for epoch in range(start, given.epochs):
        began, rng = time.perf_counter(), torch.Generator().manual_seed(1000 * given.seed + epoch)
        network.train()
        order, total = torch.randperm(len(x), generator=rng), 0.0
        size = SMALL if epoch < SMALL_SHARE * given.epochs else SIZE
        for step in range(n_steps):
            done = (epoch + step / n_steps) / given.epochs
            warm = min(1.0, (epoch + step / n_steps + 0.05) / WARM_EPOCHS)
            for group in optimiser.param_groups:
                group["lr"] = RATE * warm * 0.5 * (1 + math.cos(math.pi * done))
            rows = order[step * BATCH : (step + 1) * BATCH]
            total += _step(network, optimiser, x[rows], y[rows], size, rng)
            _follow(average, network, min(EMA, (epoch * n_steps + step + 1) / 1000))
        judge.load_state_dict(average)
        held = logits(judge, apart.x)
        right = float((held.argmax(1).numpy() == apart.y).mean())
        loss = float(f.cross_entropy(held, torch.from_numpy(apart.y)))
        seconds = time.perf_counter() - began
        print(
            f"epoch {epoch + 1}/{given.epochs} ({size} px): training loss {total / n_steps:.3f}, "
            f"kept apart: accuracy {right:.4f}, loss {loss:.3f}; {seconds:.0f} s",
            flush=True,
        )
        state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
        state |= {"average": average, "epoch": epoch + 1}
        torch.save(state, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)


def _step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    size: int,
    rng: torch.Generator,
) -> float:
    faces = varied(x.float()[:, None], size, rng)
    target = f.one_hot(y, len(NAMES)).float()
    if float(torch.rand(1, generator=rng)) < MIXED:
        # Two uniform draws and a power: Beta(a, 1) is near enough to Beta(a, a) folded at one half.
        share = 1 - 0.5 * float(torch.rand(1, generator=rng)) ** (1 / MIX_ALPHA)
        other = torch.randperm(len(x), generator=rng)
        faces = share * faces + (1 - share) * faces[other]
        target = share * target + (1 - share) * target[other]
    faces = faces.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        said = network(faces)
    loss = f.cross_entropy(said.float(), target, label_smoothing=SMOOTHING)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def _follow(average: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - decay)
            else:
                average[name].copy_(value)


def measure(given: argparse.Namespace) -> None:
    """Calibrate on what was kept apart, score on PublicTest, and write model and card."""
    torch.set_num_threads(1)
    tested = load(given.fer / "PublicTest.zip", given.cache)
    apart = part(load(given.fer / "Training.zip", given.cache), tested, given.seed)[1]
    kept = torch.load(given.cache / "face.pt", weights_only=True)
    network = FaceNet(len(NAMES))
    network.load_state_dict(kept["average"])
    given.out.mkdir(parents=True, exist_ok=True)
    save_network(given.out, network)
    # What is measured is what is shipped: half precision, and prepared as a reader prepares it.
    shipped = load_network(given.out)
    held = face_logits(shipped, list(apart.x))
    temperature = fit_temperature(held, apart.y)
    true = np.eye(len(NAMES), dtype=bool)
    level = conformal_level(probabilities(held, temperature), true[apart.y])
    p = probabilities(face_logits(shipped, list(tested.x)), temperature)
    metrics = metrics_of(p, tested, level)
    for m in metrics:
        interval = "" if m.interval is None else " [{:.3f}, {:.3f}]".format(*m.interval)
        beside = "; ".join(f"{k} {v:.3f}" for k, v in m.baselines.items())
        print(f"{f'{m.name} {m.group}'.strip():<42} {m.value:.3f}{interval} {beside}", flush=True)
    card = card_of(metrics, {"temperature": temperature, "level": level, "least": LEAST}, kept)
    write_json(given.out / "card.json", card.to_dict())
    write_text(given.out / "card.md", card.to_text())


def metrics_of(p: np.ndarray, tested: Faces, level: float) -> list[Metric]:
    """Score calibrated probabilities of PublicTest."""
    on = "FER2013 PublicTest, one crop"
    said, n = p.argmax(1), len(tested.y)
    right = said == tested.y

    def share(name: str, hits: np.ndarray, group: str = "", **beside: float) -> Metric:
        bounds = binomial_bounds(int(hits.sum()), len(hits))
        return Metric(name, float(hits.mean()), bounds, on, "pictures", group, beside)

    sets = p >= level
    sets[np.arange(n), said] = True
    sure = p.max(1) >= LEAST
    majority = float(np.bincount(tested.y).max() / n)
    names = np.array(NAMES)
    recall = score("balanced_accuracy", names[tested.y], names[said])
    sharpness = np.array([crop_quality(x)["sharpness"] for x in tested.x])
    soft = sharpness <= np.quantile(sharpness, SOFT)
    return [
        share("accuracy", right, majority=majority),
        Metric(
            "mean recall of the classes",
            recall.value,
            recall.interval,
            on,
            "pictures",
            baselines={"chance": 1 / len(NAMES)},
        ),
        Metric("calibration error", reliability(tested.y, p).ece, on=on),
        share("conformal sets of 90 % hold the label", sets[np.arange(n), tested.y]),
        Metric("mean size of a set", float(sets.sum(1).mean()), on=on),
        share("share decided", sure),
        share("accuracy where decided", right[sure]),
        *(share("recall", right[tested.y == k], name) for k, name in enumerate(NAMES)),
        share("accuracy", right[soft], "the fifth that is least sharp"),
        share("accuracy", right[~soft], "the others"),
    ]


def card_of(metrics: list[Metric], settings: dict[str, float], kept: dict[str, object]) -> Card:
    """Write down what was trained, what it is worth, and whom it fails."""
    recalls = {m.group: m.value for m in metrics if m.name == "recall"}
    worst = sorted(recalls, key=lambda name: recalls[name])[:3]
    accuracy = metrics[0]
    assert accuracy.interval is not None
    low, high = accuracy.interval
    return Card(
        name="face",
        modality="face",
        summary=f"Seven expressions that others see in a face: accuracy {accuracy.value:.3f} "
        f"[{low:.3f}, {high:.3f}] on FER2013 PublicTest, where always saying happiness has "
        f"{accuracy.baselines['majority']:.3f} and the best published models have .74",
        data="FER2013 (Goodfellow et al. 2013): 28,709 grey faces of 48 pixels found on the web by "
        "search words, labelled by a few people, some 65 % of them as others would; a tenth kept "
        "apart for choices and calibration, pictures that the test holds too left out. "
        f"{kept['epoch']} epochs on one thread. "
        "The detector is CenterFace (Xu et al. 2020), "
        "unchanged",
        licence="FER2013: pictures from the web, their licences unclear; weights trained on it are "
        "commonly released under MIT; detector MIT",
        labels={name: f"others would call the expression {name}" for name in NAMES},
        metrics=metrics,
        failures=(
            "it misses most often "
            + ", ".join(f"{name} (recall {recalls[name]:.2f})" for name in worst),
            "it is far from the best models of the same data: little processor time was spent",
            "groups of people: FER2013 says nothing of age, sex or skin, so it is not known whom "
            "it reads worse; published models of such data are worse for dark skin, for old people "
            "and for children",
            "posed and exaggerated expressions of the web are not those of daily life",
            "masks, hands before the face, strong shade and profiles: it does not always abstain",
            "paintings and photographs of screens may be read as faces; flat drawings are not",
        ),
        intended="research on how expressions are perceived",
        not_for="saying what somebody feels, thinks or intends; decisions about people; the "
        "workplace and education, where EU law prohibits it",
        settings=settings,
    )


def main() -> None:
    """Train or measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("train", "measure"))
    for option in ("--fer", "--cache"):
        parser.add_argument(option, type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--epochs", type=int, default=22)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, help="only so many pictures, to try the script")
    given = parser.parse_args()
    if given.what == "measure" and given.out is None:
        parser.error("measure needs --out, the folder for the model")
    {"train": train, "measure": measure}[given.what](given)


if __name__ == "__main__":
    main()
