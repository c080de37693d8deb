import json

import numpy as np
import pandas as pd
import pytest

from affectome.people.registry import files_in, modality_of

pytest.importorskip("neurokit2")
RATE = 4


def write_recording(folder, tense, level, seed):
    """An E4's folder of 40 s: skin that rises where it is tense, around a level of the person's."""
    rng = np.random.default_rng(seed)
    t = np.arange(40 * RATE) / RATE
    eda = level + (0.02 if tense else -0.02) * t + 0.05 * rng.normal(size=len(t)).cumsum() / 20
    warm = 33 + 0.02 * np.sin(t / 9 + rng.uniform(0, 6))
    folder.mkdir(parents=True)
    for name, values in (("EDA.csv", eda), ("TEMP.csv", warm)):
        lines = ["1600000000.0", f"{RATE}.0", *(f"{v:.5f}" for v in values)]
        (folder / name).write_text("\n".join(lines) + "\n")


@pytest.fixture
def catalog(tmp_path):
    rows = []
    for who in range(6):
        for trial in range(8):
            tense = trial % 2 == 0
            name = f"p{who}/{trial}"
            write_recording(tmp_path / name, tense, 2 + 3 * who, 10 * who + trial)
            rows.append((name, "tense" if tense else "calm", f"p{who}"))
    table = tmp_path / "catalog.csv"
    pd.DataFrame(rows, columns=["file", "emotion", "subject"]).to_csv(table, index=False)
    return table


def test_a_model_of_own_recordings_is_trained_and_reads(run, catalog, tmp_path):
    status, out, err = run(
        "train", "physiology", catalog, "--purpose", "research", "--holdout", "subject",
        "--permutations", 20, "--out", "model", "--json",
    )  # fmt: skip
    assert status == 0, err
    result = json.loads(out)
    assert result["scores"]["macro_auc"]["score"] > 0.9
    assert (tmp_path / "model" / "card.md").exists()
    write_recording(tmp_path / "new", True, 40, 99)
    for k in range(6):
        write_recording(tmp_path / "usual" / str(k), k % 2 == 0, 40, 200 + k)
    usual = [w for k in range(6) for w in ("--baseline", tmp_path / "usual" / str(k))]
    status, out, err = run("read", "new", "--model", "model", *usual, "--json")
    assert status == 0, err
    (reading,) = map(json.loads, out.splitlines())
    assert reading["labels"] == ["tense"]
    assert reading["modality"] == "physiology"
    assert reading["quality"]["contact_eda"] == 1

    status, _, err = run("read", "new", "--model", "model")
    assert status == 2
    assert "give five other recordings of the same person" in err
    status, _, err = run("read", "new", "--model", "model", *usual[:4])
    assert "a baseline needs 5 recordings of the same person" in err
    assert "there are 2" in err
    off = tmp_path / "off"
    off.mkdir()
    (off / "EDA.csv").write_text("1600000000\n4\n" + "0\n" * 200)
    status, out, _ = run("read", "off", "--model", "model", *usual, "--json")
    assert json.loads(out)["because"] == "nothing could be measured"


def test_without_a_model_or_a_purpose_nothing_is_read(run, tmp_path):
    write_recording(tmp_path / "new", True, 2, 1)
    status, _, err = run("read", "new")
    assert status == 2
    assert "physiology needs a declared purpose" in err
    status, _, err = run("read", "new", "--purpose", "research")
    assert status == 2
    assert "no model of body signals is shipped, for none beat its baselines" in err
    assert len(err.splitlines()) == 1


def test_a_table_without_people_can_not_be_learned_from(run, catalog):
    pd.read_csv(catalog).drop(columns="subject").to_csv(catalog, index=False)
    status, _, err = run("train", "physiology", catalog, "--purpose", "research")
    assert status == 2
    assert "has no column 'subject'" in err


def test_a_folder_of_an_e4_is_one_recording(tmp_path):
    write_recording(tmp_path / "all" / "one", True, 2, 1)
    (tmp_path / "all" / "note.txt").write_text("a text")
    (tmp_path / "all" / "table.csv").write_text("a,b\n")
    assert modality_of(tmp_path / "all" / "one").name == "physiology"
    assert [f.name for f in files_in(tmp_path / "all")] == ["note.txt", "one"]
    names = [f.name for f in files_in(tmp_path / "all", "physiology")]
    assert names == ["one", "table.csv"]
    assert files_in(tmp_path / "all" / "one", "physiology") == [tmp_path / "all" / "one"]
