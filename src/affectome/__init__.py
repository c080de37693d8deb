"""Affectome reads emotion from whatever carries it and shows whether the reading is real."""

from importlib.metadata import version

__version__ = version("affectome")
