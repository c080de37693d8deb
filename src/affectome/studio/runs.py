"""Runs: folders that commands wrote, and commands that are started and followed from here.

A run is a folder with a ``result.json``, or one that a command was started into from here, which
holds ``.studio.json`` (command, source, options, state), ``.studio.log`` and ``.studio.progress``
(hidden, since ``--out`` takes no folder that holds what no run wrote). A command is a process of
the same command line, so a run from here is the run of a terminal; a cancelled one goes on where it
was, as far as its command can.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import html
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from affectome.data.outputs import write_json
from affectome.errors import InputError

WITHIN = "affectome-runs"
RECORD, LOG, STEPS = ".studio.json", ".studio.log", ".studio.progress"
DEEPEST, MOST_VISITED, MOST_LISTED = 4, 20_000, 2_000
MOST_RUNNING = 2
LONGEST_OPTION = 200
PATIENCE_S = 10.0
TAIL = 4096
PROGRAM = (sys.executable, "-m", "affectome")
NETWORKS = ("alexnet", "vgg16", "efficientnet-lite0")


@dataclass(frozen=True)
class Startable:
    """A command that can be started: its words, the options it takes, and their allowed values."""

    words: tuple[str, ...]
    options: tuple[str, ...]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


STARTABLE = {
    "read": Startable(("read",), ("purpose", "person", "modality", "column")),
    "audit": Startable(("audit",), ("target", "group")),
    "emergence": Startable(
        ("study", "emergence"),
        ("network", "label", "group", "cut", "permutations", "untrained"),
        {"network": NETWORKS},
    ),
}


@dataclass(frozen=True)
class Run:
    """What is known of a run; ``changed`` is seconds since 1970."""

    id: str
    folder: Path
    name: str
    title: str
    command: str
    state: str
    changed: float
    report: bool
    resumable: bool
    step: str = ""
    done: int = 0
    total: int = 0
    message: str = ""


class Runs:
    """The runs below some folders.

    Parameters
    ----------
    folders
        Resolved; nothing outside them is opened or written.
    program
        The command line that is started.
    """

    def __init__(self, folders: Sequence[Path], program: Sequence[str] = PROGRAM) -> None:
        self.folders = tuple(folders)
        self._program = tuple(program)
        self._running: dict[Path, subprocess.Popen[bytes]] = {}
        self._cancelled: set[Path] = set()
        self._lock = threading.Lock()

    def all(self) -> list[Run]:
        """List the runs, the newest first; at most 2,000, four folders deep."""
        found: list[Run] = []
        visited = 0
        for number, top in enumerate(self.folders):
            waiting = [(top, 0)]
            while waiting and visited < MOST_VISITED and len(found) < MOST_LISTED:
                folder, depth = waiting.pop()
                visited += 1
                names, below = _entries(folder)
                is_run = bool(names & {"result.json", RECORD})
                if is_run:
                    with contextlib.suppress(OSError):  # removed while it is looked at
                        found.append(self._describe(folder, number, names))
                if depth < DEEPEST and (not is_run or depth == 0):
                    waiting += [(one, depth + 1) for one in below]
        return sorted(found, key=lambda run: -run.changed)

    def one(self, run: str) -> Run:
        """Give one run.

        Raises
        ------
        InputError
            If there is none of that name below the folders.
        """
        folder, number = self._folder(run)
        return self._describe(folder, number, _entries(folder)[0])

    def file(self, run: str, name: str) -> Path:
        """Give ``report.html`` or ``result.json`` of a run.

        Raises
        ------
        InputError
            If there is none, or it is a link out of the run's folder.
        """
        folder, _ = self._folder(run)
        file = folder / name
        if not file.is_file() or file.resolve().parent != folder:
            raise InputError(f"the run {folder.name} has no {name} yet")
        return file

    def start(self, command: str, number: int, source: str, options: Mapping[str, str]) -> Run:
        """Start a command on something below a folder.

        Raises
        ------
        InputError
            If the command, the source or an option is not one that may be given, or too many run.
        """
        words = self._words(command, number, source, options)
        name = re.sub(r"\W+", "-", Path(source).name).strip("-")[:40] or "all"
        stamp = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
        base = self.folders[number] / WITHIN / f"{stamp}-{command}-{name}"
        names = [base.name, *(f"{base.name}-{k}" for k in range(2, 100))]
        out = next(p for p in map(base.with_name, names) if not p.exists())
        record = {"command": command, "source": source, "options": dict(options)}
        return self._launch(out, number, words, record)

    def resume(self, run: str) -> Run:
        """Start a run again that was cancelled or ended before its time, in the same folder.

        Raises
        ------
        InputError
            If it was not started from here, or runs.
        """
        folder, number = self._folder(run)
        record = _record(folder)
        if not record or not self.one(run).resumable:
            raise InputError(f"the run {folder.name} can't be continued from here")
        held = record.get("options")
        options = {str(k): str(v) for k, v in held.items()} if isinstance(held, dict) else {}
        command, source = str(record.get("command")), str(record.get("source"))
        words = self._words(command, number, source, options)
        return self._launch(folder, number, words, record)

    def cancel(self, run: str) -> Run:
        """End a run's process; its folder stays as it is.

        Raises
        ------
        InputError
            If it does not run.
        """
        folder, _ = self._folder(run)
        process = self._running.get(folder)
        if process is None:
            raise InputError(f"the run {folder.name} does not run")
        self._cancelled.add(folder)
        _end(process)
        return self.one(run)

    def close(self) -> None:
        """End all processes."""
        for folder, process in list(self._running.items()):
            self._cancelled.add(folder)
            _end(process)

    def _words(
        self, command: str, number: int, source: str, options: Mapping[str, str]
    ) -> tuple[str, ...]:
        if command not in STARTABLE:
            raise InputError(f"what can be started is {', '.join(STARTABLE)}; got {command!r}")
        how = STARTABLE[command]
        path = self._below(number, source)
        given = {name: value for name, value in options.items() if value}
        for name, value in given.items():
            if name not in how.options:
                raise InputError(f"{command} takes {', '.join(how.options)}; got {name!r}")
            if len(value) > LONGEST_OPTION or not value.isprintable():
                raise InputError(f"{name} is longer than {LONGEST_OPTION} characters, or no text")
            if value not in how.choices.get(name, (value,)):
                raise InputError(f"{name} is one of {', '.join(how.choices[name])}; got {value!r}")
        return (*how.words, str(path), *(f"--{name}={value}" for name, value in given.items()))

    def _below(self, number: int, source: str) -> Path:
        if not 0 <= number < len(self.folders):
            raise InputError(f"there are {len(self.folders)} folders; got number {number}")
        top = self.folders[number]
        try:
            path = (top / source).resolve()
            inside = path.is_relative_to(top) and path.exists()
        except (OSError, ValueError):  # too long, or with a null character
            inside = False
        if not inside:
            raise InputError(f"there is no {source[:80]!r} in {top.name}")
        return path

    def _launch(
        self, out: Path, number: int, words: Sequence[str], record: Mapping[str, Any]
    ) -> Run:
        with self._lock:
            if len(self._running) >= MOST_RUNNING:
                raise InputError(f"{MOST_RUNNING} commands run already; wait for one, or cancel it")
            out.mkdir(parents=True, exist_ok=True)
            (out / STEPS).unlink(missing_ok=True)
            write_json(out / RECORD, {**record, "state": "running"})
            with (out / LOG).open("wb") as log:
                process = subprocess.Popen(
                    [*self._program, *words, "--out", str(out)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    env={**os.environ, "AFFECTOME_PROGRESS": str(out / STEPS)},
                    start_new_session=True,
                )
            self._running[out] = process
        threading.Thread(target=self._watch, args=(out, process, record), daemon=True).start()
        return self._describe(out, number, _entries(out)[0])

    def _watch(
        self, out: Path, process: subprocess.Popen[bytes], record: Mapping[str, Any]
    ) -> None:
        status = process.wait()
        written = (out / "result.json").is_file()
        state = {0: "done", 1: "partly"}.get(status, "failed") if written else "failed"
        if out in self._cancelled:
            state = "cancelled"
            self._cancelled.discard(out)
        with contextlib.suppress(Exception):  # the folder may be gone by now
            write_json(out / RECORD, {**record, "state": state})
        self._running.pop(out, None)

    def _folder(self, run: str) -> tuple[Path, int]:
        try:
            text = base64.urlsafe_b64decode(run + "=" * (-len(run) % 4)).decode()
            number, _, place = text.partition("/")
            folder = self._below(int(number), place)
        except (binascii.Error, ValueError):
            raise InputError("there is no such run") from None
        if not any((folder / name).is_file() for name in ("result.json", RECORD)):
            raise InputError("there is no such run")
        return folder, int(number)

    def _describe(self, folder: Path, number: int, names: set[str]) -> Run:
        place = folder.relative_to(self.folders[number]).as_posix()
        record = _record(folder) if RECORD in names else {}
        state = "done" if "result.json" in names else str(record.get("state", "unfinished"))
        if folder in self._running:
            state = "running"
        elif record.get("state") == "running":
            state = "done" if "result.json" in names else "unfinished"
        elif record:
            state = str(record.get("state"))
        step = _last_step(folder) if state == "running" else {}
        report = "report.html" in names
        command = str(record.get("command") or _command(folder, names))
        return Run(
            id=base64.urlsafe_b64encode(f"{number}/{place}".encode()).decode().rstrip("="),
            folder=folder,
            name=folder.name if place == "." else place,
            title=_title(folder / "report.html") if report else "",
            command=command,
            state=state,
            changed=folder.stat().st_mtime,
            report=report,
            resumable=state in {"cancelled", "failed", "unfinished"} and bool(record),
            step=str(step.get("step", "")),
            done=int(step.get("done", 0)),
            total=int(step.get("total", 0)),
            message=_last_line(folder / LOG) if state in {"failed", "partly"} else "",
        )


def _entries(folder: Path) -> tuple[set[str], list[Path]]:
    """Names of a folder's files, and its folders; neither links nor pipes."""
    names: set[str] = set()
    below: list[Path] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith("."):
                    below.append(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                names.add(entry.name)
    return names, below


def _record(folder: Path) -> dict[str, Any]:
    try:
        held = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def _command(folder: Path, names: set[str]) -> str:
    """Read the command off the first lines of a manifest, which may be long."""
    if "manifest.json" not in names:
        return "read" if "readings.csv" in names else ""
    found = re.search(r'"command": "([^"]{1,60})"', _head(folder / "manifest.json", 500))
    return found.group(1) if found else ""


def _title(report: Path) -> str:
    found = re.search(r"<title>([^<]{1,200})</title>", _head(report, 2000))
    return html.unescape(found.group(1)) if found else ""


def _head(file: Path, n: int) -> str:
    try:
        with file.open("rb") as stream:
            return stream.read(n).decode("utf-8", "replace")
    except OSError:
        return ""


def _tail(file: Path) -> list[str]:
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - TAIL))
            return stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []


def _last_line(file: Path) -> str:
    return next((line.strip() for line in reversed(_tail(file)) if line.strip()), "")


def _last_step(folder: Path) -> dict[str, Any]:
    for line in reversed(_tail(folder / STEPS)):
        with contextlib.suppress(ValueError):
            return dict(json.loads(line))
    return {}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process and its children to end, and make them where they don't."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
            return


def startable() -> dict[str, list[str]]:
    """Commands that can be started, each with its options."""
    return {name: list(how.options) for name, how in STARTABLE.items()}
