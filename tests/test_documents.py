"""Examples in the documents run as they stand, and find what was planted."""

import re
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[1] / "docs"


def examples(page):
    """Run all Python of a page in one namespace, as a reader would."""
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.S | re.M)
    assert blocks
    names = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    return names


@pytest.mark.slow
def test_encoding_and_similarity_of_brains(capsys):
    names = examples("brains.md")
    coding = names["truth"].coding.any(axis=1)
    assert coding[names["best"].index].all()
    assert (names["best"]["unique_category"] > 10 * names["best"]["unique_stimulus"]).all()
    assert names["ceiling"].min() > 0.3
    models = names["arranged"].scores
    assert models["emotion"].p < 0.01
    assert models["brightness"].p > 0.05
    assert "emotion" in capsys.readouterr().out


def test_noise_correlation_of_neurons():
    together = examples("neural_code.md")["together"]
    np.testing.assert_allclose(together.values, np.swapaxes(together.values, 1, 2), atol=1e-12)
    assert together.dims == ("emotion", "unit", "other")


def test_a_chat_that_notices_frustration(capsys):
    told = examples("studio.md")["told"]
    assert [tone for tone, _ in told] == ["cheerful", "plain", "plain", "plain", "cheerful"]
    page = (DOCS / "studio.md").read_text()
    assert f"```\n{capsys.readouterr().out}```" in page
