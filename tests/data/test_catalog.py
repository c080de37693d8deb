import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectome.data import read_catalog
from affectome.errors import InputError


def write_files(folder: Path, names: list[str]) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path, ["a 1.png", "b.png", "c.png"])
    pd.DataFrame(
        {
            "file_name": ["a 1.png", "b.png", "c.png"],
            "valence": [2.0, 4.0, 6.0],
            "arousal": [1.0, 2.0, 3.0],
            "theme": ["x", "y", "y"],
        }
    ).to_csv(tmp_path / "metadata.csv", index=False)
    return tmp_path


def test_folder_with_metadata(folder: Path) -> None:
    catalog = read_catalog(folder, group="theme", cut=(3.5, 5.0))
    assert catalog.table["emotion"].tolist() == ["unpleasant", "neutral", "pleasant"]
    assert catalog.table["group"].tolist() == ["x", "y", "y"]
    assert [Path(f).name for f in catalog.table["file"]] == ["a 1.png", "b.png", "c.png"]
    assert all(Path(f).is_file() for f in catalog.table["file"])
    assert catalog.ratings == ("valence", "arousal")
    assert "unpleasant below 3.5" in catalog.notes[0]


def test_bounds_of_the_cut_belong_to_the_class_above(folder: Path) -> None:
    catalog = read_catalog(folder, cut=(4.0, 6.0))
    assert catalog.table["emotion"].tolist() == ["unpleasant", "neutral", "pleasant"]


def test_class_folders(tmp_path: Path) -> None:
    write_files(tmp_path, ["joy/1.jpg", "joy/é長い 2.JPG", "fear/deep/3.png", "fear/notes.md"])
    table = read_catalog(tmp_path).table
    assert table["emotion"].tolist() == ["fear", "joy", "joy"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_tables_with_named_columns(tmp_path: Path, suffix: str) -> None:
    write_files(tmp_path, ["p.png", "q.png"])
    table = pd.DataFrame({"pic": ["p.png", "q.png"], "V": [1, 2], "mood": ["good", "bad"]})
    path = tmp_path / f"t{suffix}"
    table.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    catalog = read_catalog(path, file="pic", target="mood", ratings={"valence": "V"})
    assert catalog.table["emotion"].tolist() == ["good", "bad"]
    assert catalog.table["valence"].tolist() == [1, 2]
    assert catalog.ratings == ("valence",)


def test_a_table_without_files_is_a_catalog_too(tmp_path: Path) -> None:
    pd.DataFrame({"text": ["a", "b"], "emotion": ["joy", None]}).to_csv(
        tmp_path / "words.csv", index=False
    )
    catalog = read_catalog(tmp_path / "words.csv")
    assert catalog.table["text"].tolist() == ["a"]
    assert catalog.skipped[0].why == "no label in this row"


def test_unusable_rows_are_skipped_and_listed(folder: Path) -> None:
    table = pd.read_csv(folder / "metadata.csv")
    long = "n" * 5000 + ".png"
    extra = pd.DataFrame({"file_name": ["b.png", "gone.png", None, long], "valence": 5.0})
    pd.concat([table, extra]).to_csv(folder / "metadata.csv", index=False)
    catalog = read_catalog(folder)
    assert len(catalog) == 3
    whys = [s.why for s in catalog.skipped]
    assert whys == [
        "listed twice: rows 3 and 5; the first is kept",
        "there is no such file",
        "no file name in this row",
        "there is no such file",
    ]


def test_keep_lists_what_it_drops(folder: Path) -> None:
    kept = read_catalog(folder).keep(np.array([True, False, True]))
    assert len(kept) == 2
    assert kept.table.index.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "mood"}, "has no column 'mood'; it has file_name, valence"),
        ({"ratings": {"valence": "V"}}, "has no column 'V'"),
        ({"ratings": {"valence": "theme"}}, "'theme' holds 'x' in row 2, which is not a number"),
        ({"cut": (5.0, 3.0)}, "the bounds of a cut rise; got 5,3"),
        ({"file": "picture"}, "has no column 'picture'"),
    ],
)
def test_what_cannot_be_used_is_one_line(folder: Path, arguments: dict, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_catalog(folder, **arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cut_without_valence(tmp_path: Path) -> None:
    pd.DataFrame({"text": ["a"]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match="neither labels nor a rating of valence"):
        read_catalog(tmp_path / "t.csv", cut=(1, 2))


def test_infinite_rating(folder: Path) -> None:
    table = pd.read_csv(folder / "metadata.csv")
    table.loc[1, "valence"] = np.inf
    table.to_csv(folder / "metadata.csv", index=False)
    with pytest.raises(InputError, match="'valence' holds an infinite value"):
        read_catalog(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n", "has columns but no rows"),
        (b"a,b\n1,2\n1,2,3,4\n", "is not a table"),
    ],
)
def test_broken_tables(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_catalog(tmp_path / "t.csv")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file or folder"):
        read_catalog(tmp_path / "no")
    with pytest.raises(InputError, match=r"neither metadata\.csv nor folders of files"):
        read_catalog(tmp_path)
    pd.DataFrame({"file": ["x.png"]}).to_csv(tmp_path / "metadata.csv", index=False)
    with pytest.raises(InputError, match=r"no usable row \(1 skipped; the first: x.png: there is"):
        read_catalog(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_unreadable_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    with pytest.raises(InputError, match="permission denied"):
        read_catalog(closed)
