"""``affectome weights``: packages of weights and drawings that come apart from the program."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from affectome.cli.running import progress_bar, say
from affectome.packages import faults, fetch, folder_of, packages

Names = Annotated[list[str] | None, typer.Argument(help="Names of packages; all by default.")]


def list_weights() -> None:
    """List the packages, what needs them, and where they are."""
    for one in packages():
        where = folder_of(one.name)
        place = "not here" if where is None else str(where)
        sys.stdout.write(f"{one.name + ' ' + one.version:<40}{one.purpose}: {place}\n")


def fetch_weights(names: Names = None) -> None:
    """Bring packages into your cache, pinned by hash; those that are here stay."""
    chosen = packages(names or ())
    with progress_bar() as progress:
        for folder in fetch(chosen, progress):
            say(str(folder))


def verify_weights(names: Names = None) -> None:
    """Check every file in the cache against its hash; exit status 1 where one differs."""
    wrong = []
    for one in packages(names or ()):
        found = faults(one) if one.cached.exists() else []
        place = folder_of(one.name)
        state = "damaged" if found else "not here" if place is None else "whole"
        if place is not None and not one.cached.exists():
            state = "installed by pip, which checked it"
        sys.stdout.write(f"{one.name + ' ' + one.version:<40}{state}\n")
        wrong += found
    for fault in wrong:
        say(f"{fault}; run affectome weights fetch")
    if wrong:
        raise typer.Exit(1)
