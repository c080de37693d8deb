"""Corpora whose file names say what a file holds: a table, and what a user adds to it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from affectome.errors import InputError

SHIPPED = "corpora.toml"
ROLES = ("label", "subject", "stimulus", "session", "order", "note")
FIELDS = frozenset(["name", "about", "pattern", "parts"])
PART_FIELDS = frozenset(["is", "means", "values"])


@dataclass(frozen=True)
class Part:
    """What a part of a name is, means, and what its codes stand for."""

    role: str
    means: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """A naming scheme: a pattern with named groups, and what each of them is."""

    name: str
    about: str
    pattern: re.Pattern[str]
    parts: Mapping[str, Part]

    def read(self, stems: Sequence[str]) -> pd.DataFrame | None:
        """Parts of the names, a row a name, labels in English; None where a name is another's."""
        matches = [self.pattern.fullmatch(stem) for stem in stems]
        if not all(matches):
            return None
        table = pd.DataFrame([m.groupdict(default="") for m in matches if m])
        for name, part in self.parts.items():
            if part.role == "label":
                table[name] = [part.values.get(v, v) for v in table[name]]
        return table


@dataclass(frozen=True)
class Corpora:
    """Naming schemes, the user's own before those that are shipped; and keys as in BIDS."""

    known: tuple[Corpus, ...]
    keys: Mapping[str, Part]

    def recognise(self, stems: Sequence[str]) -> tuple[Corpus, pd.DataFrame] | None:
        """Give the corpus that all names are of, and their parts; None where there is none."""
        for corpus in self.known:
            table = corpus.read(stems) if stems else None
            if table is not None:
                return corpus, table
        return None


def read_corpora(own: str | Path | None = None) -> Corpora:
    """Read the corpora that are shipped, and a user's own.

    Parameters
    ----------
    own
        A TOML file in the form of ``corpora.toml``.

    Raises
    ------
    InputError
        If the file can't be read, or something in it is not of that form; one line says what.
    """
    shipped = _corpora(tomllib.loads((files(__package__) / SHIPPED).read_text("utf-8")), SHIPPED)
    if own is None:
        return shipped
    try:
        table = tomllib.loads(Path(own).read_text("utf-8"))
    except OSError as error:
        raise InputError(f"can't read {own}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{own} is not TOML: {str(error).splitlines()[0]}") from error
    mine = _corpora(table, str(own))
    return Corpora((*mine.known, *shipped.known), {**shipped.keys, **mine.keys})


def _corpora(table: Mapping[str, Any], where: str) -> Corpora:
    _only(table, {"corpus", "keys"}, where)
    entries, keys = table.get("corpus", []), table.get("keys", {})
    if not isinstance(entries, list) or not isinstance(keys, dict) or not (entries or keys):
        raise InputError(f"{where} holds neither [[corpus]] nor [keys.NAME]")
    known = tuple(_corpus(one, f"{where}, corpus {k}") for k, one in enumerate(entries, 1))
    names = [one.name for one in known]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise InputError(f"{where}: two corpora are called {twice!r}")
    return Corpora(known, {k: _part(v, f"{where}, keys.{k}") for k, v in keys.items()})


def _corpus(entry: Mapping[str, Any], where: str) -> Corpus:
    _only(entry, FIELDS, where)
    name = _text(entry, "name", where)
    where = f"{where} ({name})"
    text = _text(entry, "pattern", where)
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise InputError(f"{where}: the pattern is not a regular expression ({error})") from error
    if not pattern.groupindex:
        raise InputError(f"{where}: the pattern has no named group, such as (?P<emotion>..)")
    given = entry.get("parts", {})
    if not isinstance(given, dict):
        raise InputError(f"{where}: parts are tables such as [corpus.parts.emotion]")
    unknown = sorted(set(given) - set(pattern.groupindex))
    if unknown:
        raise InputError(
            f"{where}: the pattern has no group {unknown[0]!r}; it has "
            f"{', '.join(pattern.groupindex)}"
        )
    parts = {k: _part(v, f"{where}, part {k}") for k, v in given.items()}
    parts = {k: parts.get(k, Part("note", "")) for k in pattern.groupindex}
    return Corpus(name, str(entry.get("about", "")), pattern, parts)


def _part(entry: Any, where: str) -> Part:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: a part is a table with is, means and values")
    _only(entry, PART_FIELDS, where)
    role = entry.get("is", "note")
    if role not in ROLES:
        raise InputError(f"{where}: is = {role!r}, but a part is one of {', '.join(ROLES)}")
    values = entry.get("values", {})
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        raise InputError(f'{where}: values are words for codes, such as {{ W = "anger" }}')
    return Part(role, str(entry.get("means", "")), values)


def _only(entry: Any, fields: set[str] | frozenset[str], where: str) -> None:
    if not isinstance(entry, dict):
        raise InputError(f"{where} is not a table")
    unknown = sorted(set(entry) - fields)
    if unknown:
        raise InputError(
            f"{where}: {unknown[0]!r} is unknown; known are {', '.join(sorted(fields))}"
        )


def _text(entry: Mapping[str, Any], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise InputError(f"{where} has no {name}")
    return value
