"""False alarms, coverage and power of `evaluate`, by fewer data sets than ``bench calibration``."""

import numpy as np
import pytest
from bench.calibration.cell import COVERAGE, FALSE_ALARMS, Cell, Count, share, verdict
from bench.calibration.designs import DESIGNS
from bench.calibration.evidence import alarms, held
from bench.calibration.table import main, row
from scipy import stats

NEVER = ("the clock tells the label",)


def test_a_cell_is_judged_by_its_share_or_its_interval():
    assert verdict(FALSE_ALARMS, Count(18, 300, 0)) == "held"
    assert verdict(FALSE_ALARMS, Count(40, 300, 0)) == "too many"
    assert verdict(FALSE_ALARMS, Count(0, 300, 300)) == "no p"
    assert verdict(COVERAGE, Count(285, 300, 0)) == "held"
    assert verdict(COVERAGE, Count(255, 300, 0)) == "too narrow"
    assert verdict(COVERAGE, Count(299, 300, 0)) == "too wide"
    value, low, high = share(Count(5, 120, 20))
    assert (value, low < 0.05 < high) == (0.05, True)


def test_the_table_says_what_was_refused():
    cell = Cell("evaluate: p", "the clock tells the label", FALSE_ALARMS, lambda n: Count(0, n, n))
    assert row(cell, cell.run(7)).endswith("| 7 | all | no p |")


def test_the_command_counts_and_writes(tmp_path, capsys):
    out = tmp_path / "calibration.md"
    main(["evidence", "--sets", "2", "--only", "p: the clock", "--out", str(out)])
    text = out.read_text()
    assert text.count("| evaluate: p |") == 1
    assert "| 2 | all | no p |" in text
    main(["evidence", "--sets", "1", "--only", "p: 3 people", "--out", str(out)])
    assert out.read_text().count("| evaluate: p |") == 2  # earlier rows stay
    assert "the clock tells the label" in capsys.readouterr().out


def test_there_is_no_p_where_the_clock_tells_the_label():
    for name in NEVER:
        assert alarms(name, 0.0, 5) == Count(0, 5, 5)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(DESIGNS) - set(NEVER)))
def test_false_alarms_come_at_their_rate(name):
    count = alarms(name, 0.0, 120)
    told = count.sets - count.refused
    assert told > 0
    assert count.hits <= stats.binom.ppf(0.999, told, 0.055)  # passed by 999 of 1,000 such tests


@pytest.mark.slow
@pytest.mark.parametrize("name", ["5 people", "20 people of two kinds"])
def test_intervals_hold_the_expected_score(name):
    assert verdict(COVERAGE, held(name, 0.0, 100)) == "held"


@pytest.mark.slow
def test_planted_effects_are_found():
    found = {name: share(alarms(name, 2.0, 30))[0] for name in DESIGNS if name not in NEVER}
    assert np.mean(list(found.values())) > 0.8, found
