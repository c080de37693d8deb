"""Trials that come twice: rows, texts; and what it means for a split.

Two rows are copies if one is nearer to the other than chance allows. Around any trial the distances
to its nearest and k-th nearest neighbour obey ``P(r_1 / r_k < x) = 1 - (1 - x^d)^(k-1)`` in d
dimensions (Facco et al. 2017), whatever the density; d is estimated from the same ratios. A pair
counts where that chance, times the number of trials, is below .001.
"""

from __future__ import annotations

import re
import zlib
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.stats import beta

from affectome.audit.candidates import Candidate, sample_rows
from affectome.audit.costs import Cost, read_and_price
from affectome.audit.findings import Finding, Severity
from affectome.audit.material import Material
from affectome.audit.probes import filled, scaled
from affectome.evidence.quick import drawn_order, kept_together, random_folds, share_low

CERTAIN = 0.001
NEAR, VERY_NEAR = 0.5, 0.25
K, FAR = 12, 48
BLOCK = 1024
MOST_ROWS = 12_000
SAMPLED_COLUMNS = 200
FEWEST_DISTINCT = 0.5
N_HASHES, N_BANDS = 64, 16
SHINGLE = 5
ALIKE = 0.8
MOST_IN_BUCKET = 50
PRIME = np.uint64(2_147_483_647)
NONE = np.empty((0, 2), dtype=int)
FEWEST_FAMILIES, N_FOLDINGS = 10, 4


