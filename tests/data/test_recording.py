from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from affectome.data import (
    check_recording,
    load_recording,
    make_recording,
    save_recording,
    trial_table,
    unit_table,
)
from affectome.errors import InputError

TRIALS = pd.DataFrame({"emotion": ["joy", "fear"], "valence": [6.0, 2.0], "subject": [1, 2]})
UNITS = pd.DataFrame({"layer": ["conv1"] * 3, "channel": [0, 1, 2]})


def test_tables_come_back(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    recording = load_recording(
        save_recording(make_recording(values, TRIALS, UNITS), tmp_path / "r.zarr")
    )
    np.testing.assert_array_equal(recording.values, values)
    assert recording.dtype == np.float32
    pd.testing.assert_frame_equal(trial_table(recording), TRIALS, check_like=True)
    pd.testing.assert_frame_equal(unit_table(recording), UNITS, check_like=True)


@settings(deadline=None, max_examples=15)
@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int16, np.uint8]),
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4)),
        elements=st.integers(0, 100),
    )
)
def test_any_shape_and_type_survives_the_disk(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray
) -> None:
    n, t, p = values.shape
    trials = pd.DataFrame({"subject": np.arange(n)})
    units = pd.DataFrame({"neuron": np.arange(p)})
    path = tmp_path_factory.mktemp("zarr") / "r.zarr"
    recording = make_recording(values, trials, units, time=np.arange(t) / 10)
    xr.testing.assert_identical(load_recording(save_recording(recording, path)).load(), recording)


def test_columns_come_back_in_their_order(tmp_path: Path) -> None:
    names = [f"c{k}" for k in (3, 1, 4, 0, 5, 2, 6)]
    units = pd.DataFrame({name: [f"{name} a", f"{name} b"] for name in names})
    recording = make_recording(np.zeros((2, 2)), TRIALS.head(2), units)
    found = load_recording(save_recording(recording, tmp_path / "r.zarr"))
    assert list(unit_table(found)) == names
    assert list(found.coords) == list(recording.coords)


def test_writing_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for fill in (1.0, 2.0):
        save_recording(make_recording(np.full((2, 3), fill), TRIALS, UNITS), tmp_path / "r")
    assert (load_recording(tmp_path / "r") == 2).all()
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 3)), r"have the shape \(3, 3\).*ask for \(2, 3\)"),
        (np.zeros((2, 4, 3)), r"have the shape \(2, 4, 3\)"),
        (np.array([["a"] * 3] * 2), "holds numbers; got the type <U1"),
        (np.array([[1, np.nan, 2], [3, np.inf, 4]]), "2 of 6 values are NaN or infinite"),
    ],
)
def test_what_is_no_recording(values: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_recording(values, TRIALS, UNITS)


def test_dims_and_emptiness() -> None:
    with pytest.raises(InputError, match="has the dims"):
        check_recording(xr.DataArray(np.zeros((2, 2)), dims=("unit", "trial")))
    with pytest.raises(InputError, match="empty"):
        check_recording(xr.DataArray(np.zeros((0, 2)), dims=("trial", "unit")))


def test_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no Recording at"):
        load_recording(tmp_path / "no")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="as a Recording that affectome wrote"):
        load_recording(tmp_path / "folder")
