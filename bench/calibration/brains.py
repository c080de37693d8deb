"""Cells of the brains room: signatures against spatial nulls, encoding models, similarity."""

from __future__ import annotations

from functools import partial

import nibabel
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from affectome.brains import (
    distance_model,
    encode,
    pls_across_people,
    rdms,
    rsa,
    searchlight,
    signature,
)
from affectome.data import make_recording
from affectome.evidence import NoNullError, Score, SurrogateMaps, spatial_test
from affectome.simulations import simulate_correspondence, simulate_maps
from bench.calibration.cell import COVERAGE, FALSE_ALARMS, POWER, Cell, Count

SHAPE = (14, 16, 12)
N_DRAWS = 199


def cells() -> list[Cell]:
    """False alarms of every p of the room, coverage of its intervals, and power."""
    found = [
        Cell(
            "signature: p",
            f"{people} people, smooth maps ({width}) with shared anatomy, pattern ({own})",
            FALSE_ALARMS,
            partial(signatures, people, width, own, 0.0),
        )
        for people in (10, 30)
        for width in (1, 3)
        for own in (1, 2, 4)
    ]
    found += [
        Cell(
            "signature: p",
            f"pattern with {kind}, masked",
            FALSE_ALARMS,
            partial(directions, kind),
        )
        for kind in ("two scales", "a trend", "heavy tails")
    ]
    found += [
        Cell("signature: p", "10 people, planted", POWER, partial(signatures, 10, 2, 2, 0.6)),
        Cell("signature: interval over people", "10 people", COVERAGE, expressions),
    ]
    for name, drop, holdout in (
        ("new people and stimuli", 0, None),
        ("a seventh of the cells missing", 20, None),
        ("new stimuli", 0, "film"),
        ("new people only", 0, "subject"),
    ):
        design = f"6 people × 24 stimuli with an identity: {name}"
        found.append(
            Cell("encode: p of the mean", design, FALSE_ALARMS, partial(models, drop, holdout))
        )
    found.append(Cell("encode: p of a unit", "6 people × 24 stimuli", FALSE_ALARMS, single_unit))
    for people, conditions in ((5, 12), (20, 40)):
        design = f"{people} people × {conditions} conditions with an identity"
        found.append(Cell("rsa: p", design, FALSE_ALARMS, partial(similarity, people, conditions)))
        found += [
            Cell(
                f"rsa: interval, effect {effect:g}",
                design,
                COVERAGE,
                partial(similar, people, conditions, effect),
            )
            for effect in (0.0, 1.0)
        ]
    for people, pictures, holes in ((6, 16, 0), (6, 16, 25), (3, 24, 0)):
        design = f"{people} people × {pictures} pictures with an identity, smooth maps"
        design += f", {holes} trials missing" if holes else ""
        for new in (False, True):
            name = "pls: p, new people" + (" and stimuli" if new else "")
            run = partial(unrelated, people, pictures, holes, new)
            found.append(Cell(name, design, FALSE_ALARMS, run))
    for new in (False, True):
        name = "pls: p beyond a control, new people" + (" and stimuli" if new else "")
        design = "6 people × 24 pictures, maps follow the control, which units share"
        found.append(Cell(name, design, FALSE_ALARMS, partial(shared_with_control, new)))
    design = "8 people, others who see the same 24 pictures"
    found.append(Cell("pls: interval, new people", design, COVERAGE, other_people))
    found.append(Cell("searchlight: p", "5 people, strong stimuli", FALSE_ALARMS, spheres))
    return found


def field(rng: np.random.Generator, width: float) -> np.ndarray:
    """A stationary field that does not wrap round."""
    pad = int(4 * width) + 1
    big = gaussian_filter(rng.standard_normal([n + 2 * pad for n in SHAPE]), width)
    cut = big[tuple(slice(pad, -pad) for _ in SHAPE)]
    return np.asarray(cut / cut.std())


def signatures(people: int, width: float, own: float, effect: float, n_sets: int) -> Count:
    """Count p of a pattern in people who share their anatomy."""
    hits = refused = 0
    for k in range(n_sets):
        rng = np.random.default_rng(k)
        pattern, shared = field(rng, own), field(rng, width) + 0.3
        maps = np.stack(
            [shared + effect * pattern + 2 * field(rng, width) for _ in range(people)], axis=3
        )
        found = signature(
            nibabel.Nifti1Image(maps.astype(np.float32), np.eye(4)),
            nibabel.Nifti1Image(pattern.astype(np.float32), np.eye(4)),
            "pattern",
            n_surrogates=N_DRAWS,
            random_state=k,
        ).tests[1]
        refused += found.p is None
        hits += found.p is not None and found.p <= 0.05
    return Count(hits, n_sets, refused)


