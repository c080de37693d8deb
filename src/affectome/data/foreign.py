"""Files that others' programs read: what they raise on a broken one becomes one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from affectome.errors import AffectomeError, InputError


@contextmanager
def readable(path: Path, program: str) -> Iterator[None]:
    """Say which file a program can't read.

    MNE, pynwb and nibabel fail on a broken file in whatever way its bytes lead them: attributes of
    None, indices beyond the end, buffers of a wrong length. No list of exceptions holds them all.

    Raises
    ------
    InputError
        In place of any error but this package's own and those of memory.
    """
    try:
        yield
    except (AffectomeError, MemoryError):
        raise
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} can't be read by {program}: {why}") from error
