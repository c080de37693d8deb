"""Texts to word pieces: what a sentence encoder reads.

Pictographs are written out by their Unicode names, since an encoder's vocabulary has none of them
and "😭" would otherwise be read as an unknown word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from affectome.errors import require

LONGEST = 64
_SAME_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u200d": "", "\ufe0f": ""})


def written_out(text: str) -> str:
    """Replace pictographs by their names and typographic quotes by plain ones.

    >>> written_out("so proud 😭 of you")
    'so proud loudly crying face of you'
    """
    text = text.translate(_SAME_QUOTES)
    if text.isascii():
        return text
    return " ".join("".join(map(_name, text)).split())


@lru_cache(maxsize=4096)
def _name(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Sk" and ord(character) > 0xFFFF:  # a skin tone
        return ""
    if category != "So":
        return character
    return f" {unicodedata.name(character, '').lower()} "


def is_pictograph(character: str) -> bool:
    """Whether a character is a picture, not a letter, digit or mark."""
    return unicodedata.category(character) in {"So", "Sk"} and not character.isascii()


class Pieces:
    """Cut texts into the word pieces of a vocabulary.

    Parameters
    ----------
    vocabulary
        A ``tokenizer.json`` as the package ``tokenizers`` writes it.
    longest
        Pieces a text is cut to, start and end included.
    """

    def __init__(self, vocabulary: Path, longest: int = LONGEST) -> None:
        self._cut: Any = require("tokenizers", "words").Tokenizer.from_file(str(vocabulary))
        self._cut.no_padding()
        self._cut.enable_truncation(longest)

    def __call__(self, texts: Iterable[str]) -> list[list[int]]:
        """Numbers of the pieces of each text, start and end marks included."""
        return [cut.ids for cut in self._cut.encode_batch([written_out(text) for text in texts])]
