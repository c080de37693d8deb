"""Readers that stay loaded, and the threads in which they read."""

from __future__ import annotations

import asyncio
import copy
import re
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from starlette.exceptions import HTTPException

from affectome.errors import InputError
from affectome.people.reading import Reading
from affectome.people.registry import Reader, find_modality, read_path
from affectome.people.words.tables import texts_of
from affectome.safeguards import permit
from affectome.studio.settings import Limits

TABLES = frozenset({".csv", ".tsv", ".parquet"})
SUFFIX = re.compile(r"\.[a-z0-9]{1,7}")
MOST_EXPLAINED = 20
TEXTS_AT_ONCE = 64
LONGEST_NAME = 200
T = TypeVar("T")


class TableError(InputError):
    """A table whose column of texts was not named."""

    def __init__(self, name: str, columns: Sequence[str]) -> None:
        super().__init__(f"{name} is a table; say which column holds the texts")
        self.columns = list(columns)


@dataclass(frozen=True)
class About:
    """How files are to be read, as ``affectome read`` has it."""

    modality: str | None = None
    purpose: str | None = None
    person: str | None = None
    column: str | None = None


@dataclass(frozen=True)
class _Job:
    texts: Sequence[str]
    explain: bool
    found: Future[list[Reading]] = field(default_factory=Future)


class Readers:
    """Read texts and files for many clients.

    Texts that wait at the same time are read together, in one thread, for a network reads many at
    once faster than one after the other; files are read by two more threads.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._readers: dict[str, Reader] = {}
        self._words: dict[bool, Callable[[Sequence[str]], Iterator[Reading]]] = {}
        self._jobs: deque[_Job] = deque()
        self._lock = threading.Lock()
        self._text_thread = ThreadPoolExecutor(1, "texts")
        self._file_threads = ThreadPoolExecutor(2, "files")
        self._waiting = 0

    @property
    def loaded(self) -> list[str]:
        """Modalities whose models are in memory."""
        return sorted({*self._readers, *(["words"] if self._words else [])})

    async def texts(
        self, texts: Sequence[str], person: str | None = None, explain: bool = True
    ) -> list[Reading]:
        """Read texts, each with the words it rests on where there are at most twenty.

        Raises
        ------
        ConsentError
            If the person took back their consent.
        InputError
            If there are too many.
        """
        if not texts or len(texts) > self.limits.texts:
            raise InputError(f"give 1 to {self.limits.texts} texts; got {len(texts)}")
        permit("words", person=person)
        job = _Job(texts, explain and len(texts) <= MOST_EXPLAINED)
        self._jobs.append(job)
        self._text_thread.submit(self._read_waiting)
        readings = await self._awaited(asyncio.wrap_future(job.found))
        return [replace(reading, person=person) for reading in readings]

    async def file(self, stream: BinaryIO, name: str, about: About) -> list[Reading]:
        """Read what a client sent, from a file of another name that is gone afterwards.

        Raises
        ------
        InputError, PurposeError, ConsentError
            As ``read_path`` does, with the client's name of the file.
        """
        loop = asyncio.get_running_loop()
        end = time.monotonic() + self.limits.reading_s
        work = loop.run_in_executor(
            self._file_threads, self._read_stream, stream, shown_name(name), about, end
        )
        return await self._awaited(work)

    async def _awaited(self, work: asyncio.Future[T]) -> T:
        if self._waiting >= self.limits.waiting:
            work.cancel()
            raise HTTPException(429, "too many readings are waited for; try again in a second")
        self._waiting += 1
        try:
            return await asyncio.wait_for(work, self.limits.reading_s)
        except TimeoutError:
            why = f"this took more than {self.limits.reading_s:g} s; send less at a time"
            raise HTTPException(503, why) from None
        finally:
            self._waiting -= 1

    def _read_waiting(self) -> None:
        """Read the texts that wait, those of several requests together."""
        jobs = self._together()
        if not jobs:
            return
        try:
            read = self._words_reader(jobs[0].explain)
            found = read([text for job in jobs for text in job.texts])
            for job in jobs:
                job.found.set_result([next(found) for _ in job.texts])
        except Exception as error:
            for job in jobs:
                if not job.found.done():
                    job.found.set_exception(error)

    def _together(self) -> list[_Job]:
        jobs: list[_Job] = []
        n = 0
        while self._jobs and (not jobs or self._jobs[0].explain == jobs[0].explain):
            if jobs and n + len(self._jobs[0].texts) > TEXTS_AT_ONCE:
                break
            job = self._jobs.popleft()
            if job.found.set_running_or_notify_cancel():
                jobs.append(job)
                n += len(job.texts)
        return jobs

    def _words_reader(self, explain: bool) -> Callable[[Sequence[str]], Iterator[Reading]]:
        if not self._words:
            plain = copy.copy(find_modality("words").load().reader(None))
            explaining = copy.copy(plain)  # shares the network
            plain.explain_up_to, explaining.explain_up_to = 0, TEXTS_AT_ONCE
            self._words = {False: plain.read, True: explaining.read}
        return self._words[explain]

    def _read_stream(self, stream: BinaryIO, name: str, about: About, end: float) -> list[Reading]:
        suffix = Path(name).suffix.lower()
        with tempfile.TemporaryDirectory(prefix="affectome-") as folder:
            file = Path(folder) / f"upload{suffix if SUFFIX.fullmatch(suffix) else ''}"
            with file.open("xb") as copied:
                shutil.copyfileobj(stream, copied)
            try:
                return [_renamed(r, name) for r in _until(end, self._read_file(file, name, about))]
            except InputError as error:
                if isinstance(error, TableError):
                    raise
                raise type(error)(str(error).replace(str(file), name)) from error

    def _read_file(self, file: Path, name: str, about: About) -> Iterator[Reading]:
        if file.suffix in TABLES and about.modality in {None, "words"}:
            yield from self._read_table(file, name, about)
            return
        yield from read_path(
            file, about.modality, about.purpose, person=about.person, readers=self._readers
        )

    def _read_table(self, file: Path, name: str, about: About) -> Iterator[Reading]:
        from affectome.data.tables import read_table  # noqa: PLC0415  pandas, for tables only

        if about.column is None:
            raise TableError(name, [str(column) for column in read_table(file).columns])
        permit("words", person=about.person)
        texts = texts_of(file, about.column)
        for row, reading in enumerate(self._words_reader(False)(texts), 1):
            yield replace(reading, row=row, person=about.person)


def shown_name(name: str) -> str:
    """Give the last part of a client's name of a file, without what can't be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[:LONGEST_NAME] or "file"


def _renamed(reading: Reading, name: str) -> Reading:
    parts = tuple(replace(part, file=name) for part in reading.parts)
    return replace(reading, file=name, parts=parts)


def _until(end: float, readings: Iterator[Reading]) -> Iterator[Reading]:
    """Give up what takes too long, so that its thread is free again."""
    for reading in readings:
        if time.monotonic() > end:
            raise InputError("this took too long and was given up; send a shorter film or table")
        yield reading
