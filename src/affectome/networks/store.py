"""Responses and answers on their way to disk: batch by batch, continued after a kill."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr

from affectome.data import Skipped, load_recording, make_recording, write_json
from affectome.data.outputs import write_bytes
from affectome.errors import InputError
from affectome.networks.batches import Picture
from affectome.networks.precision import Precision

NAME = "response"
STATE = "activations"


class Memory:
    """Responses kept in memory; the same four things as `Store`, and nothing to continue."""

    def __init__(self) -> None:
        self.batches = 0
        self.trials = 0
        self.precision: Precision | None = None
        self.skipped: dict[int, Skipped] = {}

    def begin(self, n_pictures: int, n_units: int, batch_size: int, precision: Precision) -> None:
        """Make room."""
        del batch_size, precision
        self.values = np.empty((n_pictures, n_units), np.float32)

    def append(self, values: np.ndarray, skipped: dict[int, Skipped]) -> None:
        """Keep one batch, shape (n, n_units), and what was skipped in it."""
        self.values[self.trials : self.trials + len(values)] = values
        self.trials += len(values)
        self.batches += 1
        self.skipped |= skipped

    def finish(self, trials: pd.DataFrame, units: pd.DataFrame) -> xr.DataArray:
        """Give the Recording."""
        return make_recording(self.values[: self.trials], trials, units)


class Store:
    """A Recording on disk that grows by batches and gets its name when it is whole.

    Until then it lies beside ``target`` under the name ``.<target>.unfinished`` with a file that
    says what was asked and how far it came. A batch counts only once that file says so, so that a
    batch that was cut off is written again, over itself.

    Parameters
    ----------
    target
        Zarr folder of the finished Recording.
    asked
        Everything that the values depend on. An unfinished run is continued only if it was asked
        the same.
    """

    def __init__(self, target: str | Path, asked: dict[str, Any]) -> None:
        self.target = Path(target)
        self.folder = self.target.with_name(f".{self.target.name}.unfinished")
        self.state: dict[str, Any] = {"asked": asked, "batches": 0, "trials": 0, "skipped": []}
        self.finished = False
        for found, finished in ((self._unfinished(), False), (self._whole(), True)):
            if found is not None and found["asked"] == json.loads(json.dumps(asked)):
                self.state, self.finished = found, finished

    def _unfinished(self) -> dict[str, Any] | None:
        state = self.folder / f"{STATE}.json"
        return json.loads(state.read_text()) if state.is_file() else None

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
        found = self.state.get("precision")
        return Precision(**found) if found else None

    @property
    def batches(self) -> int:
        """Number of batches that are on disk."""
        return int(self.state["batches"])

    @property
    def skipped(self) -> dict[int, Skipped]:
        """Pictures that could not be read, by their place."""
        return {row: Skipped(file, why) for row, file, why in self.state["skipped"]}

    def begin(self, n_pictures: int, n_units: int, batch_size: int, precision: Precision) -> None:
        """Make the array, unless an earlier run left it."""
        if not self.batches:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.state["precision"] = asdict(precision)
            zarr.open_group(self.folder, mode="w").create_array(
                NAME,
                shape=(n_pictures, n_units),
                chunks=(batch_size, n_units),
                dtype="float32",
                dimension_names=("trial", "unit"),
            )
        if not self.finished:
            self.values = zarr.open_group(self.folder, mode="r+")[NAME]

    def append(self, values: np.ndarray, skipped: dict[int, Skipped]) -> None:
        """Write one batch, shape (n, n_units), and what was skipped in it."""
        first = self.state["trials"]
        if len(values):
            self.values[first : first + len(values)] = values
        lost = [[row, item.file, item.why] for row, item in skipped.items()]
        self.state |= {
            "batches": self.batches + 1,
            "trials": first + len(values),
            "skipped": self.state["skipped"] + lost,
        }
        write_json(self.folder / f"{STATE}.json", self.state)

    def finish(self, trials: pd.DataFrame, units: pd.DataFrame) -> xr.DataArray:
        """Add the coordinates, give the folder its name and open it; values stay on disk."""
        if self.finished:
            return load_recording(self.target)
        self.values.resize((self.state["trials"], len(units)))
        nothing = pd.DataFrame(index=[0])
        of_trials = make_recording(np.zeros((len(trials), 1)), trials, nothing).coords
        of_units = make_recording(np.zeros((1, len(units))), nothing, units).coords
        with warnings.catch_warnings():
            # Zarr 3 warns that text has no final specification yet; it reads back the same.
            warnings.filterwarnings("ignore", category=FutureWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module="zarr")
            coordinates = xr.Dataset(coords={**of_trials, **of_units})
            coordinates.to_zarr(self.folder, mode="a", consolidated=False)
        zarr.open_group(self.folder, mode="r+").attrs.update({"recording": NAME, STATE: self.state})
        for left_over in [self.folder / f"{STATE}.json", *self.folder.rglob("*.partial")]:
            left_over.unlink()
        shutil.rmtree(self.target, ignore_errors=True)
        self.folder.rename(self.target)
        return load_recording(self.target)


@dataclass(frozen=True, eq=False)
class Answered:
    """Answers to one batch of pictures.

    Attributes
    ----------
    base, values
        Without and after each manipulation, shapes (n, n_outputs), (n_manipulations, n, n_outputs);
        empty where no picture of the batch can be read.
    rows
        Places of the readable pictures.
    skipped
        Place → picture that can't be read.
    """

    base: np.ndarray
    values: np.ndarray
    rows: np.ndarray
    skipped: dict[int, Skipped]


class BatchStore:
    """Answers on their way to disk, a file a batch; nothing is kept where no folder is given.

    Parameters
    ----------
    folder
        Where the files lie.
    key
        Hash of everything that was asked; files of another key are left alone.
    """

    def __init__(self, folder: str | Path | None, key: str) -> None:
        self.folder = None if folder is None else Path(folder)
        self.key = key[:16]
        self.count = 0

    def _file(self, number: int) -> Path:
        assert self.folder is not None
        return self.folder / f"{self.key}-{number:05d}.npz"

    def finished(self) -> list[Answered]:
        """Read the batches that an earlier run finished, in order."""
        found: list[Answered] = []
        while self.folder is not None and self._file(len(found)).is_file():
            with np.load(self._file(len(found)), allow_pickle=False) as file:
                lost = json.loads(str(file["skipped"]))
                skipped = {int(row): Skipped(*item) for row, item in lost.items()}
                found.append(Answered(file["base"], file["values"], file["rows"], skipped))
        self.count = len(found)
        return found

    def append(self, answered: Answered) -> None:
        """Write one batch, whole or not at all."""
        if self.folder is None:
            return
        lost = {row: (item.file, item.why) for row, item in answered.skipped.items()}
        content = io.BytesIO()
        np.savez(
            content,
            base=answered.base,
            values=answered.values,
            rows=answered.rows,
            skipped=json.dumps(lost),
        )
        write_bytes(self._file(self.count), content.getvalue())
        self.count += 1


def digest(pictures: Sequence[Picture]) -> str:
    """Hash pictures by path, size and time of change, or by content where they are arrays."""
    found = hashlib.sha256()
    for picture in pictures:
        if isinstance(picture, np.ndarray):
            found.update(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes())
        else:
            file = Path(picture)
            found.update(str(file).encode())
            if file.is_file():
                facts = file.stat()
                found.update(f"{facts.st_size} {facts.st_mtime_ns}".encode())
    return found.hexdigest()
