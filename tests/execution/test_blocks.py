"""Blocks give the same bytes wherever they run, on one thread each; a loss is one line."""

import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import threadpoolctl
from hypothesis import given
from hypothesis import strategies as st
from joblib import parallel_config

from affectome import execution
from affectome.execution import ExecutionError, Shared, blocks, cut, on_cluster, run_blocks


def matrices(n=6):
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((120, 120)).astype(np.float32),) for _ in range(n)]


def inverted(n_jobs=None, **how):
    return b"".join(one.tobytes() for one in run_blocks(np.linalg.inv, matrices(), n_jobs, **how))


def test_the_same_bytes_in_order_here_in_threads_and_in_processes():
    here = inverted(1)
    assert here == b"".join(np.linalg.inv(one).tobytes() for (one,) in matrices())
    assert inverted(2, threads=True) == here
    assert inverted(threads=True) == here
    with parallel_config(n_jobs=2):
        assert inverted() == here


def test_a_worker_has_one_thread_and_ours_come_back():
    before = {one["filepath"]: one["num_threads"] for one in threadpoolctl.threadpool_info()}
    for how in ({"n_jobs": 1}, {"n_jobs": 2, "threads": True}, {"n_jobs": 2}):
        for seen in run_blocks(threadpoolctl.threadpool_info, [(), ()], **how):
            assert {one["num_threads"] for one in seen} == {1}
    after = {one["filepath"]: one["num_threads"] for one in threadpoolctl.threadpool_info()}
    assert {name: after[name] for name in before} == before


def test_names_of_files_mean_the_same_in_a_worker():
    assert list(run_blocks(os.getcwd, [(), ()], 2)) == [os.getcwd()] * 2


def test_a_worker_that_dies_is_one_line():
    with pytest.raises(ExecutionError, match="the scheduler was killed or lost; run"):
        list(run_blocks(os._exit, [(1,), (1,)], 2))


def test_errors_of_the_work_stay_what_they_are():
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        list(run_blocks(np.linalg.inv, [(np.zeros((2, 2)),)], 1))


@given(n=st.integers(0, 10_000), unit=st.integers(1, 50), most=st.integers(1, 300))
def test_cuts_are_whole_units_and_few(n, unit, most):
    parts = cut(n, unit, most)
    assert [i for part in parts for i in part] == list(range(n))
    assert len(parts) <= most
    assert all(len(part) % unit == 0 for part in parts[:-1])
    if n <= unit * most:
        assert len(parts) == -(-n // unit), "no larger than it must be"


def test_as_many_jobs_as_memory_holds(monkeypatch):
    monkeypatch.setattr(blocks, "free_memory", lambda: 10e9)
    assert blocks.jobs_that_fit(8, 3e9) == 3
    assert blocks.jobs_that_fit(8, 3e9, held=5e9) == 1
    assert blocks.jobs_that_fit(8, 30e9) == 1
    assert blocks.jobs_that_fit(2, 1e6) == 2
    with parallel_config(n_jobs=5):
        assert blocks.jobs_that_fit(None, 1e6) == 5
    assert blocks.jobs_that_fit(None, 1e6) == blocks.jobs_that_fit(-1, 1e6)


def test_what_is_shared_counts_as_large():
    assert Shared(1).__sizeof__() > 1e6
    assert Shared(1).value == 1


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("local", "takes a number of processes; got 'local'"),
        ("local:0", "takes a number of processes; got 'local:0'"),
        (
            "lsf:4",
            "is local:N, the address of a scheduler .* a YAML file for SLURM; got 'lsf:4'",
        ),
        ("no.yaml", "no.yaml can't be read: No such file"),
        ("bad.yaml", r"bad.yaml is no YAML: "),
        ("half.yaml", r"half.yaml needs `jobs: N` and `slurm:` with the keys of dask_jobqueue"),
        ("wrong.yaml", r"wrong.yaml: SLURM can't be asked for jobs: no sbatch here"),
    ],
)
def test_clusters_that_are_none(where, says, tmp_path, monkeypatch):
    def refuse(**options):
        raise OSError(" ".join(["no sbatch", *options]))

    monkeypatch.setitem(sys.modules, "dask_jobqueue", SimpleNamespace(SLURMCluster=refuse))
    (tmp_path / "bad.yaml").write_text("a: [")
    (tmp_path / "half.yaml").write_text("jobs: 3\n")
    (tmp_path / "wrong.yaml").write_text("jobs: 3\nslurm: {here: 4}\n")
    with pytest.raises(Exception, match=says) as caught, on_cluster(where):
        pass
    assert isinstance(caught.value, execution.ExecutionError | ValueError)
    assert "\n" not in str(caught.value)


def test_no_scheduler_answers(monkeypatch):
    monkeypatch.setattr("affectome.execution.cluster.ANSWER_S", 0.3)
    says = r"no scheduler answers at tcp://127.0.0.1:9 within"
    with pytest.raises(ExecutionError, match=says), on_cluster("tcp://127.0.0.1:9"):
        pass


def test_without_dask_one_line_says_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    says = r"pip install 'affectome\[scale\]'"
    with pytest.raises(ImportError, match=says), on_cluster("local:1"):
        pass


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_the_bytes_of_a_loop():
    here = inverted(1)
    with on_cluster("local:2"):
        assert inverted() == here
        assert inverted(threads=True) == here
        shared = Shared(np.arange(3.0))
        sums = list(run_blocks(_scaled, [(shared, k) for k in range(40)], dispatch="all"))
    assert sums == [3.0 * k for k in range(40)]


def _scaled(shared, k):
    return float(shared.value.sum() * k)
