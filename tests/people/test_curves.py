import numpy as np
import pytest

from affectome.decoding.calibration import reliability
from affectome.people.curves import coverage_curve, reliability_curve


def test_a_reliability_curve_is_that_of_the_decoders() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 500)
    y = np.array([rng.choice(4, p=row) for row in p])
    curve = reliability_curve(p.max(1), p.argmax(1) == y, "made")
    wanted = reliability(y, p)
    assert curve.x == pytest.approx(wanted.confidence)
    assert curve.y == pytest.approx(wanted.accuracy)
    assert curve.ece == pytest.approx(wanted.ece)
    assert sum(curve.n) == 500
    assert all(low <= y <= high for y, (low, high) in zip(curve.y, curve.bounds, strict=True))


def test_declining_helps_where_sureness_means_something() -> None:
    sure = np.random.default_rng(1).uniform(size=2000)
    right = np.random.default_rng(2).uniform(size=2000) < sure
    curve = coverage_curve(sure, right, "made")
    assert curve.y[0] > 0.9
    assert curve.y[-1] == right.mean()
    assert list(curve.y) == sorted(curve.y, reverse=True)
