"""The look that each kind of material asks for: its features, and the findings made on the way."""

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer

from affectome.audit.candidates import Candidate, main_groups, sample_rows
from affectome.audit.columns import constant_columns, duplicate_columns
from affectome.audit.copies import copied_pictures, copied_sounds
from affectome.audit.duplicates import copied_rows, copied_texts, duplicate_findings
from affectome.audit.features import picture_features, sound_features
from affectome.audit.file_metadata import picture_facts, sound_facts
from affectome.audit.findings import Finding, listed
from affectome.audit.leaks import (
    Sample,
    leaks_in_facts,
    leaks_in_features,
    leaks_in_notes,
)
from affectome.audit.material import Material
from affectome.audit.media import Pictures, Sounds
from affectome.audit.regions import telling_region
from affectome.evidence.quick import Folds, group_folds, random_folds
from affectome.progress import Progress

N_WORDS = 256

Look = tuple[np.ndarray, list[Finding]]


def look(
    material: Material,
    media: Pictures | Sounds | None,
    proposed: list[Candidate],
    rng: np.random.Generator,
    progress: Progress,
) -> Look:
    """Features (n, p) for the quick readers, and what was found while they were made."""
    main = main_groups(proposed, material.y, len(material.classes))
    folds = _folds(material, main, np.arange(material.n), rng)
    units = None if main is None else main.codes
    codes = np.arange(material.n) if main is None else main.codes
    rows = sample_rows(codes, rng)
    groups = np.unique(codes[rows], return_inverse=True)[1]
    over = "trials" if main is None else main.name
    sample = Sample(rows, _folds(material, main, rows, rng), groups, over)
    if isinstance(media, Pictures):
        X, findings = _look_at_pictures(material, media, proposed, main, rng, progress)
        facts = picture_facts(material.files, media)
        findings += leaks_in_facts(material, facts, X, folds, sample, units)
    elif isinstance(media, Sounds):
        X, findings = _look_at_sounds(material, media, proposed, rng)
        facts = sound_facts(material.files)
        findings += leaks_in_facts(material, facts, X, folds, sample, units)
    elif material.kind in ("table", "recording"):
        X, findings = _look_at_columns(material, proposed, folds, sample, units, rng, progress)
    else:
        X, findings = _look_at_texts(material, proposed, rng, progress)
        _, more = _look_at_columns(material, [], folds, sample, units, rng, progress)
        findings += more
    return X, leaks_in_notes(material, X, folds, sample, units) + findings


def _folds(
    material: Material, main: Candidate | None, rows: np.ndarray, rng: np.random.Generator
) -> Folds:
    if main is None:
        return random_folds(material.y[rows], rng)
    groups = np.unique(main.codes[rows], return_inverse=True)[1]
    return group_folds(groups, material.y[rows], rng)


def _look_at_columns(
    material: Material,
    proposed: list[Candidate],
    folds: Folds,
    sample: Sample,
    units: np.ndarray | None,
    rng: np.random.Generator,
    progress: Progress,
) -> Look:
    progress("columns", 0, 3)
    categories = material.trials[list(material.roles.categories)]
    findings, varies = constant_columns(material.X, material.names, categories)
    repeated, first = duplicate_columns(material.X, material.names, varies, categories)
    findings += repeated
    kept = np.flatnonzero(varies & (first == np.arange(len(first))))
    X, names = material.X[:, kept], tuple(material.names[j] for j in kept)
    progress("columns", 1, 3)
    leaks = leaks_in_features(material, X, names, folds, sample, units, rng)
    findings += leaks
    told = {c for one in leaks if one.severity == "high" for c in one.columns}
    left = np.array([name not in told for name in names], dtype=bool)
    if not left.all():
        X, names = X[:, left], tuple(name for name in names if name not in told)
        gone = listed(sorted(told))
        material.warnings.append(f"gaps and prices of other findings were read without {gone}")
    _note_missing(material, X, names)
    progress("columns", 2, 3)
    if X.shape[1] and not material.texts:
        pairs = copied_rows(X, rng)
        how = {"columns": len(names)}
        findings += duplicate_findings(material, X, pairs, proposed, "rows", how, rng)
    progress("columns", 3, 3)
    return X, findings


def _note_missing(material: Material, X: np.ndarray, names: tuple[str, ...]) -> None:
    holes = np.isnan(X).sum(axis=0)
    if holes.any():
        j = int(holes.argmax())
        material.warnings.append(
            f"{int((holes > 0).sum())} of {len(names)} columns have missing values (most: "
            f"{names[j]}, {holes[j]} of {len(X)}); that one is missing was read like a value, and "
            "the quick readers took the median instead"
        )


def _look_at_texts(
    material: Material, proposed: list[Candidate], rng: np.random.Generator, progress: Progress
) -> Look:
    progress("texts", 0, 2)
    words = HashingVectorizer(n_features=N_WORDS, alternate_sign=True, norm="l2")
    material.features = "words"
    X = words.transform(material.texts).toarray().astype(np.float32)
    progress("texts", 1, 2)
    pairs = copied_texts(material.texts, rng)
    how = {"jaccard_at_least": 0.8}
    findings = duplicate_findings(material, X, pairs, proposed, "texts", how, rng)
    progress("texts", 2, 2)
    return X, findings


def _look_at_pictures(
    material: Material,
    pictures: Pictures,
    proposed: list[Candidate],
    main: Candidate | None,
    rng: np.random.Generator,
    progress: Progress,
) -> Look:
    findings = telling_region(material, pictures, proposed, main, rng, progress)
    X, material.features = picture_features(pictures, progress)
    pairs, sure = copied_pictures(pictures.small, rng, progress)
    how = {"likeness_at_least": sure}
    pairs = pairs[_elsewhere(material, pairs)]
    findings += duplicate_findings(material, X, pairs, proposed, "pictures", how, rng)
    return X, findings


def _elsewhere(material: Material, pairs: np.ndarray) -> np.ndarray:
    """Which pairs are not two clips of one film: those are alike because the camera stood still."""
    files = np.array(material.files)
    places = [c for c in ("region", "x", "y", "w", "h", "onset") if c in material.trials]
    clips = material.trials[places].astype(str).agg(" ".join, axis=1).to_numpy()
    a, b = pairs.T
    return np.asarray((files[a] != files[b]) | (clips[a] == clips[b]))


def _look_at_sounds(
    material: Material, sounds: Sounds, proposed: list[Candidate], rng: np.random.Generator
) -> Look:
    material.features = "cepstral coefficients"
    X = sound_features(sounds)
    pairs, sure = copied_sounds(sounds.spectra)
    how = {"likeness_at_least": sure}
    return X, duplicate_findings(material, X, pairs, proposed, "sounds", how, rng)
