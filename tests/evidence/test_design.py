"""What the design decides: what is held out, what trades places, and when there is no p."""

import numpy as np
import pandas as pd
import pytest

from affectome.data import make_recording
from affectome.decoding import RidgeClassifierDecoder
from affectome.errors import InputError
from affectome.evidence import (
    NoNullError,
    evaluate,
    exchange_for,
    make_design,
    make_split,
    purged_time_split,
)


def crossed(n_subjects=6, n_stimuli=12):
    subject, stimulus = np.indices((n_subjects, n_stimuli)).reshape(2, -1)
    return pd.DataFrame({"subject": subject, "stimulus": stimulus})


def scheme(trials, y, holdout=None, **options):
    return make_design(trials, y, holdout, **options).exchange.scheme


def test_labels_move_with_what_they_belong_to():
    trials, rng = crossed(), np.random.default_rng(0)
    of_stimulus = np.array(["a", "b"])[trials["stimulus"] % 2]
    of_subject = np.array(["a", "b"])[trials["subject"] % 2]
    assert scheme(trials, of_stimulus) == "labels permuted over whole values of stimulus"
    assert scheme(trials, of_subject, "subject") == "labels permuted over whole values of subject"
    # Films that are not held out are known to the decoder, so labels move with films all the same.
    assert scheme(trials, of_stimulus, "subject") == "labels permuted over whole values of stimulus"
    rated = rng.normal(size=72)
    assert scheme(trials, rated) == "stimulus exchanged for all values of subject alike"
    fewer = trials.drop(index=7).reset_index(drop=True)
    assert scheme(fewer, np.delete(rated, 7)).endswith("taken from others who met it")
    only = trials[["subject"]]
    assert scheme(only, rated) == "labels permuted over trials within subject"
    nested = pd.DataFrame({"subject": np.arange(60) // 12, "stimulus": np.arange(60) // 3})
    y = np.array(["a", "b"])[nested["stimulus"] % 2]
    assert scheme(nested, y).endswith("whole values of stimulus within subject")


def test_columns_are_known_by_what_they_are_called():
    trials = crossed().rename(columns={"subject": "participant_id", "stimulus": "film"})
    y = np.array(["a", "b"])[trials["film"] % 2]
    design = make_design(trials, y)
    assert design.held == ("participant_id", "film")
    assert design.headline == "held out: 6 people (participant_id) and 12 stimuli (film)"
    assert design.over == "6 participant_id × 12 film"
    assert design.notes == ()
    people = make_design(trials, y, "participant_id")
    assert people.notes == (
        "not held out: film (12 values), so the same ones are in training and test",
    )


def test_stimuli_move_for_all_people_alike_with_missing_and_repeated_cells():
    trials = pd.concat([crossed(), crossed().iloc[:5]], ignore_index=True)
    trials = trials.drop(index=[3, 40]).reset_index(drop=True)
    y = 100.0 * trials["subject"].to_numpy() + trials["stimulus"].to_numpy()
    exchange = exchange_for(trials, y, order="none")
    for labels in exchange.draw(30, 0):
        table = trials.assign(hundreds=labels // 100, given=np.round(labels) % 100)
        kept = (table["hundreds"] == table["subject"]) & (labels % 1 == 0)  # not given by others
        assert kept.mean() > 0.9
        own = table[kept].groupby("stimulus")["given"].nunique()
        assert (own == 1).all()


def test_a_missing_label_comes_from_others_around_the_own_mean():
    trials = crossed(3, 30).drop(index=[0]).reset_index(drop=True)
    rng = np.random.default_rng(0)
    y = 1000.0 * trials["subject"].to_numpy() + rng.normal(size=len(trials))
    drawn = exchange_for(trials, y, order="none").draw(200, 0)
    assert np.allclose(np.round(drawn, -3), 1000.0 * trials["subject"].to_numpy())


def test_themes_take_labels_of_themes_of_their_size():
    sizes = np.r_[np.full(12, 2), np.full(12, 9)]
    theme = np.repeat(np.arange(24), sizes)
    trials = pd.DataFrame({"theme": theme, "stimulus": np.arange(theme.size)})
    y = 1000.0 * theme + np.arange(theme.size)
    exchange = exchange_for(trials, y)
    assert exchange.scheme == "labels of whole values of theme of about the same size exchanged"
    for labels in exchange.draw(20, 0):
        source = pd.Series(np.round(labels / 1000)).groupby(theme)
        assert (source.nunique() == 1).all()
        assert (sizes[source.first().astype(int)] == sizes).all()
    classes = np.array(["a", "b"])[np.arange(theme.size) % 2]
    drawn = exchange_for(trials, classes).draw(20, 0)
    assert set(np.unique(drawn)) == {"a", "b"}


def test_folds_that_were_dealt_by_class_stay_so():
    trials = crossed(5, 14)
    y = np.array(list("abb"))[trials["stimulus"] % 3]
    design = make_design(trials, y, make_split(trials, y, "stimulus", 4))
    dealt = sorted(tuple(np.unique(y[test], return_counts=True)[1]) for _, test in design.split)
    drawn = design.arrange(200)
    for row in drawn:
        kept = sorted(
            tuple(np.unique(row[test], return_counts=True)[1]) for _, test in design.split
        )
        assert kept == dealt
    assert len(np.unique(drawn, axis=0)) > 150


def test_labels_in_blocks_move_as_blocks():
    rng = np.random.default_rng(1)
    trials = pd.DataFrame({"subject": np.repeat(np.arange(8), 60)})
    y = np.concatenate([np.repeat(rng.permutation([0, 1] * 3), 10) for _ in range(8)])
    exchange = exchange_for(trials, y)
    assert exchange.scheme.startswith("labels permuted over blocks of 10")
    for labels in exchange.draw(20, 0):
        by_person = labels.reshape(8, 60)
        assert (by_person.reshape(8, 6, 10).std(2) == 0).all()
        assert (by_person.sum(1) == 30).all()
        assert ((np.diff(by_person) != 0).sum(1) <= 5).all()


def test_there_is_no_p_where_the_clock_tells_the_label():
    trials = pd.DataFrame(
        {"subject": np.repeat(np.arange(8), 20), "onset": np.tile(np.arange(20), 8)}
    )
    y = np.tile(np.repeat(["calm", "fear"], 10), 8)
    design = make_design(trials, y)
    assert design.why_no_p == (
        "no p, because 2 stretches of equal labels of places in runs, of which several had the same"
        " labels throughout have 2 distinct arrangements, and a p of .05 needs 20; no interval, "
        "because all runs met one order of labels"
    )
    with pytest.raises(NoNullError, match="no p, because 2 stretches"):
        design.arrange(10)
    orders = [np.repeat(["calm", "fear", "calm", "fear"], [k, 10 - k, 1, 9]) for k in range(2, 9)]
    mostly = np.concatenate([*orders, np.repeat(["calm", "fear"], 10)])
    assert make_design(trials, mostly).why_no_p == (
        "no p, because the clock alone tells the labels of trials within subject apart"
    )
    untimed = make_design(trials[["subject"]], y)
    assert "or say order='none')" in untimed.why_no_p
    assert make_design(trials[["subject"]], y, order="none").why_no_p is None


def test_there_is_no_interval_over_people_who_all_met_one_order_of_labels():
    rng = np.random.default_rng(0)
    trials = pd.DataFrame(
        {"subject": np.repeat(np.arange(8), 20), "onset": np.tile(np.arange(20), 8)}
    )
    y = np.tile(np.repeat(["calm", "fear"], 10), 8)
    units = pd.DataFrame({"sensor": range(3)})
    recording = make_recording(rng.normal(size=(160, 3)), trials.assign(target=y), units)
    found = evaluate(RidgeClassifierDecoder(1.0), recording, "target", "subject", n_permutations=19)
    assert found.score.interval is None
    assert found.score.why.endswith("no interval, because all runs met one order of labels")
    assert found.excess.interval is None
    # Films stand for the places in the order, so an interval over them knows what comes at each.
    shown = trials.assign(film=trials["onset"])
    assert not make_design(shown, y, ("subject", "film")).one_course


def test_labels_that_drift_trade_places_within_fifths_of_a_run():
    rng = np.random.default_rng(0)
    later = rng.random((6, 100)) < np.linspace(0.3, 0.7, 100)
    trials = pd.DataFrame(
        {"subject": np.repeat(np.arange(6), 100), "trial": np.tile(np.arange(100), 6)}
    )
    exchange = exchange_for(trials, np.where(later.ravel(), "joy", "fear"))
    assert exchange.scheme.endswith("within fifths of a run, since they drift with the clock")


def test_sessions_of_one_label_move_as_wholes():
    cells = np.indices((6, 4, 10)).reshape(3, -1)
    trials = pd.DataFrame({"subject": cells[0], "session": cells[1], "trial": cells[2]})
    rng = np.random.default_rng(0)
    mood = np.concatenate([rng.permutation([0, 0, 1, 1]) for _ in range(6)])
    y = np.array(["calm", "fear"])[mood[4 * cells[0] + cells[1]]]
    exchange = exchange_for(trials, y)
    assert exchange.scheme == "labels permuted over whole values of sessions within subject"
    drawn = exchange.draw(10, 0).reshape(10, 24, 10)
    assert (drawn == drawn[:, :, :1]).all()


def test_slow_ratings_are_shifted_and_few_swings_have_no_p():
    rng = np.random.default_rng(0)
    slow = np.convolve(rng.normal(size=700), np.ones(8), "valid")[:600]
    split = purged_time_split(np.arange(600.0), gap=20, n_splits=5)
    design = make_design(pd.DataFrame(index=range(600)), slow, split)
    assert "shifted along the circle" in design.exchange.scheme
    drawn = design.arrange(5)
    assert all(np.array_equal(np.sort(row), np.sort(slow)) for row in drawn)
    slower = np.convolve(rng.normal(size=800), np.ones(150), "valid")[:600]
    why = make_design(pd.DataFrame(index=range(600)), slower, split).why_no_p
    assert "swings in a run, and 20 are needed" in why


def test_days_whose_mood_is_the_same_for_all_move_for_all_alike():
    who, day = (a.ravel() for a in np.indices((10, 8)))
    trials = pd.DataFrame({"subject": who, "day": day})
    mood = np.random.default_rng(0).permutation(np.arange(8) % 2)
    exchange = exchange_for(trials, mood[day])
    assert "more people met in one order of labels than by chance" in exchange.scheme
    drawn = exchange.draw(20).reshape(20, 10, 8)
    assert (drawn == drawn[:, :1]).all()
    two = exchange_for(trials[day < 2], day[day < 2])
    assert two.why_not == "the place in the run tells the label"


def test_people_trade_places_within_their_site_and_sites_of_one_label_as_wholes():
    who = np.repeat(np.arange(24), 5)
    site = who // 4
    trials = pd.DataFrame({"participant_id": who, "site": site})
    whole = make_design(trials, (np.arange(6) % 2)[site])
    assert whole.held == ("site",)
    assert whole.exchange.scheme == "labels permuted over whole values of site"
    drawn = whole.arrange(20)
    assert all(len(np.unique(row[site == k])) == 1 for row in drawn for k in range(6))
    y = (np.arange(24) % 2)[who]
    within = make_design(trials, y)
    assert within.held == ("site",)
    assert within.exchange.scheme == (
        "labels permuted over whole values of participant_id within site"
    )
    for row in within.arrange(20):
        assert all(row[site == k].mean() == 0.5 for k in range(6))
    # Two sites can't be held out one by one where each has one class.
    two = make_design(trials.assign(site=who // 12), (who // 12))
    assert two.held == ("participant_id",)
    assert two.why_no_p == (
        "no p, because the labels of 2 values of site have 2 distinct arrangements, and a p of "
        ".05 needs 20"
    )


def test_clips_are_held_out_and_trade_places_with_their_film():
    clip = np.repeat(np.arange(48), 3)
    film = clip // 4
    trials = pd.DataFrame({"clip": clip, "film": film})
    design = make_design(trials, (np.arange(12) % 2)[film])
    assert design.held == ("film",)
    assert design.exchange.scheme == "labels permuted over whole values of film"
    # Films that are the label in other words can't be held out, and clips of a film are alike.
    genre = make_design(trials.assign(film=film % 2), film % 2)
    assert genre.held == ("clip",)
    assert "the labels of 2 values of film have 2 distinct arrangements" in genre.why_no_p


def test_slow_ratings_of_five_runs_or_more_go_to_other_runs():
    rng = np.random.default_rng(0)
    size = [60, 80, 100, 60, 120, 90]
    y = np.concatenate(
        [
            np.convolve(rng.normal(size=n + 9), np.ones(10) / 3, "valid") + 50 * k
            for k, n in enumerate(size)
        ]
    )
    trials = pd.DataFrame(
        {
            "subject": np.repeat(np.arange(6), size),
            "onset": np.concatenate([np.arange(n) for n in size]),
        }
    )
    exchange = exchange_for(trials, y)
    assert "exchanged between whole runs" in exchange.scheme
    for row in exchange.draw(10):
        for part in np.split(row, np.cumsum(size)[:-1]):
            assert np.ptp(part) < 25  # of one giver; people are fifty apart
        assert set(row) <= set(y)


def test_slow_ratings_that_took_one_course_are_shifted_alike():
    rng = np.random.default_rng(0)
    course = np.convolve(rng.normal(size=407), np.ones(8), "valid")
    own = [course + 0.1 * np.convolve(rng.normal(size=407), np.ones(8), "valid") for _ in range(6)]
    trials = pd.DataFrame(
        {"subject": np.repeat(np.arange(6), 400), "onset": np.tile(np.arange(400), 6)}
    )
    exchange = exchange_for(trials, np.concatenate(own))
    assert "all alike, since runs took the same course" in exchange.scheme
    for row in exchange.draw(5).reshape(5, 6, 400):
        by = [int(np.flatnonzero(one == mine[0])[0]) for one, mine in zip(row, own, strict=True)]
        assert len(set(by)) == 1


def test_too_few_groups_have_no_p_with_their_number():
    trials = pd.DataFrame({"subject": np.repeat(np.arange(4), 6)})
    y = np.repeat(["a", "b", "a", "b"], 6)
    design = make_design(trials, y, "subject", n_splits=2)
    assert design.why_no_p == (
        "no p, because the labels of 4 values of subject have 6 distinct arrangements, and a p of "
        ".05 needs 20"
    )


def test_other_people_bring_their_own_means():
    trials = pd.DataFrame({"subject": np.repeat(np.arange(6), 5)})
    y = trials["subject"].to_numpy() * 10.0 + np.tile(np.arange(5), 6)
    drawn = exchange_for(trials, y, order="none").draw_others(40)
    tens = (drawn // 10).reshape(40, 6, 5)
    assert (tens == tens[:, :, :1]).all()
    assert all(sorted(one) == list(range(6)) for one in tens[:, :, 0])


def test_a_part_keeps_its_folds_and_gets_a_null_of_its_own():
    trials = crossed(6, 12)
    y = np.array(["a", "b", "c"])[trials["stimulus"] % 3]
    design = make_design(trials, y)
    rows = np.flatnonzero(y != "c")
    part = design.restricted(rows)
    assert set(part.y) == {"a", "b"}
    assert part.held == design.held
    assert part.exchange.n_groups == 8
    with pytest.raises(InputError, match="no fold trains on every class"):
        make_design(trials, y, [(np.flatnonzero(y == "a"), np.flatnonzero(y != "a"))]).restricted(
            rows
        )


def test_an_order_that_is_not_numbers_is_refused():
    trials = crossed()[["subject"]].assign(day="monday")
    with pytest.raises(InputError, match="the order 'day' holds object, not numbers"):
        make_design(trials, np.tile([0, 1], 36), order="day")
