"""``affectome signature`` from files to result.json, report and exit status."""

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
    assert "Expressed more than chance allows: planted in joy" in report
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


def test_one_subject_has_values_but_no_group_test(brains):
    nibabel.save(nibabel.load(brains / "maps" / "sub-00_cond-1.nii.gz"), brains / "one.nii.gz")
    found = run(brains / "one.nii.gz", {"planted": brains / "planted.nii.gz"})
    assert found.to_dict()["patterns"][0]["tests"] == []
    assert found.warnings == ("there is one subject only, so no group is tested",)


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
