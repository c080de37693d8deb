"""Where a project keeps what its safeguards need: ``.affectome`` in its folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

FOLDER = ".affectome"
PEOPLE = "people.json"


def find_kept(name: str, project: Path | None = None) -> Path | None:
    """Find a file kept by the project, or by the nearest folder above it that has one."""
    folder = (Path.cwd() if project is None else Path(project)).resolve()
    for parent in (folder, *folder.parents):
        file = parent / FOLDER / name
        if file.is_file():
            return file
    return None


def kept_folder(project: Path | None = None) -> Path:
    """Give the folder in which records are kept; it need not be there yet.

    That of the nearest folder at or above the project which keeps consents, so that a purpose
    declared further down does not lead around them; else the nearest there is.
    """
    people = find_kept(PEOPLE, project)
    if people is not None:
        return people.parent
    folder = (Path.cwd() if project is None else Path(project)).resolve()
    for parent in (folder, *folder.parents):
        if (parent / FOLDER).is_dir():
            return parent / FOLDER
    return folder / FOLDER


def write_whole(target: Path, text: str) -> None:
    """Write a file whole or not at all; its folder is made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
    os.replace(temporary, target)
