"""Clusters: the same loops on processes of this machine, on a scheduler, or on SLURM's nodes.

Dask schedules and joblib hands over the blocks, so that ``on_cluster("local:4")`` is no more than a
client and ``joblib.parallel_config("dask")``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from joblib import parallel_config
from joblib.parallel import get_active_backend

from affectome.errors import InputError, require
from affectome.execution.blocks import ExecutionError

EXTRA = "scale"
LOUD = ("distributed.client", "distributed.core", "tornado.application")
ALLOWED_DEATHS = 20
"""Workers that may die under a task before it is taken for what kills them."""
ANSWER_S = 10
WORKER_S = 60
FEWEST = 2
KEYS = "the keys of dask_jobqueue.SLURMCluster, such as queue, cores, memory and walltime"


@contextmanager
def on_cluster(where: str | None) -> Iterator[None]:
    """Run the blocks of all loops on a cluster while the context lasts.

    Parameters
    ----------
    where
        ``"local:N"`` for N processes of this machine; ``"tcp://host:port"`` for a scheduler that
        runs; a YAML file for SLURM, with ``jobs`` and under ``slurm`` the arguments of
        ``dask_jobqueue.SLURMCluster``; None for no cluster.

    Raises
    ------
    InputError
        If it is none of those, or the file can't be used.
    MissingExtraError
        If dask is not installed.
    ExecutionError
        If no scheduler or worker answers, or workers have another version.
    """
    if where is None:
        yield
        return
    kind, _, rest = where.partition(":")
    expected = FEWEST
    with ExitStack() as stack:
        if kind == "local":
            client = _local(_count(where, rest), stack)
        elif kind in {"tcp", "tls", "ws", "wss"} and rest.startswith("//"):
            client = _scheduler(where, stack)
        elif Path(where).suffix.lower() in {".yaml", ".yml"}:
            client, expected = _slurm(Path(where), stack)
        else:
            raise InputError(
                "--cluster is local:N, the address of a scheduler such as tcp://host:8786, or a "
                f"YAML file for SLURM; got {where!r}"
            )
        stack.enter_context(
            parallel_config(backend="dask", client=client, wait_for_workers_timeout=WORKER_S)
        )
        _count_at_least(expected)
        yield


def _count_at_least(n: int) -> None:
    """Count workers that are still to come; joblib would run the work here if there was one."""
    backend, _ = get_active_backend()
    counted = backend.effective_n_jobs
    backend.effective_n_jobs = lambda n_jobs: max(n, counted(n_jobs))


def _count(where: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"--cluster local:N takes a number of processes; got {where!r}")
    return int(text)


def _distributed(stack: ExitStack) -> Any:
    """Import dask's part, quiet until its client is closed: what is lost is told in one line."""
    distributed = require("distributed", EXTRA)
    for told in map(logging.getLogger, LOUD):
        stack.callback(told.setLevel, told.level)
        told.setLevel(logging.CRITICAL)
    return distributed


def _local(n_workers: int, stack: ExitStack) -> Any:
    distributed, dask = _distributed(stack), require("dask", EXTRA)
    stack.enter_context(
        dask.config.set(
            {
                "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,
                "distributed.logging.distributed": "error",
            }
        )
    )
    cluster = stack.enter_context(
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )
    )
    return stack.enter_context(distributed.Client(cluster, set_as_default=False))


def _scheduler(address: str, stack: ExitStack) -> Any:
    distributed = _distributed(stack)
    try:
        client = stack.enter_context(
            distributed.Client(address, timeout=ANSWER_S, set_as_default=False)
        )
    except (OSError, TimeoutError) as error:
        raise ExecutionError(
            f"no scheduler answers at {address} within {ANSWER_S} s; start one with: dask scheduler"
        ) from error
    return _with_workers(client, 1, WORKER_S, f"dask worker {address} --nthreads 1")


def _slurm(file: Path, stack: ExitStack) -> tuple[Any, int]:
    jobs, options = read_slurm(file)
    jobqueue, distributed = require("dask_jobqueue", EXTRA), _distributed(stack)
    try:
        cluster = stack.enter_context(jobqueue.SLURMCluster(**options))
        cluster.scale(jobs=jobs)
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        why = " ".join(str(error).split())
        raise InputError(f"{file}: SLURM can't be asked for jobs: {why}") from error
    client = stack.enter_context(distributed.Client(cluster, set_as_default=False))
    return _with_workers(client, 1, None, ""), max(FEWEST, jobs)


def read_slurm(file: Path) -> tuple[int, dict[str, Any]]:
    """Read a YAML file for SLURM: how many jobs, and the arguments of ``SLURMCluster``.

    Raises
    ------
    InputError
        If it can't be read or lacks either.
    """
    yaml = require("yaml", EXTRA)
    try:
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{file} is no YAML: {' '.join(str(error).split())}") from error
    told = told if isinstance(told, dict) else {}
    jobs, options = told.get("jobs"), told.get("slurm")
    if not isinstance(jobs, int) or jobs < 1 or not isinstance(options, dict):
        raise InputError(f"{file} needs `jobs: N` and `slurm:` with {KEYS}")
    return jobs, options


def _with_workers(client: Any, n: int, wait_s: float | None, command: str) -> Any:
    """Wait for workers, and refuse those of another version: they would give other bytes."""
    try:
        client.wait_for_workers(n, timeout=wait_s)
    except TimeoutError as error:
        raise ExecutionError(
            f"the scheduler has no worker after {wait_s:g} s; start some with: {command}"
        ) from error
    told = client.get_versions(packages=["affectome", "numpy", "scipy"])
    ours = told["client"]["packages"]
    for address, worker in told["workers"].items():
        for name in ("affectome", "numpy", "scipy"):
            theirs = worker["packages"].get(name)
            if theirs != ours.get(name):
                raise ExecutionError(
                    f"the worker {address} has {name} {theirs}, here is {ours.get(name)}; install "
                    "the same versions on both"
                )
    return client
