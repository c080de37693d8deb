"""``affectome weights`` as a user types it."""

import json

import pytest

from affectome import packages as room
from affectome.cli import main


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTOME_CACHE", str(tmp_path))
    monkeypatch.setattr(room, "find_spec", lambda _name: None)
    return tmp_path / "weights"


def run(*words):
    with pytest.raises(SystemExit) as done:
        main(["weights", *words])
    return done.value.code


def test_list_and_verify_say_what_is_not_here(capsys):
    assert run("list") == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == len(room.packages())
    assert all(line.endswith(": not here") for line in told)
    assert run("verify", "silero-vad") == 0
    assert capsys.readouterr().out.split()[-2:] == ["not", "here"]


def test_verify_fails_on_a_changed_file(cache, capsys):
    (package,) = room.packages(["silero-vad"])
    package.cached.mkdir(parents=True)
    (package.cached / "model.onnx").write_bytes(b"weights")
    listed = {"package": package.sha256, "silero_vad/model.onnx": "0"}
    (package.cached.parent / "files.json").write_text(json.dumps(listed))
    assert run("verify") == 1
    told = capsys.readouterr()
    assert "silero_vad/model.onnx is changed; run affectome weights fetch" in told.err
    assert "damaged" in told.out


def test_an_unknown_package_is_one_line(capsys):
    assert run("fetch", "bert") == 2
    assert capsys.readouterr().err.startswith("affectome: there is no package 'bert'; there are ")
