import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectome.people.words.sentences import sentences


def cut(text, **options):
    return [text[a:b] for a, b in sentences(text, **options)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("I met Dr. Lee. She left...", ["I met Dr. Lee.", "She left..."]),
        ('He said "no." Then he left', ['He said "no."', "Then he left"]),
        ("Worth 3.5 stars, e.g. this", ["Worth 3.5 stars, e.g. this"]),
        ("a line\n\nanother", ["a line", "another"]),
        ("   ", []),
        ("", []),
    ],
)
def test_sentences(text, parts):
    assert cut(text) == parts


@given(st.text(alphabet="ab .!?\n", max_size=200), st.integers(5, 40))
def test_nothing_but_blanks_is_lost_and_nothing_is_too_long(text, longest):
    spans = list(sentences(text, longest))
    assert all(0 < b - a <= longest for a, b in spans)
    assert all(b <= c for (_, b), (c, _) in itertools.pairwise(spans))
    kept = "".join(text[a:b] for a, b in spans)
    assert "".join(kept.split()) == "".join(text.split())


def test_one_long_line_takes_linear_time():
    begun = time.process_time()
    assert sum(1 for _ in sentences("x" * 2_000_000, 400)) == 5000
    assert time.process_time() - begun < 3
