"""Train the shipped network of expressions on FER2013 (Goodfellow et al. 2013).

    python -m training.face train --fer DIR --cache DIR [--minutes 98] [--seed 0]
    python -m training.face measure --fer DIR --cache DIR --out DIR

``DIR`` holds ``Training.zip`` and ``PublicTest.zip`` with files ``label/name.jpg``. A part (.07) of
the training set is kept apart: what is chosen, and the temperature and conformal level, come from
it. PublicTest serves to leave out of training what it holds too, pixel for pixel, and to measure.
Blank pictures are left out. One thread; rates fall to nothing at the end of the minutes that are
given, so that a faster machine makes more epochs. A checkpoint an epoch, from which a run that was
stopped goes on.
"""

from __future__ import annotations

import argparse
import io
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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
from affectome.people.bias import found_gaps, gap
from affectome.people.cards import Card, Metric, Usual
from affectome.people.deciding import decided
from affectome.people.face.model import (
    evened,
    face_logits,
    load_network,
    probabilities,
    save_network,
)
from affectome.people.face.network import SIZE, FaceNet, standardised
from affectome.people.face.quality import crop_quality
from affectome.people.monitoring import usual_of

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
RATE, MOMENTUM, OTHER_RATE, DECAY, DROPOUT = 0.02, 0.9, 3e-3, 0.01, 0.3
WARM_STEPS, EMA = 200, 0.995
SMOOTHING = 0.1
TRUST, REMEMBERED = 0.7, 0.7
MEAN_FROM = 0.65
APART = 0.07
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


class Variation(NamedTuple):
    """Largest turn (degrees), zoom and shift (of the width), and the share that is covered."""

    turn: float
    zoom: float
    shift: float
    covered: float


MOST = Variation(15.0, 0.15, 0.1, 0.5)


def varied(x: Tensor, mirrored: Tensor, most: Variation, rng: torch.Generator) -> Tensor:
    """Mirror some faces of shape (n, 1, 48, 48); turn, zoom, shift, dim and partly cover all."""

    def drawn(low: float, high: float) -> Tensor:
        return torch.rand(len(x), generator=rng) * (high - low) + low

    angle, zoom = torch.deg2rad(drawn(-most.turn, most.turn)), 1 + drawn(-most.zoom, most.zoom)
    mirror = torch.where(mirrored, -1.0, 1.0)
    cos, sin = zoom * torch.cos(angle), zoom * torch.sin(angle)
    along, down = (2 * drawn(-most.shift, most.shift) for _ in range(2))
    rows = torch.stack([cos * mirror, -sin, along], 1)
    columns = torch.stack([sin * mirror, cos, down], 1)
    grid = f.affine_grid(torch.stack([rows, columns], 1), [len(x), 1, SIZE, SIZE], False)
    y = f.grid_sample(x, grid, padding_mode="border", align_corners=False)
    y = standardised(y) * drawn(0.8, 1.2)[:, None, None, None]
    at, bands = torch.arange(SIZE), []
    for _ in range(2):
        start, width = drawn(-0.2, 1.0)[:, None] * SIZE, drawn(0.1, 0.35)[:, None] * SIZE
        bands.append((at >= start) & (at < start + width))
    covered = bands[0][:, None, :, None] & bands[1][:, None, None, :]
    covered &= (drawn(0, 1) < most.covered)[:, None, None, None]
    return y.masked_fill(covered, 0.0)


class Muon(torch.optim.Optimizer):
    """Momentum whose singular values are all made one (Jordan et al. 2024), for convolutions.

    Each is followed by a norm, so that its own length says nothing: it is kept at the root of the
    number of filters, and ``lr`` is the share of it that a step changes.
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float, momentum: float) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Take a step against the gradients."""
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                kept = state.setdefault("kept", torch.zeros_like(p))
                kept.mul_(group["momentum"]).add_(p.grad)
                along = p.grad + group["momentum"] * kept
                p.mul_(len(p) ** 0.5 / p.norm())
                p.sub_(_orthogonal(along.flatten(1)).view_as(p), alpha=group["lr"])


