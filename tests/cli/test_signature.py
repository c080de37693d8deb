"""``affectome signature`` from files to result.json, report and exit status."""

import gzip
import json

import nibabel
import numpy as np
import pandas as pd
import pytest

from affectome.cli import main
from affectome.errors import InputError
from affectome.studies.signature import name_patterns, run

AFFINE = np.diag([4.0, 4, 4, 1])


@pytest.fixture
def brains(tmp_path):
    rng = np.random.default_rng(0)
    pattern, other = rng.standard_normal((2, 8, 8, 8)).astype(np.float32)
    maps = tmp_path / "maps"
    maps.mkdir()
    for i in range(10):
        data = rng.standard_normal((8, 8, 8)) + 0.4 * pattern * (1 if i % 2 else -1)
        nibabel.save(
            nibabel.Nifti1Image(data.astype(np.float32), AFFINE),
            maps / f"sub-{i // 2:02d}_cond-{i % 2}.nii.gz",
        )
    for name, data in (("planted", pattern), ("other", other)):
        nibabel.save(nibabel.Nifti1Image(data, AFFINE), tmp_path / f"{name}.nii.gz")
    rows = [(f.name, f.name[:6], "joy" if "cond-1" in f.name else "fear") for f in maps.iterdir()]
    pd.DataFrame(sorted(rows), columns=["file_name", "subject", "emotion"]).to_csv(
        maps / "metadata.csv", index=False
    )
    return tmp_path


def command(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(["signature", *map(str, arguments)])
    return stop.value.code or 0


def test_the_planted_pattern_is_found_in_its_condition(brains, capsys):
    out = brains / "run"
    code = command(
        brains / "maps",
        *("--pattern", brains / "planted.nii.gz", "--pattern", brains / "other.nii.gz"),
        *("--out", out, "--json"),
    )
    assert code == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((out / "result.json").read_text())
    report = (out / "report.html").read_text()
    assert report.index('id="pattern_1"') < report.index("planted: the strongest 5% of its")
    assert report.index("planted: the strongest") < report.index("other: the strongest 5%")
    tests = {
        (p["pattern"], t["condition"]): t
        for p in result["patterns"]
        for t in p["tests"]
        if t["measure"] == "cosine"
    }
    assert tests["planted", "joy"]["t"] > 5
    assert tests["planted", "fear"]["t"] < -5
    assert tests["planted", "joy"]["q"] < 0.05 < tests["other", "joy"]["q"]
    assert len(pd.read_csv(out / "values.csv")) == 20
    report = (out / "report.html").read_text()
    assert "expressed more than random patterns as smooth as it: planted in joy" in report
    assert tests["planted", "joy"]["null"]["correction"].endswith("over the 4 tests of this result")
    assert tests["planted", "joy"]["over"] == "5 people"
    assert "<svg" in report
    first = (out / "manifest.json").read_bytes()
    command(
        brains / "maps",
        *("--pattern", brains / "planted.nii.gz", "--pattern", brains / "other.nii.gz"),
        *("--out", out, "--json"),
    )
    assert (out / "manifest.json").read_bytes() == first


def test_a_pattern_that_fails_is_skipped_and_the_status_says_so(brains, capsys):
    (brains / "torn.nii.gz").write_bytes(b"no image")
    patterns = ("--pattern", brains / "planted.nii.gz", "--pattern", brains / "torn.nii.gz")
    assert command(brains / "maps", *patterns) == 1
    assert "torn.nii.gz is not a readable NIfTI" in capsys.readouterr().err.replace("\n", " ")
    assert command(brains / "maps", "--pattern", brains / "torn.nii.gz") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "no pattern can be used; the first" in error


def test_one_subject_is_held_against_chance_but_not_against_people(brains):
    nibabel.save(nibabel.load(brains / "maps" / "sub-00_cond-1.nii.gz"), brains / "one.nii.gz")
    found = run(brains / "one.nii.gz", {"planted": brains / "planted.nii.gz"})
    test = found.to_dict()["patterns"][0]["tests"][1]
    assert (test["interval"], test["t"]) == (None, None)
    assert test["p"] < 0.05
    assert found.warnings[0].startswith("there is one subject only: p says what these maps hold")


def test_the_manifest_tells_runs_apart(brains):
    pattern = ("--pattern", brains / "planted.nii.gz")
    for name, more in (("a", ()), ("b", ("--surrogates", 50)), ("c", ("--random-state", 1))):
        command(brains / "maps", *pattern, "--out", brains / name, *more)
    kept = {(brains / name / "manifest.json").read_bytes() for name in "abc"}
    assert len(kept) == 3


def test_a_header_that_lies_and_files_that_break_off_are_refused_in_a_line(brains, capsys):
    pattern = ("--pattern", brains / "planted.nii.gz")
    lie = nibabel.Nifti1Image(np.zeros((2, 2, 2), dtype=np.float32), AFFINE)
    nibabel.save(lie, brains / "lie.nii")
    header = bytearray((brains / "lie.nii").read_bytes())
    header[40:56] = np.array([4, 3000, 3000, 3000, 1, 1, 1, 1], dtype="<i2").tobytes()
    header[40:50] = np.array([4, 3000, 3000, 3000, 2], dtype="<i2").tobytes()
    (brains / "lie.nii").write_bytes(header)
    assert command(brains / "lie.nii", *pattern) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "says it holds 3000×3000×3000×2 voxels" in error
    (brains / "lie.nii.gz").write_bytes(gzip.compress(header))
    assert command(brains / "lie.nii.gz", *pattern) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "GB of memory" in error
    whole = (brains / "other.nii.gz").read_bytes()
    (brains / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    assert command(brains / "maps", "--pattern", brains / "cut.nii.gz") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "can't be read to its end" in error


def test_low_coverage_is_a_warning(brains):
    data = nibabel.load(brains / "planted.nii.gz").get_fdata()
    data[:6] = 0
    maps = np.repeat(data[..., None], 3, axis=3) + np.random.default_rng(0).random((8, 8, 8, 3))
    maps[:6] = np.nan
    nibabel.save(nibabel.Nifti1Image(maps, AFFINE), brains / "partial.nii.gz")
    found = run(brains / "partial.nii.gz", {"planted": brains / "planted.nii.gz"})
    assert "the maps cover" in found.warnings[0]
    nibabel.save(nibabel.Nifti1Image(maps, AFFINE), brains / "four.nii.gz")
    with pytest.raises(InputError, match="a pattern is one volume"):
        run(brains / "partial.nii.gz", {"four": brains / "four.nii.gz"})


def test_patterns_are_named_by_the_user_or_by_their_file(brains):
    file = brains / "planted.nii.gz"
    assert name_patterns([f"PINES={file}", brains / "other.nii.gz"]) == {
        "PINES": file,
        "other": brains / "other.nii.gz",
    }
    odd = brains / "a=b.nii.gz"
    odd.write_bytes(file.read_bytes())
    assert name_patterns([odd]) == {"a=b": odd}
    with pytest.raises(InputError, match="two patterns are called 'planted'; name them with"):
        name_patterns([file, file])
    with pytest.raises(InputError, match="no pattern was given"):
        name_patterns([])
