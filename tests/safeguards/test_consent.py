import json
from datetime import date, timedelta

import pytest

from affectome.errors import InputError
from affectome.safeguards import (
    ConsentError,
    PurposeError,
    consent,
    entries,
    erase,
    people,
    permission,
    permit,
    record_consent,
    withdraw,
)


def at(monkeypatch, day):
    for module in (consent, permission):
        monkeypatch.setattr(module, "today", lambda: day)


def test_without_records_a_purpose_is_enough_and_is_logged(tmp_path):
    assert permit("voice", "research", project=tmp_path) == "research"
    (line,) = entries(tmp_path)
    assert (line["event"], line["modality"], line["purpose"]) == ("read", "voice", "research")
    assert "who" not in line


def test_where_consents_are_kept_only_those_who_agreed_are_read(tmp_path):
    record_consent("ada", "research", ["voice"], project=tmp_path)
    assert permit("voice", "research", "ada", tmp_path) == "research"
    for person, modality, purpose, why in (
        (None, "voice", "research", "only of somebody who is named: add --person NAME"),
        ("bob", "voice", "research", "no consent of 'bob' is recorded; affectome privacy consent"),
        ("ada", "face", "research", "agreed to research: voice; not to face for research"),
        ("ada", "voice", "medical", "not to voice for medical"),
    ):
        with pytest.raises(ConsentError, match=why) as caught:
            permit(modality, purpose, person, tmp_path)
        assert "\n" not in str(caught.value)
    assert [line["event"] for line in entries(tmp_path)] == ["consent", "read"]


def test_a_purpose_declared_further_down_does_not_lead_around_the_consents(tmp_path):
    record_consent("ada", "research", project=tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    with pytest.raises(ConsentError, match="no consent of 'bob'"):
        permit("face", "research", "bob", below)
    (below / ".affectome").mkdir()
    with pytest.raises(ConsentError, match="no consent of 'bob'"):
        permit("face", "research", "bob", below)


def test_one_command_withdraws_and_texts_are_refused_too(tmp_path):
    record_consent("ada", "research", project=tmp_path)
    record_consent("ada", "medical", project=tmp_path)
    withdraw("ada", project=tmp_path)
    for modality, purpose in (("face", "research"), ("voice", "medical"), ("words", None)):
        with pytest.raises(ConsentError, match="'ada' withdrew consent on"):
            permit(modality, purpose, "ada", tmp_path)
    assert permit("words", person="somebody", project=tmp_path) is None
    record_consent("ada", "research", project=tmp_path)
    assert permit("face", "research", "ada", tmp_path) == "research"


def test_a_consent_ends_after_its_last_day(tmp_path, monkeypatch):
    start = date(2026, 1, 1)
    at(monkeypatch, start)
    record_consent("ada", "research", until=start + timedelta(days=2), project=tmp_path)
    at(monkeypatch, start + timedelta(days=2))
    assert permit("face", "research", "ada", tmp_path)
    at(monkeypatch, start + timedelta(days=3))
    with pytest.raises(ConsentError, match="ended on 2026-01-03: not read, and what was written"):
        permit("face", "research", "ada", tmp_path)
    at(monkeypatch, start)
    assert record_consent("bo", "research", project=tmp_path).until == "2027-01-01"


def test_the_log_does_not_name_people_and_an_erased_one_is_nowhere(tmp_path):
    record_consent("ada lovelace", "research", project=tmp_path)
    permit("face", "research", "ada lovelace", tmp_path)
    erase("ada lovelace", project=tmp_path)
    for file in (tmp_path / ".affectome").iterdir():
        assert b"lovelace" not in file.read_bytes()
    assert [line["event"] for line in entries(tmp_path)] == ["consent", "read", "erase"]
    with pytest.raises(ConsentError, match="no consent of"):
        permit("face", "research", "ada lovelace", tmp_path)


def test_what_can_not_be_recorded(tmp_path):
    with pytest.raises(PurposeError, match=r"5\(1\)\(f\)"):
        record_consent("ada", "education", project=tmp_path)
    with pytest.raises(InputError, match=r"a scope is one of .* got 'smell'"):
        record_consent("ada", "research", ["smell"], project=tmp_path)
    with pytest.raises(InputError, match="has already passed"):
        record_consent("ada", "research", until=date(2020, 1, 1), project=tmp_path)
    with pytest.raises(InputError, match="needs a name"):
        record_consent("  ", "research", project=tmp_path)
    with pytest.raises(InputError, match="nothing is recorded of 'ada'"):
        withdraw("ada", project=tmp_path)
    assert people(tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", "{", json.dumps({"ada": {}}), '{"ada": 1}'])
def test_records_that_can_not_be_read_let_nobody_through(tmp_path, content):
    record_consent("ada", "research", project=tmp_path)
    (tmp_path / ".affectome" / "people.json").write_text(content)
    with pytest.raises(ConsentError, match="so nobody is read"):
        permit("face", "research", "ada", tmp_path)
