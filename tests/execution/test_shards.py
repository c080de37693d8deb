"""Shards: what is there is not made again, what is broken is, and the bytes are the same."""

import errno
import os

import numpy as np
import pytest

from affectome.data.outputs import OutputError
from affectome.execution import ExecutionError, Shards, shards
from affectome.execution.shards import pack, shard_states, unpack

CALLS = []


def squares(first, last):
    CALLS.append(first)
    return pack(values=np.arange(first, last) ** 2, name=f"{first}")


BLOCKS = [(first, first + 3) for first in range(0, 15, 3)]


@pytest.fixture(autouse=True)
def _counted():
    CALLS.clear()


def contents(folder, asked="x", **how):
    return list(Shards(folder, {"asked": asked}, len(BLOCKS)).run(squares, BLOCKS, 1, **how))


def files(folder):
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def test_arrays_come_back_and_the_same_give_the_same_bytes():
    content = squares(2, 4)
    found = unpack(content)
    np.testing.assert_array_equal(found["values"], [4, 9])
    assert str(found["name"]) == "2"
    assert content == squares(2, 4)


def test_only_what_is_missing_is_made(tmp_path):
    told = []
    whole = contents(tmp_path, progress=told.append)
    assert told == [0, 1, 2, 3, 4, 5]
    assert [unpack(one)["values"][0] for one in whole] == [0, 9, 36, 81, 144]
    before = files(tmp_path)
    CALLS.clear()
    for file in sorted(tmp_path.glob("*.shard"))[2:4]:
        file.unlink()
    assert contents(tmp_path) == whole
    assert CALLS == [6, 9]
    assert files(tmp_path) == before


def test_a_shard_that_was_cut_short_or_changed_is_made_again(tmp_path):
    whole = contents(tmp_path)
    before = files(tmp_path)
    first, second, *_ = sorted(tmp_path.glob("*.shard"))
    os.truncate(first, 20)
    changed = bytearray(second.read_bytes())
    changed[60] ^= 1
    second.write_bytes(changed)
    (state,) = shard_states(tmp_path)
    assert (state.done, state.count, state.broken) == (3, 5, 2)
    CALLS.clear()
    assert contents(tmp_path) == whole
    assert CALLS == [0, 3]
    assert files(tmp_path) == before


def test_another_question_starts_anew_and_facts_are_kept(tmp_path):
    Shards(tmp_path / "a", {"asked": (1, 2)}, 5).keep_facts(precision="float32")
    assert Shards(tmp_path / "a", {"asked": [1, 2]}, 5).facts == {"precision": "float32"}
    assert Shards(tmp_path / "a", {"asked": [1, 2]}, 6).facts == {}
    assert not (tmp_path / "a").exists()
    contents(tmp_path / "b")
    CALLS.clear()
    contents(tmp_path / "b", asked="y")
    assert len(CALLS) == 5


def test_workers_that_write_elsewhere_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_make", lambda folder, number, work, *block: number)
    with pytest.raises(ExecutionError, match=r"shards that are not in .*; take a folder that all"):
        contents(tmp_path)


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path, monkeypatch):
    unfinished = Shards(tmp_path, {}, len(BLOCKS))
    unfinished.keep_facts()
    sync, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr("affectome.data.outputs.os.fsync", full)
    with pytest.raises(OutputError) as caught:
        list(unfinished.run(squares, BLOCKS, 1))
    said = str(caught.value)
    assert "No space left on device; what is finished is kept, so make room and run" in said
    assert "\n" not in said
    monkeypatch.setattr("affectome.data.outputs.os.fsync", sync)
    CALLS.clear()
    assert contents(tmp_path / "whole") == list(Shards(tmp_path, {}, 5).run(squares, BLOCKS, 1))
    assert CALLS == [0, 3, 6, 9, 12, 6, 9, 12]
    assert not list(tmp_path.rglob("*.part"))
