"""Tables as they come: separators, decimal signs, encodings, ragged rows, and what is no table."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.audit.planted import named_subjects

from affectome.audit import Audit, audit
from affectome.errors import InputError

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    found = named_subjects(np.random.default_rng(0))
    words = {"q": "colère", "w": "joie", "e": "peur"}
    return found.assign(émotion=found.pop("emotion").map(words), leak=found["f0"])


def same(found: Audit) -> bool:
    return (
        found.classes == ("colère", "joie", "peur")
        and (found.n_trials, found.n_columns) == (240, 12)
        and [f.kind for f in found.findings] == ["duplicate_columns"]
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("semicolon.csv", {"sep": ";", "decimal": ","}),
        ("old.csv", {"sep": ";", "encoding": "cp1252"}),
        ("marked.csv", {"encoding": "utf-8-sig"}),
        ("wide.csv", {"sep": "\t", "encoding": "utf-16"}),
        ("tabs.txt", {"sep": "\t"}),
        ("pipes.csv", {"sep": "|"}),
        ("packed.csv.gz", {}),
        ("quoted.csv", {"quoting": 1}),
    ],
)
def test_text_tables_of_all_sorts(
    name: str, options: dict[str, object], table: pd.DataFrame, tmp_path: Path
) -> None:
    table.to_csv(tmp_path / name, index=False, **options)
    assert same(audit(tmp_path / name, "émotion"))


def test_names_of_rows_that_have_no_header(table: pd.DataFrame, tmp_path: Path) -> None:
    lines = table.to_csv(index=False).splitlines()
    rows = [lines[0], *(f"r{k},{line}" for k, line in enumerate(lines[1:]))]
    (tmp_path / "from_r.csv").write_text("\n".join(rows))
    assert same(audit(tmp_path / "from_r.csv", "émotion"))


def test_ragged_rows_are_skipped_and_listed(table: pd.DataFrame, tmp_path: Path) -> None:
    lines = table.to_csv(index=False).splitlines()
    lines[30] += ",7,8"
    lines[31] = lines[31].rsplit(",", 3)[0]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    found = audit(tmp_path / "t.csv", "émotion")
    assert found.n_trials == 238
    assert [(s.file, s.why) for s in found.skipped] == [
        ("row 31", "has 17 cells where the others have 15"),
        ("row 32", "has 12 cells where the others have 15"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n \n", "is empty"),
        (b"a,emotion\n", "has columns but no rows"),
        (b"PK\x03\x04 and so on", "it is a zip archive, or a spreadsheet"),
        (b"\x93NUMPY\x01", "it is a NumPy array"),
        (b"\x00\x01\x02\x03", "it holds binary data; give CSV or Parquet"),
        (b'{"a": 1}', "is not a table but JSON"),
        (b"a,emotion\n1\n2,3,4\n5\n6,7\n8\n", "its rows have 1 to 3 cells, and the first has 2"),
    ],
)
def test_what_is_no_table(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError) as caught:
        audit(tmp_path / "t.csv", "emotion")
    assert message in str(caught.value)
    assert str(caught.value).count("t.csv") == 1
    assert "\n" not in str(caught.value)


def test_a_column_with_nearly_the_name(table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"no column 'Emotion'; did you mean 'émotion'\? it"):
        audit(table, "Emotion")


def test_spellings_of_one_label_are_one_class(table: pd.DataFrame) -> None:
    labels = [e.upper() if k % 3 == 0 else f"{e} " for k, e in enumerate(table["émotion"])]
    found = audit(table.assign(émotion=labels), "émotion")
    assert found.classes == ("colère", "joie", "peur")
    assert "colère, joie, peur: written in several ways (case, spaces)" in found.warnings[0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["joy", "Joy "] * 120, "is 'joy' in all rows but for its spelling"),
        ([*np.linspace(0, 1, 239).astype(str), "none"], "holds numbers, but 'none' in row 241"),
    ],
)
def test_labels_that_can_not_be_used(labels: list[str], message: str, table: pd.DataFrame) -> None:
    with pytest.raises(InputError) as caught:
        audit(table.assign(émotion=labels), "émotion")
    assert message in str(caught.value)


def test_classes_of_whole_floats_and_ratings_as_text(table: pd.DataFrame) -> None:
    code = pd.factorize(table["émotion"])[0] + 1.0
    assert audit(table.assign(émotion=code), "émotion").classes == ("1", "2", "3")
    text = np.random.default_rng(0).normal(size=240).astype(str)
    assert audit(table.assign(émotion=text.astype(object)), "émotion").classes == ()


@pytest.mark.parametrize(
    "times", ["2024-03-01T10:00:00Z", "01.03.2024 10:00", "1/3/2024", "10:00:00", "10:00:00,5"]
)
def test_dates_and_times_are_clocks(times: str, table: pd.DataFrame) -> None:
    column = [times] * 100 + [times.replace("10:", "11:").replace("1/3", "2/3")] * 100
    column += [times.replace("10:", "12:").replace("1/3", "3/3")] * 40
    ordered = table.sort_values("émotion").assign(made=column)
    found = audit(ordered.sample(frac=1, random_state=0), "émotion")
    assert [f.columns for f in found.findings if f.kind == "order"] == [["made"]]


def test_folds_that_are_numbers_are_a_split(table: pd.DataFrame) -> None:
    fold = np.arange(240) % 5
    doubled = pd.concat([table.assign(fold=fold), table.iloc[:4].assign(fold=4)])
    found = audit(doubled, "émotion")
    copies = next(f for f in found.findings if f.kind == "duplicate_trials")
    assert copies.columns == ["fold"]
    assert copies.evidence["pairs_across_the_given_split"] == 4


def test_several_numbers_in_a_cell_are_labels(table: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    labels = [
        f"{a},{b}" if k % 6 == 0 else f"{a}"
        for k, (a, b) in enumerate(rng.integers(20, size=(240, 2)))
    ]
    found = audit(table.assign(émotion=labels), "émotion")
    assert len(found.classes) == 20
    assert "40 of 240 rows carry several labels" in found.warnings[0]
