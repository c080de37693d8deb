"""Pose tables, written as DeepLabCut and SLEAP write them."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from affectome.data.readers.pose import clip_speeds, drop_unlikely, pose_speed, read_pose
from affectome.errors import InputError
from films import noise, write_film

POINTS, COORDINATES = ["nose", "ear"], ["x", "y", "likelihood"]
VALUES = np.random.default_rng(0).random((5, 6)).round(3)


def deeplabcut(several: bool = False) -> pd.DataFrame:
    animals = [["m1"]] if several else []
    columns = pd.MultiIndex.from_product([["net"], *animals, POINTS, COORDINATES])
    columns.names = ["scorer", *(["individuals"] if several else []), "bodyparts", "coords"]
    return pd.DataFrame(VALUES, columns=columns)


@pytest.mark.parametrize("several", [False, True])
def test_deeplabcut_csv(several: bool, tmp_path: Path) -> None:
    deeplabcut(several).to_csv(tmp_path / "pose.csv")
    pose = read_pose(tmp_path / "pose.csv")
    np.testing.assert_allclose(pose.values, VALUES)
    assert pose.units["point"].tolist() == ["nose"] * 3 + ["ear"] * 3
    assert pose.units["coordinate"].tolist() == COORDINATES * 2
    assert set(pose.units["animal"]) == {"m1" if several else "animal"}


def test_deeplabcut_h5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "pose.h5", "w") as file:
        group = file.create_group("df_with_missing")
        for k, (level, code) in enumerate(
            [
                (["net"], [0] * 6),
                (["ear", "nose"], [1, 1, 1, 0, 0, 0]),
                (COORDINATES, [0, 1, 2] * 2),
            ]
        ):
            group[f"axis0_level{k}"] = np.array(level, dtype="S")
            group[f"axis0_label{k}"] = code
        group["block0_values"] = VALUES
    pose = read_pose(tmp_path / "pose.h5")
    np.testing.assert_allclose(pose.values, VALUES)
    assert pose.units["point"].tolist() == ["nose"] * 3 + ["ear"] * 3


def test_sleap_h5_and_csv_agree(tmp_path: Path) -> None:
    tracks = VALUES.reshape(5, 2, 3)
    with h5py.File(tmp_path / "pose.h5", "w") as file:
        file["tracks"] = tracks[:, :, :2].transpose(2, 1, 0)[None]
        file["point_scores"] = tracks[:, :, 2].T[None]
        file["node_names"] = np.array(POINTS, dtype="S")
        file["track_names"] = np.array(["m1"], dtype="S")
    table = pd.DataFrame(VALUES, columns=[f"{p}.{c}" for p in POINTS for c in ("x", "y", "score")])
    table.insert(0, "instance.score", 1.0)
    table.insert(0, "frame_idx", range(5))
    table.insert(0, "track", "m1")
    table.drop(index=2).to_csv(tmp_path / "pose.csv", index=False)
    first, second = read_pose(tmp_path / "pose.h5"), read_pose(tmp_path / "pose.csv")
    np.testing.assert_allclose(first.values, VALUES)
    pd.testing.assert_frame_equal(first.units, second.units)
    assert np.isnan(second.values[2]).all()
    np.testing.assert_allclose(np.delete(second.values, 2, 0), np.delete(VALUES, 2, 0))


def test_unlikely_points_become_nan(tmp_path: Path) -> None:
    deeplabcut().to_csv(tmp_path / "pose.csv")
    kept = drop_unlikely(read_pose(tmp_path / "pose.csv"), 0.5).values
    for column, likelihood in ((0, 2), (1, 2), (3, 5), (4, 5)):
        np.testing.assert_array_equal(np.isnan(kept[:, column]), VALUES[:, likelihood] < 0.5)
    np.testing.assert_array_equal(kept[:, [2, 5]], VALUES[:, [2, 5]])


def test_tables_of_others(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no pose table"):
        read_pose(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"neither DeepLabCut .* its columns are a, b"):
        read_pose(tmp_path / "other.csv")
    (tmp_path / "pose.txt").write_text("")
    with pytest.raises(InputError, match=r"pose tables are \.csv or \.h5"):
        read_pose(tmp_path / "pose.txt")
    (tmp_path / "broken.h5").write_bytes(b"no")
    with pytest.raises(InputError, match="can't be read by h5py"):
        read_pose(tmp_path / "broken.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = [1]
    with pytest.raises(InputError, match=r"neither DeepLabCut's .* it holds data"):
        read_pose(tmp_path / "other.h5")


def write_rows(path: Path, header: bytes) -> Path:
    """Write a table as pandas' to_hdf(format="table") does."""
    rows = np.zeros(5, dtype=[("index", "i8"), ("values_block_0", "f8", (6,))])
    rows["values_block_0"] = VALUES
    with h5py.File(path, "w") as file:
        file["df_with_missing/table"] = rows
        file["df_with_missing/table"].attrs["values_block_0_kind"] = np.bytes_(header)
    return path


