"""Categories of emotion read from pictures, with the statistics of Kragel et al. (2019).

What is read from EmoNet's twenty units (where a user has its weights) or from object networks by a
head that is learned here stands beside networks that saw objects only, the same networks untrained,
and colours, spatial frequencies and faces. Groups of pictures are held out. Films are read by the
mean over their frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray

from affectome.data import Catalog, Skipped, make_recording, read_picture, result_head
from affectome.data.roles import role_of
from affectome.decoding.pls import PLSDecoder
from affectome.decoding.ridge import BalancedRidgeClassifierDecoder
from affectome.errors import InputError
from affectome.evidence import (
    Design,
    Evidence,
    PermutationTest,
    class_tests,
    correct_together,
    evaluate,
    fold_of,
    null_scores,
    score,
)
from affectome.evidence.ceilings import ceiling_of_means
from affectome.evidence.clusters import VARIANTS, Clusters, discriminable_clusters
from affectome.evidence.cross_fit import cross_fit
from affectome.evidence.scores import Score
from affectome.networks.emonet import EMOTIONS
from affectome.networks.own import find_emonet, load_emonet
from affectome.people.pictures.reader import PicturesReader
from affectome.people.pictures.training import ALPHAS, object_columns, see_pictures
from affectome.progress import Progress, silent
from affectome.studies.emonet.controls import plain_controls
from affectome.studies.emonet.films import is_film, pictures_of
from affectome.studies.emonet.labels import top_category

COMPONENTS = 10
FEWEST = 3
GROUPS = frozenset(("subject", "stimulus", "session"))
COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (255, 0, 0),
    "orange": (255, 140, 0),
    "yellow": (255, 235, 0),
    "green": (0, 160, 60),
    "blue": (0, 70, 220),
    "purple": (130, 0, 160),
    "pink": (255, 150, 190),
}


@dataclass(frozen=True, eq=False)
class Category:
    """How well one category is told from the rest.

    Attributes
    ----------
    name, n
        The category and its number of pictures.
    auc, d
        Area under the curve with its p, and d = √2·Φ⁻¹(AUC).
    sensitivity, specificity
        Share of its pictures that are named so, and of the others that are not.
    """

    name: str
    n: int
    auc: Score
    d: Score
    sensitivity: Score
    specificity: Score

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            "name": self.name,
            "n": self.n,
            "auc": self.auc.to_dict(),
            "d": self.d.to_dict(),
            "sensitivity": self.sensitivity.to_dict(),
            "specificity": self.specificity.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class EmoNetStudy:
    """What came out.

    Attributes
    ----------
    units
        Where the units come from, in words.
    evidence
        Reading of the categories, with its controls as baselines.
    categories
        One by one.
    clusters
        Discriminable clusters by either rule.
    ratings
        Rating → evidence of reading it from the same units by partial least squares.
    ceilings
        Rating → the r that no reader can exceed, as its raters differ; where that is known. Where
        not, ``notes`` say why.
    colours
        A row a flat colour: what is read from it, an unvalidated estimate without EmoNet.
    responses
        EmoNet's twenty units, a row a picture or film; None without its weights.
    skipped, notes
        What could not be used, and what a reader has to know.
    source
        Name of the folder or table of the pictures.
    """

    units: str
    evidence: Evidence
    categories: tuple[Category, ...]
    clusters: tuple[Clusters, ...]
    ratings: Mapping[str, Evidence]
    ceilings: Mapping[str, float]
    colours: pd.DataFrame
    responses: pd.DataFrame | None
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Give ``result.json``."""
        ratings: dict[str, Any] = {}
        for name, one in self.ratings.items():
            ratings[name] = one.to_dict()
            if name in self.ceilings:
                ceiling = self.ceilings[name]
                ratings[name]["ceiling"] = ceiling
                ratings[name]["share_of_ceiling"] = one.score.value / ceiling
        found = {
            **result_head(
                "study emonet",
                3,
                source=self.source,
                target="emotion",
                held_out=self.evidence.design.headline,
                trials=len(self.evidence.predictions),
                skipped=self.skipped,
                warnings=self.notes,
            ),
            "units": self.units,
            "decoding": self.evidence.to_dict(),
            "categories": [one.to_dict() for one in self.categories],
            "clusters": [one.to_dict() for one in self.clusters],
            "ratings": ratings,
            "colours": self.colours.to_dict("records"),
        }
        return dict(correct_together(found))


