import json
import wave

import pandas as pd
import pytest


@pytest.fixture
def sound(tmp_path):
    file = tmp_path / "silence.wav"
    with wave.open(str(file), "wb") as stream:
        stream.setparams((1, 2, 16_000, 0, "NONE", ""))
        stream.writeframes(bytes(32_000))
    return file


def test_a_person_from_consent_to_erasure(run, sound, tmp_path):
    assert run("privacy", "consent", "ada", "--purpose", "research", "--scope", "voice")[0] == 0
    run("privacy", "consent", "bo", "--purpose", "research")
    for person in ("ada", "bo"):
        status, out, _ = run(
            "read", sound, "--purpose", "research", "--person", person, "--out", person, "--json"
        )
        assert status == 0
        assert json.loads(out)["person"] == person
    status, out, _ = run("privacy", "export", "ada")
    held = json.loads(out)
    assert held["consents"][0]["scope"] == ["voice"]
    assert [line["event"] for line in held["log"]] == ["consent", "read", "write", "export"]
    assert [r["reading"]["modality"] for r in held["readings"]] == ["voice"]

    status, out, _ = run("privacy", "withdraw", "ada")
    assert status == 0
    assert "report.html" in out
    assert len(pd.read_csv("ada/readings.csv")) == 0
    assert json.loads((tmp_path / "ada/result.json").read_text())["readings"] == []
    assert not (tmp_path / "ada/report.html").exists()
    assert len(pd.read_csv("bo/readings.csv")) == 1
    status, _, err = run("read", sound, "--person", "ada")
    assert status == 2
    assert "'ada' withdrew consent on" in err
    assert len(err.splitlines()) == 1

    status, out, _ = run("privacy", "erase", "ada")
    assert "ada is erased" in out
    status, out, _ = run("privacy", "log")
    assert "bo" in out
    assert "ada" not in out
    assert "erased (" in out


def test_the_log_holds_until_one_byte_is_changed(run, sound, tmp_path):
    run("read", sound, "--purpose", "research")
    status, out, _ = run("privacy", "verify")
    assert status == 0
    head = out.split()[-1]
    assert run("privacy", "verify", "--head", head)[0] == 0
    status, out, _ = run("privacy", "log", "--json")
    assert json.loads(out.splitlines()[0])["event"] == "read"
    log = tmp_path / ".affectome" / "log.jsonl"
    log.write_bytes(log.read_bytes().replace(b"voice", b"voicf"))
    status, _, err = run("privacy", "verify")
    assert status == 2
    assert len(err.splitlines()) == 1
    status, _, err = run("read", sound)
    assert status == 2
    assert "nothing is read until that is explained" in err


def test_work_and_school_are_refused_by_the_article(run, sound):
    for purpose in ("workplace", "education"):
        for words in (
            ("read", sound, "--purpose", purpose),
            ("privacy", "consent", "ada", "--purpose", purpose),
            ("privacy", "notice", "--purpose", purpose, "--controller", "A", "--contact", "B"),
        ):
            status, _, err = run(*words)
            assert status == 2
            assert "Regulation (EU) 2024/1689, Article 5(1)(f)" in err
            assert len(err.splitlines()) == 1


def test_a_text_of_somebody_who_withdrew_is_refused(run):
    run("privacy", "consent", "ada", "--purpose", "personal")
    run("privacy", "withdraw", "ada")
    status, _, err = run("read", "--text", "I love it", "--person", "ada")
    assert status == 2
    assert "withdrew" in err


def test_the_notice_and_its_page(run, tmp_path):
    words = ("--purpose", "research", "--controller", "Lab", "--contact", "a@b.c")
    status, out, _ = run("privacy", "notice", *words, "--scope", "face", "--until", "2030-01-31")
    assert status == 0
    assert "erased on 2030-01-31" in out
    run("privacy", "notice", *words, "--out", "notice.html")
    assert (tmp_path / "notice.html").read_text().startswith("<!doctype html>")
    status, _, err = run("privacy", "notice", *words, "--until", "soon")
    assert status == 2
    assert "--until takes a day such as 2027-06-30; got 'soon'" in err