def test_deeplabcut_h5_in_rows(tmp_path: Path) -> None:
    header = pickle.dumps([tuple(c) for c in deeplabcut(True).columns], protocol=0)
    pose = read_pose(write_rows(tmp_path / "pose.h5", header))
    np.testing.assert_allclose(pose.values, VALUES)
    assert set(pose.units["animal"]) == {"m1"}


def test_a_header_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "pose.h5", b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InputError, match=r"names os\.system, which is not text"):
        read_pose(path)


def moving(x: list[float], likelihood: list[float], path: Path) -> Path:
    """Write a table of one point that stands still but for x, and of one that never moves."""
    still = np.zeros(len(x))
    columns = [x, still, likelihood, still, still, likelihood]
    names = pd.MultiIndex.from_product([["net"], POINTS, COORDINATES])
    names.names = ["scorer", "bodyparts", "coords"]
    pd.DataFrame(np.column_stack(columns), columns=names).to_csv(path)
    return path


def test_speed_is_the_mean_over_points_per_second(tmp_path: Path) -> None:
    pose = read_pose(moving([0, 2, 2, 6, 6], [1.0] * 5, tmp_path / "pose.csv"))
    times = np.array([0, 0.1, 0.2, 0.4, 0.5])
    np.testing.assert_allclose(pose_speed(pose, times), [10, 10, 0, 10, 0])


def test_speed_passes_over_frames_without_points(tmp_path: Path) -> None:
    pose = read_pose(moving([0, 2, 90, 4, 8], [1, 1, 0.1, 1, 1], tmp_path / "pose.csv"))
    np.testing.assert_allclose(pose_speed(pose, np.arange(5.0)), [1, 1, 4 / 3, 5 / 3, 2])
    with pytest.raises(InputError, match="no point is found in two frames running"):
        pose_speed(pose, np.arange(5.0), least=1.1)
    with pytest.raises(InputError, match="pose table has 5 frames and the film 6; give the table"):
        pose_speed(pose, np.arange(6.0))


def test_speeds_around_events_and_a_table_of_another_film(tmp_path: Path) -> None:
    film = str(write_film(tmp_path / "film.mp4", noise(60)))
    x = [0.0] * 30 + list(np.arange(30.0))
    good = str(moving(x, [1.0] * 60, tmp_path / "good.csv"))
    short = str(moving(x[:50], [1.0] * 50, tmp_path / "short.csv"))
    clips = pd.DataFrame({"file": film, "pose": [good, short, None, good], "onset": [1.5, 1, 1, 2]})
    speeds, skipped = clip_speeds(clips, np.array([-0.5, 0.5]))
    np.testing.assert_allclose(speeds[[0, 3]], [[0, 10], [0, 10]], atol=1e-9)
    assert np.isnan(speeds[1:3]).all()
    assert [s.file for s in skipped] == ["short.csv"]
    assert "short.csv: the pose table has 50 frames and the film 60" in skipped[0].why
