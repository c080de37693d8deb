r"""Partial least squares from voxels to the units of a network, in people who were not seen.

Every trial of a person has the responses :math:`x` of voxels and the stimulus' units :math:`y`
(Kragel et al. 2019). Each person's maps are centred, and divided by their root mean square. As
:math:`y` belongs to the stimulus, the covariance :math:`X^\top Y` needs only the sums of the maps
of each stimulus, :math:`M`; so the fit is done in the space that the rows of the training people's
:math:`M` span. All weights of the first component lie there anyway, and what is lost of later ones
is what no average map holds. There a fit costs matrices as large as there are stimuli, whatever the
number of voxels and trials, and every arrangement of the stimuli is fitted anew.

The same stimuli are seen in training and test. That people respond alike to a picture is then
enough to read any table of numbers about it, so the null is far above 0: it holds exactly that.
Beside it stand people *and* stimuli that were held out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from affectome.data import check_recording, trial_table
from affectome.errors import InputError
from affectome.evidence import (
    NoNullError,
    Score,
    Split,
    belongs_to,
    fdr,
    fitted_spread,
    group_mean,
    make_split,
    orders_of,
    p_of_each,
    tested,
)
from affectome.execution import run_blocks
from affectome.kernels.simpls import coefficients
from affectome.progress import Progress, silent

Array = NDArray[np.float64]
CHUNK = 200
AT_ONCE = 5_000_000
MOST_UNITS = 200
PARTS = 4
VARIANCE, NOTHING = 0.9, 1e-6
RANK = 1e-9
FEWEST_STIMULI = FEWEST_PEOPLE = 3
SCHEME = "the units of the stimuli trade places, the same way for all people; all is fitted anew"


@dataclass(frozen=True, eq=False)
class Reading:
    """How well the units are read from one region's voxels.

    Attributes
    ----------
    r
        Correlation of predicted and actual units over a person's trials, mean over units and
        people, with the interval over people and p.
    named
        Share that is named right: of a person's units, those whose prediction goes most with their
        own; of trials, those whose category is predicted most.
    chance, named_chance
        Means of both where the units of the stimuli traded places; NaN without a null.
    """

    r: Score
    named: Score
    chance: float
    named_chance: float

    def without_intervals(self) -> Reading:
        """Give the same where several people are read by one fit, which no interval sees."""
        r, named = (replace(one, interval=None) for one in (self.r, self.named))
        return replace(self, r=r, named=named)

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            "r": self.r.to_dict() | {"chance": _or_none(self.chance)},
            "named": self.named.to_dict() | {"chance": _or_none(self.named_chance)},
        }


@dataclass(frozen=True, eq=False)
class Beyond:
    """What is read of the units once a control has been taken from them.

    Attributes
    ----------
    control
        Name of the control: the units of another network, or what is known of the stimuli.
    explained
        Share of the units' variance over the stimuli that went with it.
    people, both
        As those of `Region`, of what was left.
    """

    control: str
    explained: float
    people: Reading
    both: Reading | None

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            "control": self.control,
            "explained": self.explained,
            "new_people": self.people.to_dict(),
            "new_people_and_stimuli": None if self.both is None else self.both.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Region:
    """One region: new people, and new people with new stimuli.

    Attributes
    ----------
    name, n_voxels
        What it is called, and its size.
    people
        Each person read by what the others' maps gave.
    both
        The same with a quarter of people and stimuli held out at once; None where they are too
        few. Several people are read by one fit, so an interval over people would be too narrow, and
        there is none.
    beyond
        What is left of the reading without each control.
    """

    name: str
    n_voxels: int
    people: Reading
    both: Reading | None
    beyond: tuple[Beyond, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        return {
            "region": self.name,
            "n_voxels": self.n_voxels,
            "new_people": self.people.to_dict(),
            "new_people_and_stimuli": None if self.both is None else self.both.to_dict(),
            "beyond": [one.to_dict() for one in self.beyond],
        }


@dataclass(frozen=True, eq=False)
class AcrossPeople:
    """What of a network's units can be read from other people's voxels.

    Attributes
    ----------
    regions
        In the order that they were given; the first is described unit by unit.
    units
        One row a unit of the network, read in the first region: ``unit``, ``r``, ``p``, ``q``, and
        ``named``, the share of people in whom its prediction goes most with it.
    confusion
        Codes of what was predicted and what it was taken for, shape (n, 2): a row a unit and person
        or, for categories, a trial (true and guessed).
    tested
        Person of each row of ``confusion``.
    weights, reliability
        Weights of the first region's voxels and these over their standard error over people, shape
        (n_units, n_voxels); None without draws.
    categorical
        Whether units are categories.
    split
        The people that were held out.
    notes
        What a reader has to know.
    """

    regions: tuple[Region, ...]
    units: pd.DataFrame
    confusion: NDArray[np.intp]
    tested: NDArray[Any]
    weights: NDArray[np.float32] | None
    reliability: NDArray[np.float32] | None
    categorical: bool
    split: Split
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for ``result.json``."""
        null = self.regions[0].people.r.null
        beside = {} if null is None else {"null": null.corrected(_over(self.units)).to_dict()}
        rows = self.units.astype(object).where(self.units.notna(), None).to_dict("records")
        return {
            "regions": [one.to_dict() for one in self.regions],
            "units": [one | beside for one in rows],
            "categorical": self.categorical,
        }


