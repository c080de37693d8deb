"""The errors that reach a user: one line each, with what was wrong, where, and what to do."""

from __future__ import annotations

import importlib
from types import ModuleType


class AffectomeError(Exception):
    """Base of every error that the command line prints as one line, without a traceback."""


class InputError(AffectomeError, ValueError):
    """Input that can't be used: what was wrong, where (file, row, column, shape), what to do."""


class MissingExtraError(AffectomeError, ImportError):
    """A part of the house whose heavy dependency is not installed."""


def require(module: str, extra: str) -> ModuleType:
    """Import a heavy optional module, or say in one line which extra brings it.

    Parameters
    ----------
    module
        Dotted name of the module to import.
    extra
        Name of the optional dependency group that installs it.

    Raises
    ------
    MissingExtraError
        If the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"this needs the package {module.split('.', maxsplit=1)[0]!r}, which is not installed; "
            f"install it with: pip install 'affectome[{extra}]'"
        ) from error
