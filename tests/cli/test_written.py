"""Where results are written: a folder of their own, whole, and nothing that a spreadsheet runs."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectome.cli import main
from affectome.cli.running import emit, only_ours
from affectome.data.outputs import (
    OutputError,
    check_output,
    check_output_file,
    output_folder,
    write_manifest,
    write_table,
    write_text,
)
from affectome.studies.neural_code import study as neural_code


def a_run(folder):
    out = output_folder(folder)
    write_text(out / "figures" / "a.svg", "<svg/>")
    write_table(out / "units.csv", pd.DataFrame({"r": [1.0]}))
    write_manifest(out, {"command": "rsa"}, ["report.html"])
    write_text(out / "report.html", "x")
    write_text(out / "result.json", "{}")
    return out


def test_results_are_replaced_only_if_asked_and_never_mixed(tmp_path):
    out = a_run(tmp_path / "run")
    with pytest.raises(OutputError, match="holds the results of another run; add --overwrite"):
        check_output(out)
    check_output(out, overwrite=True)
    assert not (out / "result.json").exists(), "it can't be taken for one of a run that fails"
    assert (out / "units.csv").is_file(), "the rest goes where there is something new"
    (out / "notes.txt").write_text("mine")
    output_folder(out)
    assert sorted(f.name for f in out.iterdir()) == ["notes.txt"]


def test_files_that_no_run_wrote_are_left_alone(tmp_path):
    (tmp_path / "good.csv").write_text("a\n1\n")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=r"files that no run .* such as good\.csv"):
            check_output(tmp_path, overwrite)
    with pytest.raises(OutputError, match=r"--out is a folder, but .*good\.csv is a file"):
        check_output(tmp_path / "good.csv")
    write_manifest(tmp_path, {"files": []})
    stolen = {"files": ["../elsewhere.txt", "good.csv"]}
    (tmp_path / "run").mkdir()
    (tmp_path / "elsewhere.txt").write_text("x")
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(stolen))
    output_folder(tmp_path / "run")
    assert (tmp_path / "elsewhere.txt").is_file()


def test_an_unfinished_run_goes_on_where_it_was(tmp_path):
    (tmp_path / "responses").mkdir()
    (tmp_path / "responses" / "a.npz").write_bytes(b"x")
    check_output(tmp_path)
    output_folder(tmp_path)
    assert (tmp_path / "responses" / "a.npz").is_file()
    out = a_run(tmp_path / "killed")
    (out / "result.json").unlink()
    check_output(out)


def test_places_that_can_not_be_written(tmp_path):
    check_output(tmp_path / "new" / "deep")
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind"
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="can't write to"):
        check_output(tmp_path / "file" / "below")
    with pytest.raises(OutputError, match=r"should end in \.png"):
        check_output_file(tmp_path / "p.xyz", (".png",))
    (tmp_path / "p.png").write_bytes(b"")
    with pytest.raises(OutputError, match="exists; add --overwrite"):
        check_output_file(tmp_path / "p.png", (".png",))
    check_output_file(tmp_path / "p.png", (".png",), overwrite=True)


def test_cells_that_a_spreadsheet_would_run_are_quoted(tmp_path):
    table = pd.DataFrame({"=cmd|calc": ["=1+1", "+x", "joy"], "n": [-1, 2, 3]})
    table["kind"] = pd.Categorical(["@a", "b", "b"])
    text = write_table(tmp_path / "t.csv", table).read_text()
    assert text == "'=cmd|calc,n,kind\n'=1+1,-1,'@a\n'+x,2,b\njoy,3,b\n"


def test_what_libraries_print_is_kept_from_standard_output(capfd):
    with only_ours():
        print("a library")  # noqa: T201
        sys.stdout.flush()
        emit('{"ours": 1}\n')
    said = capfd.readouterr()
    assert (said.out, said.err) == ('{"ours": 1}\n', "a library\n")


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setattr(neural_code, "PARTS", {})
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez("r.npz", data=rng.normal(size=(350, 4)), times=np.arange(350) / 5)
    onsets = 2.0 + 4.0 * np.arange(16)
    table = pd.DataFrame({"onset": onsets, "trial_type": ["fear", "joy"] * 8})
    table.to_csv("events.tsv", sep="\t", index=False)
    return table


def neural(capsys, *more):
    words = ["study", "neural-code", "r.npz", "--permutations", "20", "--window", "-1,2"]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--out", "run", *more])
    said = capsys.readouterr()
    return stop.value.code or 0, said.out, said.err


def test_labels_of_several_spellings_and_repeated_events_are_told(session, capsys):
    session["trial_type"] = ["joy", "JOY ", "joy", "Fear", "fear", "fear", "fear", "joy"] * 2
    pd.concat([session, session.head(2)]).to_csv("messy.tsv", sep="\t", index=False)
    code, out, _ = neural(capsys, "--events", "messy.tsv", "--json")
    result = json.loads(out)
    assert code == 1
    assert result["classes"] == ["fear", "joy"]
    assert result["trials"] == 16
    assert [s["why"] for s in result["skipped"]] == [
        f"the same event as row {row}, which is kept" for row in (2, 3)
    ]
    assert "differ by blanks or capitals only and are read as one class" in str(result)
    assert neural(capsys)[2].startswith("affectome: run holds the results of another run")
    assert neural(capsys, "--overwrite")[0] == 0
    assert "units.csv" in json.loads(Path("run/manifest.json").read_text())["files"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--series", "dff"], "r.npz, with arrays, makes no use of series; leave that out"),
        (["--resampling", "data"], "makes no use of resampling"),
        (["--decoder", "gru", "--features", "mean"], "makes no use of features"),
        (["--searchlight", "-2"], "searchlight is a radius above 0; got -2"),
        (["--baseline", "1,3"], "the baseline 1,3 s lies inside the response"),
        (["--subject", "persn"], "events.tsv has no column 'persn'; it has onset, trial_type"),
        (["--target", "trial_typ"], "did you mean 'trial_type'?"),
        (["--out", "r.npz"], "--out is a folder, but r.npz is a file"),
        (["--out", "."], "holds files that no run of affectome wrote, such as"),
        (["--out", "/proc/x"], "can't write to /proc/x"),
        (["--events", "nowhere.tsv"], "there is no events file nowhere.tsv"),
        (["--without", "all"], "a part is one of"),
    ],
)
def test_what_would_do_nothing_or_can_not_be_done_is_refused(session, capsys, more, says):
    code, out, error = neural(capsys, *more)
    assert (code, out) == (2, "")
    assert says in error
    assert error.count("\n") == 1


def test_any_table_and_any_names_of_columns(session, capsys):
    table = session.assign(mood=session.pop("trial_type"), who=[f"p{i % 8}" for i in range(16)])
    table["bild"] = [f"ü{i // 2}" for i in range(16)]
    table.rename(columns={"onset": "beginn"}).to_csv(
        "e.csv", sep=";", decimal=",", index=False, encoding="cp1252"
    )
    named = ["--onset", "beginn", "--target", "mood", "--subject", "who", "--stimulus", "bild"]
    code, out, error = neural(capsys, "--events", "e.csv", *named, "--json")
    assert code == 0, error
    result = json.loads(out)
    assert result["classes"] == ["fear", "joy"]
    assert "8 people" in result["held_out"]
