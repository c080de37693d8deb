import errno
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectome.data import (
    OutputError,
    output_folder,
    to_json,
    write_bytes,
    write_json,
    write_table,
)
from affectome.data.outputs import for_spreadsheet
from affectome.errors import InputError


@dataclass(frozen=True)
class Thing:
    value: float


def test_json_is_plain() -> None:
    value = {
        "array": np.array([1.5, np.nan]),
        "number": np.float32(0.5),
        "count": np.int64(3),
        "nothing": float("inf"),
        "thing": Thing(1.0),
        "path": Path("a"),
        "flag": np.bool_(True),
    }
    assert json.loads(to_json(value)) == {
        "array": [1.5, None],
        "number": 0.5,
        "count": 3,
        "nothing": None,
        "thing": {"value": 1.0},
        "path": "a",
        "flag": True,
    }
    with pytest.raises(InputError, match="a value of the type object"):
        to_json({"x": object()})


def test_a_full_disk_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_bytes(tmp_path / "r", b"old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"can't write .*: No space left on device"):
        write_bytes(tmp_path / "r", b"new")
    assert (tmp_path / "r").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_an_old_result_does_not_vouch_for_a_new_run(tmp_path: Path) -> None:
    write_json(tmp_path / "result.json", {"schema": 1})
    output_folder(tmp_path)
    assert not (tmp_path / "result.json").exists()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(OutputError, match="can't write to"):
        output_folder(tmp_path / "f")
    with pytest.raises(OutputError, match="can't write"):
        write_table(tmp_path / "f" / "t.csv", pd.DataFrame({"a": [1]}))


def test_text_that_a_spreadsheet_would_run_has_an_apostrophe() -> None:
    cells = ["=1+1", "+a", "-a", "@a", "\t=a", "a=b", "", None]
    table = pd.DataFrame({"text": cells, "number": [-1.5, 2, 3, 4, 5, 6, 7, 8]})
    safe = for_spreadsheet(table)
    assert list(safe["text"][:7]) == ["'=1+1", "'+a", "'-a", "'@a", "'\t=a", "a=b", ""]
    assert safe["text"][7] is None
    assert list(safe["number"]) == list(table["number"])
    assert table["text"][0] == "=1+1"
