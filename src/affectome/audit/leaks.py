"""Label leaks in columns and names: one of them reads what all the others together can't."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from affectome.audit.columns import Reading, bins_of, category_codes, read_columns
from affectome.audit.costs import Cost, read_and_price
from affectome.audit.findings import Finding, Severity, listed
from affectome.audit.material import Material
from affectome.audit.probes import READERS, filled
from affectome.evidence.quick import Folds, bootstrap_weights, group_sums, normal_reach, skill

NEARLY_ALL = 0.7
MOST_OF_IT = 0.5
CODED = 0.9
FEW = 0.2
MOST_FINDINGS = 10
MOST_VALUES = 200


@dataclass(frozen=True)
class Sample:
    """Rows that the readers of several columns work on, the folds and groups of those rows."""

    rows: np.ndarray
    folds: Folds
    groups: np.ndarray
    over: str

    def price(
        self, material: Material, X: np.ndarray, more: pd.DataFrame, words: tuple[str, str]
    ) -> Cost | str:
        """Price columns beside features X (n, p): text as one column a value, numbers as they are.

        Parameters
        ----------
        material
            What is audited.
        X
            Features without the columns.
        more
            The columns.
        words
            What is read with them, and without.
        """
        numbers = more.select_dtypes("number")
        texts = more.drop(columns=numbers.columns).fillna("").astype(str)
        extra = numbers.to_numpy(float, na_value=np.nan)
        holes = np.isnan(extra)
        marks = pd.get_dummies(texts, dtype=float) if texts.shape[1] else pd.DataFrame()
        if marks.shape[1] > MOST_VALUES:
            return f"{marks.shape[1]} values of text are too many to give a reader as columns"
        wide = [X, extra, holes[:, holes.any(axis=0)]]
        wide += [marks.to_numpy()] if marks.shape[1] else []
        both = (np.hstack(wide)[self.rows], X[self.rows])
        return read_and_price(
            both,
            material.y[self.rows],
            len(material.classes),
            ([self.folds], [self.folds]),
            self.groups,
            self.over,
            words,
        )


def leaks_in_features(
    material: Material,
    X: np.ndarray,
    names: tuple[str, ...],
    folds: Folds,
    sample: Sample,
    units: np.ndarray | None,
    rng: np.random.Generator,
) -> list[Finding]:
    """Columns of a table that tell the label far better than all the others together.

    Parameters
    ----------
    material
        What is audited; its text categories are read, too.
    X
        Measured values that vary and are no copies of each other, shape (n, p).
    names
        Their names.
    folds
        Folds over all trials, by group where one is named.
    sample
        Rows for the readers that take all the other columns together.
    units
        What is independent, codes (n,); None where every trial is.
    rng
        For the bootstrap.
    """
    categories = [c for c in material.roles.categories if c in material.trials]
    codes = np.hstack([bins_of(X), category_codes(material.trials[categories])])
    if not codes.shape[1]:
        return []
    names = (*names, *categories)
    reading = read_columns(codes, material.y, len(material.classes), folds, units)
    read = np.flatnonzero(reading.low > 0)
    coded = read[_codes_of_the_label(material, codes[:, read], reading.skill[read])]
    strong = np.union1d(read[reading.sure[read] >= MOST_OF_IT], coded)
    measured = np.setdiff1d(strong, coded)
    if len(measured) > max(1, FEW * codes.shape[1]):
        measured = measured[:0]
    others = np.setdiff1d(np.arange(X.shape[1]), strong)
    findings = []
    together = [_best_first(coded, reading)] if len(coded) else []
    for columns in together + [[j] for j in _best_first(measured, reading)]:
        with threadpool_limits(1):
            rest, rest_high = read_together(
                material, X[:, others], int(reading.best[columns[0]]), sample, rng
            )
        excess = _excess(reading, columns[0], rest, rest_high)
        if columns[0] in coded or excess > 0:
            cost = _price_of(material, X, names, columns, sample)
            findings.append(_column_leak(material, reading, names, columns, rest, excess, cost))
    return findings


def _price_of(
    material: Material, X: np.ndarray, names: tuple[str, ...], columns: list[int], sample: Sample
) -> Cost | str:
    table = pd.DataFrame(
        {
            names[j]: X[:, j] if j < X.shape[1] else material.trials[names[j]].to_numpy()
            for j in columns
        }
    )
    others = np.delete(X, [j for j in columns if j < X.shape[1]], axis=1)
    named = listed([names[j] for j in columns], 2)
    return sample.price(material, others, table, (f"{named} among the columns", "it left out"))


def _excess(reading: Reading, j: int, rest: float, rest_high: float) -> float:
    """Lower bound of what a column reads beyond all the others together."""
    unsure = np.hypot(reading.skill[j] - reading.low[j], rest_high - rest)
    return float(reading.skill[j] - rest - unsure)


def _codes_of_the_label(material: Material, codes: np.ndarray, skill: np.ndarray) -> np.ndarray:
    """Which columns have no more values than there are classes, and read (nearly) all of one.

    Nothing that is measured does so; features may be as good without it.
    """
    most = max(2, len(material.classes)) if material.classes else 0
    values = np.array([len(np.unique(column)) for column in codes.T], dtype=int)
    return np.asarray((values <= most) & (skill >= CODED))


def _best_first(columns: np.ndarray, reading: Reading) -> list[int]:
    return [int(j) for j in columns[np.argsort(-reading.low[columns])][:MOST_FINDINGS]]


def read_together(
    material: Material, X: np.ndarray, best: int, sample: Sample, rng: np.random.Generator
) -> tuple[float, float]:
    """Skill of the better reader of all the columns, for one class, and its upper bound."""
    if not X.shape[1]:
        return 0.0, 0.0
    y, n_classes = material.y[sample.rows], 0
    if material.classes:
        y, n_classes = (y == best).astype(int), 2
    features = filled(X[sample.rows])
    weights = bootstrap_weights(sample.groups.max() + 1, rng)
    found = []
    for reader in READERS.values():
        estimates = reader(features, y, n_classes)(sample.folds)
        sums = group_sums(y, estimates, n_classes, sample.groups)
        value = float(skill(sums.sum(axis=0), n_classes))
        spread = float(skill(weights @ sums, n_classes).std())
        found.append((value, value + normal_reach() * spread))
    return max(found)


def _column_leak(
    material: Material,
    reading: Reading,
    names: tuple[str, ...],
    columns: list[int],
    rest: float,
    excess: float,
    cost: Cost | str,
) -> Finding:
    j, named = columns[0], [names[c] for c in columns]
    alone = len(names) == 1
    severity: Severity = "high" if reading.sure[j] >= NEARLY_ALL and not alone else "medium"
    skills = np.delete(reading.skill, columns)
    evidence = {
        "skill": reading.skill[j],
        "interval": [reading.low[j], reading.high[j]],
        "over": reading.over,
        "all_others_together": rest,
        "excess_over_all_others": reading.skill[j] - rest,
        "excess_lower_bound": excess,
        "next_best_column": skills.max(initial=0.0),
        "median_column": float(np.median(skills)) if len(skills) else 0.0,
        "class": material.classes[reading.best[j]] if material.classes else None,
        "columns_tested": len(names),
        "measure": measure(material),
    }
    so = f", and {listed(named[1:])} as much of theirs" if len(named) > 1 else ""
    return Finding(
        "label_leak",
        severity,
        f"The column {named[0]} alone reads {reading.skill[j]:.2f} of "
        f"{what_is_read(evidence, material)} (interval {reading.low[j]:.2f} to "
        f"{reading.high[j]:.2f}){so}; all the others together read {rest:.2f}.",
        evidence,
        f"Find out how {listed(named)} came about, and drop what was not measured before the label "
        "was known and without looking at it.",
        cost,
        named,
    )


def leaks_in_notes(
    material: Material,
    X: np.ndarray,
    folds: Folds,
    sample: Sample,
    units: np.ndarray | None,
) -> list[Finding]:
    """Notes on trials and parts of file names that are the label in other words."""
    roles = material.roles
    numbers = list(roles.numbers) if material.kind in ("media", "recording") else []
    table = material.trials[[*numbers, *(c for c in roles.categories if numbers or material.files)]]
    codes = np.hstack(
        [
            bins_of(table[numbers].to_numpy(float, na_value=np.nan)),
            category_codes(table.drop(columns=numbers)),
            category_codes(parts := _short_parts(material)),
        ]
    )
    names = [*numbers, *table.columns.drop(numbers), *parts.columns]
    if not names:
        return []
    reading = read_columns(codes, material.y, len(material.classes), folds, units)
    notes = pd.concat([table[numbers], table.drop(columns=numbers), parts], axis=1)
    return [
        _note_leak(
            material,
            reading,
            names[int(j)],
            int(j),
            bool(j >= table.shape[1]),
            sample.price(
                material,
                X,
                notes.iloc[:, [int(j)]],
                (f"{names[int(j)]} beside {material.features}", f"{material.features} alone"),
            ),
        )
        for j in np.flatnonzero((reading.sure >= NEARLY_ALL) & (reading.low > 0))
    ]


def leaks_in_facts(
    material: Material,
    facts: pd.DataFrame,
    X: np.ndarray,
    folds: Folds,
    sample: Sample,
    units: np.ndarray | None,
) -> list[Finding]:
    """Technical facts of media that tell the label: it came from elsewhere, class by class."""
    table = facts.loc[:, facts.nunique() > 1]
    if not table.shape[1]:
        return []
    codes = bins_of(table.to_numpy(float))
    reading = read_columns(codes, material.y, len(material.classes), folds, units)
    strong = np.flatnonzero((reading.sure >= MOST_OF_IT) & (reading.low > 0))
    best = strong[np.argsort(-reading.skill[strong])]
    if not len(best):
        return []
    j, named = int(best[0]), [str(table.columns[k]) for k in best]
    evidence = {
        "skill": reading.skill[j],
        "interval": [reading.low[j], reading.high[j]],
        "over": reading.over,
        "class": material.classes[reading.best[j]] if material.classes else None,
        "skill_of_each": {str(c): float(r) for c, r in zip(table, reading.skill, strict=True)},
        "measure": measure(material),
    }
    so = f"; so do {listed(named[1:])}" if len(named) > 1 else ""
    words = (f"{listed(named, 2)} beside {material.features}", f"{material.features} alone")
    return [
        Finding(
            "label_leak",
            "high" if reading.sure[j] >= NEARLY_ALL else "medium",
            f"The {named[0]} alone reads {reading.skill[j]:.2f} of "
            f"{what_is_read(evidence, material)} (interval {reading.low[j]:.2f} to "
            f"{reading.high[j]:.2f}){so}.",
            evidence,
            "Find out whether the classes come from different sources; bring all files to one size "
            "and encoding, crop borders, and score a reader of these facts as a baseline.",
            sample.price(material, X, table[named], words),
            named,
        )
    ]


def _note_leak(
    material: Material, reading: Reading, name: str, j: int, in_name: bool, cost: Cost | str
) -> Finding:
    evidence = {
        "skill": reading.skill[j],
        "interval": [reading.low[j], reading.high[j]],
        "over": reading.over,
        "class": material.classes[reading.best[j]] if material.classes else None,
        "measure": measure(material),
    }
    where = f"The file names tell the label: {name}" if in_name else f"The note {name}"
    return Finding(
        "label_leak",
        "medium",
        f"{where} reads {reading.skill[j]:.2f} of {what_is_read(evidence, material)} (interval "
        f"{reading.low[j]:.2f} to {reading.high[j]:.2f}).",
        evidence,
        "Never let names or their order reach a model or a rater: rename the files before use."
        if in_name
        else "Keep this column out of the features; it is the label in other words.",
        cost,
        [name],
        list(material.files[:3]) if in_name else (),
    )


def _short_parts(material: Material) -> pd.DataFrame:
    """Parts of names with few enough values to be codes of a label, and class names in names."""
    most = 2 * len(material.classes) + 2 if material.classes else 12
    parts = material.parts
    table = parts[[c for c in parts if parts[c].nunique() <= most]].copy()
    file = material.roles.file
    if file is not None and not material.from_names:
        stems = material.trials[file].astype(str).str.lower()
        words = sorted((c.lower() for c in material.classes if len(c) > 2), key=len, reverse=True)
        found = stems.map(lambda s: next((w for w in words if w in s), ""))
        if found.nunique() > 1:
            table["class in the name"] = found
    return table


def measure(material: Material) -> str:
    """What a skill is, in words."""
    if material.classes:
        return "hit rate less false alarm rate of the class, cross-validated"
    return "squared correlation of estimate and rating, cross-validated"


def what_is_read(evidence: dict[str, object], material: Material) -> str:
    """What a skill is a share of, in words."""
    name = evidence["class"]
    return f"{material.target}" if name is None else f"{material.target} = {name}"
