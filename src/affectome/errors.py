"""The errors that reach a user: one line each, with what was wrong, where, and what to do."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from difflib import get_close_matches
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


MOST_NAMED = 12
"""Names that a message lists before it only counts."""


def did_you_mean(wrong: object, known: Iterable[object]) -> str:
    """Give ``did you mean 'x'? ``, or nothing where no known name is like the wrong one."""
    names = list(dict.fromkeys(map(str, known)))
    lowered = [name.lower() for name in names]
    like = get_close_matches(str(wrong).lower(), lowered, 3, 0.6)
    near = [names[lowered.index(name)] for name in like]
    return f"did you mean {' or '.join(map(repr, near))}? " if near else ""


def listed(names: Iterable[object]) -> str:
    """Give the first of many names, and how many more there are."""
    shown = list(map(str, names))
    more = f" and {len(shown) - MOST_NAMED} more" if len(shown) > MOST_NAMED else ""
    return ", ".join(shown[:MOST_NAMED]) + more


def no_column(owner: str, name: object, columns: Iterable[object]) -> InputError:
    """Say that a column is missing, which one was perhaps meant, and which there are.

    Parameters
    ----------
    owner
        Who lacks it, with its verb: ``"events.tsv has"`` or ``"the trials have"``.
    name
        The column that was asked for.
    columns
        The columns that are there.
    """
    there = list(columns)
    verb = "they have" if owner.endswith("have") else "it has"
    has = f"{verb} {listed(there)}" if there else f"{verb} no columns"
    return InputError(f"{owner} no column {name!r}; {did_you_mean(name, there)}{has}")


def unknown(what: str, wrong: object, known: Iterable[object]) -> InputError:
    """Say that a value is none of those that can be chosen, and which was perhaps meant.

    Parameters
    ----------
    what
        What is chosen, such as ``"decoder"``.
    wrong
        What was asked for.
    known
        What can be chosen.
    """
    names = list(known)
    meant = did_you_mean(wrong, names)
    return InputError(f"there is no {what} {wrong!r}; {meant}choose {', '.join(map(str, names))}")