def _orthogonal(g: Tensor, steps: int = 3) -> Tensor:
    """Bring all singular values of a matrix near one by Newton and Schulz's iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.bfloat16() / (g.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.float()


def train(given: argparse.Namespace) -> None:
    """Train, or go on with what was begun, until the minutes are spent."""
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    tested = load(given.fer / "PublicTest.zip", given.cache)
    fitted, apart = part(load(given.fer / "Training.zip", given.cache), tested, given.seed)
    if given.first:
        rng = np.random.default_rng(given.seed)
        fitted = fitted[rng.choice(len(fitted.y), given.first, replace=False)]
        apart = apart[rng.choice(len(apart.y), given.first, replace=False)]
    run = Run.begin(len(fitted.y))
    checkpoint = given.cache / "face.pt"
    if checkpoint.is_file():
        run.go_on(torch.load(checkpoint, weights_only=True))
    x, y = torch.from_numpy(evened(list(fitted.x))), torch.from_numpy(fitted.y)
    judge, budget = FaceNet(len(NAMES)).eval(), 60 * given.minutes
    while run.seconds < budget:
        loss = run.epoch_of(x, y, budget, given.seed)
        judge.load_state_dict(run.mean)
        held = torch.from_numpy(face_logits(judge, list(apart.x)))
        right = float((held.argmax(1).numpy() == apart.y).mean())
        worse = float(f.cross_entropy(held, torch.from_numpy(apart.y)))
        print(
            f"epoch {run.epoch}, {run.seconds:.0f} of {budget:.0f} s: training loss {loss:.3f}, "
            f"kept apart: accuracy {right:.4f}, loss {worse:.3f}",
            flush=True,
        )
        torch.save(run.state(), checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)


@dataclass
class Run:
    """A network, its optimisers, the moving average of its weights, and how far it came.

    ``mean`` is that of the moving averages at the end of each of the ``n_mean`` epochs of the last
    third (Izmailov et al. 2018): it forgets less of what all faces share than the last. ``said``
    are moving averages of what was said of each face, shape (n_faces, n_labels).
    """

    network: FaceNet
    optimisers: list[torch.optim.Optimizer]
    average: dict[str, Tensor]
    mean: dict[str, Tensor]
    said: Tensor
    n_mean: int = 0
    epoch: int = 0
    seconds: float = 0.0

    @classmethod
    def begin(cls, n_faces: int) -> Run:
        """Give a network with random weights."""
        network = FaceNet(len(NAMES), dropout=DROPOUT).to(memory_format=torch.channels_last)
        average = {k: v.clone() for k, v in network.state_dict().items()}
        inner = [p for p in network.stages.parameters() if p.ndim == 4]
        others = [p for p in network.parameters() if not any(p is one for one in inner)]
        return cls(
            network,
            [
                Muon(inner, RATE, MOMENTUM),
                torch.optim.AdamW(others, OTHER_RATE, weight_decay=DECAY),
            ],
            average,
            {k: v.clone() for k, v in average.items()},
            torch.full((n_faces, len(NAMES)), 1 / len(NAMES)),
        )

    def state(self) -> dict[str, object]:
        """Give what a checkpoint holds."""
        return {
            "network": self.network.state_dict(),
            "optimisers": [one.state_dict() for one in self.optimisers],
            "average": self.average,
            "mean": self.mean,
            "said": self.said,
            "n_mean": self.n_mean,
            "epoch": self.epoch,
            "seconds": self.seconds,
        }

    def go_on(self, kept: dict[str, Any]) -> None:
        """Take up a checkpoint."""
        self.network.load_state_dict(kept["network"])
        for optimiser, state in zip(self.optimisers, kept["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        for name in ("average", "mean", "said", "n_mean", "epoch", "seconds"):
            setattr(self, name, kept[name])

    def epoch_of(self, x: Tensor, y: Tensor, budget: float, seed: int) -> float:
        """Go once over all faces, or until the seconds are spent; give the mean loss.

        Rates fall in a straight line to nothing at the end of the budget (Defazio et al. 2023). A
        third of the labels are not what others would say: the network is held more and more against
        what it said of a face before instead (Kim et al. 2021, arXiv:2006.12000).
        """
        rng = torch.Generator().manual_seed(1000 * seed + self.epoch)
        order, n_steps, losses = torch.randperm(len(x), generator=rng), max(1, len(x) // BATCH), []
        began = time.perf_counter() - self.seconds
        self.network.train()
        for step in range(n_steps):
            done = self.epoch * n_steps + step + 1
            left = min(1.0, done / WARM_STEPS) * max(0.0, 1 - self.seconds / budget)
            for optimiser, highest in zip(self.optimisers, (RATE, OTHER_RATE), strict=True):
                optimiser.param_groups[0]["lr"] = highest * left
                optimiser.zero_grad()
            rows = order[step * BATCH : (step + 1) * BATCH]
            faces = varied(x[rows].float()[:, None], (rows + self.epoch) % 2 == 0, MOST, rng)
            with torch.autocast("cpu", torch.bfloat16):
                said = self.network(faces.contiguous(memory_format=torch.channels_last)).float()
            trust = TRUST * self.seconds / budget if self.epoch else 0.0
            loss = f.cross_entropy(said, y[rows], label_smoothing=SMOOTHING) * (1 - trust)
            loss += f.cross_entropy(said, self.said[rows]) * trust
            loss.backward()
            self.said[rows] = self.said[rows].lerp(said.detach().softmax(1), 1 - REMEMBERED)
            for optimiser in self.optimisers:
                optimiser.step()
            losses.append(float(loss.detach()))
            _follow(self.average, self.network.state_dict(), min(EMA, done / 1000))
            self.seconds = time.perf_counter() - began
            if self.seconds > budget:
                break
        self.epoch += 1
        self.n_mean = self.n_mean + 1 if self.seconds > MEAN_FROM * budget else 1
        _follow(self.mean, self.average, 1 - 1 / self.n_mean)
        return float(np.mean(losses))


def _follow(average: dict[str, Tensor], weights: dict[str, Tensor], decay: float) -> None:
    with torch.no_grad():
        for name, value in weights.items():
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
    network.load_state_dict(kept["mean"])
    given.out.mkdir(parents=True, exist_ok=True)
    save_network(given.out, network)
    # What is measured is what is shipped: half precision, and prepared as a reader prepares it.
    shipped = load_network(given.out)
    held = face_logits(shipped, list(apart.x))
    temperature = fit_temperature(held, apart.y)
    true = np.eye(len(NAMES), dtype=bool)
    level = conformal_level(probabilities(held, temperature), true[apart.y])
    logits = face_logits(shipped, list(tested.x))
    mirrored = face_logits(shipped, list(tested.x[:, :, ::-1]))
    p = probabilities(logits, temperature)
    metrics, gaps = metrics_of(p, (logits + mirrored).argmax(1), tested, level)
    for m in metrics:
        interval = "" if m.interval is None else " [{:.3f}, {:.3f}]".format(*m.interval)
        beside = "; ".join(f"{k} {v:.3f}" for k, v in m.baselines.items())
        print(f"{f'{m.name} {m.group}'.strip():<42} {m.value:.3f}{interval} {beside}", flush=True)
    settings = {"temperature": temperature, "level": level, "least": LEAST}
    readings = [
        decided("face", NAMES, row, LEAST, level, quality=crop_quality(x))
        for row, x in zip(p, tested.x, strict=True)
    ]
    usual = usual_of(readings, (p.argmax(1) == tested.y).tolist())
    card = card_of(metrics, gaps, settings, kept, usual)
    write_json(given.out / "card.json", card.to_dict())
    write_text(given.out / "card.md", card.to_text())


def metrics_of(
    p: np.ndarray, flipped: np.ndarray, tested: Faces, level: float
) -> tuple[list[Metric], list[str]]:
    """Score calibrated probabilities of PublicTest, and find gaps.

    ``flipped`` are the labels where logits of a face and of its mirror image are averaged.
    """
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
    worse = share("accuracy", right[soft], "the fifth that is least sharp")
    better = share("accuracy", right[~soft], "the others")
    apart = gap(better, worse, "the fifth that is least sharp")
    metrics = [
        share("accuracy", right, majority=majority),
        share("accuracy, a face and its mirror image averaged", flipped == tested.y),
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
        worse,
        better,
        apart,
    ]
    return metrics, found_gaps([(apart, better, worse, "the least sharp fifth of the faces")])


def card_of(
    metrics: list[Metric],
    gaps: list[str],
    settings: dict[str, float],
    kept: dict[str, Any],
    usual: dict[str, Usual],
) -> Card:
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
        "search words, labelled by a few people, some 65 % of them as others would; a part "
        f"({APART:.0%}) kept apart for choices and calibration, pictures that the test holds too "
        f"left out. {kept['epoch']} epochs in {kept['seconds'] / 60:.0f} minutes on one thread; "
        f"the mean of the weights after {kept['n_mean']} epochs of the last third. "
        "The detector is CenterFace (Xu et al. 2020), "
        "unchanged",
        licence="FER2013: pictures from the web, their licences unclear; weights trained on it are "
        "commonly released under MIT; detector MIT",
        labels={name: f"others would call the expression {name}" for name in NAMES},
        metrics=metrics,
        gaps=gaps,
        failures=(
            "it misses most often "
            + ", ".join(f"{name} (recall {recalls[name]:.2f})" for name in worst),
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
        usual=usual,
    )


def main() -> None:
    """Train or measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("train", "measure"))
    for option in ("--fer", "--cache"):
        parser.add_argument(option, type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--minutes", type=float, default=98, help="all runs together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, help="only so many pictures, to try the script")
    given = parser.parse_args()
    if given.what == "measure" and given.out is None:
        parser.error("measure needs --out, the folder for the model")
    {"train": train, "measure": measure}[given.what](given)


if __name__ == "__main__":
    main()
