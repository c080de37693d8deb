"""The manifest of a run: what went in, with which versions and seed; same manifest, same result.

It holds no time, no host and no absolute path, so that the same work gives the same bytes anywhere.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from affectome.data.tars import open_file
from affectome.errors import InputError
from affectome.evidence.split import Split

ALWAYS = ("affectome", "numpy", "scipy", "pandas", "scikit-learn")
IF_LOADED = ("av", "mne", "nilearn", "numba", "onnxruntime", "pynwb", "torch", "xarray", "zarr")
CHUNK = 1 << 20


def manifest(
    command: str,
    inputs: Mapping[str, str | Path | Iterable[str | Path] | None],
    random_state: int,
    *,
    settings: Mapping[str, Any] | None = None,
    weights: Mapping[str, str] | None = None,
    split: Split | None = None,
) -> dict[str, Any]:
    """Describe a run so that it can be repeated and compared.

    Parameters
    ----------
    command
        Name of the command or study.
    inputs
        Name of each input → a file, a folder, or several files. Hashed, not named by path. Those
        that were not given, None, are left out.
    random_state
        Seed of everything that was drawn.
    settings
        Options that the result depends on.
    weights
        Name of a network → hash of its weights.
    split
        The folds.

    Returns
    -------
    dict
        Keys ``schema``, ``command``, ``random_state``, ``settings``, ``versions``, ``inputs``,
        ``weights``, ``split``; written by :func:`affectome.data.write_json` it gives the same
        bytes each time.

    Raises
    ------
    InputError
        If an input is missing or can't be read.
    """
    return {
        "schema": 1,
        "command": command,
        "random_state": random_state,
        "settings": dict(sorted((settings or {}).items())),
        "versions": versions(),
        "inputs": {
            name: hash_input(path) for name, path in sorted(inputs.items()) if path is not None
        },
        "weights": dict(sorted((weights or {}).items())),
        "split": None if split is None else split.to_dict(),
    }


def versions() -> dict[str, str]:
    """Versions of python, of the packages every run uses, and of the heavy ones this run loaded."""
    loaded = [name for name in IF_LOADED if name in sys.modules]
    found = {name: metadata.version(name) for name in sorted({*ALWAYS, *loaded})}
    return {"python": platform.python_version(), **found}


def hash_input(path: str | Path | Iterable[str | Path]) -> dict[str, Any]:
    """Hash a file, all files of a folder, or several files, without loading any of them whole.

    Returns
    -------
    dict
        ``sha256`` and ``n_files``. A folder's hash is that of the sorted lines "name hash" of its
        files, names relative to it; several files' that of the lines "place name hash".

    Raises
    ------
    InputError
        If something is missing or can't be read.
    """
    if isinstance(path, str | Path):
        source = Path(path)
        if source.is_file():
            return {"sha256": hash_file(source), "n_files": 1}
        if not source.is_dir():
            raise InputError(f"there is no file or folder {source} to hash")
        files = {str(p.relative_to(source)): p for p in source.rglob("*") if p.is_file()}
    else:
        files = {f"{i} {Path(p).name}": Path(p) for i, p in enumerate(path)}
    lines = sorted(f"{name} {hash_file(file)}" for name, file in files.items())
    return {"sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(), "n_files": len(lines)}


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file, read a megabyte at a time."""
    sha = hashlib.sha256()
    try:
        with open_file(path) as stream:
            while chunk := stream.read(CHUNK):
                sha.update(chunk)
    except OSError as error:
        raise InputError(f"{path} can't be read to hash it: {error.strerror}") from error
    return sha.hexdigest()


def hash_array(values: ArrayLike) -> str:
    """SHA-256 of an array's shape, type and values, such as a network's weights."""
    array = np.ascontiguousarray(values)
    sha = hashlib.sha256(f"{array.shape} {array.dtype.newbyteorder('<').str}".encode())
    sha.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return sha.hexdigest()
