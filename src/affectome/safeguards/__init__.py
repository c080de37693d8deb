"""What has to be declared before a person is read; stands on nothing, so nothing goes around it."""

from affectome.safeguards.consent import (
    SCOPES,
    Consent,
    ConsentError,
    Person,
    people,
    record_consent,
)
from affectome.safeguards.log import LogError, entries, verify
from affectome.safeguards.notice import notice_html, notice_lines, notice_text
from affectome.safeguards.outputs import export_person, record_output
from affectome.safeguards.permission import erase, permit, withdraw
from affectome.safeguards.purpose import PURPOSES, PurposeError, forget_purpose, require_purpose

__all__ = [
    "PURPOSES",
    "SCOPES",
    "Consent",
    "ConsentError",
    "LogError",
    "Person",
    "PurposeError",
    "entries",
    "erase",
    "export_person",
    "forget_purpose",
    "notice_html",
    "notice_lines",
    "notice_text",
    "people",
    "permit",
    "record_consent",
    "record_output",
    "require_purpose",
    "verify",
    "withdraw",
]