class _Fold(NamedTuple):
    """What a fold needs for any arrangement: see `_space`; and who is tested on what."""

    squares: Array
    sums: Array
    scores: Array
    stimulus: NDArray[np.intp]
    person: NDArray[np.intp]


class _Detail(NamedTuple):
    """The first region: Gram matrix, maps of one size, folds and scores of single people."""

    K: Array
    X: NDArray[np.float32]
    folds: list[_Fold]
    scores: _Scores


class _Scores(NamedTuple):
    """Of arrangements: ``r`` (n, n_people, n_units), share named right (n, n_people)."""

    r: Array
    named: Array


def pls_across_people(
    recording: xr.DataArray,
    units: pd.DataFrame,
    *,
    subject: str,
    stimulus: str,
    regions: Mapping[str, NDArray[np.bool_]] | None = None,
    controls: Mapping[str, pd.DataFrame] | None = None,
    categorical: bool = False,
    n_components: int = 10,
    n_permutations: int = 1000,
    n_bootstrap: int = 200,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Progress = silent,
) -> AcrossPeople:
    """Read a network's units from voxels, person by person from what the others' maps gave.

    Parameters
    ----------
    recording
        Dims (trial, unit); one map a trial.
    units
        A row a stimulus (its index), a column a unit of the network, or 0 and 1 for categories.
    subject, stimulus
        Columns of who and what.
    regions
        Name → which voxels, shape (n_voxels,), the first of them the one that is told in detail;
        all voxels if not given.
    controls
        Name → a row a stimulus, numbers: units of a network that saw objects only, of an untrained
        one, or whatever else is known of the stimuli. What their principal components (nine tenths
        of their variance, a quarter as many as stimuli at most) explain of the units by least
        squares is taken away, and what is left is read as well.
    categorical
        Whether the columns of ``units`` are categories, of which a stimulus has one.
    n_components
        Components of the fits.
    n_permutations
        Arrangements of the stimuli in the nulls; 0 for none.
    n_bootstrap
        Draws of people for the reliability of weights; 0 for no weights.
    random_state
        Seed of the arrangements, draws and folds.
    n_jobs
        Threads; see :func:`affectome.execution.run_blocks`.
    progress
        Called with each region.

    Returns
    -------
    AcrossPeople

    Raises
    ------
    InputError
        If there is one person only, a stimulus has no units, or nothing is left to read.
    """
    if "time" in check_recording(recording).dims:
        raise InputError("one map a trial is needed; average over a window first")
    trials = trial_table(recording)
    maps = np.asarray(recording.values, dtype=np.float32)
    wanted = {"all voxels": np.ones(maps.shape[1], bool)} if regions is None else dict(regions)
    notes: list[str] = []
    about = _About.of(trials, units, subject, stimulus, categorical, notes)
    about = about.arranged(n_permutations, random_state)
    splits = _splits(trials, subject, stimulus, about, random_state, notes)
    rest = {n: about.without(one, n, stimulus) for n, one in (controls or {}).items()}
    found: list[Region] = []
    detail: _Detail | None = None
    for done, (name, inside) in enumerate(wanted.items()):
        progress("regions", done, len(wanted))
        if not inside.any():
            notes.append(f"{name} holds no voxel of the maps; left out")
            continue
        X, flat = _of_one_size(maps[:, inside], about.person)
        if flat:
            notes.append(f"{name}: the maps of {flat} people are flat, so they teach nothing")
        K = (X @ X.T).astype(np.float64)
        folds = [_folds(K, about, split) for split in splits]
        scores = [_scored(one, about, n_components, n_jobs) for one in folds]
        read = _readings(scores, about)
        beyond = []
        for control, (left, explained) in rest.items():
            again = [_scored(one, left, n_components, n_jobs) for one in folds]
            beyond.append(Beyond(control, explained, *_readings(again, left)))
        found.append(Region(name, int(inside.sum()), *read, tuple(beyond)))
        detail = detail or _Detail(K, X, folds[0], scores[0])
    progress("regions", len(wanted), len(wanted))
    if detail is None:
        raise InputError(f"none of the regions {', '.join(wanted)} holds a voxel of the maps")
    pairs, whose = _confusion(detail.folds, about, n_components)
    weights = reliability = None
    if n_bootstrap > 0 and len(about.people) < FEWEST_PEOPLE:
        notes.append(f"no map of weights with fewer than {FEWEST_PEOPLE} people")
    elif n_bootstrap > 0:
        progress("weights", 0, 1)
        weights, reliability = _weights(detail, about, n_components, n_bootstrap, random_state)
        progress("weights", 1, 1)
    notes.append(f"weights and single units are those of {found[0].name}")
    return AcrossPeople(
        tuple(found),
        _unit_table(detail.scores, about, pairs),
        pairs,
        about.people[whose],
        weights,
        reliability,
        categorical,
        splits[0],
        tuple(notes),
    )


