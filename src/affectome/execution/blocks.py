"""Loops over independent blocks: here, in threads, in processes or on a cluster.

A block runs on one thread wherever it runs, so that sums are taken in one order and the bytes of
its answer don't depend on how many run at once. Where they run is joblib's affair:
``joblib.parallel_config(n_jobs=4)`` and ``joblib.parallel_config("dask")`` hold for every loop.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import uuid4

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend
from threadpoolctl import threadpool_limits

from affectome.data.memory import free_memory
from affectome.errors import AffectomeError

Answer = TypeVar("Answer")
Value = TypeVar("Value")
LOST = frozenset(
    {
        *("TerminatedWorkerError", "BrokenProcessPool", "KilledWorker", "CommClosedError"),
        *("CancelledError", "FutureCancelledError", "FuturesDispatchedError"),
    }
)
"""What joblib and dask raise when a worker or the scheduler is gone."""
MOST_TASKS = 2000
HERE = uuid4().hex
"""Name of this process; a worker has another."""


class ExecutionError(AffectomeError):
    """Work that could not be run where it was to run, in one line."""


class Shared(Generic[Value]):
    """A large thing that all blocks read, such as a network: it travels once to each worker.

    Attributes
    ----------
    value
        The thing.
    """

    def __init__(self, value: Value) -> None:
        self.value = value

    def __sizeof__(self) -> int:
        """Tell joblib that this is worth keeping on a worker, whatever Python counts."""
        return 1 << 30


def run_blocks(
    work: Callable[..., Answer],
    blocks: Iterable[tuple[Any, ...]],
    n_jobs: int | None = None,
    *,
    threads: bool = False,
    dispatch: str = "2 * n_jobs",
) -> Iterator[Answer]:
    """Run a function on blocks that don't depend on each other.

    Parameters
    ----------
    work
        Function of a module, so that it can be sent to another process.
    blocks
        Its arguments, one tuple a block; taken as workers become free.
    n_jobs
        As in joblib: None is what ``joblib.parallel_config`` says, -1 is all cores. Where nothing
        says anything, threads take all cores, and processes are not started.
    threads
        Whether threads serve where no cluster was asked for: the work is done outside Python, or
        its arguments are large.
    dispatch
        Blocks that are on their way at once, as joblib's ``pre_dispatch``; ``"all"`` where they are
        light and workers may join later.

    Yields
    ------
    Answer
        In the order of the blocks, as soon as each is there.

    Raises
    ------
    ExecutionError
        If a worker was killed or the scheduler can't be reached any more.
    """
    run = Parallel(
        n_jobs=jobs_or_all(n_jobs) if threads else n_jobs,
        prefer="threads" if threads else None,
        pre_dispatch=dispatch,
        return_as="generator",
    )
    place = os.getcwd()
    answers = run(delayed(_block)(HERE, place, work, *block) for block in blocks)
    try:
        with one_thread():
            for answer in answers:
                if not isinstance(answer, _Answered):  # joblib's word for one that never came
                    raise _lost("no answer")
                yield answer.value
    except Exception as error:
        if type(error).__name__ not in LOST:
            raise
        raise _lost(type(error).__name__) from error
    finally:
        with warnings.catch_warnings():  # that not all answers were taken
            warnings.simplefilter("ignore")
            answers.close()


def jobs_or_all(n_jobs: int | None) -> int | None:
    """Give -1, all cores, where neither the caller nor ``joblib.parallel_config`` says a number."""
    return -1 if n_jobs is None and get_active_backend()[1] is None else n_jobs


def jobs_that_fit(n_jobs: int | None, each: float, held: float = 0.0) -> int:
    """Give how many blocks may run at once in threads, so that memory holds them; at least one.

    Parameters
    ----------
    n_jobs
        As many as are wanted; see :func:`run_blocks`.
    each, held
        Bytes that each block takes, and that are taken besides.
    """
    jobs: int = effective_n_jobs(jobs_or_all(n_jobs))
    return max(1, min(jobs, int((free_memory() - held) // max(each, 1))))


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold numerical libraries to one thread: several blocks at once share the cores already."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 1
    with threadpool_limits(1):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


def cut(n: int, unit: int = 1, most: int = MOST_TASKS) -> list[range]:
    """Cut n items into runs of whole units, as few as there may be tasks.

    Parameters
    ----------
    n
        Items.
    unit
        Items that belong together, such as a batch.
    most
        Most tasks.
    """
    size = unit * max(1, -(-n // (unit * most)))
    return [range(first, min(first + size, n)) for first in range(0, n, size)]


class _Answered(NamedTuple):
    """An answer that a block really gave."""

    value: Any


def _lost(why: str) -> ExecutionError:
    return ExecutionError(
        "a worker or the scheduler was killed or lost; run the same again, with fewer jobs if "
        f"memory is short ({why})"
    )


def _block(home: str, place: str, work: Callable[..., Any], *arguments: Any) -> _Answered:
    if home != HERE and os.path.isdir(place):
        os.chdir(place)  # names of files may be relative to where the client is
    if home != HERE and _held.modules != len(sys.modules):
        threadpool_limits(1)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        _held.modules = len(sys.modules)
    return _Answered(work(*arguments))


class _Held:
    """How many modules a worker had loaded when its libraries were last held to one thread."""

    modules = 0


_held = _Held()
