"""Every kind of fault is found where it was planted; nothing serious is found where none was."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.audit.planted import CLEAN, PLANTED

from affectome.audit import Audit, audit

Draw = Callable[[np.random.Generator], pd.DataFrame]
CASES = [pytest.param(kind, draw, where, id=draw.__name__) for kind, draw, where in PLANTED]


def found_in(draw: Draw, seed: int) -> Audit:
    return audit(draw(np.random.default_rng(seed)), "emotion", random_state=seed)


def where_found(found: Audit, kind: str) -> set[str]:
    return {column for f in found.findings if f.kind == kind for column in f.columns}


@pytest.mark.parametrize(("kind", "draw", "where"), CASES)
def test_a_planted_fault_is_found(kind: str, draw: Draw, where: set[str]) -> None:
    found = found_in(draw, 0)
    assert kind in {f.kind for f in found.findings}
    assert where <= where_found(found, kind)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "draw", "where"), CASES)
def test_planted_faults_are_found_nearly_always(kind: str, draw: Draw, where: set[str]) -> None:
    hits = []
    for seed in range(20):
        found = found_in(draw, seed)
        hits.append(kind in {f.kind for f in found.findings} and where <= where_found(found, kind))
    assert np.mean(hits) >= 0.95


@pytest.mark.parametrize("draw", CLEAN[:-1], ids=lambda draw: draw.__name__)
def test_a_clean_table_has_nothing_serious(draw: Draw) -> None:
    assert [f for f in found_in(draw, 0).findings if f.severity == "high"] == []


@pytest.mark.slow
def test_serious_findings_on_clean_tables_are_rare() -> None:
    serious = [
        any(f.severity == "high" for f in found_in(draw, seed).findings)
        for draw in CLEAN
        for seed in range(16 if draw.__name__ != "wide" else 8)
    ]
    assert len(serious) >= 200
    assert np.mean(serious) <= 0.05
