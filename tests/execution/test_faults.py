"""What clusters do: workers and schedulers are killed, and the bytes are those of a quiet loop."""

import os
import socket
import subprocess
import sys
import textwrap
import time

import psutil
import pytest
from distributed import Client

pytestmark = pytest.mark.slow

WORK = textwrap.dedent("""
    import sys
    import numpy as np
    from affectome.execution import on_cluster
    from affectome.networks import activations, load_network

    def main(where, store):
        network = load_network("vgg16", "untrained")
        rng = np.random.default_rng(0)
        pictures = [rng.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(24)]
        with on_cluster(None if where == "here" else where):
            activations(network, pictures, batch_size=2, precision="float32", store=store)

    if __name__ == "__main__":
        try:
            main(*sys.argv[1:])
        except Exception as error:
            sys.exit(f"{type(error).__name__}: {error}")
""")
UNTIL_S = 300


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    (folder / "work.py").write_text(WORK)
    assert working(folder, "here", "whole.zarr").wait(UNTIL_S) == 0
    return folder


def working(place, where, store):
    words = [sys.executable, "work.py", where, store]
    with (place / f"{store}.said").open("w") as said:
        return subprocess.Popen(words, cwd=place, stderr=said)


def shards(place, store):
    return len(list((place / f".{store}.shards").glob("*.shard")))


def contents(folder):
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def wait_for(condition, process):
    until = time.monotonic() + UNTIL_S
    while process.poll() is None and not condition() and time.monotonic() < until:
        time.sleep(0.1)
    assert process.poll() is None, "it ended before it was killed"
    return condition()


def test_workers_are_killed_and_nothing_is_lost(place):
    process = working(place, "local:2", "workers.zarr")
    for killed in (1, 3, 5):
        wait_for(lambda killed=killed: shards(place, "workers.zarr") >= killed, process)
        everyone = psutil.Process(process.pid).children(recursive=True)
        workers = [one for one in everyone if "--multiprocessing-fork" in one.cmdline()]
        workers[-1].kill()
    assert process.wait(UNTIL_S) == 0
    assert contents(place / "workers.zarr") == contents(place / "whole.zarr")


@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_is_killed_and_the_run_goes_on_elsewhere(place):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask = [sys.executable, "-m"]
    scheduler = subprocess.Popen(
        [*dask, "distributed.cli.dask_scheduler", "--port", address[-5:], "--no-dashboard"], **quiet
    )
    worker = subprocess.Popen(
        [*dask, "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"],
        **quiet,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        with Client(address, timeout=UNTIL_S, set_as_default=False) as client:
            client.wait_for_workers(1, UNTIL_S)
        process = working(place, address, "scheduler.zarr")
        wait_for(lambda: shards(place, "scheduler.zarr") >= 2, process)
        scheduler.kill()
        process.wait(UNTIL_S)
    finally:
        scheduler.kill()
        worker.kill()
        scheduler.wait()
        worker.wait()
    said = (place / "scheduler.zarr.said").read_text()
    assert process.returncode == 1
    assert said.startswith("ExecutionError: a worker or the scheduler was killed or lost"), said
    assert said.count("\n") == 1
    done = shards(place, "scheduler.zarr")
    assert 2 <= done < 12
    assert working(place, "here", "scheduler.zarr").wait(UNTIL_S) == 0
    assert contents(place / "scheduler.zarr") == contents(place / "whole.zarr")


def test_a_client_is_killed_and_resumed(place):
    process = working(place, "here", "client.zarr")
    wait_for(lambda: shards(place, "client.zarr") >= 3, process)
    process.kill()
    process.wait()
    kept = {f.name for f in (place / ".client.zarr.shards").glob("*.shard")}
    made = {f.name: f.stat().st_mtime_ns for f in (place / ".client.zarr.shards").glob("*.shard")}
    process = working(place, "here", "client.zarr")
    wait_for(lambda: shards(place, "client.zarr") > len(kept), process)
    again = {f.name: f.stat().st_mtime_ns for f in (place / ".client.zarr.shards").glob("*.shard")}
    assert {name: again[name] for name in kept} == made, "nothing is made twice"
    assert process.wait(UNTIL_S) == 0
    assert contents(place / "client.zarr") == contents(place / "whole.zarr")
