"""A burnt-in label: a small region of pictures or frames that reads what the rest can't.

Pictures are brought to one size and cut into a grid of blocks. Each block reads the label by ridge
on its pixels, cross-validated. The blocks around the best are then held against all of the picture
that lies outside, and the best against the greatest skill of any block for permuted labels: a
hundred of them are more columns of one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label as components
from threadpoolctl import threadpool_limits

from affectome.audit.findings import Finding, Severity
from affectome.audit.leaks import MOST_OF_IT, NEARLY_ALL
from affectome.audit.material import Material
from affectome.audit.media import Pictures
from affectome.audit.probes import indicator
from affectome.evidence import Null
from affectome.evidence.quick import (
    Folds,
    bootstrap_weights,
    drawn_labels,
    group_folds,
    group_sums,
    normal_reach,
    random_folds,
    skill,
)
from affectome.kernels.ridge import cross_validated_predictions
from affectome.progress import Progress

BLOCKS_ACROSS = 16
SMALLEST_BLOCK = 8
N_PERMUTATIONS = 99
LARGEST_SHARE = 0.25
STRICT = 0.01


@dataclass(frozen=True)
class Grid:
    """Pixels of each block, centred, shape (n, rows, columns, p), and the side of a block."""

    pixels: np.ndarray
    side: int


def burnt_in_label(
    material: Material,
    pictures: Pictures,
    groups: np.ndarray | None,
    rng: np.random.Generator,
    progress: Progress,
) -> list[Finding]:
    """Find a region that tells the label; ``groups`` (n,) are kept whole by the folds."""
    rows, n_classes = pictures.large, len(material.classes)
    y = material.y[rows]
    if len(rows) < 30 or len(np.unique(y)) < 2:
        return []
    units = np.arange(len(rows))
    if groups is not None:
        units = np.unique(groups[rows], return_inverse=True)[1]
    enough = groups is not None and units.max() + 1 >= 5
    folds = group_folds(units, y, rng) if enough else random_folds(y, rng)
    grid = _grid(pictures.detail)
    skills, best = _read_blocks(grid, y[None], n_classes, folds, progress)
    inside = _around(skills[..., 0])
    if inside.mean() > LARGEST_SHARE:
        return []
    target, k = (y, 0) if not n_classes else ((y == best).astype(int), 2)
    weights = bootstrap_weights(len(rows), rng)
    region = _reading(_flat(grid, inside), target, k, folds, weights)
    rest = _reading(_flat(_coarse(grid), ~_wider(inside)), target, k, folds, weights)
    excess_low = region[0] - rest[0] - np.hypot(region[0] - region[1], rest[2] - rest[0])
    if excess_low <= 0 or region[1] < MOST_OF_IT:
        return []
    permuted = drawn_labels(y, N_PERMUTATIONS, rng)
    null, _ = _read_blocks(grid, permuted, n_classes, folds, progress)
    p = float((1 + (null.max(axis=(0, 1)) >= skills.max()).sum()) / (1 + N_PERMUTATIONS))
    if p > STRICT:
        return []
    grid_skills = skills[..., 0]
    return [
        _finding(material, pictures, grid, inside, grid_skills, best, p, region, rest, excess_low)
    ]


def _grid(detail: np.ndarray) -> Grid:
    n, height, width, _ = detail.shape
    side = max(SMALLEST_BLOCK, round(max(height, width) / BLOCKS_ACROSS))
    down, across = max(1, height // side), max(1, width // side)
    # rows and columns left over at an edge join the last block by shifting it inwards
    tops = np.round(np.linspace(0, height - side, down + (height % side > 0))).astype(int)
    lefts = np.round(np.linspace(0, width - side, across + (width % side > 0))).astype(int)
    light = detail.astype(np.float32).mean(axis=-1)
    chroma = detail.astype(np.float32) - light[..., None]
    blocks = np.empty((n, len(tops), len(lefts), side * side + 3), dtype=np.float32)
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            window = (slice(None), slice(top, top + side), slice(left, left + side))
            blocks[:, i, j, :-3] = light[window].reshape(n, -1)
            blocks[:, i, j, -3:] = side * chroma[window].mean(axis=(1, 2))
    return Grid(blocks - blocks.mean(axis=0), side)


def _read_blocks(
    grid: Grid, labels: np.ndarray, n_classes: int, folds: Folds, progress: Progress
) -> tuple[np.ndarray, int]:
    """Skill of each block for each labelling (rows, columns, n), and the class read best."""
    Y = np.hstack([indicator(one, n_classes) for one in labels])
    _, down, across, _ = grid.pixels.shape
    skills = np.empty((down, across, len(labels)))
    best = np.zeros((down, across), dtype=int)
    for i in range(down):
        with threadpool_limits(1):
            for j in range(across):
                estimates = _ridge(grid.pixels[:, i, j], Y, folds)
                skills[i, j], best[i, j] = _skills(estimates, labels, n_classes)
        progress("blocks", i + 1, down)
    return skills, int(best.ravel()[skills[..., 0].argmax()])


def _ridge(pixels: np.ndarray, Y: np.ndarray, folds: Folds) -> np.ndarray:
    variance = max(float(pixels.var()), 1e-6)
    penalty = 0.01 * len(Y) * variance * pixels.shape[1] ** 0.5
    return cross_validated_predictions(pixels, Y, folds, alpha=penalty)


def _skills(estimates: np.ndarray, labels: np.ndarray, n_classes: int) -> tuple[np.ndarray, int]:
    """Skill under each labelling: of the best class, or of the ratings."""
    n = labels.shape[1]
    if not n_classes:
        r = [_correlation(estimates[:, k], labels[k]) for k in range(len(labels))]
        return np.array(r) * np.abs(r), 0
    scores = estimates.reshape(n, len(labels), n_classes)
    said = (scores - scores.mean(axis=0)).argmax(axis=2)
    j = np.empty((len(labels), n_classes))
    for c in range(n_classes):
        is_c, says_c = np.equal(labels.T, c), np.equal(said, c)
        size = max(int(is_c[:, 0].sum()), 1)
        j[:, c] = (is_c & says_c).sum(axis=0) / size
        j[:, c] -= (~is_c & says_c).sum(axis=0) / max(n - size, 1)
    return j.max(axis=1), int(j[0].argmax())


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 1e-9 else 0.0


def _around(skills: np.ndarray) -> np.ndarray:
    """Blocks that hang together with the best and are nearer to it than to the usual block."""
    high = skills >= (skills.max() + np.median(skills)) / 2
    found, _ = components(high, np.ones((3, 3)))
    return np.asarray(found == found.ravel()[skills.argmax()])


def _wider(inside: np.ndarray) -> np.ndarray:
    padded = np.pad(inside, 1)
    shifts = [
        padded[1 + i : padded.shape[0] - 1 + i, 1 + j : padded.shape[1] - 1 + j]
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
    ]
    return np.asarray(np.any(shifts, axis=0))


def _coarse(grid: Grid) -> Grid:
    """Four by four cells of each block, for what lies outside."""
    n, down, across, _ = grid.pixels.shape
    edges = np.linspace(0, grid.side, 5).round().astype(int)
    light = grid.pixels[..., :-3].reshape(n, down, across, grid.side, grid.side)
    cells = np.add.reduceat(np.add.reduceat(light, edges[:-1], axis=3), edges[:-1], axis=4)
    return Grid(cells.reshape(n, down, across, 16) / (grid.side / 4), grid.side)


def _flat(grid: Grid, chosen: np.ndarray) -> np.ndarray:
    return grid.pixels[:, chosen].reshape(len(grid.pixels), -1)


def _reading(
    pixels: np.ndarray, y: np.ndarray, k: int, folds: Folds, weights: np.ndarray
) -> tuple[float, float, float]:
    """Skill of these pixels with its 95 % interval over trials."""
    if not pixels.shape[1]:
        return 0.0, 0.0, 0.0
    scores = _ridge(pixels, indicator(y, k), folds)
    estimates = scores[:, 0] if not k else (scores - scores.mean(axis=0)).argmax(axis=1)
    sums = group_sums(y, estimates.astype(float), k, np.arange(len(y)))
    value = float(skill(sums.sum(axis=0), k))
    half = normal_reach() * float(np.hypot(skill(weights @ sums, k).std(), 1.0 / len(y)))
    return value, value - half, value + half


def _finding(
    material: Material,
    pictures: Pictures,
    grid: Grid,
    inside: np.ndarray,
    skills: np.ndarray,
    best: int,
    p: float,
    region: tuple[float, float, float],
    rest: tuple[float, float, float],
    excess_low: float,
) -> Finding:
    height, width = pictures.detail.shape[1:3]
    scale = pictures.size[0] / width
    i, j = np.nonzero(inside)
    down, across = inside.shape
    tops = np.linspace(0, height - grid.side, down)
    lefts = np.linspace(0, width - grid.side, across)
    x, y = lefts[j.min()], tops[i.min()]
    w, h = lefts[j.max()] + grid.side - x, tops[i.max()] + grid.side - y
    box = [round(v * scale) for v in (x, y, w, h)]
    name = f"{material.target} = {material.classes[best]}" if material.classes else material.target
    severity: Severity = "high" if region[1] >= NEARLY_ALL else "medium"
    return Finding(
        "label_leak",
        severity,
        f"A region of {box[2]} × {box[3]} pixels at {box[0]},{box[1]} reads {region[0]:.2f} of "
        f"{name} (interval {region[1]:.2f} to {region[2]:.2f}); all of the picture outside reads "
        f"{rest[0]:.2f}: the label seems to be burnt in.",
        {
            "box": dict(zip(("x", "y", "w", "h"), box, strict=True)),
            "picture_size": list(pictures.size),
            "skill": region[0],
            "interval": [region[1], region[2]],
            "over": f"{len(pictures.large)} pictures",
            "outside": rest[0],
            "outside_interval": [rest[1], rest[2]],
            "excess_lower_bound": excess_low,
            "median_block": float(np.median(skills)),
            "blocks": int(skills.size),
            "p": p,
            "null": Null(
                "labels permuted over pictures",
                len(pictures.large),
                N_PERMUTATIONS,
                f"the largest of {skills.size} blocks",
            ).to_dict(),
            "class": material.classes[best] if material.classes else None,
            "skill_of_blocks": np.round(skills, 3).tolist(),
        },
        f"Crop or mask it: look at {box[0]},{box[1]},{box[2]},{box[3]} (x,y,w,h) in a few files of "
        "different classes first.",
        files=[material.files[r] for r in pictures.large[:3]],
    )
