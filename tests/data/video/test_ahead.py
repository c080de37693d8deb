"""Working ahead in a thread: order, memory, errors and the end of the thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from affectome.data.video.ahead import ahead
from affectome.errors import InputError
from affectome.features.hog import HogSettings, stream_film
from films import noise, write_film


def count(until: int, made: list[int]) -> Iterator[int]:
    for number in range(until):
        made.append(number)
        yield number


def threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith("ahead")}


def test_items_come_once_and_in_order() -> None:
    assert list(ahead(count(50, []))) == list(range(50))
    assert list(ahead(iter(()))) == []
    assert threads() == set()


def test_no_more_wait_than_were_asked_for() -> None:
    made: list[int] = []
    for used, number in enumerate(ahead(count(20, made), 3), start=1):
        assert number == used - 1
        assert len(made) <= used + 3


def test_it_works_while_the_first_item_is_used() -> None:
    made: list[int] = []
    second = threading.Event()

    def source() -> Iterator[int]:
        yield 0
        second.set()
        yield from count(3, made)

    for number in ahead(source()):
        assert second.wait(5), f"nothing was made while {number} was in use"


def test_an_error_comes_in_its_turn() -> None:
    def source() -> Iterator[int]:
        yield from count(5, [])
        raise InputError("the film is cut off")

    given: list[int] = []
    with pytest.raises(InputError, match="the film is cut off"):
        given.extend(ahead(source()))
    assert given == list(range(5))
    assert threads() == set()


def test_the_thread_ends_when_one_stops_early() -> None:
    made: list[int] = []
    items = ahead(count(1000, made))
    assert next(items) == 0
    assert threads() != set()
    items.close()  # type: ignore[attr-defined]
    assert threads() == set()
    assert len(made) <= 4


def test_a_films_error_reaches_whoever_streams_it(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", noise(60), options={"movflags": "faststart"})
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    settings = HogSettings(cell=16)
    with pytest.raises(InputError, match=r"3 s long but its frames end at .* cut off: copy it"):
        list(stream_film(cut, settings=settings, size=4))
    stream = stream_film(film, settings=settings, size=4)
    first = next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert threads() == set()
    np.testing.assert_allclose(first.times, np.arange(4) / 20)
