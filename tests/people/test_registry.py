from pathlib import Path

import pytest

from affectome import people
from affectome.errors import InputError
from affectome.people import Reading, Readings, read
from affectome.people.registry import MODALITIES, Modality, files_in
from affectome.safeguards import PurposeError


def test_a_string_is_a_text_a_list_is_many():
    assert isinstance(read("Thank you so much!"), Reading)
    many = read(["Thank you so much!", ""])
    assert isinstance(many, Readings)
    assert [reading.abstains for reading in many] == [False, True]


def test_a_file_and_a_folder_are_read_by_their_endings(tmp_path):
    (tmp_path / "a.txt").write_text("I love this")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.md").write_text("I hate this")
    (tmp_path / "c.xyz").write_text("?")
    assert read(tmp_path / "a.txt").labels[0] == "love"
    assert [Path(r.file).name for r in read(str(tmp_path))] == ["a.txt", "b.md"]
    with pytest.raises(InputError, match=r"nothing reads files that end in '\.xyz'; known are"):
        read(tmp_path / "c.xyz")


@pytest.mark.parametrize("text", ["x" * 5000, "a\x00b", "", "  "])
def test_odd_strings_are_texts_not_paths(text):
    assert read(text).abstains


def test_what_is_missing_says_so(tmp_path):
    with pytest.raises(InputError, match="there is no such file or folder"):
        read(tmp_path / "gone.txt")
    with pytest.raises(InputError, match=r"no file in it ends in \."):
        read(tmp_path)
    with pytest.raises(InputError, match=r"the modality is one of words.*got 'smell'"):
        files_in(tmp_path, "smell")
    with pytest.raises(InputError, match="holds no model"):
        read("hello there", model="x")


def test_a_person_is_not_read_without_a_purpose(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = []

    class Module:
        @staticmethod
        def reader(model=None):
            asked.append(model)
            raise AssertionError

    voice = Modality("voice", "m", "m", frozenset({".wav"}))
    monkeypatch.setattr(Modality, "load", lambda self: Module)
    monkeypatch.setitem(MODALITIES, "voice", voice)
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(PurposeError, match="voice needs a declared purpose"):
        people.read(tmp_path / "a.wav")
    with pytest.raises(PurposeError, match="prohibits it at the workplace"):
        people.read(tmp_path / "a.wav", purpose="workplace")
    assert not asked
