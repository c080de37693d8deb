"""Affectome reads emotion from whatever carries it and shows whether the reading is real."""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affectome.people import Reading, Readings, read

__all__ = ["Reading", "Readings", "read"]
__version__ = version("affectome")


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that ``import affectome`` costs nothing."""
    if name in __all__:
        return getattr(importlib.import_module("affectome.people"), name)
    raise AttributeError(f"module 'affectome' has no attribute {name!r}")
