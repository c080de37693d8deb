"""``affectome rsa`` from maps and matrices to result.json, report and exit status."""

import json

import nibabel
import numpy as np
import pandas as pd
import pytest

from affectome.cli import main


def command(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(["rsa", *map(str, arguments)])
    return stop.value.code or 0


@pytest.fixture
def maps(tmp_path):
    """Five people, twelve films of three emotions, which have a code each."""
    rng = np.random.default_rng(0)
    films = [f"f{k:02d}" for k in range(12)]
    kind = np.arange(12) % 3
    code = rng.standard_normal((3, 60))
    data = 0.8 * code[np.tile(kind, 5)] + rng.standard_normal((60, 60))
    nibabel.save(
        nibabel.Nifti1Image(data.T.reshape(5, 4, 3, 60).astype(np.float32), np.eye(4) * 3),
        tmp_path / "maps.nii.gz",
    )
    pd.DataFrame(
        {
            "participant_id": np.repeat([f"p{i}" for i in range(5)], 12),
            "film": films * 5,
            "emotion": np.tile(np.array(["joy", "fear", "calm"])[kind], 5),
            "length": np.tile(rng.random(12), 5),
        }
    ).to_csv(tmp_path / "rows.tsv", sep="\t", index=False)
    square = (kind[:, None] != kind).astype(float)
    np.savetxt(tmp_path / "square.csv", square, delimiter=",")
    order = rng.permutation(12)
    names = [films[k] for k in order]
    pd.DataFrame(square[np.ix_(order, order)], names, names).to_csv(tmp_path / "named.csv")
    return tmp_path


def test_the_planted_arrangement_is_found_in_whatever_form_it_is_given(maps, capsys):
    code = command(
        maps / "maps.nii.gz",
        *("--events", maps / "rows.tsv", "--condition", "film"),
        *("--model", maps / "square.csv", "--model", f"labels={maps / 'named.csv'}"),
        *("--category", "emotion", "--rating", "length", "--permutations", 199),
        *("--out", maps / "run", "--json"),
    )
    assert code == 0
    result = json.loads(capsys.readouterr().out)
    models = {one["model"]: one for one in result["models"]}
    assert set(models) == {"square", "labels", "emotion", "length"}
    for name in ("square", "labels", "emotion"):
        assert models[name]["score"] == pytest.approx(models["square"]["score"])
        assert models[name]["p"] == pytest.approx(0.005)
        assert models[name]["null"]["correction"].endswith("over the 4 tests of this result")
        assert models[name]["over"] == "5 people × 12 conditions"
    assert models["length"]["q"] > 0.05
    low, high = models["square"]["interval"]
    assert 0 < low < models["square"]["score"] < high
    report = (maps / "run" / "report.html").read_text()
    assert "In 5 people, 12 conditions are described by square" in report
    assert "model labels" in json.loads((maps / "run" / "manifest.json").read_text())["inputs"]


def test_models_that_do_not_fit_are_refused_in_a_line(maps, capsys):
    arguments = (maps / "maps.nii.gz", "--events", maps / "rows.tsv")
    np.savetxt(maps / "small.csv", np.zeros((3, 3)), delimiter=",")
    (maps / "wide.csv").write_text("a,b,c\n1,2,3\n")
    for model, message in (
        (("--model", maps / "small.csv"), "a matrix of 12 × 12 conditions is needed"),
        (("--model", maps / "wide.csv"), "a model is a square matrix"),
        (("--category", "mood"), "'mood' is no column that is the same in all trials"),
        (("--rating", "emotion"), "'emotion' holds no numbers; give it as --category"),
        ((), "no model was given to compare with"),
    ):
        assert command(*arguments, *model) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert message in error
