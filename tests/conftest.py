"""Every result that any test writes is held against the contract of keys, claims and columns."""

import json
from pathlib import Path

import pytest

from affectome.cli.app import main
from affectome.data import outputs
from affectome.reports import page
from contract import broken_claims, broken_columns, broken_head


@pytest.fixture(autouse=True)
def _claims_say_how_they_came_about(monkeypatch):
    write = outputs.write_json

    def checked(path, value):
        written = write(path, value)
        if Path(path).name == "result.json":
            result = json.loads(Path(written).read_text())
            assert not broken_head(result), f"keys of every result: {broken_head(result)}"
            broken = broken_claims(result)
            assert not broken, f"claims without a null or groups: {', '.join(broken)}"
        return written

    monkeypatch.setattr(page, "write_json", checked)


@pytest.fixture(autouse=True)
def _columns_are_documented(monkeypatch):
    write = outputs.write_table

    def checked(path, table):
        written = write(path, table)
        command = json.loads((Path(written).parent / "manifest.json").read_text()).get("command")
        names = [str(one) for one in table.columns]
        broken = [] if command is None else broken_columns(command, Path(written).name, names)
        assert not broken, f"columns of {command}, {Path(written).name}: {', '.join(broken)}"
        return written

    monkeypatch.setattr(page, "write_table", checked)


@pytest.fixture(autouse=True)
def _records_stay_out_of_the_project(monkeypatch, tmp_path):
    """Purposes, consents and logs are kept in the working folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    """Type a command: exit status, standard output and standard error."""

    def command(*words):
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return caught.value.code or 0, captured.out, captured.err

    return command
