"""PLS across people against its definition, planted truth, and designs with holes."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import kstest

from affectome.brains import pls_across_people
from affectome.data import make_recording
from affectome.errors import InputError
from affectome.kernels import pls
from affectome.simulations import simulate_correspondence

NAMED = {"subject": "subject", "stimulus": "stimulus"}
QUICK = {"n_permutations": 0, "n_bootstrap": 0, "n_jobs": 1}


def small(n_subjects=5, n_stimuli=24, seed=0, **how):
    how = {"n_units": 3, "shape": (6, 10, 5), "regions": {"V1": 0.2, "IT": 0.8, "none": 0.0}} | how
    return simulate_correspondence(
        n_subjects=n_subjects, n_stimuli=n_stimuli, random_state=seed, **how
    )


def by_hand(maps, units, n_components):
    """Correlations of each person, by singular vectors of the sums and a fit to single trials."""
    subject, stimulus = maps["subject"].values, maps["stimulus"].values
    Y = units.loc[stimulus].to_numpy()
    shown = units.loc[np.unique(stimulus)].to_numpy()
    Y = (Y - shown.mean(axis=0)) / shown.std(axis=0)
    X = maps.values.astype(float)
    for one in np.unique(subject):
        X[subject == one] -= X[subject == one].mean(axis=0)
        X[subject == one] /= np.sqrt(np.mean(X[subject == one] ** 2))
    found = []
    for one in np.unique(subject):
        train, test = subject != one, subject == one
        sums = np.stack([X[train & (stimulus == s)].sum(axis=0) for s in np.unique(stimulus)])
        _, size, axes = np.linalg.svd(sums, full_matrices=False)
        V = axes[size > 1e-6 * size[0]].T
        B = pls.fit(X[train] @ V, Y[train], n_components).weights
        predicted = X[test] @ V @ B
        found.append([np.corrcoef(a, b)[0, 1] for a, b in zip(predicted.T, Y[test].T, strict=True)])
    return np.array(found)


def test_it_is_what_it_says():
    maps, units = small()
    found = pls_across_people(maps, units, **NAMED, n_components=4, **QUICK)
    expected = by_hand(maps, units, 4)
    np.testing.assert_allclose(found.units["r"], expected.mean(axis=0), atol=1e-5)
    assert found.regions[0].people.r.value == pytest.approx(expected.mean(), abs=1e-5)
    assert found.regions[0].n_voxels == 300


def test_arrangements_are_fitted_anew():
    """Units that have traded places by hand give the score that the null holds for them."""
    maps, units = small(4, 12)
    found = pls_across_people(maps, units, **NAMED, n_permutations=30, n_bootstrap=0)
    null = found.regions[0].people.r.null
    assert (null.n_arrangements, null.n_groups) == (30, 12)
    rng = np.random.default_rng(5)
    traded = [
        pls_across_people(
            maps, units.set_axis(rng.permutation(units.index), axis=0), **NAMED, **QUICK
        )
        .regions[0]
        .people.r.value
        for _ in range(12)
    ]
    assert found.regions[0].people.chance == pytest.approx(np.mean(traded), abs=0.1)
    assert found.regions[0].people.r.p == pytest.approx(1 / 31)


def test_planted_regions_are_found_in_their_order():
    maps, units = small(8, 40, identity=0.3)
    regions = {n: maps["region"].values == n for n in ("IT", "V1", "none")}
    found = pls_across_people(
        maps, units, **NAMED, regions=regions, n_permutations=99, n_bootstrap=20
    )
    it, v1, none = (one.people for one in found.regions)
    assert it.r.value > 0.5 > v1.r.value > none.r.value
    assert it.r.p == pytest.approx(0.01)
    assert none.r.p > 0.05
    assert it.named.value > 0.9 > it.named_chance
    low, high = it.r.interval
    assert low < it.r.value < high
    assert it.r.over == "8 people"
    new = found.regions[0].both
    assert new.r.value > 0.4
    assert abs(new.chance) < 0.15
    assert found.weights.shape == found.reliability.shape == (3, int(regions["IT"].sum()))
    # Weights that all people share are many standard errors off 0, most of them.
    assert np.median(np.abs(found.reliability)) > 2
    assert found.units["named"].min() > 0.8


def test_identity_of_pictures_alone_is_no_evidence():
    """Everybody answers each picture in their own strong way: r is high and p is not low."""
    maps, units = small(6, 24, identity=2.0, regions={"all of it": 0.0})
    found = pls_across_people(maps, units, **NAMED, n_permutations=99, n_bootstrap=0)
    one = found.regions[0]
    assert one.people.r.value > 0.6
    assert one.people.chance > 0.6
    assert one.people.r.p > 0.05
    assert abs(one.both.r.value) < 0.3


def test_categories_are_named_trial_by_trial():
    maps, units = small(6, 30, n_units=3, identity=0.2)
    kinds = units.to_numpy().argmax(axis=1)
    table = pd.DataFrame(np.eye(3)[kinds], units.index, ["awe", "fear", "joy"])
    found = pls_across_people(
        maps, table, **NAMED, categorical=True, n_permutations=49, n_bootstrap=0
    )
    assert found.confusion.shape == (180, 2)
    right = (found.confusion[:, 0] == found.confusion[:, 1]).mean()
    assert found.regions[0].people.named.value == pytest.approx(right)
    assert right > 0.7 > found.regions[0].people.named_chance
    assert found.categorical


def test_designs_with_holes_give_numbers():
    maps, units = small(6, 24)
    rng = np.random.default_rng(0)
    kept = np.ones(144, bool)
    kept[[3, 30, 31, *range(60, 72)]] = False  # single trials, and half of a person's
    only = (maps["stimulus"].values == "s005") & (maps["subject"].values != "sub-02")
    rows = np.flatnonzero(kept & ~only)
    rows = np.sort(np.concatenate([rows, rng.choice(rows, 20)]))  # some are seen twice
    found = pls_across_people(
        maps.isel(trial=rows), units, **NAMED, n_permutations=49, n_bootstrap=5, n_components=3
    )
    one = found.regions[0].people
    assert one.r.value > 0.3
    assert one.r.p < 0.05
    assert np.isfinite(found.reliability).all()
    np.testing.assert_allclose(
        found.units["r"], by_hand(maps.isel(trial=rows), units, 3).mean(axis=0), atol=1e-5
    )


def test_pictures_that_one_person_saw_trade_places_in_that_person():
    """Units that only tell people apart are no evidence."""
    maps, _ = small(4, 6, regions={"all": 0.0})
    own = np.char.add(maps["subject"].values.astype(str), maps["stimulus"].values.astype(str))
    names = pd.Index(own)
    rng = np.random.default_rng(0)
    levels = pd.factorize(maps["subject"].values)[0] * 10.0
    units = pd.DataFrame({"level": levels + rng.standard_normal(24)}, names)
    alone = maps.assign_coords(stimulus=("trial", own))
    found = pls_across_people(alone, units, **NAMED, n_permutations=99, n_bootstrap=0)
    assert found.regions[0].people.r.p > 0.02
    few = alone.isel(trial=[0, 1, 2, 6, 7, 8])
    found = pls_across_people(few, units, **NAMED, n_permutations=99, n_bootstrap=0)
    assert found.regions[0].people.r.p is not None  # 3! × 3! = 36 arrangements


def test_what_a_control_explains_is_taken_away():
    """Maps follow objects; units that only share them say nothing more, and others do."""
    maps, objects = small(6, 32, identity=0.1)
    rng = np.random.default_rng(501)
    noise = pd.DataFrame(rng.standard_normal((32, 3)), objects.index, objects.columns)
    chosen = {"n_permutations": 99, "n_bootstrap": 0}
    alike = pls_across_people(
        maps, objects + noise, **NAMED, controls={"objects": objects}, **chosen
    )
    (one,) = alike.regions
    (left,) = one.beyond
    assert one.people.r.p == pytest.approx(0.01)
    assert left.people.r.p > 0.05
    assert left.people.r.value < one.people.r.value - 0.2
    assert 0.3 < left.explained < 0.8
    other = pls_across_people(maps, objects, **NAMED, controls={"noise": noise}, **chosen)
    (left,) = other.regions[0].beyond
    assert left.people.r.p == pytest.approx(0.01)
    assert left.both.r.interval is None
    assert left.explained < 0.3
    for control, message in (
        (objects, r"objects explains 'unit \d' altogether"),
        (objects.iloc[1:], "objects: 1 of 32 values of stimulus have no units"),
        (objects * np.nan, "objects: the unit 'unit 1' of 's000' is no number"),
    ):
        with pytest.raises(InputError, match=message):
            pls_across_people(maps, objects, **NAMED, controls={"objects": control}, **chosen)


def test_two_people_have_no_interval_and_one_is_refused():
    maps, units = small(3, 24)
    two = maps.isel(trial=slice(0, 48))
    found = pls_across_people(two, units, **NAMED, n_permutations=49, n_bootstrap=20)
    one = found.regions[0].people.r
    assert one.interval is None
    assert one.p is not None
    assert found.weights is None
    assert any("no map of weights with fewer than 3 people" in note for note in found.notes)
    with pytest.raises(InputError, match="subject names 1 person; reading people by what others"):
        pls_across_people(maps.isel(trial=slice(0, 24)), units, **NAMED)


def test_what_can_not_be_read_is_said():
    maps, units = small(4, 12)
    voxels = np.ones(maps.sizes["unit"], bool)
    flat = maps.copy()
    flat[:12] = 1.0
    found = pls_across_people(
        flat,
        units.assign(still=4.0),
        **NAMED,
        regions={"nowhere": ~voxels, "here": voxels},
        **QUICK,
    )
    told = "\n".join(found.notes)
    assert "nowhere holds no voxel of the maps; left out" in told
    assert "still: the same for all stimuli that were shown; left out" in told
    assert "here: the maps of 1 people are flat" in told
    assert found.regions[0].people.r.why == "no p, because no arrangements were asked for"
    few = maps.isel(trial=[*range(12), *range(12, 14), *range(24, 36)])
    told = "\n".join(pls_across_people(few, units, **NAMED, **QUICK).notes)
    assert "sub-02: fewer than 3 stimuli, so they train and are not tested" in told
    three = maps.isel(trial=np.isin(maps["stimulus"].values, ["s000", "s001", "s002"]))
    found = pls_across_people(three, units, **NAMED, n_bootstrap=0)
    assert found.regions[0].people.r.why.startswith("no p, because 3 stimuli are too few")
    for change, message in (
        ({"units": units.drop(index="s003")}, "1 of 12 values of stimulus have no units, the firs"),
        ({"units": units * np.nan}, "the unit 'unit 1' of 's000' is no number"),
        ({"units": units * 0}, "all units are the same for all 12 stimuli: nothing to read"),
        ({"regions": {"nowhere": ~voxels}}, "none of the regions nowhere holds a voxel"),
        ({"units": pd.DataFrame(np.zeros((12, 201)), units.index)}, "201 units are too many"),
        (
            {"recording": maps.assign_coords(subject=("trial", ["a", ""] * 24))},
            "24 trials have no subject, the first is trial 2; name it, or leave its map out",
        ),
        (
            {"recording": maps.isel(trial=[0, 1, 12, 13])},
            "nobody has maps of 3 or more values of stimulus",
        ),
        ({"recording": maps * np.nan}, "values are NaN or infinite"),
        (
            {
                "recording": xr.concat([maps, maps], pd.Index([0.0, 1.0], name="time")).transpose(
                    "trial", "time", "unit"
                )
            },
            "one map a trial is needed; average over a window first",
        ),
    ):
        given = {"recording": maps, "units": units} | change
        with pytest.raises(InputError, match=message):
            pls_across_people(given.pop("recording"), given.pop("units"), **NAMED, **given)


@pytest.mark.slow
def test_p_is_uniform_where_smooth_maps_follow_pictures_and_not_their_units():
    p, new = [], []
    for seed in range(120):
        maps, units = small(5, 16, seed, identity=0.7, regions={"all": 0.0}, smoothness=1.5)
        found = pls_across_people(
            maps, units, **NAMED, n_permutations=99, n_bootstrap=0, random_state=seed
        )
        p.append(found.regions[0].people.r.p)
        new.append(found.regions[0].both.r.p)
    for values in (p, new):
        assert np.mean(np.array(values) <= 0.05) < 0.11
        assert kstest(values, "uniform").pvalue > 0.01


@pytest.mark.slow
def test_eighteen_people_and_a_hundred_and_twelve_pictures():
    """The size of the published study: the order of regions, and those without a code."""
    maps, units = simulate_correspondence(random_state=1)
    names = list(dict.fromkeys(maps["region"].values))
    regions = {n: maps["region"].values == n for n in names}
    found = pls_across_people(
        maps, units, **NAMED, regions=regions, n_permutations=200, n_bootstrap=0
    )
    r = [one.people.r.value for one in found.regions]
    assert names == ["V1", "V2", "V4", "inferotemporal", "elsewhere"]
    assert r[4] < r[0] < r[1] < r[2] < r[3]
    assert [one.people.r.p < 0.05 for one in found.regions] == [True] * 4 + [False]


def test_a_recording_with_a_stimulus_of_its_own_theme():
    maps, units = small(4, 12)
    theme = np.array([f"t{int(s[1:]) // 3}" for s in maps["stimulus"].values])
    found = pls_across_people(
        maps.assign_coords(theme=("trial", theme)), units, **NAMED, n_permutations=20, n_bootstrap=0
    )
    assert found.regions[0].people.r.null.scheme.endswith("; theme as wholes")


def test_voxels_need_no_place():
    maps, units = small(3, 12)
    bare = make_recording(
        maps.values,
        pd.DataFrame({"subject": maps["subject"].values, "stimulus": maps["stimulus"].values}),
        pd.DataFrame({"neuron": np.arange(maps.sizes["unit"])}),
    )
    found = pls_across_people(bare, units, **NAMED, **QUICK)
    assert found.regions[0].name == "all voxels"
