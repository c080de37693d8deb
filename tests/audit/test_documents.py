"""What the page on the audit says: a place for every code, and a table of corpora that is read."""

import re
from pathlib import Path

from affectome.audit.corpora import read_corpora
from affectome.audit.findings import CODES

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")


def test_every_code_has_a_place_on_the_page() -> None:
    for kind, code in CODES.items():
        assert f'<a id="{code.lower()}"></a>{code} `{kind}`' in PAGE


def test_the_table_of_corpora_on_the_page_is_read(tmp_path: Path) -> None:
    block = re.search(r"^```toml\n(.*?)^```", PAGE, re.S | re.M)
    assert block is not None
    (tmp_path / "mine.toml").write_text(block[1])
    known = read_corpora(tmp_path / "mine.toml")
    found = known.recognise(["p3_x_12", "p4_y_1"])
    assert found is not None
    assert list(found[1]["feeling"]) == ["joy", "fear"]
    assert known.keys["vid"].role == "stimulus"
