import numpy as np
import pytest

from affectome.errors import InputError
from affectome.people.monitoring import quantities, units_of, usual_of, watch
from affectome.people.reading import Reading

LABELS = ("anger", "happiness", "neutral")


def stream(n, happy=0.4, sharpness=1.0, seed=0, **about):
    rng = np.random.default_rng(seed)
    found = []
    for k in range(n):
        p = rng.dirichlet([1, 1, 1])
        top = int(rng.random() < happy) if rng.random() < 0.8 else 2
        p = np.sort(p)[np.argsort(np.argsort(-np.eye(3)[top], kind="stable")).argsort()]
        best = int(p.argmax())
        found.append(
            Reading(
                "face",
                dict(zip(LABELS, p.tolist(), strict=True)),
                labels=(LABELS[best],),
                file=f"{seed}-{k}.jpg",
                quality={"sharpness": float(rng.normal(sharpness, 0.3))},
                **about,
            )
        )
    return found


def test_readings_like_the_reference_ring_nothing():
    usual = usual_of(stream(300, seed=1))
    found = watch(stream(300, seed=2), usual)
    assert found.alarms == {}
    assert found.over == "file"
    assert found.n_units == 300
    assert set(found.watched) == {
        *(f"label {name}" for name in LABELS),
        *("abstains", "highest probability", "input sharpness"),
    }


def test_a_change_of_the_input_rings_under_its_name():
    usual = usual_of(stream(300, seed=1))
    found = watch(stream(50, seed=2) + stream(100, sharpness=0.4, seed=3), usual)
    assert list(found.alarms) == ["input sharpness"]
    assert 50 < found.alarms["input sharpness"] < 110
    plain = found.to_dict()
    assert plain["quantities"]["input sharpness"]["p"] < 0.05
    assert plain["alarms"] == found.alarms


def test_accuracy_rolls_and_its_fall_rings():
    readings = stream(400, seed=1)
    right = np.random.default_rng(0).random(400) < np.where(np.arange(400) < 200, 0.8, 0.4)
    truth = {k: reading.labels[0] if right[k] else "surprise" for k, reading in enumerate(readings)}
    usual = usual_of(readings[:100], right[:100].tolist())
    found = watch(readings[100:], usual, {k - 100: v for k, v in truth.items() if k >= 100})
    first, *_, last = found.accuracy
    assert (first[0], first[1], last[1]) == (1, 100, 300)
    assert first[2].value == pytest.approx(right[100:200].mean())
    assert first[2].interval[0] < first[2].value < first[2].interval[1]
    assert list(found.alarms) == ["right"]


def test_many_frames_of_few_people_ring_nothing_by_themselves():
    usual = usual_of(stream(300, seed=1))
    frames = [reading for k in range(3) for reading in [*stream(1, seed=k, person=f"p{k}")] * 200]
    assert watch(frames, usual).over == "person"
    assert watch(frames, usual).n_units == 3
    assert watch(frames, usual).alarms == {}
    assert watch(frames, usual, over="reading").alarms != {}


def test_what_only_one_side_has_is_named():
    usual = usual_of(stream(100))
    bare = [
        Reading("face", dict.fromkeys(LABELS, 0.3), labels=("anger",), file=f"{k}")
        for k in range(9)
    ]
    assert watch(bare, usual).left_out == ["input sharpness"]


def test_numbers_that_never_changed_are_watched_too():
    same = [Reading("voice", {"a": 0.5, "b": 0.5}, labels=("a",), quality={"clipped": 0.0})] * 60
    other = [Reading("voice", {"a": 0.5, "b": 0.5}, labels=("a",), quality={"clipped": 0.1})] * 60
    assert set(watch(other, usual_of(same)).alarms) == {"input clipped"}


def test_readings_that_abstain_have_no_number_but_are_counted():
    blank = Reading("face", abstains=True, because="no face was found")
    values = quantities([blank], LABELS)
    assert values["abstains"].tolist() == [1]
    assert np.isnan(values["highest probability"]).all()


def test_what_can_not_be_watched():
    usual = usual_of(stream(100))
    with pytest.raises(InputError, match="there are no readings to watch"):
        watch([], usual)
    with pytest.raises(InputError, match="no quantity in common"):
        watch([Reading("words", {"joy": 0.4})], {})
    with pytest.raises(InputError, match="reading 1 names no person; choose another with --over"):
        units_of([Reading("words", {"joy": 0.4})], "person")
    with pytest.raises(InputError, match="one of person, file, reading; got 'day'"):
        units_of([Reading("words", {"joy": 0.4})], "day")
