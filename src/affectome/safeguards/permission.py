"""One question before anybody is read: may this person be read so, for this, today?"""

from __future__ import annotations

from pathlib import Path

from affectome.safeguards import log
from affectome.safeguards.consent import (
    Consent,
    ConsentError,
    Person,
    forget_person,
    people,
    record_withdrawal,
    today,
)
from affectome.safeguards.outputs import erase_readings
from affectome.safeguards.purpose import FREE, require_purpose


def permit(
    modality: str,
    purpose: str | None = None,
    person: str | None = None,
    project: Path | None = None,
) -> str | None:
    """Let a reading go ahead and log it, or refuse it.

    Where a project keeps no consents, a declared purpose is enough. Where it keeps some, everybody
    who is read is named and has a consent to this purpose and modality that is neither withdrawn
    nor past; what was written about somebody whose consent is past is erased. Texts and animals
    need no consent, but nobody who took theirs back is read.

    Returns
    -------
    str or None
        The purpose; None where none is needed.

    Raises
    ------
    PurposeError, ConsentError
        If the reading is refused, with the reason in one line.
    LogError
        If the log was changed since it was last written.
    """
    agreed = require_purpose(modality, purpose, project)
    everybody = people(project)
    held = None if everybody is None or person is None else everybody.get(person.strip())
    if modality in FREE:
        if held is not None:
            _check(person or "", held, modality, None, project)
        return None
    if everybody is not None:
        if person is None:
            raise ConsentError(
                f"this project keeps consents, so a {modality} is read only of somebody who is "
                "named: add --person NAME"
            )
        if held is None:
            raise ConsentError(
                f"no consent of {person!r} is recorded; affectome privacy consent {person} "
                f"--purpose {agreed} --scope {modality} records one"
            )
        _check(person, held, modality, agreed, project)
    log.append(
        "read", project, who=None if held is None else held.code, purpose=agreed, modality=modality
    )
    return agreed


def withdraw(
    person: str, folders: tuple[Path, ...] = (), project: Path | None = None
) -> list[Path]:
    """Take back a person's consents and erase the readings; give the files that changed.

    That there was a consent, and that it was withdrawn, stays on record.
    """
    record_withdrawal(person, project)
    return erase_readings(person, folders, project)


def erase(person: str, folders: tuple[Path, ...] = (), project: Path | None = None) -> list[Path]:
    """Erase a person: readings, consents and name; give the files that changed."""
    changed = erase_readings(person, folders, project)
    forget_person(person, project)
    return changed


def _check(
    person: str, held: Person, modality: str, purpose: str | None, project: Path | None
) -> None:
    """Find a consent that allows it, or say what is missing."""
    there = [c for c in held.consents if c.withdrawn is None]
    if not there:
        last = held.consents[-1].withdrawn
        raise ConsentError(f"{person!r} withdrew consent on {last}: not read")
    valid = [c for c in there if c.until >= today().isoformat()]
    if not valid:
        last = max(c.until for c in there)
        if erase_readings(person, (), project):
            log.append("erase", project, who=held.code)
        raise ConsentError(
            f"the consent of {person!r} ended on {last}: not read, and what was written of them is "
            f"erased; affectome privacy consent {person} records a new one"
        )
    if purpose is not None and not any(_allows(c, purpose, modality) for c in valid):
        agreed = "; ".join(f"{c.purpose}: {', '.join(c.scope)}" for c in valid)
        raise ConsentError(
            f"{person!r} agreed to {agreed}; not to {modality} for {purpose}: not read"
        )


def _allows(consent: Consent, purpose: str, modality: str) -> bool:
    return consent.purpose == purpose and consent.covers(modality)
