import json

import pandas as pd
import pytest

from affectome.errors import InputError
from affectome.people.reading import Estimate, Reading
from affectome.people.runs import labels_of, read_run, with_labels

FULL = Reading(
    "words",
    {"joy": 0.75, "love": 0.25},
    valence=Estimate(4.0, (3.0, 4.5), scale=(1, 5)),
    arousal=Estimate(3.5),
    intensity=0.5,
    blend={"joy": 1.0},
    labels=("joy",),
    set=("joy", "love"),
    file="a.txt",
    row=3,
    person="p1",
    start_s=0.0,
    end_s=1.5,
    span=(0, 4),
    model="words",
    attribution=(("so", 0.25),),
    attributed_to="joy",
    box=(1.0, 2.0, 3.0, 4.0),
    quality={"sharpness": 0.5},
    parts=(Reading("words", abstains=True, because="no words"),),
    notes=("short",),
)


def test_what_was_written_is_read_again(tmp_path):
    (tmp_path / "a.jsonl").write_text(FULL.to_json() + "\n\n")
    assert read_run(tmp_path / "a.jsonl") == [FULL]
    (tmp_path / "result.json").write_text(json.dumps({"readings": [FULL.to_dict()] * 2}))
    assert read_run(tmp_path) == [FULL, FULL]


def readings(*files):
    return [Reading("voice", {"a": 0.5}, file=f"calls/{name}") for name in files]


def test_rows_are_found_by_the_name_of_the_file_or_by_their_number():
    table = pd.DataFrame({"path": ["x/b.wav", "x/a.wav"], "emotion": ["fear", None]})
    found = with_labels(readings("a.wav", "c.wav", "b.wav"), table, ["emotion"], "t.csv")
    assert found.index.tolist() == [0, 2]
    assert labels_of(readings("a.wav", "c.wav", "b.wav"), table, "emotion", "t.csv") == {2: "fear"}
    numbered = [Reading("words", {"a": 0.5}, row=row) for row in (2, 5)]
    assert with_labels(numbered, table[["emotion"]], [], "t.csv").index.tolist() == [0]


def test_a_file_that_stands_twice_is_refused():
    table = pd.DataFrame({"file": ["x/a.wav", "y/a.wav"]})
    with pytest.raises(InputError, match=r"the file a.wav stands in several rows of 'file'"):
        with_labels(readings("a.wav"), table, [], "t.csv")
