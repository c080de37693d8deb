"""The folder of a run while it works: who holds it, how far it is, and how it goes on.

``.run`` in it holds the command and who runs it, and goes when the run is finished: what a run
leaves says nothing of when and where it was made.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from affectome.data.outputs import RESULT, RESUMED, write_json
from affectome.errors import InputError
from affectome.execution.blocks import ExecutionError
from affectome.execution.shards import ShardState, shard_states

HIDDEN = ".run"
COMMAND, HOLDER, GUARD = "command.json", "holder.json", "guard"
GUARD_S = 30
BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Holder:
    """A process that writes to a run's folder.

    Attributes
    ----------
    host
        Name of its machine.
    pid
        Its number there.
    started
        When it started, by a clock that nobody sets: another process of the same number has
        another.
    since
        The same by the clock on the wall, for people.
    """

    host: str
    pid: int
    started: str
    since: str

    @property
    def here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return self.host == platform.node()

    @property
    def alive(self) -> bool:
        """Whether it runs; one of another machine, which can't be asked, counts as running."""
        return not self.here or _started(self.pid) == self.started


@dataclass(frozen=True)
class RunState:
    """How a run is.

    Attributes
    ----------
    state
        ``"finished"``, ``"running"``, ``"running elsewhere"`` (as far as can be told),
        ``"stopped"`` or ``"no run"``.
    words
        Its command line after ``affectome``; empty where it isn't known any more.
    folder
        Where the command was typed.
    holder
        Who writes to it, or did.
    shards
        How far each piece of its work is.
    """

    state: str
    words: tuple[str, ...]
    folder: str
    holder: Holder | None
    shards: tuple[ShardState, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain numbers and words."""
        return asdict(self)


@contextmanager
def hold(folder: str | Path, words: Sequence[str]) -> Iterator[None]:
    """Keep a run's folder for this process, and write down the command that it goes on with.

    When the work ends the record goes, unless there is something that it can go on from.

    Parameters
    ----------
    folder
        The run's folder, there or not.
    words
        The command line after ``affectome``.

    Raises
    ------
    ExecutionError
        If another process writes to it.
    """
    run = Path(folder)
    made = [part for part in (run, *run.parents) if not part.exists()]
    try:
        _take(run, words)
    except OSError:  # no folder, or none that can be written: the command says so itself
        yield
        return
    finished = False
    try:
        yield
        finished = True
    finally:
        hidden = run / HIDDEN
        if finished or not _goes_on(run):
            shutil.rmtree(hidden, ignore_errors=True)
            for part in made:
                with contextlib.suppress(OSError):  # it holds something
                    part.rmdir()
        else:
            (hidden / HOLDER).unlink(missing_ok=True)


def run_state(folder: str | Path) -> RunState:
    """Say how a run is.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    run = Path(folder)
    if not run.is_dir():
        raise InputError(f"there is no folder {run}")
    told = _read(run / HIDDEN / COMMAND)
    holder = _holder(run)
    shards = tuple(shard_states(run))
    state = "stopped" if told or shards else "no run"
    if holder is not None and holder.alive:
        state = "running" if holder.here else "running elsewhere"
    elif (run / RESULT).is_file():
        state = "finished"
    words = tuple(map(str, told.get("words", ())))
    return RunState(state, words, str(told.get("folder", "")), holder, shards)


def _take(run: Path, words: Sequence[str]) -> None:
    hidden = run / HIDDEN
    hidden.mkdir(parents=True, exist_ok=True)
    with FileLock(hidden / GUARD, timeout=GUARD_S):
        other = _holder(run)
        if other is not None and other.alive and other.pid != os.getpid():
            gone = "" if other.here else f", or delete {hidden / HOLDER} if that one is no more"
            raise ExecutionError(
                f"{run} is being written by process {other.pid} on {other.host} since "
                f"{other.since}; wait for it, give another --out{gone}"
            )
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        own = Holder(platform.node(), os.getpid(), _started(os.getpid()) or "", now)
        write_json(hidden / HOLDER, own)
        write_json(hidden / COMMAND, {"words": list(words), "folder": os.getcwd()})


def _goes_on(run: Path) -> bool:
    """Whether the folder holds something that the same command goes on from."""
    if (run / RESULT).is_file():
        return False
    return bool(shard_states(run)) or any((run / name).exists() for name in RESUMED)


def _holder(run: Path) -> Holder | None:
    told = _read(run / HIDDEN / HOLDER)
    try:
        return Holder(**told)
    except TypeError:
        return None


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _started(pid: int) -> str | None:
    """When a process started; None where none runs. Linux counts from the boot, not by a clock."""
    stat = Path(f"/proc/{pid}/stat")
    if BOOT.is_file():
        try:
            state, *fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return None
        return None if state in {"Z", "X"} else f"{BOOT.read_text().strip()} {fields[18]}"
    try:
        return f"{psutil.Process(pid).create_time():.0f}"
    except psutil.Error:
        return None
