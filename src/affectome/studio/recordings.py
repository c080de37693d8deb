r"""Recordings of live sessions: encrypted, with a last day after which they are gone.

A recording is a line of JSON (who, what for, until when), then pieces: their length, a nonce and
AES-256-GCM of what came (a frame, a stretch of sound) or what was read in it. The first line and
the number of the piece are authenticated with each, so neither can be changed, moved or left out
unnoticed. The key is scrypt of a passphrase, which is kept nowhere, and of a secret beside the
recording, which is destroyed with it: a copy of the recording alone can't be opened by anybody.
"""

from __future__ import annotations

import json
import re
import secrets
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from affectome.errors import AffectomeError, InputError, require
from affectome.safeguards import record_output
from affectome.safeguards.consent import today
from affectome.safeguards.project import kept_folder

FOLDER, SUFFIX, SECRET = "recordings", ".recording", ".secret"
FRAME, SOUND, READINGS = 1, 2, 3
PIECE, ABOUT = struct.Struct("<I"), struct.Struct("<Bd")
NONCE = 12
LARGEST = 2**31
LONGEST_PIECE = 2**24
SHORTEST_PASSPHRASE = 8


class LockedError(AffectomeError, PermissionError):
    """A recording that this passphrase does not open, or that was changed."""


@dataclass(frozen=True)
class Recording:
    """What is known of a recording without its passphrase.

    Attributes
    ----------
    until
        Last day, ISO.
    begun
        When, ISO.
    """

    name: str
    person: str
    purpose: str
    until: str
    begun: str
    size: int = 0


@dataclass(frozen=True)
class Piece:
    """One piece: ``FRAME`` (JPEG), ``SOUND`` (16-bit samples) or ``READINGS`` (JSON)."""

    kind: int
    seconds: float
    content: bytes


class Recorder:
    """Write a recording piece by piece; what was written stays readable if the studio is killed.

    Raises
    ------
    InputError
        If the passphrase is too short or the last day has passed.
    """

    def __init__(
        self, person: str, purpose: str, until: date, passphrase: str, project: Path | None = None
    ) -> None:
        if until < today():
            raise InputError(f"a recording that ends on {until} has already passed")
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise InputError(f"a passphrase has {SHORTEST_PASSPHRASE} characters or more")
        folder = kept_folder(project) / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        begun = datetime.now(UTC)
        self.name = f"{begun:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        secret = secrets.token_bytes(32)
        _write_secret(folder / f"{self.name}{SECRET}", secret)
        about = Recording(self.name, person, purpose, until.isoformat(), begun.isoformat())
        self._head = json.dumps(asdict(about)).encode()
        self._cipher = _cipher(passphrase, secret)
        file = folder / f"{self.name}{SUFFIX}"
        self._stream: BinaryIO = file.open("xb")
        self._stream.write(self._head + b"\n")
        self._stream.flush()  # what has no first line is destroyed when recordings are listed
        self._n = 0
        record_output(file, {person}, project)

    def add(self, kind: int, seconds: float, content: bytes) -> None:
        """Write one piece; nothing more once the recording is too large, or closed."""
        if self._stream.closed or self._stream.tell() + len(content) > LARGEST:
            return
        nonce = secrets.token_bytes(NONCE)
        about = ABOUT.pack(kind, seconds)
        sealed = self._cipher.encrypt(nonce, about + content, _bound(self._head, self._n))
        self._stream.write(PIECE.pack(len(sealed)) + nonce + sealed)
        self._stream.flush()
        self._n += 1

    def close(self) -> None:
        """End the recording."""
        self._stream.close()


def recordings(project: Path | None = None) -> list[Recording]:
    """List the recordings, the newest first; those whose last day has passed are destroyed."""
    found = []
    for file in sorted((kept_folder(project) / FOLDER).glob(f"*{SUFFIX}"), reverse=True):
        one = _about(file)
        if one is None or one.until < today().isoformat():
            destroy(file)
        else:
            found.append(one)
    return found


def pieces(name: str, passphrase: str, project: Path | None = None) -> Iterator[Piece]:
    """Open a recording.

    Raises
    ------
    InputError
        If there is none of that name, or not any more.
    LockedError
        If the passphrase is another, or a byte was changed.
    """
    file = find(name, project)
    secret = file.with_suffix(SECRET)
    if not secret.is_file():
        raise LockedError(f"the secret of the recording {name} is gone: nobody can open it")
    cipher = _cipher(passphrase, secret.read_bytes())
    with file.open("rb") as stream:
        head = stream.readline().rstrip(b"\n")
        n = 0
        while len(size := stream.read(PIECE.size)) == PIECE.size:
            length = PIECE.unpack(size)[0]
            nonce, sealed = stream.read(NONCE), stream.read(min(length, LONGEST_PIECE))
            if len(sealed) < length:
                return  # the studio was killed while it wrote
            try:
                plain = cipher.decrypt(nonce, sealed, _bound(head, n))
            except require("cryptography.exceptions", "studio").InvalidTag:
                raise LockedError(
                    f"the recording {name} does not open: the passphrase is another, or it was "
                    "changed"
                ) from None
            kind, seconds = ABOUT.unpack_from(plain)
            yield Piece(kind, seconds, plain[ABOUT.size :])
            n += 1


def find(name: str, project: Path | None = None) -> Path:
    """Give the file of a recording.

    Raises
    ------
    InputError
        If there is none of that name, or not any more.
    """
    if re.fullmatch(r"[\w-]{1,60}", name) is None or all(
        one.name != name for one in recordings(project)
    ):
        raise InputError("there is no such recording, or its last day has passed")
    return kept_folder(project) / FOLDER / f"{name}{SUFFIX}"


def exists(name: str, project: Path | None = None) -> bool:
    """Whether a recording that was found before is still there."""
    return (kept_folder(project) / FOLDER / f"{name}{SUFFIX}").is_file()


def destroy(file: Path) -> None:
    """Remove a recording and, first, the secret without which no copy of it opens."""
    file.with_suffix(SECRET).unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def _about(file: Path) -> Recording | None:
    try:
        with file.open("rb") as stream:
            held: dict[str, Any] = json.loads(stream.readline(10_000))
        date.fromisoformat(held["until"])
        return Recording(**(held | {"name": file.stem, "size": file.stat().st_size}))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_secret(file: Path, secret: bytes) -> None:
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(secret)


def _cipher(passphrase: str, secret: bytes) -> Any:
    aead = require("cryptography.hazmat.primitives.ciphers.aead", "studio")
    scrypt = require("cryptography.hazmat.primitives.kdf.scrypt", "studio")
    key = scrypt.Scrypt(salt=secret, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())
    return aead.AESGCM(key)


def _bound(head: bytes, n: int) -> bytes:
    return head + b"\n" + str(n).encode()
