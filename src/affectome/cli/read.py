"""``affectome read``: what texts, sounds and pictures of people express, and how sure that is."""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from affectome.cli import options
from affectome.cli.running import emit, load, say
from affectome.errors import AffectomeError, InputError
from affectome.people import Reading, Readings
from affectome.people.registry import MODALITIES, files_in, find_modality, read_files
from affectome.safeguards import permit

TABLES = frozenset({".csv", ".tsv", ".parquet", ".xlsx"})
WRITE = "affectome.cli.read_tables:write_readings"
TEXTS_OF = "affectome.people.words.tables:texts_of"


def read(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE…", help="Files, folders or patterns such as 'calls/*.wav'."),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option("--text", help="A text to read; may be repeated.")
    ] = None,
    lines: Annotated[
        Path | None, typer.Option("--lines", help="File with a text a line; - is standard input.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Column of a table (CSV, Excel, Parquet) with texts.")
    ] = None,
    modality: Annotated[
        str | None, typer.Option(help=f"Read as {', '.join(MODALITIES)}, whatever the ending.")
    ] = None,
    cropped: Annotated[
        bool, typer.Option("--cropped", help="Pictures are faces already, cut out.")
    ] = False,
    purpose: Annotated[
        str | None,
        typer.Option(
            help="What people are read for: research, medical, safety or personal; remembered "
            "for this folder. Texts and pictures need none."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Folder of a model that affectome train made.")
    ] = None,
    person: Annotated[str | None, typer.Option(help="Who is read, as your records say.")] = None,
    baseline: Annotated[
        list[Path] | None,
        typer.Option(
            help="Another sound of the same person, unlabelled; repeat it: five stretches of "
            "speech are needed. The voice is then read against that person's usual one."
        ),
    ] = None,
    n_jobs: Annotated[
        int,
        typer.Option(
            "--n-jobs", "--jobs", min=-1, help="Processes for many sounds; -1 for all cores."
        ),
    ] = -1,
    out: Annotated[
        Path | None, typer.Option(help="Folder for readings.csv, report.html and result.json.")
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON a reading.")
    ] = False,
) -> None:
    """Read emotion from texts and files, with probabilities, intervals and abstentions."""
    if cropped and modality not in {None, "face", "face-crop"}:
        raise InputError(f"--cropped is for faces; it says nothing of {modality}")
    modality = "face-crop" if cropped else modality
    skipped: list[dict[str, str]] = []
    readings: list[Reading] = []
    shown = 0
    _check(sources, text or lines, column, modality, n_jobs)
    if out is not None:
        load("affectome.data.outputs:check_output")(out, overwrite)
    for reading in _all(
        sources, text, lines, column, modality, purpose, model, person, skipped, baseline, n_jobs
    ):
        if as_json:
            emit(reading.to_json() + "\n")
        elif shown < MOST_SHOWN:
            emit(f"{_name(reading)}{reading!r}\n")
        shown += 1
        if out is not None:
            readings.append(reading)
    if shown > MOST_SHOWN and not as_json:
        say(f"… and {shown - MOST_SHOWN} more; --json prints all, --out writes them as a table")
    if out is not None:
        say(f"report: {load(WRITE)(out, Readings(readings), skipped)}")
    for item in skipped[:10]:
        say(f"skipped {item['file']}: {item['why']}", style="yellow")
    if len(skipped) > 10:
        say(f"… and {len(skipped) - 10} more", style="yellow")
    if skipped:
        raise typer.Exit(1 if shown else 2)


MOST_SHOWN = 50


def _check(
    sources: list[str] | None,
    texts: object,
    column: str | None,
    modality: str | None,
    n_jobs: int,
) -> None:
    """Refuse what can't be used before anything is read."""
    if not (sources or texts):
        raise InputError("give a file or a folder, or --text 'some words', or --lines FILE")
    if n_jobs == 0:
        raise InputError("--n-jobs is 1 or more, or -1 for all cores; got 0")
    if column is not None and not sources:
        raise InputError("--column names a column of a table, but no table was given")
    if modality is not None:
        find_modality(modality)


def _all(
    sources: list[str] | None,
    texts: list[str] | None,
    lines: Path | None,
    column: str | None,
    modality: str | None,
    purpose: str | None,
    model: str | None,
    person: str | None,
    skipped: list[dict[str, str]],
    baseline: list[Path] | None,
    jobs: int,
) -> Iterator[Reading]:
    """Read all that was asked for, in that order; a file that can't be read is listed."""

    def words(given: Iterable[str]) -> Iterator[Reading]:
        found: Iterator[Reading] = find_modality("words").load().reader(model).read(given)
        return (replace(reading, person=person) for reading in found)

    if texts or lines is not None or column is not None:
        permit("words", person=person)
    if texts:
        yield from words(texts)
    if lines is not None:
        yield from _numbered(words, _lines(lines), str(lines))
    files = _files(sources or [], modality, column)
    several = len(files) > 1
    tables = [f for f in files if column is not None and f.suffix.lower() in TABLES]
    for file in tables:
        try:
            yield from _numbered(words, load(TEXTS_OF)(file, column), str(file))
        except AffectomeError as error:
            _skip(file, error, several, skipped)
    others = [f for f in files if f not in tables]
    for file, found in zip(
        others,
        read_files(others, modality, purpose, model, person, baseline or (), jobs),
        strict=True,
    ):
        if isinstance(found, AffectomeError):
            _skip(file, found, several, skipped)
        else:
            yield from found


def _skip(file: Path, error: AffectomeError, several: bool, skipped: list[dict[str, str]]) -> None:
    """List a file that can't be read; where it is the only one, that is the end."""
    if not several or isinstance(error, PermissionError):
        raise error
    skipped.append({"file": str(file), "why": str(error).removeprefix(str(file)).lstrip(": ")})


def _numbered(
    words: Callable[[Iterable[str]], Iterator[Reading]], texts: Iterable[str], file: str
) -> Iterator[Reading]:
    for row, reading in enumerate(words(texts), 1):
        yield replace(reading, file=file, row=row)


def _lines(file: Path) -> Iterator[str]:
    if str(file) == "-":
        yield from (line.rstrip("\r\n") for line in sys.stdin)
        return
    if not file.is_file():
        raise InputError(f"{file}: there is no such file of lines")
    with file.open(encoding="utf-8-sig", errors="replace", newline=None) as stream:
        yield from (line.rstrip("\n") for line in stream)


def _files(sources: list[str], modality: str | None, column: str | None) -> list[Path]:
    """Take files, folders and patterns apart."""
    found: list[Path] = []
    for source in sources:
        path = Path(source)
        if path.is_dir():
            found += files_in(path, modality)
        elif not path.exists() and glob.has_magic(source):
            matching = sorted(Path(name) for name in glob.glob(source, recursive=True))
            if not matching:
                raise InputError(f"{source}: no file matches this pattern")
            found += matching
        else:
            found.append(path)
    for file in found:
        if column is None and modality is None and file.suffix.lower() in TABLES:
            raise InputError(f"{file} is a table; name the column with the texts: --column NAME")
    return found


def _name(reading: Reading) -> str:
    return f"{reading.row}: " if reading.row is not None else ""
