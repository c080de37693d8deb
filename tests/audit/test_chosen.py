"""Predictions: choices on the reported trials are priced, bad files are refused in one line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectome.audit import Audit, audit
from affectome.audit.predictions import read_predictions
from affectome.errors import InputError


def layers(n_layers: int = 12, n: int = 200, best: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Layers that guess, the fourth of them being right in a share of the trials."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    rows = []
    for layer in range(n_layers):
        right = rng.random(n) < (best if layer == 3 else 0)
        found = np.where(right, y, rng.integers(2, size=n))
        frame = {"id": np.arange(n), "participant_id": np.arange(n) // 5, "truth": y}
        rows.append(pd.DataFrame({**frame, "prediction": found, "layer": layer}))
    return pd.concat(rows)


def scored(n: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    who = np.arange(n) // 5
    return pd.DataFrame(
        {"id": range(n), "participant_id": who, "truth": y, "score": y + rng.normal(size=n)}
    )


def of(table: pd.DataFrame, folder: Path) -> Audit:
    table.to_csv(folder / "p.csv", index=False)
    return audit(predictions=folder / "p.csv")


def test_the_best_of_many_guesses_is_priced(tmp_path: Path) -> None:
    found = of(layers(60), tmp_path)
    finding = found.findings[0]
    assert (finding.code, finding.kind) == ("AFX010", "chosen_on_test")
    assert finding.severity == "high"
    assert finding.columns == ["layer"]
    cost = finding.to_dict()["cost"]
    assert cost["with"] - cost["without"] == pytest.approx(cost["difference"])
    assert cost["interval"][0] > 0
    assert cost["over"] == "40 participant_id"
    # the layers guess: an honest score is .5
    assert cost["without"] == pytest.approx(0.5, abs=0.03)
    assert finding.evidence["configurations"] == 60
    assert found.not_looked_for[0].startswith("the data that were predicted")


def test_a_layer_that_is_truly_best_costs_nothing(tmp_path: Path) -> None:
    finding = of(layers(best=0.8), tmp_path).findings[0]
    assert finding.severity == "low"
    assert finding.evidence["best"] == "layer = 3"
    assert finding.cost.difference.value == pytest.approx(0, abs=0.005)


def test_wide_files_are_the_same_as_long_ones(tmp_path: Path) -> None:
    long = layers()
    wide = long.pivot(index=["id", "participant_id", "truth"], columns="layer", values="prediction")
    wide.columns = [f"prediction_layer {c}" for c in wide.columns]
    one, other = of(long, tmp_path).findings[0], of(wide.reset_index(), tmp_path).findings[0]
    assert one.cost.difference == other.cost.difference
    assert other.evidence["best"] == one.evidence["best"].replace(" = ", " ")


def test_a_choice_on_validation_trials_is_no_fault_where_it_is_reported(tmp_path: Path) -> None:
    table = layers(best=0.8).assign(split=lambda t: np.where(t["id"] < 100, "val", "test"))
    found = of(table, tmp_path)
    assert not found.findings
    assert "the validation trials choose layer = 3, which is best on the test" in found.warnings[0]
    guesses = layers(30, seed=2).assign(split=lambda t: np.where(t["id"] < 100, "val", "test"))
    finding = of(guesses, tmp_path).findings[0]
    assert "chosen on validation" in finding.cost.without
    assert "report the one that validation chose" in finding.what


def test_a_threshold_that_was_chosen_on_the_reported_trials(tmp_path: Path) -> None:
    table = scored()
    tried = np.sort(table["score"])
    balanced = [
        ((table["score"] >= t) == table["truth"]).groupby(table["truth"]).mean().mean()
        for t in tried
    ]
    best = of(table.assign(threshold=tried[int(np.argmax(balanced))]), tmp_path)
    finding = best.findings[0]
    assert "The threshold given is the best one on the very trials" in finding.what
    assert finding.cost.score_with.value == pytest.approx(max(balanced))
    assert finding.cost.difference.value > 0
    honest = of(table.assign(threshold=0.9), tmp_path)
    assert not honest.findings
    assert "thresholds given are not the best ones" in honest.warnings[0]


def test_scores_without_a_threshold_and_thresholds_that_were_all_tried(tmp_path: Path) -> None:
    finding = of(scored(), tmp_path).findings[0]
    assert "Scores without a threshold" in finding.what
    assert finding.severity in ("low", "medium")
    many = pd.concat([scored().assign(threshold=t) for t in np.linspace(-1, 2, 30)])
    finding = of(many, tmp_path).findings[0]
    assert finding.evidence["configurations"] == 30
    assert finding.evidence["metric"] == "balanced_accuracy"


def test_one_score_a_class_is_a_prediction(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=90)
    names = np.array(["anger", "joy", "sad"])
    table = pd.DataFrame({"id": range(90), "truth": names[y]})
    for k, name in enumerate(names):
        table[f"score_{name}"] = (y == k) + rng.normal(size=90)
    found = of(table, tmp_path)
    assert not found.findings
    assert "there is one score a class" in found.warnings[0]


def test_ratings_are_compared_by_their_correlation(tmp_path: Path) -> None:
    table = layers(8)
    rng = np.random.default_rng(0)
    table = table.assign(truth=table["id"] * 0.37 % 7, prediction=rng.normal(size=len(table)))
    finding = of(table, tmp_path).findings[0]
    assert finding.cost.metric == "r"


def test_predictions_beside_a_table_take_its_groups(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=160)
    data = pd.DataFrame(rng.normal(size=(160, 4)), columns=list("abcd"))
    data.assign(emotion=y, subject=np.arange(160) // 8).to_csv(tmp_path / "t.csv", index=False)
    rows = [
        pd.DataFrame(
            {"row": np.arange(160) + 2, "truth": y, "prediction": rng.integers(2, size=160), "C": c}
        )
        for c in range(9)
    ]
    pd.concat(rows).to_csv(tmp_path / "p.csv", index=False)
    found = audit(tmp_path / "t.csv", "emotion", predictions=tmp_path / "p.csv")
    finding = next(f for f in found.findings if f.code == "AFX010")
    assert finding.cost.difference.over == "20 subject"
    assert not [line for line in found.not_looked_for if "--predictions" in line]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="truth"), "needs a column id (or row) and a column truth beside"),
        (lambda t: t.drop(columns="prediction"), "has neither a column prediction nor a column sc"),
        (lambda t: t.drop(columns="layer"), "id 0 stands twice with the same configuration"),
        (lambda t: t.iloc[1:], "has no prediction for layer = 0; configurations are compared on"),
        (lambda t: t.assign(truth=range(len(t))), "the truth of id 0 is not always the same"),
        (
            lambda t: t.assign(prediction="joy"),
            "no prediction is one of the classes of truth (0, 1",
        ),
        (lambda t: t.assign(prediction=np.nan), "truth or prediction is missing in row 2"),
        (
            lambda t: t.assign(truth=t["id"] % 3).rename(columns={"prediction": "score"}),
            "decision values (score) part two classes, but truth has 3; give predictions instead",
        ),
    ],
)
def test_bad_predictions_are_one_line(change, message: str, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    change(layers(3, 40)).to_csv(path, index=False)
    with pytest.raises(InputError) as caught:
        read_predictions(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_groups_have_no_price(tmp_path: Path) -> None:
    finding = of(layers().assign(participant_id=lambda t: t["id"] % 3), tmp_path).findings[0]
    assert finding.to_dict()["cost"]["why"].startswith("3 groups can't be parted into those that")
    assert finding.price.startswith("No price: 3 groups")


def test_nothing_to_audit() -> None:
    with pytest.raises(InputError, match="name what is to be audited"):
        audit()
    with pytest.raises(InputError, match="name the column that will be decoded by --target"):
        audit(pd.DataFrame({"a": [1, 2]}))
