"""``affectome encode`` from maps and tables to result.json, report and exit status."""

import json

import nibabel
import numpy as np
import pandas as pd
import pytest

from affectome.cli import main


def command(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(["encode", *map(str, arguments)])
    return stop.value.code or 0


@pytest.fixture
def maps(tmp_path):
    """Six people, twenty films; the first half of the voxels follows brightness."""
    rng = np.random.default_rng(0)
    films = [f"f{k:02d}" for k in range(20)]
    brightness = rng.standard_normal(20)
    data = rng.standard_normal((4, 3, 2, 120)).astype(np.float32)
    data[:2] += np.tile(brightness, 6)
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4) * 3), tmp_path / "maps.nii.gz")
    pd.DataFrame(
        {"participant_id": np.repeat([f"p{i}" for i in range(6)], 20), "film": films * 6}
    ).to_csv(tmp_path / "rows.tsv", sep="\t", index=False)
    pd.DataFrame({"film": films, "brightness": brightness, "title": "x"})[::-1].to_csv(
        tmp_path / "looks.csv", index=False
    )
    pd.DataFrame({"film": films, "loud": rng.standard_normal(20)}).to_csv(
        tmp_path / "sound.csv", index=False
    )
    return tmp_path


def test_voxels_that_follow_a_feature_are_found_on_new_people_and_films(maps, capsys):
    code = command(
        maps / "maps.nii.gz",
        *("--events", maps / "rows.tsv", "--features", maps / "looks.csv"),
        *("--features", f"sound={maps / 'sound.csv'}", "--permutations", 199),
        *("--out", maps / "run", "--json"),
    )
    assert code == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((maps / "run" / "result.json").read_text())
    assert result["held_out"] == "held out: 6 people (participant_id) and 20 stimuli (film)"
    assert result["overall"]["p"] < 0.05
    assert 11 <= result["n_predicted"] <= 14
    assert 0.1 < result["median_explainable"] < 0.5
    assert "looks.csv: title left out, not numbers" in result["warnings"]
    units = pd.read_csv(maps / "run" / "units.csv")
    strong = units.nlargest(12, "r")
    assert (strong["i"] < 2).all()
    assert strong["unique_looks"].median() > 0.2 > abs(strong["unique_sound"]).median() + 0.1
    settings = json.loads((maps / "run" / "manifest.json").read_text())
    assert settings["settings"]["n_permutations"] == 199
    assert {"events", "recording", "features looks", "features sound"} == set(settings["inputs"])
    assert "nan" not in (maps / "run" / "report.html").read_text().split("<style")[0]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("film,a\nf00,1\n", "has no row for 19 of 20 stimuli, the first 'f01'"),
        ("film,a\nf00,1\nf00,2\n", "has two rows for 'f00' in 'film'"),
        ("film\nf00\n", "has no numeric column beside 'film'"),
    ],
)
def test_tables_that_do_not_fit_are_refused_in_a_line(maps, capsys, table, message):
    (maps / "bad.csv").write_text(table)
    arguments = (maps / "maps.nii.gz", "--events", maps / "rows.tsv")
    assert command(*arguments, "--features", maps / "bad.csv") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert command(*arguments, "--features", "none.csv") == 2
    assert "there is no table none.csv" in capsys.readouterr().err
    assert command(*arguments, "--features", maps / "looks.csv", "--stimulus", "song") == 2
    assert "rows.tsv has no column 'song'" in capsys.readouterr().err