def run(
    catalog: Catalog,
    folder: Path,
    *,
    weights: str | Path | None = None,
    holdout: tuple[str, ...] = (),
    every: float = 1.0,
    n_permutations: int = 1000,
    n_bootstrap: int = 1000,
    random_state: int = 0,
    progress: Progress = silent,
) -> EmoNetStudy:
    """Read categories from pictures and say what a network trained on emotion adds.

    Parameters
    ----------
    catalog
        Pictures with ``emotion``, or with a column of ratings for each of three or more of the
        twenty emotions; ratings of valence and arousal are read too. Films are read by the mean
        over their frames, and ``emotion`` may be their genre.
    folder
        Where what networks see is kept.
    weights
        EmoNet's weights; looked for in torch's folder of checkpoints if not given.
    holdout
        Columns to hold out; subject and stimulus (theme, video) by default, films by themselves.
    every
        Seconds between the frames of a film that are looked at.
    n_permutations, n_bootstrap, random_state
        Arrangements of the labels, draws of groups, and the seed.
    progress
        Called with each step.

    Raises
    ------
    InputError
        If there are neither labels nor ratings of emotions, or nothing to hold out by.
    """
    catalog, notes = labelled(catalog)
    looked = look(catalog, folder, weights, every, progress)
    X, trials = looked.X, looked.trials
    kept = trials.drop(columns=["file"])
    if looked.films and not holdout and GROUPS.isdisjoint(map(role_of, map(str, kept))):
        kept, holdout = kept.assign(film=trials["file"]), ("film",)
    usual: dict[str, Any] = {"holdout": holdout or None, "random_state": random_state}
    usual |= {"n_permutations": n_permutations, "progress": progress}
    controls = {name: _recording(values, kept) for name, values in looked.controls.items()}
    decoder = BalancedRidgeClassifierDecoder(ALPHAS)
    evidence = evaluate(decoder, _recording(X, kept), "emotion", controls=controls, **usual)
    y = kept["emotion"].to_numpy(dtype=str)
    design = evidence.design
    names, codes = np.unique(y, return_inverse=True)
    predicted = cross_fit(decoder, X, y, design.split, True)
    assert predicted.scores is not None
    guess = predicted.scores.argmax(axis=1)
    tests = _tests(decoder, X, design, evidence, names, n_permutations, random_state)
    clusters = tuple(
        discriminable_clusters(
            codes,
            guess,
            len(names),
            variant=variant,
            groups=design.groups,
            n_bootstrap=0 if design.one_course else n_bootstrap,
            random_state=random_state,
            over=design.over,
        )
        for variant in VARIANTS
        if len(names) >= FEWEST
    )
    rated: dict[str, Evidence] = {}
    known: dict[str, float] = {}
    for name in catalog.ratings:
        given = kept[name].notna().to_numpy()
        rows = kept[given].reset_index(drop=True)
        if given.sum() <= 6 * FEWEST or rows[name].nunique() < FEWEST:
            notes.append(
                f"{name} is not read: {given.sum()} pictures have it, with {rows[name].nunique()} "
                f"different values; more than {6 * FEWEST} and {FEWEST} are needed"
            )
            continue
        rated[name] = evaluate(
            PLSDecoder(min(COMPONENTS, X.shape[1] - 1)),
            _recording(X[given], rows),
            name,
            controls={n: one[given] for n, one in controls.items()},
            **usual,
        )
        try:
            known[name] = ceiling(rows, name)
        except InputError as error:
            notes.append(f"no ceiling of {name}: {error}")
    return EmoNetStudy(
        looked.units,
        evidence,
        tuple(categories(names, codes, guess, predicted.scores, design, tests)),
        clusters,
        rated,
        known,
        flat_colours(looked.emonet),
        looked.responses,
        (*catalog.skipped, *looked.skipped),
        (*notes, *looked.notes, *design.notes),
        catalog.source.name,
    )


