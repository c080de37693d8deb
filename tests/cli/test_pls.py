"""``affectome pls`` from maps, units and an atlas to result.json, report, maps and exit status."""

import json

import nibabel
import numpy as np
import pandas as pd
import pytest

from affectome.cli import main
from affectome.simulations import simulate_correspondence
from contract import broken_claims

SHAPE = (6, 10, 5)


def command(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(["pls", *map(str, arguments)])
    return stop.value.code or 0


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Six people and sixteen pictures; V1 follows three units a little and IT a lot."""
    folder = tmp_path_factory.mktemp("study")
    maps, units = simulate_correspondence(
        n_subjects=6,
        n_stimuli=16,
        n_units=3,
        shape=SHAPE,
        regions={"V1": 0.2, "IT": 0.8},
        voxel_mm=3.0,
    )
    volumes = maps.values.T.reshape(*SHAPE, -1).astype(np.float32)
    volumes[0, 0, 0, 5] = np.nan
    middle = -3.0 * (np.array(SHAPE) - 1) / 2
    affine = nibabel.affines.from_matvec(np.eye(3) * 3, middle)
    nibabel.save(nibabel.Nifti1Image(volumes, affine), folder / "maps.nii.gz")
    kinds = dict(zip(units.index, np.tile(["awe", "joy"], 8), strict=True))
    pd.DataFrame(
        {
            "participant_id": maps["subject"].values,
            "picture": maps["stimulus"].values,
            "emotion": [kinds[s] for s in maps["stimulus"].values],
        }
    ).to_csv(folder / "rows.tsv", sep="\t", index=False)
    units.rename_axis("picture").assign(title="a").to_csv(folder / "units.csv")
    objects = units.to_numpy() @ np.ones((3, 1)) + 1.0
    pd.DataFrame({"picture": units.index, "cat": objects[:, 0]}).to_csv(
        folder / "objects.csv", index=False
    )
    # An atlas of half the size of voxels, over the same space.
    fine = np.repeat(np.where(np.arange(10) < 5, 1, 2), 2)
    labels = np.broadcast_to(fine[None, :, None], (12, 20, 10)).astype(np.int16)
    half = nibabel.affines.from_matvec(np.eye(3) * 1.5, middle - 0.75)
    nibabel.save(nibabel.Nifti1Image(labels, half), folder / "atlas.nii.gz")
    (folder / "names.csv").write_text("index,name\n1,V1\n2,Left-IT\n3,nowhere\n")
    return folder


def test_regions_of_an_atlas_in_their_order(study, tmp_path, capsys):
    out = tmp_path / "run"
    code = command(
        study / "maps.nii.gz",
        *("--events", study / "rows.tsv", "--units", study / "units.csv"),
        *("--atlas", study / "atlas.nii.gz", "--names", study / "names.csv"),
        *("--region", "IT=Left-IT", "--region", "rest=all-Left-IT", "--region", "nowhere"),
        *("--region", "both=V1+Left-IT", "--permutations", 49, "--bootstrap", 10),
        *("--control", f"objects={study / 'objects.csv'}"),
        *("--components", 3, "--out", out, "--json"),
    )
    assert code == 0
    result = json.loads(capsys.readouterr().out)
    assert broken_claims(result) == []
    found = {one["region"]: one for one in result["regions"]}
    assert [*found] == ["IT", "rest", "both"]
    assert [one["n_voxels"] for one in found.values()] == [150, 149, 299]
    r = {name: one["new_people"]["r"]["score"] for name, one in found.items()}
    assert r["IT"] > r["rest"]
    it = found["IT"]["new_people"]
    assert it["r"]["p"] == pytest.approx(0.02)
    assert it["r"]["over"] == "6 people"
    assert it["r"]["score"] > it["r"]["chance"] > -0.1
    assert found["IT"]["new_people_and_stimuli"]["r"]["score"] > 0.3
    assert [one["unit"] for one in result["units"]] == ["unit 1", "unit 2", "unit 3"]
    assert [one["variant"] for one in result["clusters"]] == ["base rate", "rival"]
    told = "\n".join(result["warnings"])
    assert "units.csv: title left out, not numbers" in told
    assert "299 of 299 voxels lie in a label of atlas.nii.gz" in told
    assert "1 of 300 voxels are flat or missing; left out" in told
    assert "nowhere holds no voxel of the maps; left out" in told
    (beyond,) = found["IT"]["beyond"]
    assert beyond["control"] == "objects"
    assert beyond["explained"] == pytest.approx(1 / 3, abs=0.15)
    assert beyond["new_people"]["r"]["null"]["n_groups"] == 16
    weights = nibabel.load(out / "weights.nii.gz")
    assert weights.shape[3] == 3
    report = (out / "report.html").read_text()
    assert "In IT, units are read in new people with r = 0." in report
    assert "Of what controls leave of the units, r = 0." in report
    assert "reliability.nii.gz" in report
    assert list(pd.read_csv(out / "units.csv")) == ["unit", "r", "p", "q", "named"]


def test_categories_where_there_are_no_units(study, capsys):
    code = command(
        study / "maps.nii.gz",
        *("--events", study / "rows.tsv", "--permutations", 20, "--bootstrap", 0, "--json"),
    )
    assert code == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["categorical"]
    assert [one["unit"] for one in result["units"]] == ["awe", "joy"]
    assert [one["region"] for one in result["regions"]] == ["all voxels"]


def test_what_does_not_fit_is_one_line(study, tmp_path, capsys):
    names = pd.read_csv(study / "rows.tsv", sep="\t")
    names.drop(columns="emotion").to_csv(tmp_path / "bare.tsv", sep="\t", index=False)
    names.assign(emotion=np.arange(len(names)) % 3).astype(str).to_csv(
        tmp_path / "mixed.tsv", sep="\t", index=False
    )
    units = pd.read_csv(study / "units.csv")
    units.iloc[1:].to_csv(tmp_path / "short.csv", index=False)
    pd.concat([units, units.iloc[:1]]).to_csv(tmp_path / "twice.csv", index=False)
    units[["picture", "title"]].to_csv(tmp_path / "words.csv", index=False)
    atlas = nibabel.load(study / "atlas.nii.gz")
    labels = np.asarray(atlas.dataobj)
    for name, values, affine in (
        ("four", np.stack([labels, labels], 3), atlas.affine),
        ("parts", labels * np.float32(0.5), atlas.affine),
        ("far", labels, nibabel.affines.from_matvec(np.eye(3), [500, 0, 0])),
        ("many", np.arange(labels.size, dtype=np.int32).reshape(labels.shape), atlas.affine),
    ):
        nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / f"{name}.nii.gz")
    (tmp_path / "bad.csv").write_text("name,colour\nV1,red\n")
    rows, good = ("--events", study / "rows.tsv"), ("--units", study / "units.csv")
    at = ("--atlas", study / "atlas.nii.gz")
    for arguments, message in (
        ((*rows, "--units", tmp_path / "short.csv"), "1 of 16 values of picture have no units"),
        ((*rows, "--units", tmp_path / "twice.csv"), "has two rows for 's000' in 'picture'"),
        ((*rows, "--units", tmp_path / "words.csv"), "has no numeric column beside 'picture'"),
        (("--events", tmp_path / "bare.tsv"), "neither --units nor a column of categories"),
        (("--events", tmp_path / "mixed.tsv"), "'s000' in 'picture' has 3 categories; a stimulus"),
        ((*rows, *good, "--atlas", tmp_path / "four.nii.gz"), "an atlas is one volume of labels"),
        ((*rows, *good, "--atlas", tmp_path / "parts.nii.gz"), "parts.nii.gz holds fractions"),
        ((*rows, *good, "--atlas", tmp_path / "far.nii.gz"), "are both in the same space?"),
        ((*rows, *good, "--atlas", tmp_path / "many.nii.gz"), "of which 40 can be regions of"),
        ((*rows, *good, "--names", study / "names.csv"), "give the atlas, too"),
        ((*rows, *good, *at, "--names", tmp_path / "bad.csv"), "one of whole numbers and one of"),
        ((*rows, *good, *at, "--region", "a=9+1"), "'a=9+1': there is no label '9+1'; there are"),
        ((*rows, *good, *at, "--region", "a=1+"), "'a=1+' ends in '+'; name a label behind it"),
        ((*rows, *good, *at, "--region", "=1"), "a region is NAME=LABEL+LABEL or a label"),
    ):
        assert command(study / "maps.nii.gz", *arguments, "--permutations", 20) == 2, message
        error = capsys.readouterr().err
        assert error.count("\n") == 1, error
        assert message in error