def expressions(n_sets: int) -> Count:
    """Count intervals of the mean dot product that hold the one of the shared map."""
    hits = 0
    fixed = np.random.default_rng(0)
    pattern, shared = field(fixed, 2), field(fixed, 2)
    truth = float((pattern.astype(np.float32) * shared).sum())
    for k in range(n_sets):
        rng = np.random.default_rng(1 + k)
        maps = np.stack([shared + field(rng, 2) for _ in range(10)], axis=3)
        found = signature(
            nibabel.Nifti1Image(maps.astype(np.float32), np.eye(4)),
            nibabel.Nifti1Image(pattern.astype(np.float32), np.eye(4)),
            "pattern",
            n_surrogates=20,
        ).tests[0]
        low, high = found.interval or (np.nan, np.nan)
        hits += bool(low <= truth <= high)
    return Count(hits, n_sets, 0)


def directions(kind: str, n_sets: int) -> Count:
    """Count p of patterns that are no Gaussian field of one scale, within a ball."""
    places = np.indices(SHAPE).reshape(3, -1).T
    away = (places - (np.array(SHAPE) - 1) / 2) / (np.array(SHAPE) / 2)
    inside = ((away**2).sum(axis=1) <= 1).reshape(SHAPE)
    hits = refused = 0
    for k in range(n_sets):
        rng = np.random.default_rng(k)
        pattern = field(rng, 1)
        if kind == "two scales":
            pattern += field(rng, 3)
        elif kind == "a trend":
            slope = np.linspace(-1.5, 1.5, SHAPE[0])[:, None, None]
            pattern = pattern + rng.standard_normal() * slope
        else:
            pattern = pattern**3
        try:
            made = SurrogateMaps(pattern[inside], inside)
        except NoNullError:
            refused += 1
            continue
        other = field(rng, 2)[inside]
        hits += spatial_test(made, pattern[inside], other, N_DRAWS, k)[0][1] <= 0.05
    return Count(hits, n_sets, refused)


def films(seed: int, drop: int = 0) -> tuple[object, dict[str, np.ndarray]]:
    """Stimuli with an identity that everybody shares, and features that say nothing."""
    rng = np.random.default_rng(seed)
    people, n, units = 6, 24, 20
    shown = np.tile(np.arange(n), people)
    features = rng.standard_normal((n, 2))
    values = rng.standard_normal((n, units))[shown]
    values += np.repeat(rng.standard_normal((people, units)), n, axis=0)
    values += rng.standard_normal(values.shape)
    trials = pd.DataFrame({"subject": np.repeat(np.arange(people), n).astype(str), "film": shown})
    trials["film"] = "f" + trials["film"].astype(str)
    kept = np.sort(rng.permutation(len(trials))[drop:])
    recording = make_recording(
        values[kept], trials.iloc[kept].reset_index(drop=True), pd.DataFrame({"voxel": range(20)})
    )
    return recording, {"features": features[shown[kept]]}


def models(drop: int, holdout: str | None, n_sets: int) -> Count:
    """Count p of the mean correlation over units."""
    hits = refused = 0
    for k in range(n_sets):
        recording, bands = films(k, drop)
        p = encode(recording, bands, holdout, n_permutations=N_DRAWS).overall.p
        refused += p is None
        hits += p is not None and p <= 0.05
    return Count(hits, n_sets, refused)


def single_unit(n_sets: int) -> Count:
    """Count p of the first unit."""
    hits = 0
    for k in range(n_sets):
        recording, bands = films(k)
        hits += encode(recording, bands, n_permutations=N_DRAWS).units["p"][0] <= 0.05
    return Count(int(hits), n_sets, 0)


def arranged(seed: int, people: int, n: int, effect: float) -> tuple[object, np.ndarray]:
    """People whose conditions follow a rating, beside an identity of each condition."""
    rng = np.random.default_rng(seed)
    rating = rng.standard_normal(n)
    code = np.random.default_rng(0).standard_normal((1, 40))
    shared = effect * rating[:, None] * code + 0.7 * rng.standard_normal((n, 40))
    values = np.concatenate([shared + rng.standard_normal((n, 40)) for _ in range(people)])
    trials = pd.DataFrame(
        {
            "subject": np.repeat([f"p{i}" for i in range(people)], n),
            "stimulus": np.tile([f"s{k:02d}" for k in range(n)], people),
        }
    )
    return make_recording(values, trials, pd.DataFrame({"voxel": range(40)})), rating


def similarity(people: int, n: int, n_sets: int) -> Count:
    """Count p of a model that has nothing to do with the data."""
    hits = 0
    for k in range(n_sets):
        recording, _ = arranged(k, people, n, 1.0)
        other = np.random.default_rng(10_000 + k).standard_normal(n)
        data = rdms(recording, measure="squared_euclidean")
        found = rsa(data, {"other": distance_model(other)}, n_permutations=N_DRAWS)
        hits += found.scores["other"].p <= 0.05
    return Count(hits, n_sets, 0)