@dataclass(frozen=True, eq=False)
class Looked:
    """What is read from, a row a picture or film.

    ``X`` are the units, called ``units`` in words; ``controls`` stand beside them; ``trials`` are
    the rows of the catalog that could be looked at, some of them perhaps ``films``; ``emonet`` says
    where EmoNet's weights are.
    """

    X: NDArray[np.float64]
    units: str
    controls: Mapping[str, NDArray[np.float64]]
    trials: pd.DataFrame
    films: bool
    emonet: str | Path | None
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]

    @property
    def responses(self) -> pd.DataFrame | None:
        """EmoNet's twenty units by file; None without its weights."""
        if self.emonet is None:
            return None
        named = pd.DataFrame(self.X, columns=list(EMOTIONS))
        named.insert(0, "file", [Path(name).name for name in self.trials["file"]])
        return named


def look(
    catalog: Catalog,
    folder: Path,
    weights: str | Path | None,
    every: float,
    progress: Progress = silent,
) -> Looked:
    """Look at pictures and films with all networks, and without any; parameters as in `run`."""
    listed = catalog.table["file"].astype(str).tolist()
    files, item, broken = pictures_of(listed, folder, every, progress)
    if not files:
        raise InputError(f"none of {len(listed)} films can be read: {broken[0].why}")
    seen = see_pictures(files, folder, progress)
    files, item = [files[row] for row in seen.rows], item[seen.rows]
    rows, item = np.unique(item, return_inverse=True)

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        return _mean_over(values.astype(float), item)

    films = any(map(is_film, listed))
    notes = []
    if films:
        notes.append(f"films are the mean over a frame every {every:g} s, {len(files)} in all")
    X = mean(seen.trained)
    plain, without = plain_controls(files, folder, progress)
    controls = {
        "object classes only": X[:, object_columns()],
        "untrained networks": mean(seen.untrained),
        "image statistics": mean(seen.statistics.to_numpy()),
        **{name: mean(values) for name, values in plain.items()},
    }
    path = find_emonet() if weights is None else weights
    if path is None:
        units = "two object networks, head learned here (EmoNet's weights are not here)"
        notes.append(
            "EmoNet's weights are not here: what is read comes from networks that saw objects only"
        )
    else:
        controls["object networks"] = X
        each, source = emonet_units(files, path, progress)
        X, units = mean(each), f"EmoNet's twenty units, {source}"
    trials = catalog.table.iloc[rows].reset_index(drop=True)
    skipped = (*broken, *seen.skipped)
    return Looked(X, units, controls, trials, films, path, skipped, (*notes, *without))


def labelled(catalog: Catalog) -> tuple[Catalog, list[str]]:
    """Give the catalog with a label for every picture, from ratings where there is none.

    Raises
    ------
    InputError
        If there is neither a label nor three of the twenty emotions among the columns.
    """
    if "file" not in catalog.table:
        raise InputError(f"{catalog.source} names no picture files; name their column with --file")
    notes = list(catalog.notes)
    if "emotion" not in catalog.table:
        rated = [name for name in EMOTIONS if name in catalog.table]
        if len(rated) < FEWEST:
            raise InputError(
                f"{catalog.source} has no label (--target COL) and no columns of ratings such as "
                f"{', '.join(EMOTIONS[:3])}"
            )
        top = top_category(catalog.table[rated])
        table = catalog.table.assign(emotion=top.labels)
        catalog = Catalog(table, catalog.source, catalog.ratings, catalog.skipped)
        notes.append(
            f"labels are the top-rated of {len(rated)} categories; {int(top.ties.sum())} ties go "
            "to the first in the alphabet"
        )
    return catalog, notes


def _tests(
    decoder: BalancedRidgeClassifierDecoder,
    X: NDArray[np.float64],
    design: Design,
    evidence: Evidence,
    names: NDArray[Any],
    n_permutations: int,
    random_state: int,
) -> list[PermutationTest]:
    """Null of the AUC of each category: the same arrangements as those of their mean."""
    if evidence.null is None:
        return []
    drawn, how = design.arrange(n_permutations, random_state), design.exchange
    null = null_scores(decoder, X, design, ["macro_auc"], drawn, how.scheme, how.n_groups)
    return class_tests(null, names, fold_of(design.split, len(X)), evidence.null)


