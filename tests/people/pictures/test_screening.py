import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import affectome
from affectome.cli.app import build
from affectome.errors import InputError
from affectome.networks.emonet import EmoNet
from affectome.people.pictures import screening
from affectome.people.pictures.screening import Rule, screen
from affectome.people.reading import Estimate, Reading

SETTINGS = {"middle": 4.0, "dimensions": {"valence": {"spread": 1.0}, "arousal": {"spread": 0.5}}}


def run(*arguments):
    words = [str(a) for a in arguments]
    return CliRunner().invoke(build(words), words)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("album")
    rng = np.random.default_rng(0)
    (folder / "trip").mkdir()
    for k in range(20):
        base = np.linspace(rng.uniform(0, 90), rng.uniform(140, 255), 90)[:, None, None]
        pixels = base * rng.uniform(0.3, 1, 3) + rng.normal(0, 12, (90, 120, 3))
        name = f"trip/{k:02d} ü.jpg" if k % 2 else f"{k:02d}.png"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    Image.new("RGB", (40, 40), "navy").save(folder / "flat.png")
    return folder


def reading(valence=None, arousal=None, **emotions):
    return Reading(
        "pictures",
        emotions,
        valence=None if valence is None else Estimate(valence),
        arousal=None if arousal is None else Estimate(arousal),
    )


@pytest.mark.parametrize(
    ("keep", "given", "probability", "decision"),
    [
        ("positive", reading(4.0 + 1.0), 0.8413, "keep"),
        ("pleasant", reading(4.2), 0.5793, "abstain"),
        ("positive", reading(2.0), 0.0228, "leave"),
        ("negative", reading(2.0), 0.9772, "keep"),
        ("calm", reading(4.0, 3.0), 0.9772, "keep"),
        ("arousing", reading(4.0, 3.0), 0.0228, "leave"),
        ("awe", reading(4.0, 3.0, Awe=0.8, Fear=0.2), 0.8, "keep"),
        ("fear", reading(4.0, 3.0, Awe=0.8, Fear=0.2), 0.2, "leave"),
        ("positive", Reading("pictures", abstains=True, because="flat"), None, "abstain"),
    ],
)
def test_rules(keep, given, probability, decision):
    rule = Rule(keep, 0.75)
    found = rule.probability(given, SETTINGS)
    assert found == (None if probability is None else pytest.approx(probability, abs=1e-4))
    assert rule.decide(found) == decision


def test_what_can_not_be_kept_is_told():
    with pytest.raises(InputError, match=r"--keep is one of positive.*awe; got 'blue'"):
        Rule("blue", 0.5).check(SETTINGS["dimensions"], ["Awe"])
    with pytest.raises(InputError, match="reads no arousal"):
        Rule("calm", 0.5).check({"valence": {}}, [])
    Rule("awe", 0.5).check({}, ["Awe"])
    with pytest.raises(InputError, match="between 0 and 1; got 7"):
        Rule("positive", 7)


