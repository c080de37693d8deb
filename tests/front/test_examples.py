"""Every example runs as it stands, in seconds, and without a warning."""

import runpy
import warnings
from pathlib import Path

import matplotlib as mpl
import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("[0-9]*.py"))


def test_there_is_one_for_each_kind_of_user_and_question():
    assert len(EXAMPLES) >= 12
    numbers = [int(path.name.partition("_")[0]) for path in EXAMPLES]
    assert numbers == list(range(1, len(EXAMPLES) + 1))


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path, capsys):
    mpl.use("agg")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out
