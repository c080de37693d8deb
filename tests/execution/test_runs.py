"""A run's folder: one writer, a lock that none keeps when killed, a command to go on with."""

import contextlib
import json
import os
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from affectome.cli import app
from affectome.cli.runs import with_option
from affectome.errors import InputError
from affectome.execution import ExecutionError, Shards, runs
from affectome.execution.runs import hold, run_state

HOLDING = textwrap.dedent("""
    import sys, time
    from affectome.execution.runs import hold
    with hold(sys.argv[1], ["screen", "album", "--out", sys.argv[1]]):
        print("held", flush=True)
        time.sleep(60)
""")


@pytest.fixture
def other(tmp_path):
    """Another process that writes to ``tmp_path/run``."""
    command = [sys.executable, "-c", HOLDING, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def stopped(folder, words):
    """Leave what a run leaves that an error stopped in its first shard."""
    with contextlib.suppress(InputError), hold(folder, words):
        Shards(folder / ".part", {}, 3).keep_facts()
        raise InputError("stopped")


def test_a_second_run_is_refused_and_a_killed_one_is_not_in_the_way(other, tmp_path, run):
    folder = tmp_path / "run"
    with pytest.raises(ExecutionError) as caught, hold(folder, ["x"]):
        pass
    said = str(caught.value)
    assert f"{folder} is being written by process {other.pid} on " in said
    assert said.endswith("; wait for it, give another --out")
    code, _, told = run("status", folder)
    assert (code, f"running by process {other.pid}" in told) == (0, True)
    code, _, told = run("resume", folder)
    assert (code, "is running by process" in told) == (2, True)
    other.kill()
    until = time.monotonic() + 30
    while psutil.Process(other.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
        time.sleep(0.01)
    assert run_state(folder).state == "stopped", "also while nobody has asked how it ended"
    other.wait()
    assert run_state(folder).words == ("screen", "album", "--out", str(folder))
    with hold(folder, ["y"]):
        assert run_state(folder).holder.pid == os.getpid()


def test_a_number_that_another_process_got_later_does_not_hold(tmp_path):
    with hold(tmp_path, ["x"]):
        told = json.loads((tmp_path / ".run" / "holder.json").read_text())
        told["pid"] = 1
        (tmp_path / ".run" / "holder.json").write_text(json.dumps(told))
        assert run_state(tmp_path).state == "stopped"


def test_a_run_of_another_machine_can_not_be_asked(tmp_path):
    (tmp_path / ".run").mkdir()
    told = {"host": "node7", "pid": 12, "started": "then", "since": "2026-01-01 10:00:00"}
    (tmp_path / ".run" / "holder.json").write_text(json.dumps(told))
    assert run_state(tmp_path).state == "running elsewhere"
    says = r"on node7 since 2026.*or delete .*holder\.json if"
    with pytest.raises(ExecutionError, match=says), hold(tmp_path, ["x"]):
        pass


def test_a_finished_run_keeps_nothing_of_its_making(tmp_path):
    with hold(tmp_path / "a" / "b", ["x"]):
        (tmp_path / "a" / "b" / "result.json").write_text("{}")
    assert [file.name for file in (tmp_path / "a" / "b").iterdir()] == ["result.json"]
    with pytest.raises(InputError), hold(tmp_path / "new" / "deep", ["x"]):
        raise InputError("wrong")
    assert not (tmp_path / "new").exists(), "a refusal leaves nothing"
    stopped(tmp_path / "run", ["x", "y"])
    found = run_state(tmp_path / "run")
    assert (found.state, found.words, found.holder) == ("stopped", ("x", "y"), None)
    assert found.shards[0].count == 3


def test_the_words_of_status_and_resume(tmp_path, run, monkeypatch):
    assert run("status", tmp_path / "none")[2].endswith(f"there is no folder {tmp_path}/none\n")
    assert f"{tmp_path}: no run" in run("status", tmp_path)[2]
    assert run("resume", tmp_path)[2].endswith("no command to go on with; type the command again\n")
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "result.json").write_text("{}")
    assert "is finished; there is nothing to resume" in run("resume", tmp_path / "done")[2]
    folder = tmp_path / "run"
    stopped(folder, ["screen", "album", "--out=run", "--jobs", "9"])
    code, _, told = run("status", folder)
    assert code == 0
    assert f"{folder}: stopped\ncommand: affectome screen album --out=run --jobs 9\n" in told
    assert f".part: 0 of 3 shards\ngo on with: affectome resume {folder}\n" in told
    assert json.loads(run("status", folder, "--json")[1])["shards"][0]["count"] == 3
    typed = []
    monkeypatch.setattr(app, "main", typed.append)
    with pytest.raises(SystemExit):
        app.build(["resume"])(["resume", str(folder), "--n-jobs", "2", "--cluster", "local:2"])
    want = f"screen album --out {folder} --n-jobs 2 --cluster local:2"
    assert typed == [want.split()]


def test_an_option_is_set_once():
    words = ["screen", "a", "--out", "b", "--copy", "--out=c"]
    assert with_option(words, ("--out",), "d") == ["screen", "a", "--copy", "--out", "d"]


def test_a_clock_that_is_set_changes_nothing(tmp_path, monkeypatch):
    if not runs.BOOT.is_file():
        pytest.skip("starts are counted from the boot on Linux only")
    with hold(tmp_path, ["x"]):
        monkeypatch.setattr("time.time", lambda: 0.0)
        assert run_state(tmp_path).state == "running"


@pytest.mark.slow
def test_execution_is_added_to_long_commands(run):
    for group, name in sorted(app.LONG):
        words = [group, name, "--help"] if group else [name, "--help"]
        _, told, _ = run(*words)
        assert "--n-jobs" in told, name
        assert "--cluster" in told, name
