"""Switching dynamics: planted regimes are found, with their time constants."""

import numpy as np
import pytest

from affectome.dynamics.switching import fit_switching_system
from affectome.errors import InputError
from dynamic_systems import planted


def test_finds_regimes_and_their_time_constants():
    recording, path = planted()
    found = fit_switching_system(recording, 2, 2)
    named = found.probability.argmax(2)
    agreement = (named == path).mean()
    assert max(agreement, 1 - agreement) > 0.9
    slow = int(found.time_constants[:, 1].argmax())
    assert (slow == 1) == (agreement > 0.5)
    np.testing.assert_allclose(found.time_constants[1 - slow], 0.1 / -np.log(0.9), rtol=0.2)
    assert found.time_constants[slow].min() > 2
    np.testing.assert_allclose(found.transitions.sum(1), 1)
    assert np.diag(found.transitions).min() > 0.85
    assert found.state.shape == (16, 150, 2)
    np.testing.assert_allclose(found.probability.sum(2), 1)
    assert sum(found.to_dict()["share"]) == pytest.approx(1)


def test_says_what_is_wrong():
    recording, _ = planted(4, 20)
    with pytest.raises(InputError, match="two regimes or more; got 1"):
        fit_switching_system(recording, 2, 1)
