import json

import pytest

from affectome.cli import main
from affectome.people.reading import Reading


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def command(*words):
        with pytest.raises(SystemExit) as caught:
            main(["fuse", *(str(word) for word in words)])
        captured = capsys.readouterr()
        return caught.value.code or 0, captured.out, captured.err

    return command


def write(tmp_path, name, *readings):
    file = tmp_path / name
    file.write_text("".join(reading.to_json() + "\n" for reading in readings))
    return file


def said(modality, person="ada", **emotions):
    return Reading(modality, emotions, person=person, file=f"x/{person}.{modality}")


def test_readings_of_a_person_become_one(run, tmp_path):
    one = write(tmp_path, "a.jsonl", said("face", anger=0.1, happiness=0.9))
    two = write(tmp_path, "b.jsonl", said("voice", anger=0.3, happiness=0.7))
    for by in ("person", "file"):
        status, out, _ = run(one, two, "--by", by, "--json")
        assert status == 0
        found = json.loads(out)
        assert found[by] == "ada"
        assert found["labels"] == ["happiness"]
        assert sum(found["shares"].values()) == pytest.approx(1)
    status, out, _ = run(one, two, "--weight", "face=1", "--weight", "voice=0")
    assert "face has 100% of the say" in out
    status, out, _ = run(write(tmp_path, "c.jsonl", said("voice", anger=1.0, happiness=0.0)), one)
    assert "they disagree (voice: anger, face: happiness)" in out


def test_the_folder_of_a_run_is_taken_too(run, tmp_path):
    (tmp_path / "run").mkdir()
    readings = [said("face", anger=0.1, happiness=0.9).to_dict()]
    (tmp_path / "run" / "result.json").write_text(json.dumps({"readings": readings}))
    assert run("run")[0] == 0


def test_what_can_not_be_pooled_is_listed(run, tmp_path):
    blank = Reading("face", abstains=True, because="no face was found", person="bo")
    file = write(tmp_path, "a.jsonl", blank, said("face", anger=0.1, happiness=0.9))
    status, out, err = run(file)
    assert status == 1
    assert "skipped bo: nothing can be pooled" in err
    assert out.startswith("ada")


@pytest.mark.parametrize(
    ("content", "words", "why"),
    [
        ("{", (), "holds no readings"),
        ("", (), "there are no readings in a.jsonl"),
        ("", ("--weight", "face"), "takes NAME=NUMBER such as face=0.5; got 'face'"),
        (Reading("words", {"joy": 0.5}).to_json(), (), "a reading has no person"),
    ],
)
def test_bad_input_is_one_line(run, tmp_path, content, words, why):
    (tmp_path / "a.jsonl").write_text(content)
    status, _, err = run("a.jsonl", *words)
    assert status == 2
    assert why in err
    assert len(err.splitlines()) == 1


def test_readings_that_are_not_there(run):
    status, _, err = run("gone")
    assert status == 2
    assert "there are no readings; affectome read --out FOLDER writes some" in err
