"""Consents: what a person agreed to, until when, and whether they took it back.

They are kept in ``.affectome/people.json``. The log names people only by a random code that stands
here beside the name: once the name is erased, nothing links the log's lines to the person.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from filelock import FileLock

from affectome.errors import AffectomeError, InputError, unknown
from affectome.safeguards import log
from affectome.safeguards.project import PEOPLE, find_kept, kept_folder, write_whole
from affectome.safeguards.purpose import check_purpose

SCOPES = ("face", "voice", "body", "physiology", "words", "all", "recording")
USUAL_DAYS = 365


class ConsentError(AffectomeError, PermissionError):
    """A reading of a person who did not agree to it, or does not any more."""


@dataclass(frozen=True)
class Consent:
    """What a person agreed to.

    Attributes
    ----------
    purpose
        One of ``PURPOSES``.
    scope
        Modalities that may be read, or ``("all",)``; ``"recording"`` is never among all: that a
        session is recorded is agreed to by itself.
    given, until
        First and last day, ISO.
    withdrawn
        Day on which it was taken back.
    """

    purpose: str
    scope: tuple[str, ...]
    given: str
    until: str
    withdrawn: str | None = None

    def covers(self, modality: str) -> bool:
        """Whether a modality is in its scope."""
        return modality in self.scope or ("all" in self.scope and modality != "recording")


@dataclass(frozen=True)
class Person:
    """A person's code in the log, and their consents, oldest first."""

    code: str
    consents: tuple[Consent, ...]


def people(project: Path | None = None) -> dict[str, Person] | None:
    """Give everybody whose consent is recorded, by name; None where no consents are kept.

    Raises
    ------
    ConsentError
        If the records can't be read: then nobody may be.
    """
    file = find_kept(PEOPLE, project)
    if file is None:
        return None
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return {
            name: Person(
                held["code"],
                tuple(Consent(**(c | {"scope": tuple(c["scope"])})) for c in held["consents"]),
            )
            for name, held in kept.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConsentError(
            f"{file} can't be read as records of consent, so nobody is read; put a copy back"
        ) from error


def record_consent(
    person: str,
    purpose: str,
    scope: Sequence[str] = ("all",),
    until: date | None = None,
    project: Path | None = None,
) -> Consent:
    """Record that a person agreed, and log it.

    Parameters
    ----------
    until
        Last day; a year from today by default.

    Raises
    ------
    PurposeError, InputError
        If the purpose is refused, a scope is unknown, or the day has passed.
    """
    check_purpose(purpose)
    name, day = _name(person), today()
    for wanted in scope:
        if wanted not in SCOPES:
            raise unknown("a scope", wanted, SCOPES)
    last = day + timedelta(days=USUAL_DAYS) if until is None else until
    if last < day:
        raise InputError(f"a consent that ends on {last} has already passed; today is {day}")
    consent = Consent(purpose, tuple(scope), day.isoformat(), last.isoformat())
    with FileLock(_folder(project) / "people.lock"):
        everybody = people(project) or {}
        held = everybody.get(name, Person(secrets.token_hex(8), ()))
        everybody[name] = replace(held, consents=(*held.consents, consent))
        log.append(
            "consent",
            project,
            who=held.code,
            purpose=purpose,
            scope=" ".join(scope),
            until=consent.until,
        )
        _keep(everybody, project)
    return consent


def record_withdrawal(person: str, project: Path | None = None) -> Person:
    """Record that a person takes back every consent, and log it.

    Raises
    ------
    InputError
        If nothing is recorded of that person.
    """
    with FileLock(_folder(project) / "people.lock"):
        everybody = people(project) or {}
        held = known(person, everybody)
        day = today().isoformat()
        back = replace(
            held,
            consents=tuple(replace(c, withdrawn=c.withdrawn or day) for c in held.consents),
        )
        everybody[_name(person)] = back
        log.append("withdraw", project, who=held.code)
        _keep(everybody, project)
    return back


def forget_person(person: str, project: Path | None = None) -> None:
    """Remove a person's name, code and consents; the log keeps lines that lead to nobody."""
    with FileLock(_folder(project) / "people.lock"):
        everybody = people(project) or {}
        held = everybody.pop(_name(person), None)
        log.append("erase", project, who=None if held is None else held.code)
        _keep(everybody, project)


def known(person: str, everybody: dict[str, Person]) -> Person:
    """Give the record of a person.

    Raises
    ------
    InputError
        If there is none.
    """
    held = everybody.get(_name(person))
    if held is None:
        raise InputError(
            f"nothing is recorded of {person!r}; affectome privacy consent {person} --purpose … "
            "records a consent"
        )
    return held


def today() -> date:
    """Give the day, UTC."""
    return datetime.now(UTC).date()


def _name(person: str) -> str:
    if not person.strip():
        raise InputError("a person needs a name or a code, as your records have it")
    return person.strip()


def _folder(project: Path | None) -> Path:
    folder = kept_folder(project)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _keep(everybody: dict[str, Person], project: Path | None) -> None:
    plain = {name: asdict(held) for name, held in everybody.items()}
    target = kept_folder(project) / PEOPLE
    write_whole(target, json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
