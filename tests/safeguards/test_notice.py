import pytest

from affectome.errors import InputError
from affectome.safeguards import PurposeError, notice_html, notice_lines, notice_text


def test_the_notice_says_what_for_by_whom_and_how_to_stop():
    lines = notice_lines("research", ["face", "voice"], "Lab <A>", "a@b.c")
    text, page = notice_text(lines), notice_html(lines)
    for said in ("Purpose: research", "your face", "your voice", "a@b.c", "withdraw", "50(3)"):
        assert said in text
    assert "skin conductance" not in text
    assert "Lab &lt;A&gt;" in page
    assert "http" not in page


def test_all_names_every_modality_and_a_day_when_it_ends():
    lines = notice_lines("medical", ["all"], "A", "B", None)
    assert sum(line.startswith("- ") for line in lines) == 5


def test_what_is_missing_or_refused():
    with pytest.raises(PurposeError, match=r"5\(1\)\(f\)"):
        notice_lines("workplace", ["face"], "A", "B")
    with pytest.raises(InputError, match="got 'smell'"):
        notice_lines("research", ["smell"], "A", "B")
    with pytest.raises(InputError, match="who is responsible"):
        notice_lines("research", ["face"], " ", "B")


def test_a_recording_is_told_by_itself_and_never_among_all():
    all_of_it = " ".join(notice_lines("research", ["all"], "Lab", "lab@x.example"))
    assert "a recording of what is read live" not in all_of_it
    both = " ".join(notice_lines("research", ["all", "recording"], "Lab", "lab@x.example"))
    assert "a recording of what is read live, encrypted" in both