def copied_rows(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pairs of rows that are the same or nearly so, shape (m, 2).

    Rows need two columns of mostly distinct values (or eight columns): answers on a few short
    scales agree by chance.
    """
    values = filled(X)
    distinct = np.array([len(np.unique(values[:, j])) for j in range(X.shape[1])])
    if (distinct > FEWEST_DISTINCT * len(X)).sum() < 2 and (distinct > 2).sum() < 8:
        return NONE
    exact = _same_rows(values)
    if len(X) < 3 * K:
        return exact
    rows = drawn_order(len(X), rng)[:MOST_ROWS]
    Z = scaled(values[rows])
    if Z.shape[1] > SAMPLED_COLUMNS:
        Z = Z[:, drawn_order(Z.shape[1], rng)[:SAMPLED_COLUMNS]]
    near = rows[_near_rows(Z)]
    return np.unique(np.sort(np.vstack([exact, near]), axis=1), axis=0)


def _same_rows(values: np.ndarray) -> np.ndarray:
    rounded = np.round(values / np.maximum(np.abs(values).max(axis=0), 1e-300), 9) + 0.0
    codes = pd.util.hash_pandas_object(pd.DataFrame(rounded), index=False).to_numpy()
    return _chain(codes)


def _chain(keys: np.ndarray) -> np.ndarray:
    """Pair every trial with the trial before it that has the same key."""
    order = np.argsort(keys, kind="stable")
    same = keys[order][1:] == keys[order][:-1]
    return np.stack([order[:-1][same], order[1:][same]], axis=1)


def _near_rows(Z: np.ndarray) -> np.ndarray:
    n = len(Z)
    far = max(K, min(FAR, n // 4))
    square = np.einsum("ij,ij->i", Z, Z)
    nearest, ranked = np.empty(n, dtype=int), np.empty((n, 3))
    for start in range(0, n, BLOCK):
        block = slice(start, min(start + BLOCK, n))
        distance = square[block, None] + square - 2.0 * (Z[block] @ Z.T)
        distance[np.arange(distance.shape[0]), np.arange(n)[block]] = np.inf
        nearest[block] = distance.argmin(axis=1)
        places = [K - 1, far // 2 - 1, far - 1]
        ranked[block] = np.partition(distance, places, axis=1)[:, places]
    # the squares cancel for near copies: take those distances again, exactly
    first = np.sqrt(((Z - Z[nearest]) ** 2).sum(axis=1))
    usual, half, last = np.sqrt(np.maximum(ranked, 1e-30)).T
    ratio = np.clip(first / usual, 1e-12, 1.0)
    d = _dimension(ratio[ratio > 1e-6], 1, K, Z.shape[1])
    near = (n * _chance(ratio, d, K) < CERTAIN) & (ratio < NEAR)
    # where most trials have copies these hide the dimension: take it from neighbours farther away
    ratio = np.clip(first / last, 1e-12, 1.0)
    d = _dimension(half / last, far // 2, far, Z.shape[1])
    near |= (n * _chance(ratio, d, far) < CERTAIN) & (ratio < VERY_NEAR)
    found = np.flatnonzero(near)
    return np.stack([found, nearest[found]], axis=1)


def _dimension(ratio: np.ndarray, inner: int, outer: int, most: int) -> float:
    """Dimension from r_inner / r_outer: ``(r_i / r_o)^d`` is a Beta(i, o - i) variate."""
    middle = float(np.median(ratio)) if len(ratio) else 0.5
    log_half = np.log(beta.median(inner, outer - inner))
    return float(np.clip(log_half / np.log(min(max(middle, 1e-12), 0.999)), 1.0, most))


def _chance(ratio: np.ndarray, d: float, k: int) -> np.ndarray:
    """Chance that the nearest neighbour is as near as this, against the k-th."""
    return np.asarray(-np.expm1((k - 1) * np.log1p(-np.minimum(ratio**d, 1.0 - 1e-12))))


def copied_texts(texts: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """Pairs of texts that are the same or nearly so (Jaccard of 5-letter shingles ≥ .8).

    Candidates come from 64 min-hashes in 16 bands (Broder 1997); each is then compared in full.
    """
    plain = [re.sub(r"\W+", " ", t.lower()).strip() for t in texts]
    keys = np.array([zlib.crc32(p.encode()) for p in plain], dtype=np.int64)
    there = np.array([len(p) > 0 for p in plain])
    exact = _chain(np.where(there, keys, -1 - np.arange(len(keys))))
    exact = np.array([p for p in exact if plain[p[0]] == plain[p[1]]]).reshape(-1, 2).astype(int)
    first = np.setdiff1d(np.flatnonzero(there), exact[:, 1])
    shingles = {i: _shingles(plain[i]) for i in first}
    a, b = (rng.integers(least, PRIME, (N_HASHES, 1), dtype=np.uint64) for least in (1, 0))
    signature = np.stack([((a * (shingles[i] % PRIME) + b) % PRIME).min(axis=1) for i in first])
    pairs = _bucket_pairs(signature)
    near = [
        (first[a], first[b])
        for a, b in pairs
        if _jaccard(shingles[first[a]], shingles[first[b]]) >= ALIKE
    ]
    return np.vstack([exact, np.array(near, dtype=int).reshape(-1, 2)])


def _shingles(text: str) -> np.ndarray:
    raw = np.frombuffer(f"{text:<{SHINGLE}}".encode(), dtype=np.uint8).astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(raw, SHINGLE)
    return np.unique(windows @ (np.uint64(257) ** np.arange(SHINGLE, dtype=np.uint64)))


def _bucket_pairs(signature: np.ndarray) -> list[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    width = N_HASHES // N_BANDS
    for band in range(N_BANDS):
        part = signature[:, band * width : (band + 1) * width]
        codes = pd.util.hash_pandas_object(pd.DataFrame(part), index=False).to_numpy()
        order = np.argsort(codes, kind="stable")
        edges = np.flatnonzero(np.r_[True, np.diff(codes[order]) != 0, True])
        for start, stop in pairwise(edges):
            bucket = np.sort(order[start : min(stop, start + MOST_IN_BUCKET)])
            found.update((int(a), int(b)) for a in bucket for b in bucket if a < b)
    return sorted(found)


def _jaccard(a: np.ndarray, b: np.ndarray) -> float:
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)


def duplicate_findings(
    material: Material,
    X: np.ndarray,
    pairs: np.ndarray,
    groups: list[Candidate],
    what: str,
    how: dict[str, Any],
    rng: np.random.Generator,
) -> list[Finding]:
    """What copies do to a split: those across a given split, the share under random folds.

    Parameters
    ----------
    material
        What is audited.
    X
        Features, shape (n, p), for the price.
    pairs
        Copies, shape (m, 2).
    groups
        Candidates: copies across groups leak even where groups are held out.
    what
        ``"rows"``, ``"pictures"``, ``"sounds"`` or ``"texts"``.
    how
        How copies were verified, as numbers.
    rng
        For the folds of the price.
    """
    if not len(pairs):
        return []
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(material.n, material.n))
    family = connected_components(graph, directed=False)[1]
    touched = np.unique(pairs)
    share = share_low(len(touched), material.n)
    across = _across_split(material, pairs)
    other = _disagree(material, pairs)
    severity: Severity = "high" if across or share > 0.01 else "medium"
    sentence = (
        f"{len(touched)} of {material.n} {what} have a copy or near copy among the others "
        f"({len(np.unique(family[touched]))} families)"
    )
    evidence = {
        "trials_with_a_copy": len(touched),
        "share": len(touched) / material.n,
        "share_lower_bound_99": share,
        "families": len(np.unique(family[touched])),
        "pairs_across_the_given_split": across,
        "pairs_whose_labels_differ": other,
        "pairs_across_groups": {
            c.name: int((c.codes[pairs[:, 0]] != c.codes[pairs[:, 1]]).sum()) for c in groups
        },
        "pairs": [_pair(material, a, b) for a, b in pairs[:50]],
        **how,
    }
    split = f"; {across} pairs lie on both sides of {material.roles.split}" if across else ""
    return [
        Finding(
            "duplicate_trials",
            severity,
            f"{sentence}{split}.",
            evidence,
            "Keep one of each family, or keep every family on one side of the split; look at those "
            "whose labels differ.",
            _price(material, X, family, rng),
            [material.roles.split] if across and material.roles.split else [],
            [_label(material, i) for i in touched],
        )
    ]


def _price(
    material: Material, X: np.ndarray, family: np.ndarray, rng: np.random.Generator
) -> Cost | str:
    """Random folds, against the same ones with every family in one fold."""
    rows = sample_rows(family, rng)
    y, units = material.y[rows], np.unique(family[rows], return_inverse=True)[1]
    if units.max() + 1 < FEWEST_FAMILIES:
        return f"{units.max() + 1} families of copies can't be dealt into folds"
    folds = [random_folds(y, rng) for _ in range(N_FOLDINGS)]
    together = [kept_together(one, units) for one in folds]
    words = ("random folds", "copies kept on one side")
    return read_and_price(
        (X[rows], X[rows]), y, len(material.classes), (folds, together), units, "families", words
    )


def _across_split(material: Material, pairs: np.ndarray) -> int | None:
    if material.roles.split is None:
        return None
    side = material.trials[material.roles.split].astype(str).to_numpy()
    return int((side[pairs[:, 0]] != side[pairs[:, 1]]).sum())


def _disagree(material: Material, pairs: np.ndarray) -> int:
    a, b = material.y[pairs[:, 0]], material.y[pairs[:, 1]]
    return int((np.abs(a - b) > (0 if material.classes else 0.25 * material.y.std())).sum())


def _pair(material: Material, a: int, b: int) -> list[str]:
    return [_label(material, int(a)), _label(material, int(b))]


def _label(material: Material, i: int) -> str:
    if material.files:
        region = f" [{material.trials['region'][i]}]" if "region" in material.trials else ""
        return f"{material.files[i]}{region}"
    return f"row {i + 2}"
