"""Lead time on planted beginnings: found within a window, never before, not from other sources."""

import numpy as np
import pandas as pd
import pytest

from affectome.data import make_recording
from affectome.dynamics.lead_time import lead_time
from affectome.errors import InputError
from affectome.evidence import make_split

QUICK = {"n_permutations": 120, "n_bootstrap": 150}


def planted(lead=1.0, effect=1.0, seed=0, n_people=6, movement=False):
    """Three seconds before the report at 5 Hz; the code begins ``lead`` seconds before it."""
    rng = np.random.default_rng(seed)
    trials = pd.DataFrame(
        {
            "subject": np.repeat([f"s{i}" for i in range(n_people)], 24),
            "stimulus": np.concatenate([rng.permutation(24).astype(str) for _ in range(n_people)]),
        }
    )
    trials["emotion"] = np.where(trials["stimulus"].astype(int) % 2 == 1, "fear", "joy")
    time = np.arange(-3, 0.01, 0.2).round(9)
    on = (time >= -lead - 1e-9)[None, :, None]
    sign = np.where(trials["emotion"] == "fear", 1.0, -1.0)[:, None, None]
    pattern = effect * np.array([1, -1, 1, 0, 0, 0]) / np.sqrt(3)
    moved = sign * on * 2 + rng.normal(size=(len(trials), len(time), 1))
    signal = moved * pattern / 2 if movement else sign * on * pattern
    values = signal + rng.normal(size=(len(trials), len(time), 6))
    units = pd.DataFrame({"sensor": list("abcdef")})
    recording = make_recording(values, trials, units, time)
    trace = make_recording(moved, trials, pd.DataFrame({"sensor": ["motion"]}), time)
    return recording, trace, make_split(trials, trials["emotion"].to_numpy(), n_splits=4)


@pytest.mark.parametrize("lead", [0.6, 1.4])
def test_finds_the_beginning_within_a_window(lead):
    recording, _, split = planted(lead)
    found = lead_time(recording, "emotion", split, length=0.4, **QUICK)
    assert found.earliest is not None
    assert lead - 0.4 <= found.earliest <= lead + 1e-9
    assert found.auc[0] > 0.9
    late = found.leads > lead + 1e-9
    assert found.p[late].min() > 0.05
    assert found.to_dict()["earliest_s"] == found.earliest
    curve = found.to_dict()["curve"]
    assert len(curve) == len(found.leads)
    assert curve[0]["over"] == "6 subject × 24 stimulus"
    assert curve[0]["null"]["correction"] == f"best of {len(curve)} windows"


def test_noise_has_no_lead():
    earliest = [
        lead_time(
            planted(effect=0.0, seed=s)[0], "emotion", planted()[2], length=1.0, **QUICK
        ).earliest
        for s in range(3)
    ]
    assert earliest == [None] * 3


def test_what_movement_tells_as_well_is_not_claimed():
    recording, trace, split = planted(movement=True)
    alone = lead_time(recording, "emotion", split, length=0.4, leads=[0], **QUICK)
    beside = lead_time(
        recording, "emotion", split, length=0.4, leads=[0], traces={"movement": trace}, **QUICK
    )
    assert alone.earliest == 0
    assert beside.windows[0].baseline == "movement before"
    assert beside.earliest is None
    np.testing.assert_allclose(alone.auc, beside.auc)


def test_labels_that_follow_the_clock_are_not_claimed():
    rng = np.random.default_rng(0)
    trials = pd.DataFrame({"session": np.repeat(list("abcdefgh"), 12)})
    place = np.tile(np.arange(12), 8)
    trials["emotion"] = np.where(place >= 6, "fear", "joy")
    drift = (place - 5.5)[:, None, None] * np.array([1.0, -1.0]) / 4
    values = drift + rng.normal(size=(96, 6, 2))
    recording = make_recording(
        values, trials, pd.DataFrame({"sensor": ["a", "b"]}), np.arange(-1.0, 0.1, 0.2)
    )
    split = make_split(trials, trials["emotion"].to_numpy(), holdout="session", n_splits=4)
    found = lead_time(recording, "emotion", split, length=0.4, **QUICK)
    assert found.auc[0] > 0.8
    assert found.windows[0].baseline == "trial order"
    assert found.earliest is None


def test_the_intervals_hold_for_all_windows_at_once():
    recording, _, split = planted()
    many = lead_time(recording, "emotion", split, length=0.4, **QUICK)
    one = lead_time(recording, "emotion", split, length=0.4, leads=[2.4], **QUICK)
    i = np.flatnonzero(np.isclose(many.leads, 2.4))[0]
    assert many.auc[i] == pytest.approx(one.auc[0])
    assert np.ptp(many.windows[i].score.interval) > np.ptp(one.windows[0].score.interval)
    assert (many.p >= 1 / 121 - 1e-12).all()


def test_without_permutations_there_is_no_p_and_no_lead():
    recording, _, split = planted()
    found = lead_time(recording, "emotion", split, length=0.4, n_permutations=0, n_bootstrap=50)
    assert found.earliest is None
    row = found.to_dict()["curve"][0]
    assert row["p"] is None
    assert row["why"] == "no p, because 0 permutations were asked for"


def test_windows_may_be_read_by_other_features_than_the_mean():
    """A code in the variance, which no mean holds."""
    rng = np.random.default_rng(0)
    recording, _, split = planted(effect=0.0)
    loud = np.where(recording["emotion"] == "fear", 3.0, 1.0)[:, None, None]
    values = rng.normal(size=recording.shape) * loud
    found = [
        lead_time(
            recording.copy(data=values),
            "emotion",
            split,
            length=2.0,
            leads=[0],
            features=features,
            **QUICK,
        ).auc[0]
        for features in (None, lambda window: np.log(window.var("time")))
    ]
    assert found[0] < 0.75
    assert found[1] > 0.95


def test_says_what_is_wrong():
    recording, trace, split = planted()
    looked = recording.copy()
    looked.attrs["looks_ahead"] = True
    with pytest.raises(InputError, match=r"filter that looks ahead.*phase='causal'"):
        lead_time(looked, "emotion", split, length=0.4, **QUICK)
    with pytest.raises(InputError, match=r"lie from 0 to 2\.6 s before the report; got \[3\.0\]"):
        lead_time(recording, "emotion", split, length=0.4, leads=[3])
    with pytest.raises(InputError, match="no window of 5 s ends before the report"):
        lead_time(recording, "emotion", split, length=5)
    with pytest.raises(InputError, match=r"dims \(trial, time, unit\)"):
        lead_time(recording[:, 0], "emotion", split, length=0.4)
    with pytest.raises(InputError, match="no column 'valence'"):
        lead_time(recording, "valence", split, length=0.4)
    with pytest.raises(InputError, match="trace 'movement' has 5 trials, the Recording 144"):
        lead_time(recording, "emotion", split, length=0.4, traces={"movement": trace[:5]}, **QUICK)
