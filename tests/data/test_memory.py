"""What is free is the least of the machine's, the container's and the process's own memory."""

import resource
from types import SimpleNamespace

import pytest

from affectome.data import memory
from affectome.errors import InputError


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    machine = memory.free_memory()
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    monkeypatch.setattr(memory, "CONTAINERS", ((limit, used),))
    limit.write_text("max\n")
    used.write_text("1000000\n")
    assert memory.free_memory() > machine / 2
    limit.write_text("5000000\n")
    assert memory.free_memory() == 4_000_000
    used.write_text("6000000\n")
    assert memory.free_memory() == 0
    with pytest.raises(InputError, match=r"the table needs about 0\.01 GB of memory, but 0 GB are"):
        memory.check_memory(1e7, "the table")


def test_the_limit_of_the_process_counts(monkeypatch):
    monkeypatch.setattr(memory, "CONTAINERS", ())
    mapped = 2**40
    monkeypatch.setattr(resource, "getrlimit", lambda which: (mapped, mapped))
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=2**60))
    assert 0 < memory.free_memory() < mapped
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda which: unlimited)
    assert memory.free_memory() == 2.0**60
