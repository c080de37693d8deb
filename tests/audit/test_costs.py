"""Prices: what a fault adds is measured, what costs nothing has an interval around nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from tests.audit.planted import PLANTED, people_with_moods

from affectome.audit import audit
from affectome.audit.costs import Cost, price, read_and_price
from affectome.audit.findings import Finding
from affectome.audit.probes import linear_reader, neighbour_reader, scaled
from affectome.evidence.quick import group_folds, random_folds, stretch_folds

PRICED = {"label_leak", "group_gap", "stimulus_identity", "duplicate_trials", "order"}


def test_the_linear_reader_is_a_ridge_fitted_without_what_it_reads() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=60)
    for p in (5, 90):
        X = rng.normal(size=(60, p)) + y[:, None] * 0.2
        folds = stretch_folds(np.arange(60.0), y, rng)
        found = linear_reader(X, y, 0)(folds)
        Z = scaled(X).astype(float)
        for train, test in folds:
            # the intercept is fitted by ridge with mean-centred columns of all trials
            design = Z[train]
            weights = np.c_[np.ones(len(train)), design]
            penalty = p * np.eye(p + 1)
            penalty[0, 0] = 0
            b = np.linalg.solve(weights.T @ weights + penalty, weights.T @ y[train])
            assert found[test] == pytest.approx(np.c_[np.ones(len(test)), Z[test]] @ b)
            assert found[test] == pytest.approx(
                Ridge(alpha=p).fit(design, y[train]).predict(Z[test])
            )


def test_neighbours_are_those_of_the_other_folds() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=80)
    X = rng.normal(size=(80, 3)) + y[:, None]
    folds = random_folds(y, rng)
    found = neighbour_reader(X, y, 2)(folds)
    Z = scaled(X)
    for train, test in folds:
        for i in test[:5]:
            distance = ((Z[i] - Z[train]) ** 2).sum(axis=1)
            near = train[np.argsort(distance)[:5]]
            usual = 1e-3 * np.median((Z**2).sum(axis=1)) + 1e-12
            weight = 1 / (np.sort(distance)[:5] + usual)
            votes = [(weight * (y[near] == c)).sum() / (y == c).sum() for c in (0, 1)]
            assert found[i] == np.argmax(votes)


@pytest.mark.parametrize("draw", [d for kind, d, _ in PLANTED if kind in PRICED])
def test_every_finding_says_what_it_costs(draw) -> None:
    found = audit(draw(np.random.default_rng(0)), "emotion")
    for one in found.findings:
        cost = one.to_dict()["cost"]
        if "why" in cost:
            assert one.price == f"No price: {cost['why']}."
            continue
        assert cost["with"] - cost["without"] == pytest.approx(cost["difference"])
        assert cost["interval"][0] <= cost["difference"] <= cost["interval"][1]
        assert cost["over"]
        assert cost["reader"] in ("linear reader", "neighbours reader")
        assert f"Price: {cost['difference']:+.2f}" in one.price


def of_kind(table: pd.DataFrame, kind: str) -> Finding:
    return next(f for f in audit(table, "emotion").findings if f.kind == kind)


def test_people_who_pass_for_moods_are_worth_what_holding_them_out_takes() -> None:
    cost = of_kind(people_with_moods(np.random.default_rng(0)), "group_gap").cost
    assert isinstance(cost, Cost)
    # moods follow the person by chance: nothing is left once whole people are held out
    assert cost.score_with.value > 0.75
    assert cost.score_without.value == pytest.approx(0.5, abs=0.15)
    assert cost.difference.interval[0] > 0.1
    assert cost.difference.over == "20 subject"


def test_a_leaking_column_is_worth_what_leaving_it_out_takes() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    table = pd.DataFrame(rng.normal(size=(200, 6))).assign(emotion=y, code=y)
    cost = of_kind(table, "label_leak").cost
    assert isinstance(cost, Cost)
    assert cost.score_with.value > 0.95
    assert cost.difference.value == pytest.approx(0.5, abs=0.12)
    assert "code among the columns" in cost.words
    assert cost.difference.over == "200 trials"


def test_copies_are_worth_what_keeping_them_together_takes() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=120)
    X = rng.normal(size=(120, 12))
    twice = np.vstack([X, X + 0.01 * rng.normal(size=X.shape)])
    table = pd.DataFrame(twice).assign(emotion=np.r_[y, y])
    cost = of_kind(table, "duplicate_trials").cost
    assert isinstance(cost, Cost)
    assert cost.difference.interval[0] > 0.2
    assert cost.score_without.value == pytest.approx(0.5, abs=0.1)
    assert cost.difference.over == "120 families"


def test_drift_is_worth_what_blocks_of_time_take() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(300)
    y = (time // 15) % 2
    drift = np.cumsum(rng.normal(size=(300, 8)), axis=0)
    table = pd.DataFrame(drift).assign(emotion=np.where(y, "a", "b"), onset=time * 2.0)
    cost = of_kind(table, "order").cost
    assert isinstance(cost, Cost)
    assert cost.score_with.value > 0.8
    assert cost.difference.interval[0] > 0.15
    assert "whole stretches of onset held out" in cost.words


def test_rows_sorted_by_label_have_no_price_of_time() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) // 100
    table = pd.DataFrame(rng.normal(size=(200, 5))).assign(emotion=y)
    assert of_kind(table, "order").cost == (
        "the classes lie in 2 stretches of the order of the rows, so that holding out time is "
        "holding out the class"
    )


def test_films_with_a_class_each_have_no_price() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=240)
    table = pd.DataFrame(rng.normal(size=(240, 5))).assign(emotion=y, film=y)
    finding = of_kind(table, "stimulus_identity")
    assert finding.cost == (
        "each class has one value of film only, so that held out, training never saw the class"
    )


@pytest.mark.slow
def test_intervals_of_prices_hold_nothing_where_there_is_nothing() -> None:
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(200):
        groups, y = np.repeat(np.arange(15), 10), rng.integers(2, size=150)
        X = rng.normal(size=(150, 8)) + 0.4 * y[:, None]
        folds = (
            [random_folds(y, rng) for _ in range(4)],
            [group_folds(groups, y, rng) for _ in range(4)],
        )
        cost = read_and_price((X, X), y, 2, folds, groups, "people", ("random", "whole"))
        low, high = cost.difference.interval
        inside.append(low <= 0 <= high)
    assert np.mean(inside) >= 0.93


def test_a_price_of_the_same_estimates_is_nothing() -> None:
    rng = np.random.default_rng(0)
    y, found = rng.normal(size=50), rng.normal(size=(2, 50))
    cost = price(y, 0, (found, found), np.arange(50) // 5, "films", ("a", "b"), "linear")
    assert cost.difference.value == 0
    assert cost.to_dict()["metric"] == "pearson_r"


def test_what_can_not_be_priced_says_why() -> None:
    y = np.arange(12) % 2
    few = read_and_price((np.ones((12, 2)),) * 2, y, 2, ([], []), y, "trials", ("a", "b"))
    assert few == "12 trials are too few to score a reader twice"
    none = read_and_price((np.ones((40, 0)),) * 2, np.arange(40) % 2, 2, ([], []), y, "x", ("", ""))
    assert none == "there are no features to read"


def test_the_table_of_findings_runs_nothing_in_a_spreadsheet(tmp_path: Path) -> None:
    from affectome.reports.audit import write_audit  # noqa: PLC0415

    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    frame = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    frame = frame.assign(**{"emotion": y, '=HYPERLINK("http://x")': y})
    write_audit(audit(frame, "emotion"), tmp_path)
    table = pd.read_csv(tmp_path / "findings.csv")
    assert table["columns"][0] == '\'=HYPERLINK("http://x")'
    assert table["difference"].dtype.kind == "f"