def test_a_folder_is_screened_copied_and_shown(pictures, tmp_path):
    before = {f: f.stat().st_mtime_ns for f in pictures.rglob("*") if f.is_file()}
    out = tmp_path / "out"
    done = run("screen", pictures, "--out", out, "--threshold", "0.55", "--copy")
    assert done.exit_code == 1, done.stderr
    assert "skipped broken.jpg: is not a picture" in done.stderr
    result = json.loads((out / "result.json").read_text())
    table = pd.read_csv(out / "screened.csv")
    assert len(table) == result["pictures"] == 21
    assert "unvalidated_emotion" in table
    assert sum(result["decisions"].values()) == 21
    flat = table[table["file"] == "flat.png"].iloc[0]
    assert flat["decision"] == "abstain"
    kept = table[table["decision"] == "keep"]
    assert 0 < len(kept) < 20
    assert (kept["probability"] >= 0.55).all()
    assert kept["probability"].is_monotonic_decreasing
    listed = (out / "kept.txt").read_text().splitlines()
    assert listed == kept["file"].tolist()
    copied = {f.relative_to(out / "kept").as_posix() for f in (out / "kept").rglob("*.*")}
    assert copied == set(listed)
    page = (out / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == len(kept)
    assert not re.search(r"(src|href)=['\"]https?:", page)
    assert "ArrowRight" in page
    assert before == {f: f.stat().st_mtime_ns for f in pictures.rglob("*") if f.is_file()}
    words = ("--out", out, "--keep", "negative", "--threshold", "0.55", "--overwrite")
    again = run("screen", pictures, *words)
    assert "22 had been read before" in again.stderr


def test_thumbnails_names_are_escaped(tmp_path, pictures):
    folder = tmp_path / "names"
    folder.mkdir()
    Image.open(pictures / "00.png").save(folder / "a'><script>x&.png")
    run("screen", folder, "--out", tmp_path / "out", "--threshold", "0.01")
    assert "<script>x" not in (tmp_path / "out" / "report.html").read_text()


def files_of(folder):
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_a_killed_run_goes_on_where_it_was_and_ends_with_the_same_rows(pictures, tmp_path):
    whole = tmp_path / "whole"
    run("screen", pictures, "--out", whole)
    cut = tmp_path / "cut"
    slow = (
        "import sys, time\n"
        "from affectome.people.pictures import screening\n"
        "read = screening._read_batch\n"
        "def late(*given):\n    time.sleep(0.5); return read(*given)\n"
        "screening._read_batch = late\n"
        "from affectome.cli.app import main\n"
        f"main(['screen', {str(pictures)!r}, '--out', {str(cut)!r}])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", slow], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while time.monotonic() < until and not list(cut.glob("read/*.shard")):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    shards = sorted(cut.glob("read/*.shard"))
    read = 8 * len(shards)
    assert 0 < read < 22
    assert "stopped" in run("status", cut).stderr
    done = run("resume", cut)
    assert f"{read} had been read before" in done.stderr
    assert len(list(cut.glob("read/*.shard"))) == 3
    assert files_of(cut) == files_of(whole), "the same bytes"


def test_another_folder_does_not_go_on_with_these_rows(pictures, tmp_path):
    files = sorted(pictures.glob("0*.png"))
    first = screen(pictures, files, Rule("positive", 0.75), tmp_path)
    other = screen(pictures, files[:2], Rule("positive", 0.75), tmp_path)
    assert (first.resumed, other.resumed) == (0, 0)
    assert len(other.table) == 2
    assert screening.fast_arithmetic() in screening.ARITHMETIC


def test_a_run_that_was_stopped_while_it_copied_is_done_again(pictures, tmp_path, monkeypatch):
    album, out = tmp_path / "album", tmp_path / "out"
    shutil.copytree(pictures, album)
    (album / "broken.jpg").unlink()
    (album / "scan.heic").write_bytes(b"of another kind")
    odd = os.path.join(os.fsencode(album), b"\xff.png")
    with open(odd, "wb") as stream:  # Latin-1, as old archives unpack it
        stream.write((album / "00.png").read_bytes())
    asked = ("screen", album, "--out", out, "--threshold", "0.1", "--copy")

    def cut(source, target):
        target.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfileobj", cut)
    assert run(*asked).exit_code != 0
    monkeypatch.undo()
    done = run(*asked)
    assert done.exit_code == 0, done.stderr
    assert "which were not looked at: 1 of .heic" in done.stderr
    assert "valence, r = 0.65 (0.58 to 0.72)" in done.stderr
    whole = [f for f in (out / "kept").rglob("*") if f.is_file()]
    assert len(whole) == 21
    assert all(f.read_bytes() == (album / f.relative_to(out / "kept")).read_bytes() for f in whole)
    assert "\\udcff.png" in (out / "screened.csv").read_text()
    assert "(" in (out / "report.html").read_text().split("<br>")[1].split("<")[0]
    flat = tmp_path / "flat"
    flat.mkdir()
    shutil.copy(pictures / "flat.png", flat)
    nothing = run("screen", flat, "--out", tmp_path / "no", "--keep", "blue")
    assert nothing.exit_code != 0
    assert not (tmp_path / "no").exists()


@pytest.mark.slow
def test_emonet_decides_where_its_weights_are(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    guessed = run(
        "screen", pictures, "--keep", "awe", "--threshold", "0.1", "--out", tmp_path / "o"
    )
    assert guessed.exit_code == 1
    table = pd.read_csv(tmp_path / "o" / "screened.csv")
    assert "unvalidated_emotion" in table
    result = json.loads((tmp_path / "o" / "result.json").read_text())
    assert any("unvalidated estimate" in note for note in result["warnings"])
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(EmoNet().state_dict(), checkpoints / "emonet.pth")
    asked = ("--keep", "awe", "--threshold", "0.1", "--out", tmp_path / "o", "--overwrite")
    own = run("screen", pictures, *asked)
    assert "had been read before" not in own.stderr  # other emotions: all are read anew
    told = pd.read_csv(tmp_path / "o" / "screened.csv").set_index("file")
    assert "unvalidated_emotion" not in told
    result = json.loads((tmp_path / "o" / "result.json").read_text())
    assert not any("unvalidated" in note for note in result["warnings"])
    one = affectome.read(pictures / "00.png")
    likeliest = max(one.emotions, key=one.emotions.get)
    assert told.loc["00.png", "emotion"] == likeliest
    assert told.loc["00.png", "emotion_p"] == pytest.approx(one.emotions[likeliest], abs=1e-3)
    assert told.loc["00.png", "valence"] == pytest.approx(one.valence.value, abs=0.05)
    asked = ("--keep", "fear", "--threshold", "0.1", "--out", tmp_path / "o", "--overwrite")
    again = run("screen", pictures, *asked)
    assert "22 had been read before" in again.stderr or "23 had been read" in again.stderr
