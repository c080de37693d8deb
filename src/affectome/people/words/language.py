"""Whether a text has anything to read for a model that was trained on English.

A plain statistic, not a language identifier: function words of English against those of eighteen
other languages in Latin script, letters of other scripts, and words that a vocabulary knows.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Set as AbstractSet
from pathlib import Path

from affectome.people.words.pieces import is_pictograph

MARKUP = re.compile(
    r"<!--.*?-->|<(script|style)\b.*?</\1\s*>|</?[a-zA-Z][^<>]{0,500}>", re.S | re.I
)
LINKS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\w+")
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
LONG_DRAWN = re.compile(r"(.)\1{2,}")

LISTS = {
    language: frozenset(words.split())
    for language, words in json.loads(
        Path(__file__).with_name("function_words.json").read_text(encoding="utf-8")
    ).items()
}
ENGLISH = LISTS["English"]
FOREIGN = {name: words - ENGLISH for name, words in LISTS.items() if name != "English"}


def without_markup(text: str) -> str:
    """Drop tags, comments and links, and write out entities such as ``&amp;``."""
    if "<" in text:
        text = MARKUP.sub(" ", text)
    if "&" in text:
        text = html.unescape(text)
    return LINKS.sub(" ", text)


def words_of(text: str) -> list[str]:
    """Words in lower case; letters drawn out ("sooo") are drawn in."""
    found = WORD.findall(text.replace("’", "'").lower())
    return [LONG_DRAWN.sub(r"\1", word) for word in found]


def nothing_to_read(text: str, vocabulary: AbstractSet[str]) -> str | None:
    """Say why a text can't be read; None where it can.

    Parameters
    ----------
    text
        What is to be read, some hundred characters at most.
    vocabulary
        Words that the model knows, in lower case.
    """
    if not text.strip():
        return "there is no text"
    odd = {"Cc", "Cn", "Co", "Cs"}
    controls = sum(unicodedata.category(c) in odd for c in text if c not in "\n\r\t")
    if controls > 0.05 * len(text):
        return "it holds control characters, so it isn't text"
    plain = without_markup(text)
    letters = sum(c.isalpha() for c in plain)
    if not letters:
        return _what_instead(text, plain)
    if sum(c.isalpha() and "LATIN" in unicodedata.name(c, "") for c in plain) < 0.5 * letters:
        return "it isn't in English, the only language the model was trained on"
    return _not_english(words_of(plain), vocabulary)


def _what_instead(text: str, plain: str) -> str:
    """Say what a text without words holds."""
    if any(c.isalpha() for c in text):
        return "it holds markup or links and no words"
    if any(map(is_pictograph, plain)):
        return "it holds pictographs and no words"
    return "it holds no words"


def _not_english(words: list[str], vocabulary: AbstractSet[str]) -> str | None:
    parts = [part for word in words for part in word.split("'")]
    known = sum(len(part) > 1 and part in vocabulary for part in parts) / max(len(parts), 1)
    english = sum(word in ENGLISH for word in words)
    if not known and not english:
        return "none of its words is known"
    hits = {name: sum(word in listed for word in words) for name, listed in FOREIGN.items()}
    language = max(hits, key=lambda name: hits[name])
    foreign = hits[language]
    if (foreign >= 2 and foreign > english) or (foreign and not english and known <= 0.75):
        return f"it looks {language}; the model was trained on English"
    if len(words) >= 3 and not english and known < 0.5:
        return "few of its words are known; the model was trained on English"
    return None
