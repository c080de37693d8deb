"""What the pages on the audit say: a place for every code, corpora that are read, prices."""

import re
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from affectome.audit import audit
from affectome.audit.corpora import read_corpora
from affectome.audit.costs import Cost
from affectome.audit.findings import CODES

DOCS = Path(__file__).parents[2] / "docs"
PAGE, AUDITED = ((DOCS / name).read_text("utf-8") for name in ("audit.md", "audited.md"))


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


@pytest.mark.slow
def test_tables_of_scikit_learn_are_priced_as_the_page_says() -> None:
    digits = audit(load_digits(as_frame=True).frame, "target")
    order = next(f for f in digits.findings if f.kind == "order")
    assert isinstance(order.cost, Cost)
    low, high = order.cost.difference.interval or (0.0, 0.0)
    page = f"+{order.cost.difference.value:.2f} balanced accuracy (+{low:.2f} to +{high:.2f}"
    assert page.replace("0.", ".") in AUDITED
    cancer = audit(load_breast_cancer(as_frame=True).frame, "target")
    assert {f.severity for f in cancer.findings} <= {"low"}
