"""The command line: one small file a command."""

from affectome.cli.app import main

__all__ = ["main"]
