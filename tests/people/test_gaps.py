import numpy as np
import pytest
from scipy.stats import norm

from affectome.people.bias import found_gaps, gap
from affectome.people.cards import Metric


def of(values: np.ndarray) -> Metric:
    reach = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return Metric("F1", values.mean(), (values.mean() - reach, values.mean() + reach))


def test_a_gap_of_normal_means_has_the_usual_interval() -> None:
    rng = np.random.default_rng(3)
    a, b = of(rng.normal(1, 1, 50)), of(rng.normal(0, 2, 80))
    found = gap(a, b, "a over b")
    reach = np.hypot(a.value - a.interval[0], b.value - b.interval[0])
    assert found.interval == pytest.approx((found.value - reach, found.value + reach))


def test_the_interval_of_a_gap_holds_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    kept = 0
    for _ in range(1000):
        found = gap(of(rng.normal(0.3, 1, 60)), of(rng.normal(0, 1, 40)), "")
        kept += found.interval[0] <= 0.3 <= found.interval[1]
    assert kept / 1000 == pytest.approx(0.95, abs=4 * norm.pdf(0) * 0.02)


def test_only_a_gap_without_zero_is_found() -> None:
    wide, narrow = Metric("F1", 0.6, (0.5, 0.7)), Metric("F1", 0.4, (0.35, 0.45))
    near = Metric("F1", 0.55, (0.4, 0.7))
    gaps = [
        (gap(wide, narrow, ""), wide, narrow, "men"),
        (gap(wide, near, ""), wide, near, "women"),
    ]
    (said,) = found_gaps(gaps)
    assert said.startswith("men: F1 0.40 against 0.60, a gap of 0.20 [0.09, 0.31]")
