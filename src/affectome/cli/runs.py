"""``affectome status`` and ``affectome resume``: how a run is, and on with it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from affectome.cli import options
from affectome.cli.running import emit, load, say
from affectome.errors import InputError
from affectome.execution.runs import RunState, run_state

Run = Annotated[Path, typer.Argument(help="Folder of a run, as it was given to --out.")]


def status(run: Run, as_json: options.AsJson = False) -> None:
    """Say whether a run works, stopped or is finished, and how many of its shards are whole."""
    found = run_state(run)
    if as_json:
        emit(load("affectome.data.outputs:to_json")(found) + "\n")
        return
    say(f"{run}: {found.state}{_who(found)}")
    if found.words:
        say(f"command: affectome {' '.join(found.words)}")
    for one in found.shards:
        broken = f", {one.broken} broken, which will be made again" if one.broken else ""
        say(f"{one.folder.relative_to(run)}: {one.done} of {one.count} shards{broken}")
    if found.state == "stopped":
        say(f"go on with: affectome resume {run}")


def resume(run: Run, n_jobs: options.Jobs = None, cluster: options.Cluster = None) -> None:
    """Go on with a run that was stopped, here or where it was begun."""
    found = run_state(run)
    if found.state == "finished":
        say(f"{run} is finished; there is nothing to resume")
        return
    if found.state.startswith("running"):
        raise InputError(f"{run} is {found.state}{_who(found)}; wait for it")
    if not found.words:
        raise InputError(f"{run} holds no command to go on with; type the command again")
    words = with_option(found.words, ("--out",), str(run.resolve()))
    if n_jobs is not None:
        words = with_option(words, ("--n-jobs", "--jobs"), str(n_jobs))
    if cluster is not None:
        words = with_option(words, ("--cluster",), cluster)
    if Path(found.folder).is_dir():
        os.chdir(found.folder)
    say(f"affectome {' '.join(words)}")
    load("affectome.cli.app:main")(words)


def with_option(words: Sequence[str], names: Sequence[str], value: str) -> list[str]:
    """Give a command line with an option set to a value, whether it had it or not."""
    kept: list[str] = []
    follows = False
    for word in words:
        if not follows and word.partition("=")[0] not in names:
            kept.append(word)
        follows = not follows and word in names
    return [*kept, names[0], value]


def _who(found: RunState) -> str:
    if found.holder is None or not found.state.startswith("running"):
        return ""
    return f" by process {found.holder.pid} on {found.holder.host} since {found.holder.since}"
