"""A region that tells the label: a small part of pictures or frames reads what the rest can't.

Pictures are brought to one size and cut into a grid of blocks. Each block reads the label by ridge
on its pixels, cross-validated. The blocks around the best are then held against all of the picture
that lies outside, and the best against the greatest skill of any block for exchanged labels: a
hundred of them are more columns of one matrix product. Whether it is a mark or content is found by
``marks``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import label as components
from threadpoolctl import threadpool_limits

from affectome.audit.candidates import Candidate
from affectome.audit.costs import Cost, price
from affectome.audit.findings import Finding, Severity
from affectome.audit.leaks import MOST_OF_IT, NEARLY_ALL
from affectome.audit.marks import Mark, find_mark
from affectome.audit.material import Material
from affectome.audit.media import Pictures
from affectome.audit.probes import indicator
from affectome.data.roles import role_of
from affectome.evidence import Exchange, NoNullError, Null, exchange_for, max_statistic
from affectome.evidence.quick import (
    Folds,
    bootstrap_weights,
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
LARGEST_SHARE, LARGEST_MARK = 0.25, 0.5
STRICT = 0.01
FEWEST_DRAWN = 10


@dataclass(frozen=True)
class Grid:
    """Pixels of each block, centred, shape (n, rows, columns, p), and the side of a block."""

    pixels: np.ndarray
    side: int


def telling_region(
    material: Material,
    pictures: Pictures,
    found: list[Candidate],
    main: Candidate | None,
    rng: np.random.Generator,
    progress: Progress,
) -> list[Finding]:
    """Find a region that tells the label.

    Parameters
    ----------
    material, pictures
        What is audited.
    found
        Candidates: labels of people or stimuli trade places as those do.
    main
        The candidate that folds keep whole; None for random folds.
    rng, progress
        Draws; called after each row of blocks.
    """
    rows, n_classes = pictures.large, len(material.classes)
    y = material.y[rows]
    if len(rows) < 30 or len(np.unique(y)) < 2:
        return []
    units, over = np.arange(len(rows)), "pictures"
    if main is not None and len(np.unique(main.codes[rows])) >= 5:
        units, over = np.unique(main.codes[rows], return_inverse=True)[1], main.name
    folds = group_folds(units, y, rng) if over != "pictures" else random_folds(y, rng)
    grid = _grid(pictures.detail)
    skills, best = _read_blocks(grid, y[None], n_classes, folds, progress)
    inside = _around(skills[..., 0])
    box, scaled = _box(pictures, grid, inside)
    mark = find_mark(pictures.detail, y, box)
    if inside.mean() > (LARGEST_MARK if mark.burnt_in else LARGEST_SHARE):
        return []
    target, k = (y, 0) if not n_classes else ((y == best).astype(int), 2)
    drawn, drawn_over = units, over
    if units.max() + 1 < FEWEST_DRAWN:
        drawn, drawn_over = np.arange(len(rows)), "pictures"
    weights = bootstrap_weights(int(drawn.max()) + 1, rng)
    region = _reading(_flat(grid, inside), target, k, folds, drawn, weights)
    coarse = _flat(_coarse(grid), ~_wider(inside))
    rest = _reading(coarse, target, k, folds, drawn, weights)
    excess_low = region[0] - rest[0] - np.hypot(region[0] - region[1], rest[2] - rest[0])
    if excess_low <= 0 or region[1] < MOST_OF_IT:
        return []
    tested = _test(material, rows, found, grid, skills.max(), n_classes, folds, rng, progress)
    if tested["p"] is not None and tested["p"] > STRICT:
        return []
    estimates = [
        _estimates(pixels, y, n_classes, folds)[None] for pixels in (_flat(grid, inside), coarse)
    ]
    words = ("a reader that finds the region", "all that lies outside it")
    cost = price(y, n_classes, (estimates[0], estimates[1]), units, over, words, "linear")
    evidence = {
        "box": dict(zip(("x", "y", "w", "h"), scaled, strict=True)),
        "picture_size": list(pictures.size),
        "skill": region[0],
        "interval": [region[1], region[2]],
        "over": f"{int(drawn.max()) + 1} {drawn_over}",
        "outside": rest[0],
        "outside_interval": [rest[1], rest[2]],
        "excess_lower_bound": excess_low,
        "median_block": float(np.median(skills)),
        "blocks": int(skills.size),
        **tested,
        "class": material.classes[best] if material.classes else None,
        "skill_of_blocks": np.round(skills[..., 0], 3).tolist(),
    }
    return [_finding(material, pictures, evidence, scaled, mark, cost)]


def _test(
    material: Material,
    rows: np.ndarray,
    found: list[Candidate],
    grid: Grid,
    best: float,
    n_classes: int,
    folds: Folds,
    rng: np.random.Generator,
    progress: Progress,
) -> dict[str, Any]:
    """P of the best block among all, for labels that trade places as people and stimuli allow."""
    exchange = _exchange(material, rows, found)
    try:
        drawn = exchange.draw(N_PERMUTATIONS, int(rng.integers(2**31)))
    except NoNullError as error:
        return {"p": None, "why": str(error)}
    labels = drawn if n_classes else drawn.astype(float)
    null, _ = _read_blocks(grid, labels, n_classes, folds, progress)
    largest = null.reshape(-1, len(labels)).T
    p = float(max_statistic([best], largest)[0])
    means = Null(
        exchange.scheme, exchange.n_groups, len(labels), f"the largest of {largest.shape[1]} blocks"
    )
    return {"p": p, "null": means.to_dict()}


def _exchange(material: Material, rows: np.ndarray, found: list[Candidate]) -> Exchange:
    named: dict[str, np.ndarray] = {}
    for one in found:
        role = one.role if one.role != "given" else role_of(one.name) or "subject"
        if role in ("subject", "stimulus", "session"):
            named.setdefault(role, one.codes[rows])
    trials = pd.DataFrame(named, index=range(len(rows)))
    return exchange_for(trials, material.y[rows], order="none")


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


def _estimates(pixels: np.ndarray, y: np.ndarray, k: int, folds: Folds) -> np.ndarray:
    if not pixels.shape[1]:
        return np.zeros(len(y))
    scores = _ridge(pixels, indicator(y, k), folds)
    return scores[:, 0] if not k else (scores - scores.mean(axis=0)).argmax(axis=1).astype(float)


def _reading(
    pixels: np.ndarray,
    y: np.ndarray,
    k: int,
    folds: Folds,
    units: np.ndarray,
    weights: np.ndarray,
) -> tuple[float, float, float]:
    """Skill of these pixels with its 95 % interval over groups, or trials."""
    if not pixels.shape[1]:
        return 0.0, 0.0, 0.0
    sums = group_sums(y, _estimates(pixels, y, k, folds), k, units)
    value = float(skill(sums.sum(axis=0), k))
    spread = float(skill(weights @ sums, k).std())
    half = normal_reach() * float(np.hypot(spread, 1.0 / len(weights[0])))
    return value, value - half, value + half


def _box(
    pictures: Pictures, grid: Grid, inside: np.ndarray
) -> tuple[tuple[slice, slice], list[int]]:
    """Rows and columns of the pixels that were read; x, y, w, h in pixels of the picture."""
    height, width = pictures.detail.shape[1:3]
    scale = pictures.size[0] / width
    i, j = np.nonzero(inside)
    tops = np.linspace(0, height - grid.side, inside.shape[0])
    lefts = np.linspace(0, width - grid.side, inside.shape[1])
    x, y = lefts[j.min()], tops[i.min()]
    w, h = lefts[j.max()] + grid.side - x, tops[i.max()] + grid.side - y
    pixels = (slice(round(y), round(y + h)), slice(round(x), round(x + w)))
    return pixels, [round(v * scale) for v in (x, y, w, h)]


def _finding(
    material: Material,
    pictures: Pictures,
    evidence: dict[str, Any],
    box: list[int],
    mark: Mark,
    cost: Cost | str,
) -> Finding:
    name = evidence["class"]
    what = material.target if name is None else f"{material.target} = {name}"
    low, high = evidence["interval"]
    high_enough = mark.burnt_in and low >= NEARLY_ALL and evidence["p"] is not None
    severity: Severity = "high" if high_enough else "medium"
    place = ",".join(map(str, box))
    verdict, advice = (
        (
            "the same pixels within a class, with a hard edge: the label is burnt in",
            f"Crop or mask {place} (x,y,w,h), after a look at it in a few files of each class.",
        )
        if mark.burnt_in
        else (
            "the label can be read here; look at it: mark or content?",
            f"Look at {place} (x,y,w,h) in a few files of each class: crop a mark, and leave what "
            "belongs to the picture, such as a mouth.",
        )
    )
    return Finding(
        "label_leak",
        severity,
        f"A region of {box[2]} × {box[3]} pixels at {box[0]},{box[1]} reads "
        f"{evidence['skill']:.2f} of {what} (interval {low:.2f} to {high:.2f}); all of the picture "
        f"outside reads {evidence['outside']:.2f}: {verdict}.",
        {
            **evidence,
            "burnt_in": mark.burnt_in,
            "steady_pixels": mark.pixels,
            "steady_share": mark.share,
            "spread_within_a_class": mark.spread_inside,
            "spread_outside": mark.spread_outside,
            "edge_that_survives_averaging": mark.edge,
        },
        advice,
        cost,
        files=[material.files[r] for r in pictures.large[:3]],
    )
