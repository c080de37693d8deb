import pytest

from affectome.people.words.pieces import is_pictograph, written_out


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain text", "plain text"),
        ("so proud 😭 of you", "so proud loudly crying face of you"),
        ("👍🏽", "thumbs up sign"),
        ("❤️", "heavy black heart"),
        ("don’t “quote”", 'don\'t "quote"'),
        ("naïve café", "naïve café"),
    ],
)
def test_pictographs_and_quotes_are_written_out(text, plain):
    assert written_out(text) == plain


def test_what_is_a_pictograph():
    assert [is_pictograph(c) for c in "😭a1!^é"] == [True, False, False, False, False, False]