def _readings(scores: list[_Scores], about: _About) -> tuple[Reading, Reading | None]:
    people, *both = (about.reading(one) for one in scores)
    return people, both[0].without_intervals() if both else None


def _splits(
    trials: pd.DataFrame,
    subject: str,
    stimulus: str,
    about: _About,
    random_state: int,
    notes: list[str],
) -> list[Split]:
    """Person by person; and people and stimuli at once, where there are stimuli enough."""
    people = len(about.people)
    alone = make_split(trials, holdout=subject, n_splits=people, random_state=random_state)
    parts = min(PARTS, people, len(np.unique(about.themes)))
    try:
        both = make_split(trials, None, [subject, stimulus], parts, random_state)
    except InputError as error:
        notes.append(f"no stimuli are held out: {error}")
        return [alone]
    return [alone, both]


@dataclass(frozen=True, eq=False)
class _About:
    """What was shown to whom, and what is read of it.

    ``Y`` are the units of the stimuli, standardised over them, shape (n_stimuli, q), with their
    ``names``; ``shown`` and ``person`` are codes of the trials, ``counted`` says which ``people``
    are tested; ``orders`` are arrangements of the stimuli, the real one first. From each of them
    is taken what lies along the columns of ``taken``, (n_stimuli, k) and orthonormal.
    """

    Y: Array
    names: tuple[str, ...]
    stimuli: tuple[str, ...]
    shown: NDArray[np.intp]
    person: NDArray[np.intp]
    people: NDArray[Any]
    counted: NDArray[np.bool_]
    themes: NDArray[np.intp]
    theme: str | None
    categorical: bool
    orders: NDArray[np.intp]
    why: str = "no p, because no arrangements were asked for"
    taken: Array | None = None

    @classmethod
    def of(
        cls,
        trials: pd.DataFrame,
        units: pd.DataFrame,
        subject: str,
        stimulus: str,
        categorical: bool,
        notes: list[str],
    ) -> _About:
        for column in (subject, stimulus):
            nameless = trials[column].isna() | trials[column].astype(str).isin(["", "nan"])
            if nameless.any():
                raise InputError(
                    f"{int(nameless.sum())} trials have no {column}, the first is trial "
                    f"{int(nameless.to_numpy().argmax()) + 1}; name it, or leave its map out"
                )
        person, people = pd.factorize(trials[subject], sort=True)
        if len(people) < 2:
            raise InputError(
                f"{subject} names {len(people)} person; reading people by what others' maps gave "
                "takes two or more"
            )
        shown, stimuli = pd.factorize(trials[stimulus].astype(str), sort=True)
        Y, names = _targets(units, list(stimuli), stimulus, notes)
        few = (pd.Series(shown).groupby(person).nunique() < FEWEST_STIMULI).to_numpy()
        if few.all():
            raise InputError(f"nobody has maps of {FEWEST_STIMULI} or more values of {stimulus}")
        if few.any():
            notes.append(
                f"{', '.join(map(str, people[few]))}: fewer than {FEWEST_STIMULI} stimuli, so they "
                "train and are not tested"
            )
        theme = belongs_to(trials, stimulus, "stimulus")
        themes = orders = np.arange(len(stimuli))
        if theme is not None:
            themes = pd.factorize(trials[theme])[0][np.unique(shown, return_index=True)[1]]
        who = np.asarray(people)
        return cls(
            Y,
            names,
            tuple(stimuli),
            shown,
            person,
            who,
            ~few,
            themes,
            theme,
            categorical,
            orders[None],
        )

    def without(self, control: pd.DataFrame, name: str, stimulus: str) -> tuple[_About, float]:
        """Give the units less what a control explains, and the share of variance that went."""
        Z, _ = _targets(control, list(self.stimuli), stimulus, [], f"{name}: ")
        axes, size, _ = np.linalg.svd(Z, full_matrices=False)
        enough = int(np.searchsorted(np.cumsum(size**2) / np.sum(size**2), VARIANCE)) + 1
        basis = axes[:, : max(1, min(enough, len(Z) // 4))]
        left = self.Y - basis @ (basis.T @ self.Y)
        spread = left.std(axis=0)
        if (spread < NOTHING).any():
            raise InputError(f"{name} explains {self.names[int(spread.argmin())]!r} altogether")
        explained = 1 - float(np.mean(spread**2))
        return replace(self, Y=left / spread, taken=basis, categorical=False), explained

    def units(self, orders: NDArray[np.intp]) -> Array:
        """Units of the stimuli in each arrangement, shape (n, q, n_stimuli).

        Units that a control was taken from are orthogonal to it, and arranged anew they are not:
        it is taken from each arrangement again.
        """
        arranged = np.ascontiguousarray(self.Y.T[:, orders].transpose(1, 0, 2))
        if self.taken is None:
            return arranged
        left = arranged - (arranged @ self.taken) @ self.taken.T
        return np.asarray(left / left.std(axis=2, keepdims=True))

    @property
    def apart(self) -> NDArray[np.intp] | None:
        """Person of each stimulus where everybody saw others: these trade places in one person."""
        seen = pd.DataFrame({"shown": self.shown, "person": self.person}).drop_duplicates()
        alone = len(seen) == len(self.Y)
        return seen.sort_values("shown")["person"].to_numpy() if alone else None

    def arranged(self, n: int, random_state: int) -> _About:
        """Give the same with arrangements of the stimuli; without, where there are too few."""
        if n == 0:
            return self
        try:
            drawn = orders_of(self.themes, self.apart, n, random_state)
        except NoNullError as error:
            return replace(self, why=str(error))
        return replace(self, orders=np.concatenate([self.orders, drawn]))

    def design(self, rows: NDArray[np.intp], weights: Array | None = None) -> Array:
        """Which stimulus each trial showed, off each person's mean, shape (n_rows, n_stimuli)."""
        D = _off_people(np.eye(len(self.Y))[self.shown[rows]], self.person[rows])
        return D if weights is None else D * weights[self.person[rows], None]

    def reading(self, scores: _Scores) -> Reading:
        """Means over people, with interval and p."""
        r, chance = self._mean("pearson_r", scores.r.mean(axis=2))
        named, named_chance = self._mean("share", scores.named)
        return Reading(r, named, chance, named_chance)

    def _mean(self, metric: str, values: Array) -> tuple[Score, float]:
        own = values[:, self.counted]
        real, *drawn = own.mean(axis=1)
        score = replace(group_mean(own[0], "people", metric=metric), value=float(real))
        if not drawn:
            return replace(score, why=self.why), float("nan")
        scheme = SCHEME if self.theme is None else f"{SCHEME}; {self.theme} as wholes"
        scheme += "" if self.taken is None else "; the control is taken from each arrangement"
        p = tested(float(real), drawn, scheme, len(np.unique(self.themes)))
        return score.with_p(*p), float(np.mean(drawn))


def _targets(
    units: pd.DataFrame, names: list[str], stimulus: str, notes: list[str], of: str = ""
) -> tuple[Array, tuple[str, ...]]:
    """Units of the stimuli that were shown, standardised over them, and what they are called."""
    if units.shape[1] > MOST_UNITS and not of:
        raise InputError(
            f"{units.shape[1]} units are too many to be fitted together; give {MOST_UNITS} at "
            "most, or their principal components"
        )
    table = units.set_axis(units.index.astype(str), axis=0)
    missing = [name for name in names if name not in table.index]
    if missing:
        raise InputError(
            f"{of}{len(missing)} of {len(names)} values of {stimulus} have no units, the first is "
            f"{missing[0]!r}"
        )
    values = table.loc[names].to_numpy(dtype=float)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise InputError(f"{of}the unit {units.columns[column]!r} of {names[row]!r} is no number")
    varies = values.std(axis=0) > 1e-12 * np.maximum(1, np.abs(values).max(axis=0))
    flat = [str(c) for c, one in zip(units.columns, varies, strict=True) if not one]
    if not varies.any():
        raise InputError(
            f"{of}all units are the same for all {len(names)} stimuli: nothing to read"
        )
    if flat:
        notes.append(f"{', '.join(flat)}: the same for all stimuli that were shown; left out")
    values = values[:, varies]
    kept = tuple(str(c) for c in units.columns if str(c) not in flat)
    return (values - values.mean(axis=0)) / values.std(axis=0), kept


def _of_one_size(maps: NDArray[np.float32], person: NDArray[np.intp]) -> tuple[Any, int]:
    """Maps off each person's mean, over its root mean square; and how many people's are flat."""
    X = maps.astype(np.float32)
    flat = 0
    for one in np.unique(person):
        own = person == one
        X[own] -= X[own].mean(axis=0)
        size = float(np.sqrt(np.mean(X[own].astype(np.float64) ** 2)))
        flat += size == 0
        X[own] /= size or 1.0
    return X, flat


class _Space(NamedTuple):
    """Training trials in the space that the sums of their maps span.

    ``squares`` is ``C = Z'WZ`` of the scores ``Z = XV``, shape (m, m); ``sums' Y`` is the units'
    covariance with them, ``sums`` being (n_stimuli, m); ``back`` (n_stimuli, m) gives ``V``, which
    is ``M' back``.
    """

    squares: Array
    sums: Array
    back: Array


def _space(KD: Array, D: Array, person: NDArray[np.intp], weights: Array | None = None) -> _Space:
    """Find the space of training trials.

    Parameters
    ----------
    KD
        ``X M'``, shape (n_trials, n_stimuli).
    D
        Design, weighted by people, shape (n_trials, n_stimuli): the sums are ``M = D'X``.
    person
        Of each trial.
    weights
        Of the trials; 1 if not given.
    """
    size, axes = np.linalg.eigh(D.T @ KD)
    kept = size > RANK * size[-1] if size[-1] > 0 else np.zeros(len(size), bool)
    root = np.sqrt(size[kept])
    Z = _off_people(KD @ (axes[:, kept] / root), person)
    squares = Z.T @ (Z if weights is None else Z * weights[:, None])
    return _Space(squares, axes[:, kept] * root, axes[:, kept] / root)


def _folds(K: Array, about: _About, split: Split) -> list[_Fold]:
    folds = []
    for train, test in split:
        D = np.zeros((len(K), len(about.Y)))
        D[train] = about.design(train)
        KD = K @ D
        found = _space(KD[train], D[train], about.person[train])
        scores = KD[test] @ found.back
        whose, shown = about.person[test], about.shown[test]
        folds.append(_Fold(found.squares, found.sums, scores, shown, whose))
    return folds


def _off_people(values: Array, person: NDArray[np.intp]) -> Array:
    """Rows off the mean of their person's."""
    found = values.copy()
    for one in np.unique(person):
        own = person == one
        found[own] -= found[own].mean(axis=0)
    return found


def _scored(folds: list[_Fold], about: _About, n_components: int, n_jobs: int | None) -> _Scores:
    """Scores of every arrangement, the real one first."""
    people, q = len(about.counted), about.Y.shape[1]
    step = max(1, min(CHUNK, AT_ONCE // (people * q * q)))
    orders = (about.orders[at : at + step] for at in range(0, len(about.orders), step))
    blocks = ((folds, about, some, n_components) for some in orders)
    parts = run_blocks(_of_orders, blocks, n_jobs, threads=True)
    return _Scores(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def _predicted(fold: _Fold, arranged: Array, n_components: int) -> tuple[Array, Array]:
    """Predicted and actual units of a fold's test trials, shapes (n, q, n_tested)."""
    n, q, _ = arranged.shape
    S = (arranged.reshape(n * q, -1) @ fold.sums).reshape(n, q, -1)
    if not S.shape[2]:
        return np.zeros((n, q, len(fold.stimulus))), arranged[:, :, fold.stimulus]
    B = coefficients(fold.squares, S, n_components)
    predicted = (B.reshape(n * q, -1) @ fold.scores.T).reshape(n, q, -1)
    return predicted, arranged[:, :, fold.stimulus]


def _of_orders(
    folds: list[_Fold], about: _About, orders: NDArray[np.intp], n_components: int
) -> _Scores:
    n, q, people = len(orders), about.Y.shape[1], len(about.counted)
    along, own, true = np.zeros((3, people, n, q))
    crossed = np.zeros((people, n, q, q)) if q > 1 and not about.categorical else None
    hits, counts = np.zeros((n, people)), np.zeros(people)
    arranged = about.units(orders)
    for fold in folds:
        predicted, actual = _predicted(fold, arranged, n_components)
        for one in np.unique(fold.person):
            rows = fold.person == one
            counts[one] += rows.sum()
            if about.categorical:
                right = predicted[..., rows].argmax(axis=1) == actual[..., rows].argmax(axis=1)
                hits[:, one] += right.sum(axis=1)
            a, b = (_centred(M[..., rows]) for M in (predicted, actual))
            own[one] += np.einsum("nqt,nqt->nq", a, a)
            true[one] += np.einsum("nqt,nqt->nq", b, b)
            if crossed is None:
                along[one] += np.einsum("nqt,nqt->nq", a, b)
            else:
                crossed[one] += a @ b.transpose(0, 2, 1)
    if crossed is not None:
        along = np.diagonal(crossed, axis1=2, axis2=3)
        r_with = crossed / np.sqrt(np.maximum(true, 1e-300))[:, :, None, :]
        named = (r_with.argmax(axis=3) == np.arange(q)).mean(axis=2).T
    elif about.categorical:
        named = hits / np.maximum(counts, 1)
    else:
        named = np.ones((n, people))
    length = np.sqrt(own * true)
    r = np.divide(along, length, out=np.zeros_like(length), where=length > 0)
    return _Scores(r.transpose(1, 0, 2), named)


def _confusion(
    folds: list[_Fold], about: _About, n_components: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """What was predicted and what it was taken for, with the person."""
    pairs, whose = [], []
    arranged = about.units(about.orders[:1])
    for fold in folds:
        (predicted,), (actual,) = _predicted(fold, arranged, n_components)
        one = int(fold.person[0])
        if not about.counted[one]:
            continue
        if about.categorical:
            found = np.stack([actual.argmax(axis=0), predicted.argmax(axis=0)], axis=1)
        else:
            a, b = _centred(predicted), _centred(actual)
            length = np.maximum(np.linalg.norm(b, axis=1), 1e-150)
            found = np.stack([np.arange(len(a)), (a @ b.T / length).argmax(axis=1)], axis=1)
        pairs.append(found)
        whose.append(np.full(len(found), one))
    return np.concatenate(pairs), np.concatenate(whose)


def _weights(
    detail: _Detail, about: _About, n_components: int, n_bootstrap: int, random_state: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights of all people's fit, and these over their standard error over people."""
    K, X = detail.K, detail.X

    def fit(weights: Array) -> Array:
        D = about.design(np.arange(len(K)), weights)
        found = _space(K @ D, D, about.person, weights[about.person])
        B = coefficients(found.squares, about.Y.T[None] @ found.sums, n_components)[0]
        loads = (B @ found.back.T @ D.T).astype(np.float32)
        return np.asarray(loads @ X, dtype=np.float64)

    n_people = len(about.counted)
    found = fit(np.ones(n_people))
    error = fitted_spread(fit, n_people, n_bootstrap, random_state)
    ratio = np.divide(found, error, out=np.full_like(found, np.nan), where=error > 0)
    return found.astype(np.float32), ratio.astype(np.float32)


def _centred(values: Array) -> Array:
    return np.asarray(values - values.mean(axis=-1, keepdims=True))


def _unit_table(scores: _Scores, about: _About, pairs: NDArray[np.intp]) -> pd.DataFrame:
    r = scores.r[:, about.counted].mean(axis=1)
    table = pd.DataFrame({"unit": about.names, "r": r[0]})
    table["p"] = table["q"] = np.nan
    if len(r) > 1:
        p, _ = p_of_each(r[0], iter(r[1:]))
        table["p"], table["q"] = p, fdr(p)
    right = pd.Series(pairs[:, 0] == pairs[:, 1]).groupby(pairs[:, 0]).mean()
    table["named"] = right.reindex(range(len(table))).to_numpy()
    return table


def _over(units: pd.DataFrame) -> str:
    return f"Benjamini-Hochberg over {len(units)} units"


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
