import json

import pytest

from affectome.safeguards import PURPOSES, PurposeError, forget_purpose, require_purpose


@pytest.mark.parametrize("modality", ["face", "voice", "body", "physiology"])
def test_a_person_is_not_read_without_a_purpose(tmp_path, modality):
    with pytest.raises(PurposeError, match=f"{modality} needs a declared purpose; add --purpose"):
        require_purpose(modality, project=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("modality", ["words", "animals"])
def test_texts_and_animals_need_none(tmp_path, modality):
    assert require_purpose(modality, project=tmp_path) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_declared_purpose_is_remembered_here_and_below(tmp_path, purpose):
    assert require_purpose("voice", purpose, tmp_path) == purpose
    below = tmp_path / "people" / "one"
    below.mkdir(parents=True)
    assert require_purpose("face", project=below) == purpose
    assert forget_purpose(tmp_path)
    assert not forget_purpose(tmp_path)
    with pytest.raises(PurposeError, match="needs a declared purpose"):
        require_purpose("face", project=below)


@pytest.mark.parametrize("purpose", ["workplace", "education", "Hiring"])
def test_workplace_and_education_are_refused_with_the_article(tmp_path, purpose):
    with pytest.raises(PurposeError, match=r"2024/1689, Article 5\(1\)\(f\)") as caught:
        require_purpose("voice", purpose, tmp_path)
    assert "--purpose medical or --purpose safety" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_refused_purpose_does_not_replace_the_remembered_one(tmp_path):
    require_purpose("voice", "medical", tmp_path)
    with pytest.raises(PurposeError):
        require_purpose("voice", "school", tmp_path)
    assert require_purpose("voice", project=tmp_path) == "medical"


def test_another_word_names_the_choices(tmp_path):
    with pytest.raises(PurposeError, match="one of research, medical, safety, personal; got 'fun'"):
        require_purpose("voice", "fun", tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"purpose": "workplace"}'])
def test_a_tampered_memory_lets_nothing_through(tmp_path, content):
    (tmp_path / ".affectome").mkdir()
    (tmp_path / ".affectome" / "purpose.json").write_text(content)
    with pytest.raises(PurposeError):
        require_purpose("voice", project=tmp_path)


def test_what_is_kept_is_the_purpose_and_when(tmp_path):
    require_purpose("voice", "research", tmp_path)
    kept = json.loads((tmp_path / ".affectome" / "purpose.json").read_text())
    assert set(kept) == {"purpose", "declared"}
