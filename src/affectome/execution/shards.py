"""Work that is kept shard by shard, so that a run that was killed makes nothing twice.

A shard is a file whose name holds its number and the start of the SHA-256 of its content. It is
written under another name and renamed when it is whole, by whoever made it, so the folder itself
says what is done, however many write to it. A shard whose content doesn't fit its name is made
again.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectome.data.outputs import OutputError, write_bytes, write_json
from affectome.execution.blocks import ExecutionError, run_blocks

STATE = "shards.json"
ENDING = ".shard"
Work = Callable[..., bytes]


class Shards:
    """Shards of one piece of work, in a folder of their own.

    Parameters
    ----------
    folder
        Where they lie; with a cluster, a folder that all workers see.
    asked
        Everything that the shards depend on, as JSON holds it. Those of an earlier run are used
        only if it was asked the same.
    count
        Number of shards.

    Attributes
    ----------
    facts
        Whatever else a run that goes on has to know, such as the arithmetic that the first chose;
        kept by :meth:`keep_facts`.
    """

    def __init__(self, folder: str | Path, asked: Mapping[str, Any], count: int) -> None:
        self.folder = Path(folder)
        self.asked = json.loads(json.dumps(asked))
        self.count = count
        self.facts: dict[str, Any] = {}
        found = _read_state(self.folder)
        if found and (found["asked"], found["count"]) == (self.asked, count):
            self.facts = found["facts"]
        elif found:
            self.remove()

    def keep_facts(self, **facts: Any) -> None:
        """Write down what was asked and further facts, before the first shard."""
        self.facts |= facts
        state = {"asked": self.asked, "count": self.count, "facts": self.facts}
        write_json(self.folder / STATE, state)

    def done(self) -> dict[int, Path]:
        """Number of each shard that is there → its file."""
        return {int(file.name.split("-")[0]): file for file in _files(self.folder)}

    def run(
        self,
        work: Work,
        blocks: Sequence[tuple[Any, ...]],
        n_jobs: int | None = None,
        *,
        threads: bool = False,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Iterator[bytes]:
        """Make what is missing, then give the content of every shard, in order.

        Parameters
        ----------
        work
            Gives a shard's content from its block; see :func:`pack`.
        blocks
            Arguments of ``work``, one tuple a shard.
        n_jobs, threads
            As in :func:`affectome.execution.run_blocks`.
        progress
            Called with the number of shards that are done.

        Raises
        ------
        OutputError
            If a shard can't be written.
        """
        if not (self.folder / STATE).is_file():
            self.keep_facts()
        there = self.done()
        missing = [number for number in range(self.count) if number not in there]
        progress(self.count - len(missing))
        tasks = ((str(self.folder.absolute()), number, work, *blocks[number]) for number in missing)
        made = run_blocks(_make, tasks, n_jobs, threads=threads, dispatch="all")
        for further, _ in enumerate(made, start=1):
            progress(self.count - len(missing) + further)
        there = self.done()
        if len(there) < self.count:
            raise ExecutionError(
                f"workers finished shards that are not in {self.folder}; take a folder that all of "
                "them and this process see"
            )
        for number in range(self.count):
            content = _content(there[number])
            if content is None:
                there[number].unlink()
                content = work(*blocks[number])
                _write(self.folder, number, content)
            yield content

    def remove(self) -> None:
        """Delete the shards, once they are merged into something else."""
        shutil.rmtree(self.folder, ignore_errors=True)


def keeping(
    shards: Shards | None,
    work: Work,
    blocks: Sequence[tuple[Any, ...]],
    n_jobs: int | None,
    progress: Callable[[int], None],
) -> Iterator[bytes]:
    """Work through blocks in threads or on a cluster, and keep what is made if there are shards."""
    if shards is not None:
        yield from shards.run(work, blocks, n_jobs, threads=True, progress=progress)
        return
    progress(0)
    for done, content in enumerate(run_blocks(work, blocks, n_jobs, threads=True), start=1):
        progress(done)
        yield content


@dataclass(frozen=True)
class ShardState:
    """How far a piece of work is.

    Attributes
    ----------
    folder
        Where its shards lie.
    done, count
        Shards that are whole, and all.
    broken
        Shards whose content doesn't fit their name; they will be made again.
    """

    folder: Path
    done: int
    count: int
    broken: int


def shard_states(folder: str | Path) -> list[ShardState]:
    """Look for shards in the folder of a run, hidden ones too, and check each."""
    states = []
    for file in sorted(Path(folder).rglob(STATE)):
        found = _read_state(file.parent)
        if found is not None:
            whole = [_content(shard) is not None for shard in _files(file.parent)]
            states.append(ShardState(file.parent, sum(whole), found["count"], whole.count(False)))
    return states


def pack(**arrays: Any) -> bytes:
    """Give named arrays as the content of a shard; the same arrays give the same bytes."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def unpack(content: bytes) -> dict[str, np.ndarray]:
    """Give the named arrays of a shard."""
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return dict(found)


def _make(folder: str, number: int, work: Work, *block: Any) -> int:
    _write(Path(folder), number, work(*block))
    return number


def _write(folder: Path, number: int, content: bytes) -> None:
    name = f"{number:06d}-{_checksum(content)}{ENDING}"
    try:
        write_bytes(folder / name, content)
    except OutputError as error:
        raise OutputError(
            f"{error}; what is finished is kept, so make room and run the same again"
        ) from error


def _content(file: Path) -> bytes | None:
    """Content of a shard; None where it isn't what its name says."""
    content = file.read_bytes()
    return content if file.name.split("-")[1] == _checksum(content) + ENDING else None


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"[0-9]*-*{ENDING}"))


def _read_state(folder: Path) -> dict[str, Any] | None:
    """What was asked of the shards in a folder; None where there are none."""
    try:
        found = json.loads((folder / STATE).read_text(encoding="utf-8"))
        return found if {"asked", "count", "facts"} <= set(found) else None
    except (OSError, ValueError, TypeError):
        return None
