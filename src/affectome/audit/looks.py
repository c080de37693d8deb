"""The look that each kind of material asks for: its features, and the findings made on the way."""

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer

from affectome.audit.burned_in import burnt_in_label
from affectome.audit.candidates import Candidate, main_groups, sample_rows
from affectome.audit.columns import constant_columns, duplicate_columns
from affectome.audit.copies import copied_pictures, copied_sounds
from affectome.audit.duplicates import copied_rows, copied_texts, duplicate_findings
from affectome.audit.features import picture_features, sound_features
from affectome.audit.file_metadata import picture_facts, sound_facts
from affectome.audit.findings import Finding
from affectome.audit.leaks import (
    Sample,
    leaks_in_facts,
    leaks_in_features,
    leaks_in_notes,
)
from affectome.audit.material import Material
from affectome.audit.media import Pictures, Sounds
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
    main = main_groups(proposed, len(material.classes))
    folds = _folds(material, main, np.arange(material.n), rng)
    findings = leaks_in_notes(material, folds)
    if isinstance(media, Pictures):
        X, found = _look_at_pictures(material, media, proposed, main, rng, progress)
        findings += leaks_in_facts(material, picture_facts(material.files, media), folds)
    elif isinstance(media, Sounds):
        X, found = _look_at_sounds(material, media, proposed)
        findings += leaks_in_facts(material, sound_facts(material.files), folds)
    elif material.kind in ("table", "recording"):
        X, found = _look_at_columns(material, proposed, main, folds, rng, progress)
    else:
        X, found = _look_at_texts(material, proposed, rng, progress)
        _, more = _look_at_columns(material, [], main, folds, rng, progress)
        found += more
    return X, findings + found


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
    main: Candidate | None,
    folds: Folds,
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
    codes = np.arange(material.n) if main is None else main.codes
    rows = sample_rows(codes, rng)
    units = np.unique(codes[rows], return_inverse=True)[1]
    sample = Sample(rows, _folds(material, main, rows, rng), units)
    findings += leaks_in_features(material, X, names, folds, sample, rng)
    _note_missing(material, X, names)
    progress("columns", 2, 3)
    if X.shape[1] and not material.texts:
        pairs = copied_rows(X, rng)
        findings += duplicate_findings(material, pairs, proposed, "rows", {"columns": len(names)})
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
    findings = duplicate_findings(material, pairs, proposed, "texts", {"jaccard_at_least": 0.8})
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
    groups = None if main is None else main.codes
    findings = burnt_in_label(material, pictures, groups, rng, progress)
    pairs, sure = copied_pictures(pictures.small, rng, progress)
    how = {"likeness_at_least": sure}
    pairs = pairs[_elsewhere(material, pairs)]
    findings += duplicate_findings(material, pairs, proposed, "pictures", how)
    X, material.features = picture_features(pictures, progress)
    return X, findings


def _elsewhere(material: Material, pairs: np.ndarray) -> np.ndarray:
    """Which pairs are not two clips of one film: those are alike because the camera stood still."""
    files = np.array(material.files)
    places = [c for c in ("region", "x", "y", "w", "h", "onset") if c in material.trials]
    clips = material.trials[places].astype(str).agg(" ".join, axis=1).to_numpy()
    a, b = pairs.T
    return np.asarray((files[a] != files[b]) | (clips[a] == clips[b]))


def _look_at_sounds(material: Material, sounds: Sounds, proposed: list[Candidate]) -> Look:
    material.features = "cepstral coefficients"
    pairs, sure = copied_sounds(sounds.spectra)
    how = {"likeness_at_least": sure}
    return sound_features(sounds), duplicate_findings(material, pairs, proposed, "sounds", how)
