"""What every command shares: progress on standard error, the folder of a run, the exit status."""

from __future__ import annotations

import importlib
import io
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from affectome.errors import InputError
from affectome.progress import Progress

console = Console(stderr=True)
PROGRESS = "AFFECTOME_PROGRESS"
"""Variable of the environment with a file to which progress is written, a line of JSON a step."""
PROGRESS_S = 0.2
_printed: list[TextIO] = []
"""Standard output, while everything but `emit` is led to standard error."""


@contextmanager
def only_ours() -> Iterator[None]:
    """Lead what libraries print to standard error, so that `emit` alone reaches standard output."""
    ours, real = sys.stdout, sys.__stdout__
    try:
        descriptor = None if real is None or ours is not real else real.fileno()
    except (OSError, ValueError, io.UnsupportedOperation):
        descriptor = None
    if descriptor is None:
        copy = None
    else:  # also what is printed by code that is not Python's
        ours.flush()
        copy = os.dup(descriptor)
        os.dup2(sys.stderr.fileno(), descriptor)
        ours = os.fdopen(os.dup(copy), "w", encoding="utf-8")
    before, sys.stdout = sys.stdout, sys.stderr
    _printed.append(ours)
    try:
        yield
    finally:
        _printed.pop()
        sys.stdout = before
        if copy is not None and descriptor is not None:
            ours.close()
            os.dup2(copy, descriptor)
            os.close(copy)


def emit(text: str) -> None:
    """Print a result on standard output."""
    stream = _printed[-1] if _printed else sys.stdout
    stream.write(text)
    stream.flush()


def load(target: str) -> Callable[..., Any]:
    """Import ``module:function``."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show each step as a bar on standard error; nothing where that is not a terminal.

    Whoever started this command can follow it in the file that ``AFFECTOME_PROGRESS`` names.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}
        told = 0.0

        def advance(step: str, done: int, total: int) -> None:
            nonlocal told
            if PROGRESS in os.environ and (
                done >= total or time.monotonic() - told > PROGRESS_S or step not in tasks
            ):
                told = time.monotonic()
                line = json.dumps({"step": step, "done": done, "total": total})
                with open(os.environ[PROGRESS], "a", encoding="utf-8") as stream:
                    stream.write(line + "\n")
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        yield advance


def say(words: str, style: str | None = None) -> None:
    """Print one line on standard error, however long it is."""
    console.print(words, style=style, highlight=False, markup=False, soft_wrap=True)


def announce(plan: Any, out: Path, only: bool, as_json: bool) -> None:
    """Say what a run will take, and refuse what can't fit; end there if no more was asked for.

    Parameters
    ----------
    plan
        A :class:`affectome.execution.plan.Plan`.
    out
        The run's folder.
    only
        Whether the plan is all that was asked for.
    as_json
        Whether it is printed as JSON then.
    """
    if only:
        emit(load("affectome.data.outputs:to_json")(plan) + "\n" if as_json else plan.table)
    else:
        say(f"plan: {plan.line}")
    plan.check(out)
    if only:
        raise typer.Exit


def finish(result: Mapping[str, Any], as_json: bool) -> None:
    """Print the result if asked for, list what was skipped, and exit with 1 if anything was."""
    if as_json:
        to_json = load("affectome.data.outputs:to_json")
        emit(to_json(result) + "\n")
    for warning in result.get("warnings", ()):
        say(f"note: {warning}", style="yellow")
    if result.get("absent"):
        say(f"absent: {'; '.join(result['absent'])}")
    skipped = result.get("skipped", ())
    for item in list(skipped)[:10]:
        say(f"skipped {item['file']}: {item['why']}", style="yellow")
    if len(skipped) > 10:
        say(f"… and {len(skipped) - 10} more, listed in result.json", style="yellow")
    if skipped:
        raise typer.Exit(1)


def settings(context: typer.Context, *left_out: str) -> dict[str, Any]:
    """Give every option of a command, as the manifest wants them.

    Parameters
    ----------
    context
        The running command's.
    left_out
        Further options that don't change the result, as those of execution. Files stand among the
        manifest's inputs, by hash.
    """
    silent = {"out", "as_json", "overwrite", "n_jobs", "cluster", "plan", *left_out}
    return {
        name: value
        for name, value in sorted(context.params.items())
        if name not in silent and not isinstance(value, Path)
    }


def parse_ratings(ratings: list[str]) -> dict[str, str] | None:
    """Read ``valence`` or ``valence=COLUMN``, given once for each rating."""
    pairs = [r.partition("=") for r in ratings]
    return {name: column or name for name, _, column in pairs} or None


def parse_pair(text: str | None, option: str) -> tuple[float, float] | None:
    """Read ``LOW,HIGH``; None where the option was not given.

    Raises
    ------
    InputError
        If it is not two rising numbers.
    """
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"{option} takes two numbers such as 3.5,5.0; got {text!r}") from error
    if not -math.inf < low < high < math.inf:
        raise InputError(f"{option} takes two rising numbers such as 3.5,5.0; got {text!r}")
    return low, high
