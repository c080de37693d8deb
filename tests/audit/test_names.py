"""Parts of file names, numbering and codes of known sets; what columns are for."""

import pandas as pd
import pytest

from affectome.audit.corpora import read_corpora
from affectome.audit.names import name_parts, target_from_names
from affectome.data.roles import find_roles, role_of, words_of
from affectome.errors import InputError

KNOWN = read_corpora()


def test_numbered_names_share_a_theme() -> None:
    parts, _ = name_parts(["Dog 1.jpg", "Dog 2.jpg", "Angry face 1.jpg", "Lake (12).jpg"], KNOWN)
    assert list(parts["name without number"]) == ["Dog", "Dog", "Angry face", "Lake"]


@pytest.mark.parametrize(
    ("stem", "name", "part", "value"),
    [
        ("03-01-05-01-02-01-12", "RAVDESS", "actor", "12"),
        ("03a01Fa", "EMO-DB", "speaker", "03"),
        ("1001_DFA_ANG_XX", "CREMA-D", "actor", "1001"),
        ("03a01Fa", "EMO-DB", "emotion", "happiness"),
        ("03-01-05-01-02-01-12", "RAVDESS", "emotion", "angry"),
        ("OAF_back_angry", "TESS", "emotion", "angry"),
        ("YAF_youth_ps", "TESS", "emotion", "pleasant surprise"),
        ("JK_sa03", "SAVEE", "emotion", "sadness"),
    ],
)
def test_known_sets(stem: str, name: str, part: str, value: str) -> None:
    found = KNOWN.recognise([stem])
    assert found is not None
    assert (found[0].name, found[1][part][0]) == (name, value)
    assert KNOWN.recognise([stem, "holiday"]) is None


def test_parts_of_codes_and_paths() -> None:
    files = ["Actor_01/s1-Wa.wav", "Actor_01/s2-Fb.wav", "Actor_02/s1-Fa.wav"]
    parts, _ = name_parts(files, KNOWN)
    assert list(parts["folder 1"]) == ["Actor_01", "Actor_01", "Actor_02"]
    assert list(parts["name part 2"]) == ["1", "2", "1"]
    assert list(parts["name part 3, letter 1"]) == ["W", "F", "F"]
    assert "name part 1" not in parts


def test_targets_from_names() -> None:
    assert list(target_from_names(["03a01Fa.wav"], "^.{5}(.)")) == ["F"]
    assert list(target_from_names(["a/03-01-05.wav"], "3")) == ["05"]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("participant_id", "subject"),
        ("SpeakerID", "subject"),
        ("film", "stimulus"),
        ("song_no", "stimulus"),
        ("trial_number", "order"),
        ("word_count", None),
        ("head_position_y", None),
        ("alpha_Fp1", None),
    ],
)
def test_roles_by_name(name: str, role: str | None) -> None:
    assert role_of(name) == role


def test_words() -> None:
    assert words_of("ParticipantId_2") == ["participant", "id"]


def test_roles_of_a_table() -> None:
    n = 40
    table = pd.DataFrame(
        {
            "Unnamed: 0": range(n),
            "subject": [i % 8 for i in range(n)],
            "onset": [0.5 * i for i in range(n)],
            "split": ["train", "test"] * 20,
            "text": [f"this is sentence number {i}" for i in range(n)],
            "key": [f"k{i}" for i in range(n)],
            "alpha": [i * 0.1 for i in range(n)],
            "emotion": ["joy", "fear"] * 20,
        }
    )
    roles = find_roles(table, "emotion")
    assert roles.groups == {"subject": "subject"}
    assert (roles.order, roles.split, roles.text) == (("onset",), "split", "text")
    assert roles.numbers == ("alpha",)
    assert roles.identifiers == ("Unnamed: 0", "key")


def test_keys_and_values_of_bids() -> None:
    files = ["sub-01_ses-1_run-2.wav", "sub-02_ses-1_run-1.wav", "sub-02_ses-2_x.wav"]
    parts, roles = name_parts(files, KNOWN)
    assert roles == {"sub": "subject", "ses": "session"}
    assert list(parts["sub"]) == ["01", "02", "02"]
    assert list(parts["ses"]) == ["1", "1", "2"]
    assert "run" not in parts


def test_targets_from_folders() -> None:
    files = ["spk1/joy/a.wav", "spk2/fear/b.wav"]
    assert list(target_from_names(files, "folder 2")) == ["joy", "fear"]
    with pytest.raises(InputError, match=r"'spk1/joy/a.wav' lies in 2 folders; folder 3 was"):
        target_from_names(files, "folder 3")
