"""Naming schemes: each shipped one is whole, a user's own comes first, a bad table is one line."""

from pathlib import Path

import numpy as np
import pytest

from affectome.audit import audit
from affectome.audit.corpora import read_corpora
from affectome.errors import InputError

MINE = """
[[corpus]]
name = "MINE"
about = "our lab"
pattern = '(?P<who>p\\d+)_(?P<feeling>[xy])_\\d+'

[corpus.parts.who]
is = "subject"
means = "person"

[corpus.parts.feeling]
is = "label"
means = "what was felt"
values = { x = "joy", y = "fear" }

[keys.vid]
is = "stimulus"
means = "film"
"""


def test_every_part_of_a_shipped_corpus_says_what_it_is() -> None:
    known = read_corpora().known
    assert [one.name for one in known] == ["RAVDESS", "EMO-DB", "CREMA-D", "TESS", "SAVEE"]
    for corpus in known:
        assert corpus.about
        assert "subject" in {part.role for part in corpus.parts.values()}
        assert corpus.parts["emotion"].role == "label"
        assert all(part.means for part in corpus.parts.values())


def test_a_corpus_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE)
    known = read_corpora(tmp_path / "mine.toml")
    assert known.known[0].name == "MINE"
    assert known.keys["vid"].role == "stimulus"
    assert known.keys["sub"].role == "subject"
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    folder = tmp_path / "sounds"
    folder.mkdir()
    for k in range(36):
        name = f"p{k % 6}_{'xy'[k // 6 % 2]}_{k}.wav"
        soundfile.write(folder / name, 0.1 * rng.normal(size=8000), 16_000)
    found = audit(folder, "feeling", corpora=tmp_path / "mine.toml")
    assert found.classes == ("fear", "joy")
    assert [(c["name"], c["role"]) for c in found.candidates] == [("who", "subject")]
    assert found.warnings[0].startswith("the files are named as in MINE; feeling is read from")
    with pytest.raises(InputError, match="has no table with 'feeling'"):
        audit(folder, "feeling")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "mine.toml is not TOML: "),
        ("", "mine.toml holds neither [[corpus]] nor [keys.NAME]"),
        ("[bids]\nsub = 1", "mine.toml: 'bids' is unknown; known are corpus, keys"),
        ("[[corpus]]\nname = 'A'", "mine.toml, corpus 1 (A) has no pattern"),
        ("[[corpus]]\npattern = '(?P<a>.)'", "mine.toml, corpus 1 has no name"),
        ("[[corpus]]\nname = 'A'\npattern = '('", "the pattern is not a regular expression ("),
        ("[[corpus]]\nname = 'A'\npattern = '(.)'", "the pattern has no named group, such as"),
        (
            MINE.replace("[corpus.parts.who]", "[corpus.parts.whom]"),
            "corpus 1 (MINE): the pattern has no group 'whom'; it has who, feeling",
        ),
        (
            MINE.replace('"subject"', '"person"'),
            "part who: is = 'person', but a part is one of lab",
        ),
        (
            MINE.replace('x = "joy"', "x = 3"),
            "part feeling: values are words for codes, such as { W",
        ),
        (MINE.replace("means", "mean", 1), "part who: 'mean' is unknown; known are is, means, val"),
        (MINE + MINE.split("[keys", maxsplit=1)[0], "mine.toml: two corpora are called 'MINE'"),
        ("[keys]\nsub = 'x'", "keys.sub: a part is a table with is, means and values"),
    ],
)
def test_bad_tables_are_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_corpora(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_table() -> None:
    with pytest.raises(InputError, match=r"can't read nowhere\.toml: No such file"):
        read_corpora("nowhere.toml")