def categories(
    names: NDArray[Any],
    codes: NDArray[np.intp],
    guess: NDArray[np.intp],
    scores: NDArray[np.float64],
    design: Design,
    tests: Sequence[PermutationTest] = (),
) -> list[Category]:
    """Score every category against the rest, with intervals over groups and p of the AUC."""
    fold, groups, over = fold_of(design.split, len(codes)), design.groups, design.over

    def told(metric: str, y: NDArray[Any], found: NDArray[Any], rows: NDArray[np.bool_]) -> Score:
        one = score(metric, y[rows], found[rows], groups[rows], fold[rows], over=over)
        return replace(one, interval=None) if design.one_course else one

    found = []
    for k, name in enumerate(names):
        own, all_of_them = codes == k, np.ones(len(codes), bool)
        auc = told("macro_auc", own, scores[:, k], all_of_them)
        if tests:
            auc = auc.with_p(tests[k].p, tests[k].claim)
        else:
            auc = replace(auc, why=design.why_no_p or "no p, because none was asked for")
        d = told("d_from_auc", own, scores[:, k], all_of_them)
        # A share of trials: every trial is of one class here.
        right = np.where(own, guess == k, guess != k).astype(int)
        shares = [
            told("balanced_accuracy", np.ones(len(own), int), right, rows) for rows in (own, ~own)
        ]
        found.append(Category(str(name), int(own.sum()), auc, d, *shares))
    return found


def ceiling(trials: pd.DataFrame, name: str) -> float:
    """The r that no reader of a rating exceeds, as its raters differ.

    Raises
    ------
    InputError
        If the table does not hold the rating's spread and number of raters, or they leave none.
    """
    about = [name, f"{name}_sd", f"{name}_n"]
    missing = [column for column in about if column not in trials]
    if missing:
        raise InputError(f"there is no column {' and no column '.join(missing)}")
    return ceiling_of_means(*trials[about].dropna().to_numpy(float).T)


def emonet_units(
    files: list[str], weights: str | Path, progress: Progress = silent
) -> tuple[NDArray[np.float64], str]:
    """EmoNet's logits of pictures, shape (n, 20), and where its weights come from."""
    network, see, source = load_emonet(weights)
    found = []
    for number, file in enumerate(files, 1):
        pixels = see.shorten(read_picture(file))
        with torch.inference_mode():
            found.append(network(see.to_input(np.array(pixels[None])))[0].numpy().astype(float))
        progress("EmoNet", number, len(files))
    return np.array(found), f"{source}, {see.words()}"


def _mean_over(values: NDArray[np.float64], item: NDArray[np.intp]) -> NDArray[np.float64]:
    """Means over the rows of each item, shape (n_items, n_columns)."""
    total = np.zeros((int(item.max()) + 1, values.shape[1]))
    np.add.at(total, item, values)
    return np.asarray(total / np.bincount(item)[:, None])


def flat_colours(weights: str | Path | None) -> pd.DataFrame:
    """Ask what flat colours evoke: a probe of the network, not of people."""
    pixels = {name: np.full((1, 192, 192, 3), rgb, np.uint8) for name, rgb in COLOURS.items()}
    rows = []
    if weights is not None:
        network, see, _ = load_emonet(weights)
        for name, flat in pixels.items():
            whole = np.full((1, see.side, see.side, 3), flat[0, 0, 0], np.uint8)
            with torch.inference_mode():
                p = network(see.to_input(whole)).softmax(1)[0].numpy()
            order = np.argsort(-p)[:FEWEST]
            top = {EMOTIONS[k]: float(p[k]) for k in order}
            rows.append({"colour": name, **_named(top)})
    else:
        reader = PicturesReader()
        for name, flat in pixels.items():
            guess = reader.guess(flat)[0]
            top = dict(sorted(guess.items(), key=lambda item: -item[1])[:FEWEST])
            rows.append({"colour": name, **_named(top)})
    return pd.DataFrame(rows)


def _named(top: dict[str, float]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for place, (name, p) in enumerate(top.items(), 1):
        found |= {f"emotion_{place}": name, f"probability_{place}": round(p, 4)}
    return found


def _recording(values: NDArray[Any], trials: pd.DataFrame) -> xr.DataArray:
    return make_recording(values, trials, pd.DataFrame({"feature": range(values.shape[1])}))
