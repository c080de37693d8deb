"""Planted faults in tables are found, each by its kind; sound tables stay without serious ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from affectome.audit import Audit, audit
from affectome.audit.columns import bins_of, read_columns
from affectome.audit.findings import CODES
from affectome.data import make_recording, save_recording, tables
from affectome.errors import InputError
from affectome.evidence.quick import group_folds, group_sums, random_folds, skill

Plant = Callable[[pd.DataFrame, np.ndarray, np.random.Generator], pd.DataFrame]


def feature_table(seed: int = 0, n: int = 240, p: int = 12) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n)
    X = rng.normal(size=(n, p))
    X[:, :3] += 0.5 * y[:, None]
    table = pd.DataFrame(X, columns=[f"f{j}" for j in range(p)])
    return table.assign(
        emotion=np.array(["joy", "fear", "calm"])[y], subject=rng.integers(12, size=n)
    ), y


def kinds(found: Audit, severity: str | None = None) -> set[str]:
    return {f.kind for f in found.findings if severity in (None, f.severity)}


def columns_of(found: Audit, kind: str) -> set[str]:
    return {c for f in found.findings if f.kind == kind for c in f.columns}


def leak(table: pd.DataFrame, y: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    return table.assign(code=y + 0.1 * rng.normal(size=len(y)))


def flag_of_one_class(table: pd.DataFrame, y: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    return table.assign(code=(y == 2).astype(int))


def missing_in_one_class(
    table: pd.DataFrame, y: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    return table.assign(code=np.where(y == 1, np.nan, rng.normal(size=len(y))))


def text_code(table: pd.DataFrame, y: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    return table.assign(code=np.array(["x", "y", "z"])[y])


@pytest.mark.parametrize("plant", [leak, flag_of_one_class, missing_in_one_class, text_code])
def test_a_column_that_tells_the_label(plant: Plant) -> None:
    table, y = feature_table()
    found = audit(plant(table, y, np.random.default_rng(1)), "emotion")
    assert "label_leak" in kinds(found, "high")
    assert columns_of(found, "label_leak") == {"code"}
    evidence = next(f.evidence for f in found.findings if f.kind == "label_leak")
    assert evidence["skill"] > 0.9 > evidence["all_others_together"]
    assert evidence["excess_lower_bound"] > 0


def test_a_rating_that_leaks() -> None:
    table, y = feature_table()
    rng = np.random.default_rng(1)
    valence = y + rng.normal(size=len(y))
    table = table.drop(columns="emotion").assign(valence=valence, z=2 * valence + 0.1)
    found = audit(table, "valence")
    assert columns_of(found, "label_leak") == {"z"}
    assert not found.classes


def test_features_that_are_all_good_are_no_leak() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    table = pd.DataFrame(rng.normal(size=(200, 8)) + 4 * y[:, None]).assign(emotion=y)
    assert not kinds(audit(table, "emotion"), "high")


def test_constant_and_repeated_columns() -> None:
    table, _ = feature_table()
    found = audit(table.assign(flat=1.0, empty=np.nan, again=3 - 2 * table["f1"]), "emotion")
    assert columns_of(found, "constant_columns") == {"flat", "empty"}
    assert columns_of(found, "duplicate_columns") == {"again"}
    assert not found.warnings


@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_rows_that_come_twice(noise: float) -> None:
    table, _ = feature_table()
    copies = table.iloc[:12].copy()
    numbers = [c for c in table if c.startswith("f")]
    copies[numbers] += noise * np.random.default_rng(0).normal(size=(12, len(numbers)))
    found = audit(pd.concat([table, copies]), "emotion")
    evidence = next(f.evidence for f in found.findings if f.kind == "duplicate_trials")
    assert evidence["families"] == 12
    assert evidence["pairs"][0] == ["row 2", "row 242"]
    assert "duplicate_trials" in kinds(found, "high")


def test_answers_on_short_scales_agree_by_chance() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.integers(1, 6, size=(300, 4)), columns=list("abcd"))
    found = audit(table.assign(emotion=rng.integers(2, size=300)), "emotion")
    assert "duplicate_trials" not in kinds(found)


def test_copies_across_a_given_split() -> None:
    table, _ = feature_table()
    table["split"] = np.where(np.arange(len(table)) < 180, "train", "test")
    copies = table.iloc[:3].assign(split="test")
    found = audit(pd.concat([table, copies]), "emotion")
    finding = next(f for f in found.findings if f.kind == "duplicate_trials")
    assert finding.evidence["pairs_across_the_given_split"] == 3
    assert finding.columns == ["split"]


def identity_table(strength: float, seed: int = 0) -> pd.DataFrame:
    """Films with one label each; features carry which film it was, and nothing else."""
    rng = np.random.default_rng(seed)
    film = rng.integers(30, size=300)
    X = strength * rng.normal(size=(30, 10))[film] + rng.normal(size=(300, 10))
    table = pd.DataFrame(X, columns=[f"delta_{j}" for j in range(10)])
    return table.assign(emotion=np.array(["joy", "fear"])[film % 2], film=film)


def test_identity_of_the_film_passes_for_emotion() -> None:
    found = audit(identity_table(2.0), "emotion")
    assert {"group_gap", "stimulus_identity"} <= kinds(found, "high")
    gap = next(f.evidence for f in found.findings if f.kind == "group_gap")
    assert gap["random_folds"] > 0.8
    assert gap["group_folds"] < 0.4
    assert gap["interval"][0] > 0


def test_films_that_the_features_do_not_know_are_worth_a_look_only() -> None:
    found = audit(identity_table(0.0), "emotion")
    assert "stimulus_identity" in kinds(found, "medium")
    assert not kinds(found, "high")


def test_codes_without_a_telling_name_are_proposed() -> None:
    table = identity_table(2.0).rename(columns={"film": "vx"})
    table["vx"] = "q" + table["vx"].astype(str)
    found = audit(table, "emotion")
    assert [c["name"] for c in found.candidates] == ["vx"]
    assert columns_of(found, "group_gap") == {"vx"}


def test_one_stimulus_a_class_can_not_be_told_apart() -> None:
    table, y = feature_table()
    found = audit(table.assign(stimulus=y), "emotion")
    evidence = next(f.evidence for f in found.findings if f.kind == "stimulus_identity")
    assert evidence["inseparable"]
    assert "stimulus_identity" in kinds(found, "high")


@pytest.mark.parametrize("labels", ["sorted", "in turns"])
def test_a_label_that_follows_the_clock(labels: str) -> None:
    table, _ = feature_table()
    y = np.arange(240) // 80 if labels == "sorted" else np.arange(240) % 3
    found = audit(
        table.assign(emotion=np.array(["a", "b", "c"])[y], onset=np.arange(240) * 2.5), "emotion"
    )
    finding = next(f for f in found.findings if f.kind == "order")
    assert finding.severity == "high"
    assert finding.columns == ["onset"]


def test_rows_sorted_by_label_are_no_serious_matter() -> None:
    table, _ = feature_table()
    found = audit(table.sort_values("emotion"), "emotion")
    assert "order" in kinds(found, "medium")
    assert not kinds(found, "high")


def test_small_and_unequal_classes() -> None:
    table, _ = feature_table()
    table["emotion"] = np.r_[["rare"] * 4, ["often"] * 236]
    found = audit(table.sample(frac=1, random_state=0), "emotion")
    assert {"imbalance", "too_few"} <= kinds(found, "medium")


def test_windows_of_one_trial_are_a_group() -> None:
    table, _ = feature_table()
    table["subject"], table["trial"] = np.arange(240) // 60, np.arange(240) % 60 // 6
    names = [c["name"] for c in audit(table, "emotion").candidates]
    assert "subject × trial" in names


def test_a_recording(tmp_path: Path) -> None:
    table, _ = feature_table(n=90)
    values = table.filter(like="f").drop(columns=[]).to_numpy()
    values[:, 0] = pd.factorize(table["emotion"])[0]
    units = pd.DataFrame({"neuron": np.arange(values.shape[1])})
    recording = make_recording(values, table[["emotion", "subject"]], units)
    path = save_recording(recording, tmp_path / "r.zarr")
    found = audit(path, "emotion")
    assert found.kind == "recording"
    assert columns_of(found, "label_leak") == {"0"}


def test_texts_that_come_twice() -> None:
    rng = np.random.default_rng(0)
    words = [f"{a}{b}" for a in ("sun", "rain", "joy", "walk") for b in ("ny", "ing", "s", "")]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(80)]
    texts += [texts[0].upper() + "!", texts[1] + " again"]
    table = pd.DataFrame({"text": texts, "emotion": rng.integers(2, size=82)})
    found = audit(table, "emotion")
    evidence = next(f.evidence for f in found.findings if f.kind == "duplicate_trials")
    assert evidence["pairs"] == [["row 2", "row 82"], ["row 3", "row 83"]]


def test_the_result_is_the_same_twice() -> None:
    table, _ = feature_table()
    assert audit(table, "emotion").to_dict() == audit(table, "emotion").to_dict()


def test_verdicts() -> None:
    table, y = feature_table()
    assert audit(table, "emotion").verdict == (
        "Nothing was found that would make a score too good. Not looked for: stimuli on both sides "
        "of a split: none is named; drift with time: no column is a clock; the order of the rows "
        "alone was read; copies and groups across a given split: no column is a split; labels in "
        "the names of files: there are no file names; labels burnt into pictures: no pictures were "
        "read; layers and thresholds chosen on the test set: no --predictions were given; what was "
        "done to the data before they came here."
    )
    other = audit(table.assign(onset=np.arange(240), split="train"), "emotion", ignore=["AFX006"])
    assert "imbalance: AFX006 was ignored" in other.not_looked_for
    assert not [line for line in other.not_looked_for if line.startswith("drift")]
    assert audit(table.assign(c=y), "emotion").verdict.startswith("A score on these data would be")
    assert audit(identity_table(0.0), "emotion").verdict.startswith("Nothing proves a leak")


def test_findings_have_codes_that_can_be_ignored():
    table, y = feature_table()
    frame = leak(table, y, np.random.default_rng(0)).assign(again=table["f0"])
    found = audit(frame, "emotion")
    assert {one.kind for one in found.findings} >= {"label_leak", "duplicate_columns"}
    codes = {one.code for one in found.findings}
    assert codes <= set(CODES.values())
    for code in codes:
        assert code not in {one.code for one in audit(frame, "emotion", ignore=[code]).findings}
    with pytest.raises(InputError, match=r"a finding is one of AFX001, AFX002, .*; got 'AFX999'"):
        audit(frame, "emotion", ignore=["AFX999"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="emotion"), "the table has no column 'emotion'; it has f0"),
        (lambda t: t.assign(emotion="joy"), "is 'joy' in all 240 rows; two classes are needed"),
        (lambda t: t.assign(emotion=None), "the target 'emotion' is empty"),
        (lambda t: t.iloc[:0], "the table is empty: its shape is (0, 14)"),
        (lambda t: t.assign(f0=np.inf), "column 'f0' holds an infinite value in row 2"),
        (lambda t: t.assign(f0=["1.5"] * 239 + ["oops"]), "holds numbers, but 'oops' in row 241"),
        (lambda t: t.assign(emotion=[f"e{i}" for i in range(240)]), "240 different values"),
        (lambda t: pd.concat([t, t["f0"]], axis=1), "two columns are called 'f0'"),
    ],
)
def test_bad_tables(change: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    with pytest.raises(InputError) as caught:
        audit(change(feature_table()[0]), "emotion")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_labels_are_skipped_and_missing_values_noted() -> None:
    table, _ = feature_table()
    table.loc[3, "emotion"] = None
    table.loc[5, "f2"] = np.nan
    found = audit(table, "emotion")
    assert [s.file for s in found.skipped] == ["row 5"]
    assert "f2, 1 of 239" in found.warnings[0]


def test_a_table_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    feature_table(n=2000)[0].to_csv(path, index=False)
    monkeypatch.setattr(tables, "MEMORY_FACTOR", 1e9)
    with pytest.raises(InputError, match=r"a table .*t\.csv \(.* × 14\) needs about .* GB"):
        audit(path, "emotion")


def test_tables_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    table, y = feature_table()
    table.filter(like="f").assign(y=y).to_csv(path, index=False, header=False)
    assert audit(path, "13").classes == ("0", "1", "2")
    names = [*(f"f{j}" for j in range(12)), "emotion"]
    assert audit(path, "emotion", names=names).n_columns == 12
    with pytest.raises(InputError, match="2 names were given for the 13 columns"):
        audit(path, "emotion", names=["a", "b"])


def test_reading_of_a_column_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=400)
    x = y + rng.normal(size=400)
    folds = random_folds(y, rng)
    reading = read_columns(bins_of(x[:, None]), y, 2, folds)
    # with two classes Youden's J is twice the balanced accuracy, less one
    best = max(2 * balanced_accuracy_score(y, x > cut) - 1 for cut in np.linspace(-1, 2, 60))
    assert reading.skill[0] == pytest.approx(best, abs=0.12)
    assert reading.low[0] < reading.sure[0] < reading.skill[0] < reading.high[0]


def test_skill_of_classes_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    y, said = rng.integers(3, size=200), rng.integers(3, size=200)
    sums = group_sums(y, said.astype(float), 3, rng.integers(7, size=200)).sum(axis=0)
    expected = balanced_accuracy_score(y, said, adjusted=True)
    assert skill(sums, 3) == pytest.approx(expected)


def test_folds_keep_groups_whole() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(9, size=100)
    folds = group_folds(groups, rng.integers(3, size=100), rng)
    assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(100))
    assert all(not set(groups[train]) & set(groups[test]) for train, test in folds)


def sound_table(seed: int) -> pd.DataFrame:
    """Some effect, subjects with their own level, clocks and stimuli without any fault."""
    rng = np.random.default_rng(seed)
    n, p, k = (int(rng.choice(sizes)) for sizes in ([60, 150, 400], [5, 20, 80], [2, 3, 6]))
    y, subject = rng.integers(k, size=n), rng.integers(12, size=n)
    X = rng.normal(size=(n, p)) + rng.choice([0.0, 0.5]) * rng.normal(size=(12, p))[subject]
    X[:, : p // 4] += rng.choice([0.0, 0.4, 0.8]) * (y[:, None] / (k - 1) - 0.5)
    table = pd.DataFrame(X, columns=[f"f{j}" for j in range(p)])
    table = table.assign(emotion=[f"c{c}" for c in y], subject=subject, trial=np.arange(n))
    return table.assign(stimulus=rng.integers(n // 4, size=n)) if rng.random() < 0.5 else table


@pytest.mark.slow
def test_sound_tables_raise_no_serious_finding() -> None:
    serious = [bool(kinds(audit(sound_table(seed), "emotion"), "high")) for seed in range(200)]
    assert np.mean(serious) <= 0.05
