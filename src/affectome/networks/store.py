"""Responses and answers on their way to disk: shard by shard, continued after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr

from affectome.data import Skipped, load_recording, make_recording
from affectome.data.tars import facts, is_file
from affectome.errors import InputError
from affectome.execution import Shards
from affectome.execution.shards import unpack
from affectome.networks.batches import Picture
from affectome.networks.precision import Precision

NAME = "response"
STATE = "activations"
Found = tuple[xr.DataArray, np.ndarray, dict[int, Skipped]]


def in_memory(contents: Iterable[bytes], trials: pd.DataFrame, units: pd.DataFrame) -> Found:
    """Give the Recording of shards, the places of its trials and what was skipped."""
    values = np.empty((len(trials), len(units)), np.float32)
    rows, skipped = _gathered(contents, values)
    return make_recording(values[: len(rows)], _taken(trials, rows), units), rows, skipped


class Store:
    """A Recording on disk, made shard by shard; it gets its name when it is whole.

    Until then shards lie beside ``target`` in ``.<target>.shards``.

    Parameters
    ----------
    target
        Zarr folder of the finished Recording.
    asked
        Everything that the values depend on. An unfinished run is continued only if it was asked
        the same.
    count
        Number of shards.

    Attributes
    ----------
    finished
        Whether the Recording that is there was asked the same.
    """

    def __init__(self, target: str | Path, asked: dict[str, Any], count: int) -> None:
        self.target = Path(target)
        self.shards = Shards(self.target.with_name(f".{self.target.name}.shards"), asked, count)
        self.state = self._whole() or {}
        self.finished = self.state.get("asked") == self.shards.asked

    def _whole(self) -> dict[str, Any] | None:
        if not self.target.exists():
            return None
        try:
            return dict(zarr.open_group(self.target, mode="r").attrs[STATE])
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise InputError(
                f"{self.target} is there and holds no activations; name another store"
            ) from error

    @property
    def precision(self) -> Precision | None:
        """The arithmetic that an earlier run chose; a continued run keeps it."""
        found = (self.state if self.finished else self.shards.facts).get("precision")
        return Precision(**found) if found else None

    def begin(self, precision: Precision) -> None:
        """Write down what is asked, before any work."""
        self.shards.keep_facts(precision=asdict(precision))

    def merge(
        self, contents: Iterable[bytes], trials: pd.DataFrame, units: pd.DataFrame, chunk: int
    ) -> Found:
        """Give the Recording, whose values stay on disk, in chunks of so many trials."""
        folder = self.target.with_name(f".{self.target.name}.unfinished")
        shutil.rmtree(folder, ignore_errors=True)
        values = zarr.open_group(folder, mode="w").create_array(
            NAME,
            shape=(len(trials), len(units)),
            chunks=(chunk, len(units)),
            dtype="float32",
            dimension_names=("trial", "unit"),
        )
        rows, skipped = _gathered(contents, values)
        values.resize((len(rows), len(units)))
        _add_coordinates(folder, _taken(trials, rows), units)
        state = {
            "asked": self.shards.asked,
            "precision": self.shards.facts["precision"],
            "skipped": [[row, item.file, item.why] for row, item in skipped.items()],
        }
        zarr.open_group(folder, mode="r+").attrs.update({"recording": NAME, STATE: state})
        for left_over in folder.rglob("*.partial"):
            left_over.unlink()
        shutil.rmtree(self.target, ignore_errors=True)
        folder.rename(self.target)
        self.shards.remove()
        return load_recording(self.target), rows, skipped

    def open(self, n_pictures: int) -> Found:
        """Give what is finished."""
        skipped = {row: Skipped(file, why) for row, file, why in self.state["skipped"]}
        rows = np.setdiff1d(np.arange(n_pictures), list(skipped))
        return load_recording(self.target), rows, skipped


def told(skipped: dict[int, Skipped]) -> str:
    """Give what was skipped as text, for a shard."""
    return json.dumps({row: (item.file, item.why) for row, item in skipped.items()})


def skipped_of(part: Mapping[str, np.ndarray]) -> dict[int, Skipped]:
    """Give what was skipped, by its place, from the arrays of a shard."""
    return {int(row): Skipped(*item) for row, item in json.loads(str(part["skipped"])).items()}


def _gathered(contents: Iterable[bytes], values: Any) -> tuple[np.ndarray, dict[int, Skipped]]:
    """Write responses one after the other; give the places of their pictures, and the others."""
    rows: list[np.ndarray] = []
    skipped: dict[int, Skipped] = {}
    first = 0
    for content in contents:
        part = unpack(content)
        if len(part["rows"]):
            values[first : first + len(part["rows"])] = part["values"]
        first += len(part["rows"])
        rows.append(part["rows"])
        skipped |= skipped_of(part)
    if not first:
        why = next((item.why for item in skipped.values()), "the list is empty")
        raise InputError(f"none of {len(skipped)} pictures can be read: {why}")
    return np.concatenate(rows), skipped


def _taken(trials: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    return trials.iloc[rows].reset_index(drop=True)


def _add_coordinates(folder: Path, trials: pd.DataFrame, units: pd.DataFrame) -> None:
    nothing = pd.DataFrame(index=[0])
    of_trials = make_recording(np.zeros((len(trials), 1)), trials, nothing).coords
    of_units = make_recording(np.zeros((1, len(units))), nothing, units).coords
    with warnings.catch_warnings():
        # Zarr 3 warns that text has no final specification yet; it reads back the same.
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module="zarr")
        coordinates = xr.Dataset(coords={**of_trials, **of_units})
        coordinates.to_zarr(folder, mode="a", consolidated=False)


def digest(pictures: Sequence[Picture]) -> str:
    """Hash pictures by path, size and time of change, or by content where they are arrays."""
    found = hashlib.sha256()
    for picture in pictures:
        if isinstance(picture, np.ndarray):
            found.update(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes())
        else:
            file = Path(picture)
            found.update(os.fsencode(file))
            if is_file(file):
                size, changed = facts(file)
                found.update(f"{size} {changed}".encode())
    return found.hexdigest()
