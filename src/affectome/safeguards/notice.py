"""The notice that people are shown before they are read.

Regulation (EU) 2024/1689, Article 50(3): whoever uses a system that recognises emotions tells the
people exposed to it; Regulation (EU) 2016/679, Articles 13 and 9(2)(a): what is processed, for
what, for how long, and that consent can be withdrawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape

from affectome.errors import InputError
from affectome.safeguards.consent import SCOPES
from affectome.safeguards.purpose import check_purpose

WHAT = {
    "face": "pictures or films of your face: which expression others would see in it",
    "voice": "the sound of your voice: which emotion others would hear in it",
    "body": "how you move: how much, how far and how smoothly",
    "physiology": "signals of your body, such as pulse, skin conductance, breath and warmth",
    "words": "what you write or say: which emotion others would read in it",
    "recording": "a recording of what is read live, encrypted, and destroyed when you ask",
}
TITLE = "Your emotions are being estimated by a computer"


def notice_lines(
    purpose: str,
    modalities: Sequence[str],
    controller: str,
    contact: str,
    until: date | None = None,
) -> list[str]:
    """Give the notice as paragraphs.

    Parameters
    ----------
    modalities
        What is read, of ``SCOPES``.
    controller, contact
        Who is responsible, and how to reach them.
    until
        Day on which what was read is erased at the latest.

    Raises
    ------
    PurposeError, InputError
        If the purpose is refused, or something is unknown or missing.
    """
    check_purpose(purpose)
    every = [name for name in WHAT if name != "recording"] if "all" in modalities else []
    wanted = [name for name in dict.fromkeys([*every, *modalities]) if name != "all"]
    for name in wanted:
        if name not in WHAT:
            raise InputError(f"a notice is about {', '.join(SCOPES)}; got {name!r}")
    if not (wanted and controller.strip() and contact.strip()):
        raise InputError("a notice says what is read, who is responsible, and how to reach them")
    end = "when the purpose is reached" if until is None else f"on {until.isoformat()}"
    return [
        f"{controller} uses the program affectome. It works on:",
        *(f"- {WHAT[name]}." for name in wanted),
        f"Purpose: {purpose}. It is used for nothing else; never at the workplace or in education "
        "unless for medical or safety reasons.",
        "What comes out is an estimate of what is expressed, with its uncertainty. It is often "
        "wrong, and more often for some people than for others. It does not show what you feel. No "
        "decision about you may rest on it alone.",
        "It does not find out who you are, nor your age, sex, origin or health. Recordings are not "
        "copied and nothing is sent anywhere. A log keeps that you were read, when and for what, "
        "not the result.",
        f"Readings are erased {end}, or when you ask.",
        "Your consent is free. You can withdraw it at any time without giving a reason and without "
        "disadvantage; readings of you are then erased. You can have a copy of all that is kept of "
        "you, and complain to your data protection authority.",
        f"Contact: {contact}.",
        "This notice is required by Regulation (EU) 2024/1689, Article 50(3), and Regulation (EU) "
        "2016/679, Article 13.",
    ]


def notice_text(lines: Sequence[str]) -> str:
    """Give the notice as plain text."""
    return "\n\n".join((TITLE, *lines)).replace("\n\n- ", "\n- ") + "\n"


def notice_html(lines: Sequence[str]) -> str:
    """Give the notice as a page of its own, to show or print."""
    body = "".join(
        f"<li>{escape(line[2:])}</li>" if line.startswith("- ") else f"<p>{escape(line)}</p>"
        for line in lines
    )
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{TITLE}</title>"
        "<meta name='viewport' content='width=device-width'>"
        "<style>:root{color-scheme:light dark}body{font:18px/1.5 system-ui,sans-serif;"
        "max-width:40em;margin:2em auto;padding:0 1em}</style>"
        f"<h1>{TITLE}</h1>{body}</html>\n"
    )