def similar(people: int, n: int, effect: float, n_sets: int) -> Count:
    """Count intervals that hold the mean similarity over all data sets."""
    found = []
    for k in range(n_sets):
        recording, rating = arranged(k, people, n, effect)
        data = rdms(recording, measure="squared_euclidean")
        one = rsa(data, {"rating": distance_model(rating)}, n_permutations=99)
        found.append(one.scores["rating"])
    truth = float(np.mean([one.value for one in found]))
    told = [one.interval for one in found if one.interval is not None]
    return Count(sum(low <= truth <= high for low, high in told), n_sets, n_sets - len(told))


def unrelated(people: int, pictures: int, holes: int, new: bool, n_sets: int) -> Count:
    """Count p of units that have nothing to do with how all people answer the pictures."""
    hits = refused = 0
    for k in range(n_sets):
        maps, units = simulate_correspondence(
            n_subjects=people,
            n_stimuli=pictures,
            n_units=4,
            shape=(6, 10, 5),
            regions={"all": 0.0},
            identity=0.7,
            random_state=k,
        )
        rows = np.sort(np.random.default_rng(k).permutation(maps.sizes["trial"])[holes:])
        read = read_units(maps.isel(trial=rows), units, N_DRAWS, k, new)
        refused += read.p is None
        hits += read.p is not None and read.p <= 0.05
    return Count(hits, n_sets, refused)


def shared_with_control(new: bool, n_sets: int) -> Count:
    """Count p of what is left of units that maps follow through a control alone."""
    hits = 0
    for k in range(n_sets):
        maps, objects = simulate_correspondence(
            n_subjects=6,
            n_stimuli=24,
            n_units=4,
            shape=(6, 10, 5),
            regions={"all": 0.6},
            identity=0.4,
            random_state=k,
        )
        noise = np.random.default_rng(1000 + k).standard_normal(objects.shape)
        read = read_units(maps, objects + noise, N_DRAWS, k, new, {"objects": objects})
        hits += read.p <= 0.05
    return Count(int(hits), n_sets, 0)


def other_people(n_sets: int) -> Count:
    """Count intervals that hold the mean r over many groups of people who see the same pictures."""
    fixed = np.random.default_rng(0)
    units = pd.DataFrame(fixed.standard_normal((24, 4)), [f"s{k}" for k in range(24)])
    shared = 0.5 * np.stack([field(fixed, 1).ravel() for _ in range(24)])
    shared += 0.3 * units.to_numpy() @ np.stack([field(fixed, 1).ravel() for _ in range(4)])
    found = []
    for k in range(n_sets):
        rng = np.random.default_rng(1 + k)
        noise = np.stack([field(rng, 1).ravel() for _ in range(8 * 24)])
        trials = {"subject": np.repeat(np.arange(8), 24), "stimulus": np.tile(units.index, 8)}
        voxels = pd.DataFrame({"voxel": range(noise.shape[1])})
        maps = make_recording(np.tile(shared, (8, 1)) + noise, pd.DataFrame(trials), voxels)
        found.append(read_units(maps, units, 0, 0, new=False))
    truth = float(np.mean([one.value for one in found]))
    told = [one.interval for one in found if one.interval is not None]
    return Count(sum(low <= truth <= high for low, high in told), n_sets, n_sets - len(told))


def read_units(
    maps: object,
    units: pd.DataFrame,
    n: int,
    seed: int,
    new: bool,
    controls: dict[str, pd.DataFrame] | None = None,
) -> Score:
    """Read units, or what a control leaves, in new people or in new people with new stimuli."""
    (one,) = pls_across_people(
        maps,
        units,
        subject="subject",
        stimulus="stimulus",
        controls=controls,
        n_components=4,
        n_permutations=n,
        n_bootstrap=0,
        random_state=seed,
        n_jobs=1,
    ).regions
    told = one.beyond[0] if controls else one
    return told.both.r if new else told.people.r


def spheres(n_sets: int) -> Count:
    """Count searchlights with any centre at p ≤ .05 where stimuli are strong and emotion is not."""
    hits = refused = 0
    for k in range(n_sets):
        maps, _ = simulate_maps(
            n_subjects=5,
            n_trials=30,
            shape=(8, 8, 8),
            n_regions=1,
            radius=1.0,
            effect=0.0,
            stimulus_effect=1.0,
            random_state=k,
        )
        p = searchlight(maps, "emotion", "subject", 6.0, n_permutations=60, random_state=k)
        refused += p.null is None
        hits += bool((p.units["p"] <= 0.05).any())
    return Count(hits, n_sets, refused)
