import json

import numpy as np
import pytest

from affectome.people.reading import Reading
from contract import broken_claims

LABELS = ("anger", "happiness")


def write(tmp_path, name, n=120, happy=0.5, level=60.0, seed=0):
    rng = np.random.default_rng(seed)
    lines = []
    for k in range(n):
        p = float(rng.beta(6, 2) if rng.random() < happy else rng.beta(2, 6))
        emotions = {"anger": 1 - p, "happiness": p}
        label = max(emotions, key=emotions.__getitem__)
        quality = {"level_db": float(rng.normal(level, 3))}
        reading = Reading("voice", emotions, labels=(label,), file=f"{k}.wav", quality=quality)
        lines.append(reading.to_json() + "\n")
    file = tmp_path / name
    file.write_text("".join(lines))
    return file


def test_a_run_is_watched_against_an_earlier_one(run, tmp_path):
    earlier, same = write(tmp_path, "a.jsonl", 200, seed=1), write(tmp_path, "b.jsonl", seed=2)
    status, _, err = run("monitor", same, "--reference", earlier)
    assert status == 0
    assert "No change was found in 120 files and 5 quantities." in err
    assert "with a chance of 0.05 at most" in err
    quiet = write(tmp_path, "c.jsonl", level=40.0, seed=3)
    status, _, err = run("monitor", quiet, "--reference", earlier, "--out", "out")
    assert "no longer like the reference: input level_db after" in err
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert list(result["alarms"]) == ["input level_db"]
    assert not broken_claims(result)
    assert "level_db" in (tmp_path / "out" / "report.html").read_text()
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["inputs"]["readings"]


def test_labels_that_come_later_give_a_rolling_accuracy(run, tmp_path):
    readings = write(tmp_path, "b.jsonl", seed=2)
    said = [json.loads(line)["labels"][0] for line in readings.read_text().splitlines()]
    rows = [f"x/{k}.wav,{label}" for k, label in enumerate(said)]
    (tmp_path / "late.csv").write_text("file,emotion\n" + "\n".join(rows))
    words = ("monitor", readings, "--reference", readings, "--labels", "late.csv", "--json")
    status, out, _ = run(*words, "--window", 60)
    assert status == 0
    windows = json.loads(out)["accuracy"]
    assert [(w["from"], w["to"], w["score"]) for w in windows] == [(1, 60, 1.0), (61, 120, 1.0)]
    assert windows[0]["interval"][0] < 1
    assert windows[0]["over"] == "60 files"


def test_the_card_of_a_model_is_the_reference(run, tmp_path):
    readings = write(tmp_path, "b.jsonl")
    status, out, _ = run("monitor", readings, "--reference", "face", "--json")
    assert status == 0
    assert "label happiness" in json.loads(out)["quantities"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("gone", "--reference", "b.jsonl"), "there are no readings; affectome read --out"),
        (("b.jsonl", "--reference", "gone"), "there is no model 'gone'"),
        (("b.jsonl", "--reference", "few.jsonl"), "has 9 files; as a reference it needs 50"),
        (("b.jsonl", "--reference", "voice"), "does not keep what is usual; give an earlier run"),
        (
            ("b.jsonl", "--reference", "b.jsonl", "--labels", "late.csv"),
            "late.csv has no column 'emotion'; it has file, mood",
        ),
        (
            ("b.jsonl", "--reference", "b.jsonl", "--labels", "late.csv", "--target", "mood"),
            "no reading belongs to a row of late.csv: they are matched by the file's name in",
        ),
        (("b.jsonl", "--reference", "b.jsonl", "--over", "day"), "one of person, file, reading"),
    ],
)
def test_bad_input_is_one_line(run, tmp_path, words, why):
    write(tmp_path, "b.jsonl")
    write(tmp_path, "few.jsonl", 9)
    (tmp_path / "late.csv").write_text("file,mood\nother.wav,good\n")
    status, _, err = run("monitor", *words)
    assert status == 2
    assert why in err
    assert len(err.splitlines()) == 1


def groups(tmp_path, readings, right):
    """A table in which the young are read right as often as said, the old always wrong."""
    rows = []
    for k, line in enumerate(readings.read_text().splitlines()):
        said = json.loads(line)["labels"][0]
        other = LABELS[1 - LABELS.index(said)]
        young = k % 2 == 0
        rows.append(
            f"{k}.wav,{said if young and k % 10 < right else other},"
            f"{'young' if young else 'old'},p{k % 30}"
        )
    (tmp_path / "table.csv").write_text("file,emotion,age,subject\n" + "\n".join(rows))


def test_groups_of_the_users_table_are_compared(run, tmp_path):
    readings = write(tmp_path, "b.jsonl")
    groups(tmp_path, readings, 9)
    words = ("bias", readings, "--labels", "table.csv", "--group", "age", "--out", "out")
    status, _, err = run(*words)
    assert status == 0
    assert "Read worse than the others: age = old: accuracy 0.00 against 1.00" in err
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["over"] == "30 subjects"
    assert not broken_claims(result)
    assert "age = old" in (tmp_path / "out" / "report.html").read_text()
    assert (tmp_path / "out" / "groups.csv").read_text().startswith("column,group,n,metric,score")


def test_groups_are_compared_in_training_only_where_they_can_be(run, tmp_path):
    status, _, err = run("train", "words", "table.csv", "--group", "age")
    assert status == 2
    assert "--group is for voice, physiology, face, body; of words write the readings" in err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--group", "sex"), "table.csv has no column 'sex'; it has file, emotion, age, subject"),
        (("--group", "subject"), "no group can be compared: subject has 30 values"),
        (("--group", "age", "--subject", "who"), "has no column 'who'"),
    ],
)
def test_bad_groups_are_one_line(run, tmp_path, words, why):
    groups(tmp_path, write(tmp_path, "b.jsonl"), 5)
    status, _, err = run("bias", "b.jsonl", "--labels", "table.csv", *words)
    assert status == 2
    assert why in err
    assert len(err.splitlines()) == 1
