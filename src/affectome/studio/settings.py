"""What a studio is started with: folders that it may open, who may call it, and its limits."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from affectome.errors import InputError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_FOLDERS = 20


@dataclass(frozen=True)
class Limits:
    """How much a client may ask for.

    Attributes
    ----------
    body_bytes, body_s
        Size of what is sent in one request, and seconds in which it has to arrive.
    files, texts
        Files or texts of one request.
    reading_s
        Seconds after which a reading is given up.
    waiting
        Requests for readings that may wait at a time.
    per_second, burst
        Requests of one address: on average, and at once.
    frame_bytes, sound_bytes
        Size of one frame (JPEG) and of one stretch of sound.
    sessions, session_s
        Live sessions at a time, and how long one may last.
    """

    body_bytes: int = 64 * 2**20
    body_s: float = 30.0
    files: int = 16
    texts: int = 512
    reading_s: float = 300.0
    waiting: int = 256
    per_second: float = 1000.0
    burst: float = 2000.0
    frame_bytes: int = 4 * 2**20
    sound_bytes: int = 2**20
    sessions: int = 4
    session_s: float = 4 * 3600.0


ELSEWHERE = Limits(per_second=20.0, burst=60.0)
"""Limits where the studio is reached over a network."""


@dataclass(frozen=True)
class Settings:
    """How a studio runs.

    Attributes
    ----------
    folders
        Folders whose runs and data may be opened; nothing outside them is.
    host, port
        Where it listens.
    token
        What callers have to show; empty on the machine itself.
    controller, contact
        Who is responsible for live readings and how to reach them, in the notice.
    names
        Names by which callers may address the studio, in the ``Host`` header.
    """

    folders: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 8765
    token: str = ""
    names: tuple[str, ...] = LOOPBACK
    controller: str = "Whoever started this studio"
    contact: str = "the person in front of whose screen you sit"
    limits: Limits = field(default_factory=Limits)


def make_settings(
    folders: tuple[Path, ...],
    host: str = "127.0.0.1",
    port: int = 8765,
    names: tuple[str, ...] = (),
) -> Settings:
    """Check what a studio is started with; one that others can reach gets a token.

    Raises
    ------
    InputError
        If a folder is missing, or the address or port is none.
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder to open in the studio")
    if len(folders) > MOST_FOLDERS:
        raise InputError(f"the studio opens {MOST_FOLDERS} folders at most; got {len(folders)}")
    if not 0 <= port < 65536:
        raise InputError(f"--port takes 0 to 65535; got {port}")
    found = tuple(dict.fromkeys(folder.resolve() for folder in folders))
    if host in LOOPBACK:
        return Settings(found, host, port)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise InputError(f"--host takes an address such as 0.0.0.0; got {host!r}") from None
    allowed = (*LOOPBACK, host, *names)
    return Settings(found, host, port, secrets.token_urlsafe(24), allowed, limits=ELSEWHERE)
