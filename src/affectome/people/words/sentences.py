"""Sentences of a text, with where they stand in it; nothing longer than a limit."""

from __future__ import annotations

import re
from collections.abc import Iterator

END = re.compile(r"[.!?…]+[\"')\]]*(?=\s|$)|\n+|[。！？]")
SHORT_FORMS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "no", "fig", "approx"}
)
LONGEST = 240


def sentences(text: str, longest: int = LONGEST) -> Iterator[tuple[int, int]]:
    """Give where sentences begin and end; blanks around them are left out.

    >>> text = "I met Dr. Lee. She was kind!"
    >>> [text[a:b] for a, b in sentences(text)]
    ['I met Dr. Lee.', 'She was kind!']
    """
    begin = 0
    for mark in END.finditer(text):
        before = text[max(begin, mark.start() - 12) : mark.start()].split()
        last = before[-1].lower() if before else ""
        if mark.group().startswith(".") and (last in SHORT_FORMS or re.fullmatch(r"[a-z]", last)):
            continue
        yield from _cut(text, begin, mark.end(), longest)
        begin = mark.end()
    yield from _cut(text, begin, len(text), longest)


def _cut(text: str, begin: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """Trim blanks, and break what is too long at a blank where there is one."""
    while begin < end:
        while begin < end and text[begin].isspace():
            begin += 1
        stop = min(end, begin + longest)
        if stop < end:
            blank = text.rfind(" ", begin, stop)
            stop = blank if blank > begin else stop
        last = stop
        while last > begin and text[last - 1].isspace():
            last -= 1
        if last > begin:
            yield begin, last
        begin = stop
