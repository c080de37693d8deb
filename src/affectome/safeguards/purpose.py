"""A declared purpose: faces, voices, bodies and body signals of people are not read without one.

Regulation (EU) 2024/1689 (the AI Act), Article 5(1)(f), prohibits systems that infer emotions of a
person from biometric data at the workplace and in education, unless for medical or safety reasons.
So those two are refused, and medical or safety reasons are declared as such. Text is not biometric
data, animals are not persons, and of pictures only that is read which they evoke in those who look,
not what anybody in them feels: none of these needs a purpose.

The purpose is remembered for the project: in ``.affectome/purpose.json`` of the nearest folder,
from the working folder upwards, that keeps records; else of the working folder.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from affectome.errors import AffectomeError, unknown
from affectome.safeguards.project import find_kept, kept_folder, write_whole

PURPOSES = ("research", "medical", "safety", "personal")
REFUSED = frozenset(
    {"workplace", "work", "employment", "hiring", "education", "school", "teaching"}
)
FREE = frozenset({"words", "animals", "pictures"})
PURPOSE = "purpose.json"
ARTICLE = "Regulation (EU) 2024/1689, Article 5(1)(f)"


class PurposeError(AffectomeError, PermissionError):
    """A reading of a person that is refused, and why."""


def require_purpose(
    modality: str, purpose: str | None = None, project: Path | None = None
) -> str | None:
    """Let a reading go ahead, or refuse it; a declared purpose is remembered for the project.

    Parameters
    ----------
    modality
        What is read: ``"words"``, ``"animals"`` and ``"pictures"`` (what they evoke in viewers)
        need no purpose, everything else does.
    purpose
        ``"research"``, ``"medical"``, ``"safety"`` or ``"personal"``; None takes the one that the
        project remembers.
    project
        Folder of the project; by default the working folder.

    Returns
    -------
    str or None
        The purpose that the reading is made for; None where none is needed.

    Raises
    ------
    PurposeError
        If there is none, or the purpose is one that is refused.
    """
    if modality in FREE:
        return None
    folder = Path.cwd() if project is None else Path(project)
    if purpose is not None:
        check_purpose(purpose)
        _remember(purpose, folder)
        return purpose
    remembered = _remembered(folder)
    if remembered is None:
        raise PurposeError(
            f"reading a person's {modality} needs a declared purpose; add --purpose "
            f"{'|'.join(PURPOSES)} (it is remembered for this folder)"
        )
    check_purpose(remembered)
    return remembered


def forget_purpose(project: Path | None = None) -> bool:
    """Remove the purpose that a project remembers; false where it remembers none."""
    file = find_kept(PURPOSE, project)
    if file is None:
        return False
    file.unlink()
    return True


def check_purpose(purpose: str) -> None:
    """Refuse what is no purpose, or a prohibited one.

    Raises
    ------
    PurposeError
        With the article, where the law prohibits it.
    """
    if purpose.lower() in REFUSED:
        raise PurposeError(
            f"reading people's emotions for {purpose!r} is refused: {ARTICLE} prohibits it at the "
            "workplace and in education unless for medical or safety reasons; where those are the "
            "reason, declare --purpose medical or --purpose safety"
        )
    if purpose not in PURPOSES:
        raise PurposeError(str(unknown("a purpose", purpose, PURPOSES)))


def _remembered(folder: Path) -> str | None:
    file = find_kept(PURPOSE, folder)
    if file is None:
        return None
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["purpose"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PurposeError(
            f"{file} can't be read as a remembered purpose; delete it and declare --purpose again"
        ) from error


def _remember(purpose: str, folder: Path) -> None:
    target = kept_folder(folder) / PURPOSE
    declared = {"purpose": purpose, "declared": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        write_whole(target, json.dumps(declared))
    except OSError as error:
        raise PurposeError(
            f"can't remember the purpose in {target}: {error.strerror or error}; run in a folder "
            "that can be written"
        ) from error
