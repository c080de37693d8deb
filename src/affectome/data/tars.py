"""Files within tar files, in the layout of webdataset, read where they lie.

A file within a tar is named as if the tar were a folder: ``shards/0001.tar/acorns.jpg``. The parts
of a sample share their name up to its first dot: ``acorns.jpg``, ``acorns.cls``, ``acorns.json``.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from affectome.errors import InputError

TAR = ".tar"
LABELS = ("cls", "txt")
"""Endings of a sample's parts that hold its label, the likelier first."""
Places = dict[str, tuple[int, int]]


def in_tar(path: str | Path) -> tuple[Path, str] | None:
    """Give the tar file that a path leads into, and the name within; None for any other path."""
    file = Path(path)
    for parent in file.parents:
        if parent.suffix.lower() == TAR and parent.is_file():
            return parent, file.relative_to(parent).as_posix()
    return None


def is_file(path: str | Path) -> bool:
    """Whether there is such a file, on its own or within a tar."""
    inside = in_tar(path)
    if inside is None:
        return Path(path).is_file()
    return inside[1] in places(inside[0])


def open_file(path: str | Path) -> BinaryIO:
    """Open a file for reading, on its own or within a tar.

    Raises
    ------
    OSError
        If there is none, or it can't be read.
    InputError
        If the tar is damaged.
    """
    inside = in_tar(path)
    if inside is None:
        return Path(path).open("rb")
    tar, name = inside
    if name not in places(tar):
        raise FileNotFoundError(2, os.strerror(2), str(path))
    offset, size = places(tar)[name]
    with tar.open("rb") as stream:
        stream.seek(offset)
        content = stream.read(size)
    if len(content) < size:
        raise InputError(f"{tar} ends within {name}; it was cut short")
    return io.BytesIO(content)


def facts(path: str | Path) -> tuple[int, int]:
    """Give the size of a file in bytes, and when it, or its tar, changed (ns)."""
    inside = in_tar(path)
    if inside is None:
        about = os.stat(path)
        return about.st_size, about.st_mtime_ns
    return places(inside[0])[inside[1]][1], inside[0].stat().st_mtime_ns


def places(tar: Path) -> Places:
    """Give the offset and size of each file in a tar, in their order.

    Raises
    ------
    InputError
        If it is no tar, or was cut short.
    """
    about = tar.stat()
    return _places(tar, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=256)
def _places(tar: Path, _changed: int, size: int) -> Places:
    found: Places = {}
    try:
        with tarfile.open(tar, "r:") as packed:
            for member in packed:
                if member.isfile() and not Path(member.name).name.startswith("."):
                    found[member.name.removeprefix("./")] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise InputError(f"{tar} can't be read as a tar file: {error}") from error
    if any(offset + length > size for offset, length in found.values()):
        raise InputError(f"{tar} was cut short; its last file is not whole")
    return found


def tars_in(source: Path) -> list[Path]:
    """Give a tar file itself, or those of a folder by name."""
    if source.is_file():
        return [source] if source.suffix.lower() == TAR else []
    return sorted(file for file in source.rglob(f"*{TAR}") if not file.name.startswith("."))


def read_samples(source: Path, media: frozenset[str]) -> pd.DataFrame:
    """Give a row a sample of tar files: ``file``, its label, and what its JSON says.

    Parameters
    ----------
    source
        A tar file, or a folder of them.
    media
        Endings of the files that samples are about, such as ``.jpg``.

    Raises
    ------
    InputError
        If a tar or a sample's JSON can't be read.
    """
    rows: list[dict[str, Any]] = []
    for tar in tars_in(source):
        root = tar.name if source.is_file() else tar.relative_to(source).as_posix()
        samples: dict[str, dict[str, str]] = {}
        for name in places(tar):
            folder, _, base = name.rpartition("/")
            key, _, ending = base.partition(".")
            samples.setdefault(f"{folder}/{key}", {})[ending.lower()] = name
        for parts in samples.values():
            about = [name for ending, name in parts.items() if f".{ending}" in media - {".txt"}]
            for name in about:
                rows.append({"file": f"{root}/{name}", **_told(tar, parts)})
    return pd.DataFrame(rows)


def _told(tar: Path, parts: dict[str, str]) -> dict[str, Any]:
    """Columns that the other parts of a sample give."""
    row: dict[str, Any] = {}
    if "json" in parts:
        name = parts["json"]
        try:
            told = json.loads(open_file(tar / name).read())
        except ValueError as error:
            raise InputError(f"{tar / name} is no JSON: {error}") from error
        if not isinstance(told, dict):
            raise InputError(f"{tar / name} holds no named values, which columns are made of")
        row |= {str(k): v for k, v in told.items() if isinstance(v, str | int | float | bool)}
    for ending in LABELS:
        if ending in parts and "emotion" not in row:
            row["emotion"] = open_file(tar / parts[ending]).read().decode(errors="replace").strip()
    return row
