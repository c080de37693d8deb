import json
from hashlib import sha256

import pytest

from affectome.safeguards import LogError, entries, verify
from affectome.safeguards.log import append


@pytest.fixture
def kept(tmp_path):
    for modality in ("voice", "face", "voice"):
        append("read", tmp_path, who="ab12", modality=modality)
    return tmp_path / ".affectome"


def test_an_empty_log_holds(tmp_path):
    assert verify(tmp_path).n == 0
    assert entries(tmp_path) == []


def test_each_line_holds_the_hash_of_the_one_before(kept):
    lines = (kept / "log.jsonl").read_bytes().splitlines()
    held = [json.loads(line) for line in lines]
    assert [h["n"] for h in held] == [1, 2, 3]
    assert held[2]["previous"] == sha256(lines[1]).hexdigest()
    assert verify(kept.parent).hash == sha256(lines[2]).hexdigest()
    assert set(held[0]) == {"n", "time", "event", "who", "modality", "previous"}


@pytest.mark.parametrize("file", ["log.jsonl", "log.head"])
def test_any_single_byte_that_changes_is_found(kept, file):
    whole = (kept / file).read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        (kept / file).write_bytes(bytes(changed))
        with pytest.raises(LogError):
            verify(kept.parent)
    (kept / file).write_bytes(whole)
    assert verify(kept.parent).n == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: lines[1:],
        lambda lines: [lines[0], lines[2]],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [*lines, lines[-1]],
    ],
)
def test_lines_that_are_cut_moved_or_added_are_found(kept, change):
    log = kept / "log.jsonl"
    log.write_bytes(b"".join(change(log.read_bytes().splitlines(keepends=True))))
    with pytest.raises(LogError) as caught:
        verify(kept.parent)
    assert "\n" not in str(caught.value)


def test_nothing_is_added_to_a_log_that_was_cut(kept):
    log = kept / "log.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(LogError, match="nothing is read until that is explained"):
        append("read", kept.parent)
    log.unlink()
    with pytest.raises(LogError, match="changed since"):
        append("read", kept.parent)


def test_a_log_made_anew_is_found_by_a_noted_hash(kept):
    noted = verify(kept.parent).hash
    append("read", kept.parent)
    assert verify(kept.parent, noted).n == 4
    for file in ("log.jsonl", "log.head"):
        (kept / file).unlink()
    append("read", kept.parent)
    with pytest.raises(LogError, match="made anew"):
        verify(kept.parent, noted)
