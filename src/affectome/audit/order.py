"""Order: a label that follows the clock, or the label before it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from affectome.audit.candidates import Candidate, sample_rows
from affectome.audit.columns import bins_of, read_columns
from affectome.audit.costs import Cost, read_and_price
from affectome.audit.findings import Finding, Severity
from affectome.audit.leaks import NEARLY_ALL
from affectome.audit.material import Material
from affectome.evidence.quick import random_folds, stretch_folds, stretches_of

SOME = 0.1
FEWEST_TIMED, N_FOLDINGS = 60, 2
SORTED = 2
ROW_ORDER = "the order of the rows"


def order_findings(
    material: Material, X: np.ndarray, groups: list[Candidate], rng: np.random.Generator
) -> list[Finding]:
    """Read the label from the trial's place and from the label before it, against chance.

    Clocks are the columns named so; without one the rows' own order is taken, which counts for
    less, since tables are often sorted by their label after the fact.
    """
    clocks = [*material.roles.order[:5]]
    if not clocks and not material.files:
        clocks = [ROW_ORDER]
    keys = [c for c in groups if c.role in ("subject", "session")][:2]
    findings = []
    for clock in clocks:
        place = (
            np.arange(material.n, dtype=float)
            if clock == ROW_ORDER
            else material.trials[clock].to_numpy(float, na_value=np.nan)
        )
        finding = _read_clock(material, X, clock, place, keys, 3 * len(clocks), rng)
        if finding is not None:
            findings.append(finding)
    return findings


def _read_clock(
    material: Material,
    X: np.ndarray,
    clock: str,
    place: np.ndarray,
    keys: list[Candidate],
    tests: int,
    rng: np.random.Generator,
) -> Finding | None:
    n_classes = len(material.classes)
    before = [_label_before(material, place, within) for within in ([], keys)]
    codes = bins_of(np.stack([place, *before], axis=1))
    folds = random_folds(material.y, rng)
    reading = read_columns(codes, material.y, n_classes, folds, n_tests=tests)
    best = int(reading.low.argmax())
    if reading.low[best] < SOME:
        return None
    known = clock != ROW_ORDER
    severity: Severity = "high" if known and reading.sure[best] >= NEARLY_ALL else "medium"
    if not known and reading.sure[best] < NEARLY_ALL:
        severity = "low"
    how = ("its place in", "the label before it in", "the label before it, of the same group, in")[
        best
    ]
    return Finding(
        "order",
        severity,
        f"{material.target}: {how} {clock} reads {reading.skill[best]:.2f} of it "
        f"(interval {reading.low[best]:.2f} to {reading.high[best]:.2f}).",
        {
            "skill_of_place": reading.skill[0],
            "skill_of_label_before": reading.skill[1],
            "skill_of_label_before_in_its_group": reading.skill[2],
            "interval": [reading.low[best], reading.high[best]],
            "over": f"{len(material.y)} trials",
            "longest_run": _longest_run(material.y[np.argsort(place, kind="stable")]),
        },
        "Whatever drifts with time can pass for the label: fold by blocks of time with a gap, and "
        "take the trial's place and the label before it as baselines.",
        _price(material, X, place, clock, rng),
        [] if clock == ROW_ORDER else [clock],
    )


def _price(
    material: Material, X: np.ndarray, place: np.ndarray, clock: str, rng: np.random.Generator
) -> Cost | str:
    """Random folds, against folds of whole stretches of the clock with gaps between them."""
    known = np.flatnonzero(~np.isnan(place))
    if len(known) < FEWEST_TIMED:
        return f"{len(known)} trials are too few to be cut into stretches of time"
    in_time = material.y[known][np.argsort(place[known], kind="stable")]
    n_runs = 1 + int((in_time[1:] != in_time[:-1]).sum())
    if material.classes and n_runs <= SORTED * len(material.classes):
        return (
            f"the classes lie in {n_runs} stretches of {clock}, so that holding out time is "
            "holding out the class"
        )
    stretch = stretches_of(place[known])
    kept = sample_rows(stretch, rng)
    y, units = material.y[known][kept], np.unique(stretch[kept], return_inverse=True)[1]
    if material.classes and len(np.unique(y)) < len(material.classes):
        return "a class is too rare to be in every part"
    random = [random_folds(y, rng) for _ in range(N_FOLDINGS)]
    blocked = [stretch_folds(place[known][kept], y, rng) for _ in range(N_FOLDINGS)]
    features = X[known][kept]
    words = (f"folds mixed in {clock}", f"whole stretches of {clock} held out")
    return read_and_price(
        (features, features),
        y,
        len(material.classes),
        (random, blocked),
        units,
        "stretches of time",
        words,
    )


def _label_before(material: Material, place: np.ndarray, keys: list[Candidate]) -> np.ndarray:
    """Label of the trial before, within subject and session; NaN for the first of each."""
    table = pd.DataFrame({"y": material.y.astype(float), "place": place})
    names = [f"key {i}" for i in range(len(keys))]
    for name, key in zip(names, keys, strict=True):
        table[name] = key.codes
    ordered = table.sort_values([*names, "place"], kind="stable")
    before = ordered.groupby(names)["y"].shift() if names else ordered["y"].shift()
    return before.reindex(table.index).to_numpy()


def _longest_run(y: np.ndarray) -> int:
    starts = np.flatnonzero(np.r_[True, y[1:] != y[:-1], True])
    return int(np.diff(starts).max())
