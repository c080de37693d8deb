import json
import subprocess
import sys

import pandas as pd
import pytest

from affectome.cli import main


def run(capsys, *words):
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    captured = capsys.readouterr()
    return caught.value.code or 0, captured.out, captured.err


def lines_of(out):
    return [json.loads(line) for line in out.splitlines()]


def test_texts_give_a_line_of_json_each(capsys):
    status, out, _ = run(
        capsys, "read", "--text", "Thank you so much!", "--text", "😭", "--person", "p1", "--json"
    )
    read, empty = lines_of(out)
    assert status == 0
    assert read["labels"] == ["gratitude"]
    assert read["person"] == "p1"
    assert read["valence"]["interval"][0] < read["valence"]["value"]
    assert empty["abstains"]
    assert "pictographs" in empty["because"]


def test_without_json_a_reading_is_a_few_lines(capsys):
    status, out, _ = run(capsys, "read", "--text", "Thank you so much!")
    assert status == 0
    assert out.startswith("Reading(words): gratitude\n")
    assert len(out.splitlines()) == 3


def test_lines_of_a_file_are_numbered(capsys, tmp_path):
    file = tmp_path / "chat.txt"
    file.write_text("I love it\n\nI hate it\n")
    _, out, _ = run(capsys, "read", "--lines", str(file), "--json")
    read = lines_of(out)
    assert [r["row"] for r in read] == [1, 2, 3]
    assert [r["abstains"] for r in read] == [False, True, False]
    assert read[0]["file"] == str(file)


def test_a_column_of_a_table(capsys, tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("who,said\na,I love it\nb,\n")
    _, out, _ = run(capsys, "read", str(file), "--column", "said", "--json")
    assert [r["abstains"] for r in lines_of(out)] == [False, True]
    status, _, err = run(capsys, "read", str(file))
    assert status == 2
    assert "is a table; name the column with the texts: --column NAME" in err
    status, _, err = run(capsys, "read", str(file), "--column", "gone")
    assert "has no column 'gone'; it has who, said" in err


def test_a_folder_writes_a_report_and_lists_what_it_skipped(capsys, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("I love it")
    (folder / "b.txt").write_bytes(b"\x00" * 99)
    status, _, err = run(capsys, "read", str(folder), "--out", str(tmp_path / "run"))
    assert status == 1
    assert "skipped" in err
    assert "null bytes" in err
    table = pd.read_csv(tmp_path / "run" / "readings.csv")
    assert table["labels"].tolist() == ["love"]
    assert "emotion.love" in table
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert len(result["readings"]) == len(result["skipped"]) == 1
    assert "<table>" in (tmp_path / "run" / "report.html").read_text()


def test_a_pattern_names_files(capsys, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("I love it")
    _, out, _ = run(capsys, "read", str(tmp_path / "*.txt"), "--json")
    assert len(lines_of(out)) == 2
    status, _, err = run(capsys, "read", str(tmp_path / "*.wav"))
    assert (status, "no file matches this pattern" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give a file or a folder, or --text"),
        (["gone.txt"], "gone.txt: there is no such file"),
        (["--lines", "gone.txt"], "there is no such file of lines"),
        (["--text", "x", "--model", "gone"], "holds no model"),
        (["--modality", "smell", "x.txt"], "the modality is one of words"),
    ],
)
def test_what_cannot_be_read_is_one_line(capsys, words, message):
    status, _, err = run(capsys, "read", *words)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


def test_standard_input(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "affectome", "read", "--lines", "-", "--json"],
        input="I love it\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["labels"] == ["love"]


def test_reading_a_text_imports_neither_pandas_nor_numba():
    code = (
        "import sys; from affectome.people import read; read('I love it');"
        "print(*({'pandas', 'numba', 'xarray', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_models_are_listed_and_their_cards_shown(capsys, tmp_path):
    _, out, _ = run(capsys, "models", "list")
    assert [line.split()[0] for line in out.splitlines()] == ["face", "pictures", "voice", "words"]
    _, out, _ = run(capsys, "models", "card", "words")
    assert "| gratitude | thankfulness and appreciation |" in out
    _, out, _ = run(capsys, "models", "card", "words", "--json")
    assert json.loads(out)["name"] == "words"
    run(capsys, "models", "card", "words", "--out", str(tmp_path / "card.html"))
    assert "<h1>words</h1>" in (tmp_path / "card.html").read_text()
    status, _, err = run(capsys, "models", "card", "gone")
    assert (status, "there is no model 'gone'" in err) == (2, True)
